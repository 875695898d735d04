"""`outlast token create`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "create",
    here=True,
    epilog="""
    outlast token create ci --policy ci --expires 30d
    outlast token create dashboard --scope read
    outlast token create deploy --secret DEPLOY_KEY --json
    """,
)
@click.argument("name", metavar="NAME")
@click.option(
    "--scope",
    type=click.Choice(["read", "run", "admin"]),
    default="run",
    show_default=True,
    help="What it is for: to see jobs, to run them, or to ask for anything.",
)
@click.option(
    "--expires", metavar="D", help="After this time it is good no more.  [default: never]"
)
@click.option(
    "--secret",
    "secrets",
    metavar="NAME",
    multiple=True,
    help="A secret of the server's that its jobs may have; may be repeated.",
)
@click.option("--policy", metavar="SECTION", help="The section of policy.toml that it is under.")
def create(
    caller: Caller,
    name: str,
    *,
    scope: str,
    expires: str | None,
    secrets: tuple[str, ...],
    policy: str | None,
) -> int:
    """
    Make a token for a server of this home, and print it: this once, since only a hash is kept.

    A server that runs takes it at once. Jobs and idempotency keys are its NAME's. Without a
    policy, what it runs is what you can run.
    """
    from ....access import public_token
    from ....core.principal import SCOPES
    from ....framework.patience import duration
    from ....network import make_access

    with closing(make_access(caller.settings)) as access:
        token, text = access.create(
            name,
            SCOPES[scope],
            expires=duration("--expires", expires),
            policy=policy,
            secrets=frozenset(secrets),
        )
    there = caller.settings.secrets
    warnings = [
        f"the server has no secret {each} yet: name it in [secrets] of {caller.settings.config}"
        for each in secrets
        if each not in there
    ]
    shown = {**public_token(token, token.created_at), "token": text}
    caller.answer(lambda: shown, lambda: text, warnings=warnings)
    if not caller.is_json:
        caller.say(f"this is the token of {name}; it is shown this once")
    return 0
