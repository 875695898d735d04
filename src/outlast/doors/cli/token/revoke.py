"""`outlast token revoke`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("revoke", here=True, epilog="outlast token revoke ci")
@click.argument("name", metavar="NAME")
def revoke(caller: Caller, name: str) -> int:
    """
    Have a token let nobody in any more. Streams that it has open end within a second.

    Its jobs go on: cancel those by their ids. To revoke `local` makes the next server that starts
    write a new one into the home.
    """
    from ....access import public_token
    from ....network import make_access

    with closing(make_access(caller.settings)) as access:
        token = access.revoke(name)
    caller.answer(
        lambda: public_token(token, token.revoked_at or token.created_at),
        lambda: f"{token.name} lets nobody in any more",
    )
    return 0
