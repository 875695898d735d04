"""`outlast token list`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....core.token import Token
    from ....framework.caller import Caller


@verb(
    "list",
    here=True,
    epilog="""
    outlast token list
    outlast token list --all --json
    """,
)
@click.option("--all", "all_of_them", is_flag=True, help="Those that were revoked or expired, too.")
def list_tokens(caller: Caller, all_of_them: bool) -> int:
    """Tell which tokens there are, oldest first: never what lets somebody in."""
    from ....access import public_token
    from ....clock import SystemClock
    from ....network import make_access

    with closing(make_access(caller.settings)) as access:
        found = access.find()
    now = SystemClock().now()
    shown = [each for each in found if all_of_them or each.is_good(now)]
    caller.answer(
        lambda: {"items": [public_token(each, now) for each in shown]},
        lambda: "\n".join(map(_line, shown)) or "there is none; outlast token create makes one",
    )
    return 0


def _line(token: Token) -> str:
    """Return one as people read it."""
    told = [f"{token.name}: {token.scope}"]
    if token.policy is not None:
        told.append(f"policy {token.policy}")
    if token.secrets:
        told.append(f"secrets {' '.join(sorted(token.secrets))}")
    for word, at in (
        ("made", token.created_at),
        ("used", token.last_used_at),
        ("expires", token.expires_at),
        ("revoked", token.revoked_at),
    ):
        if at is not None:
            told.append(f"{word} {at:%Y-%m-%d %H:%M}Z")
    return ", ".join(told)
