"""`outlast session close`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from ..spec import ssh_options
from .line import show_session

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "close",
    epilog="""
    outlast session close web
    outlast session close --cancel web
    """,
)
@click.argument("name", metavar="NAME")
@click.option("--cancel", is_flag=True, help="End what runs and waits in it.")
@ssh_options
def close(caller: Caller, name: str, cancel: bool) -> int:
    """
    End a session, and remove what its host keeps of it.

    One in which something has not ended stays open (2), unless that is to be ended as well. A
    last job removes what is kept on the host; the jobs of the session stay as they are.
    """
    show_session(caller, caller.intake.close_session(name, cancel=cancel))
    return 0
