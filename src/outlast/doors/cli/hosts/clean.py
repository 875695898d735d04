"""`outlast hosts clean`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller
    from ....remote import Survey


class Thing(NamedTuple):
    """An attempt's folder on a host, and whether anybody needs it."""

    attempt: str
    state: str
    """`over`, `running`, `needed` (its job is not settled) or `foreign` (of no job of this home)."""

    is_removed: bool


@verb(
    "clean",
    epilog="""
    outlast hosts clean
    outlast hosts clean --yes web1 db
    outlast hosts clean --all old-server
    """,
)
@click.argument("hosts", metavar="[HOST...]", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Also what no job of this home knows.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def clean(caller: Caller, hosts: tuple[str, ...], is_all: bool, yes: bool) -> int:
    """
    Remove what lies on hosts in ~/.outlast and nobody needs.

    Of attempts that are over, what could not be removed when they ended; and, where nothing else
    lies there, the shim and the folder. What runs is never touched, nor what a job of this home
    still needs, nor, without --all, what belongs to no job of this home: another machine's jobs
    may not have fetched it yet. HOST is a host, group or selection as in --on; without one, the
    hosts of this home's jobs. Shows first what would go; asks on a terminal, else takes --yes.
    """
    from ....errors import Unavailable
    from ....remote import clear_hosts, places_of, survey_hosts

    names, known = _named(caller, hosts)
    surveys = survey_hosts(caller.settings, places_of(caller.settings, names, known))
    things = [_judged(caller, survey, is_all=is_all) for survey in surveys]
    there = [survey for survey, found in zip(surveys, things, strict=True) if _goes(survey, found)]
    agreed = bool(there) and (yes or _is_agreed(caller, surveys, things))
    errors = {survey.place.node: survey.error for survey in surveys if survey.error is not None}
    if agreed:
        chosen = {
            survey.place: [thing.attempt for thing in found if thing.is_removed]
            for survey, found in zip(surveys, things, strict=True)
            if _goes(survey, found)
        }
        done = zip(chosen, clear_hosts(caller.settings, chosen), strict=True)
        errors |= {place.node: error for place, error in done if error is not None}
    failed = None
    if errors:
        failed = Unavailable("; ".join(f"{host}: {error}" for host, error in errors.items()))
    caller.answer(
        lambda: {
            "removed": agreed,
            "hosts": [
                {
                    "host": survey.place.node,
                    "error": errors.get(survey.place.node),
                    "attempts": [
                        {"attempt": each.attempt, "state": each.state, "remove": each.is_removed}
                        for each in found
                    ],
                    "shim": survey.has_shim,
                }
                for survey, found in zip(surveys, things, strict=True)
            ],
        },
        lambda: _text(surveys, things) + _closing(len(there), agreed=agreed),
        error=failed,
    )
    return 0 if failed is None else failed.exit_code


def _named(caller: Caller, hosts: tuple[str, ...]) -> tuple[list[str], dict[str, Any]]:
    """Return the hosts that are meant, and what is known of them."""
    from ....core.job import SSH
    from ....engine.verbs import List
    from ....inventory import load_inventory, select

    if hosts:
        names, inventory = select(caller.settings, hosts)
        return names, inventory.known(names)
    found: dict[str, None] = {}
    cursor: str | None = None
    while True:
        page = caller.service.list(List(limit=500, cursor=cursor))
        for job in page.jobs:
            found.update((node.name, None) for node in job.nodes if node.executor == SSH)
        cursor = page.next_cursor
        if cursor is None:
            return [*found], load_inventory(caller.settings).known(found)


def _judged(caller: Caller, survey: Survey, *, is_all: bool) -> list[Thing]:
    things = []
    for lying in survey.attempts:
        state = "running" if lying.is_running else _state(caller, lying.key)
        goes = state == "over" or (state == "foreign" and is_all)
        things.append(Thing(lying.key, state, goes))
    return things


def _state(caller: Caller, key: str) -> str:
    from ....core.job import JobId
    from ....engine.verbs import Get
    from ....errors import Expired, NotFound

    job_id, index, attempt = key.split("/")
    try:
        nodes = caller.service.get(Get(JobId(job_id))).nodes
    except Expired:
        return "over"
    except NotFound:
        return "foreign"
    if int(index) >= len(nodes):
        return "foreign"
    node = nodes[int(index)]
    return "over" if node.is_settled or node.attempt != int(attempt) else "needed"


def _goes(survey: Survey, things: list[Thing]) -> bool:
    """Whether anything is to be removed there."""
    gone = [thing for thing in things if thing.is_removed]
    return bool(gone) or (survey.has_shim and not things)


def _is_agreed(caller: Caller, surveys: list[Survey], things: list[list[Thing]]) -> bool:
    if caller.is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    caller.say(_text(surveys, things).rstrip("\n"))
    return click.confirm("Remove what is marked?", err=True)


def _text(surveys: list[Survey], things: list[list[Thing]]) -> str:
    lines = []
    for survey, found in zip(surveys, things, strict=True):
        node = survey.place.node
        lines += [
            f"{'-' if thing.is_removed else ' '} {node}: {thing.attempt} {thing.state}"
            for thing in found
        ]
        if survey.has_shim and all(thing.is_removed for thing in found):
            lines.append(f"- {node}: the shim and its folder")
    return "".join(f"{line}\n" for line in lines)


def _closing(count: int, *, agreed: bool) -> str:
    if not count:
        return "nothing to remove"
    if agreed:
        return "what is marked was removed"
    return "nothing was removed: --yes removes what is marked"
