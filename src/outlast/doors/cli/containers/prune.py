"""`outlast containers prune`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....containers import Left
    from ....framework.caller import Caller


@verb(
    "prune",
    here=True,
    epilog="""
    outlast containers prune
    outlast containers prune --yes
    """,
)
@click.option(
    "--all", "is_all", is_flag=True, help="Also what runs, and whose job is not to be found."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def prune(caller: Caller, is_all: bool, yes: bool) -> int:
    """
    Remove the containers that nobody will come for, and their volumes.

    Those of homes or jobs that are gone, or of attempts that are over, found by their label
    outlast.home in this machine's engine. What a job still needs, of whatever home, is never
    touched, nor what is of a home that this user may not look into; nor, without --all, what runs
    though its job is not to be found: its home may be on a disk that is not mounted, or in
    another container. Shows first what would go; asks on a terminal, else takes --yes.
    """
    from ....containers import FOREIGN, LEFT, remove, survey
    from ....errors import Unavailable

    there = survey()
    going = [each for each in there if each.state == LEFT or (is_all and each.state == FOREIGN)]
    removed: list[Left] = []
    refusals = []
    if going and (yes or _is_agreed(caller, going)):
        for each in going:
            try:
                remove(each)
                removed.append(each)
            except Unavailable as error:
                refusals.append(f"{each.kind} {each.name} is not removed: {error.message}")
    failed = Unavailable("; ".join(refusals)) if refusals else None
    caller.answer(
        lambda: {"containers": [{**each._asdict(), "removed": each in removed} for each in there]},
        lambda: _text(there, removed),
        error=failed,
    )
    return 0 if failed is None else failed.exit_code


def _is_agreed(caller: Caller, going: list[Left]) -> bool:
    if not sys.stdin.isatty():
        caller.say("nothing is removed without --yes")
        return False
    for each in going:
        caller.say(f"{each.kind} {each.name}  of {each.home}: {each.why}")
    return click.confirm("Remove them?", err=True)


def _text(there: tuple[Left, ...], removed: list[Left]) -> str:
    from ....framework.plain import plain

    lines = [
        f"{'removed' if each in removed else each.state:<8} {each.kind:<9} {plain(each.name)}"
        f"  {plain(each.home)}: {each.why}"
        for each in there
    ]
    return "\n".join(lines) or "there are no containers of Outlast's"
