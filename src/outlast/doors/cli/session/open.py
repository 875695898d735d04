"""`outlast session open`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import show_session

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "open",
    epilog="""
    outlast session open web --on web1
    outlast session open db --on ops@10.0.0.7:2222
    """,
)
@click.argument("name", metavar="NAME")
@click.option("--on", "host", metavar="HOST", required=True, help="The host, as ssh would have it.")
def open_session(caller: Caller, name: str, host: str) -> int:
    """
    Have NAME stand for a host, and for a directory and variables there.

    The host is not asked for anything before the first command. A name that an open session has
    is refused (2).
    """
    from ....engine.verbs import OpenSession

    show_session(caller, caller.service.open_session(OpenSession(name=name, on=host)))
    return 0
