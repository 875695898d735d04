"""`outlast session list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import line_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "list",
    epilog="""
    outlast session list
    outlast session list --closed --json
    """,
)
@click.option(
    "--closed", is_flag=True, help="Closed ones as well, as long as a job of theirs is kept."
)
def list_sessions(caller: Caller, closed: bool) -> int:
    """Tell which sessions there are, oldest first, and how they stand."""
    from ....engine.sessions import public_session
    from ....engine.verbs import Sessions

    found = caller.service.sessions(Sessions(closed=closed))
    caller.answer(
        lambda: {"items": [public_session(session) for session in found]},
        lambda: "\n".join(map(line_of, found)) or "there is none; outlast session open makes one",
    )
    return 0
