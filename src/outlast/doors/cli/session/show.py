"""`outlast session show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import show_session

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("show", epilog="outlast session show web --json")
@click.argument("name", metavar="NAME")
def show(caller: Caller, name: str) -> int:
    """Tell how an open session stands: what runs in it, what waits, and what came last."""
    from ....engine.verbs import Session

    show_session(caller, caller.service.session(Session(name=name)))
    return 0
