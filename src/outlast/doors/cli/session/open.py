"""`outlast session open`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from ..spec import said_of_hosts, ssh_options
from .line import show_session

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "open",
    epilog="""
    outlast session open web --on web1
    outlast session open db --on db1 --host db1/address=10.0.0.7 --host db1/user=ops
    """,
)
@click.argument("name", metavar="NAME")
@click.option("--on", "host", metavar="HOST", required=True, help="The host, as ssh would have it.")
@click.option(
    "--host",
    "hosts",
    metavar="NAME/KEY=V",
    multiple=True,
    help="What is known of it, such as web1/port=2222; may be repeated.",
)
@ssh_options
def open_session(caller: Caller, name: str, host: str, hosts: tuple[str, ...]) -> int:
    """
    Have NAME stand for a host, and for a directory and variables there.

    What the inventory says of the way there is the session's from now on. The host is not asked
    for anything before the first command. A name that an open session has is refused (2).
    """
    faults: list[str] = []
    known = said_of_hosts(hosts, faults)
    opened = caller.intake.open_session(name=name, on=host, hosts=known, faults=faults)
    show_session(caller, opened)
    return 0
