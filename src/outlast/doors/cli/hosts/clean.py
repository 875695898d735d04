"""`outlast hosts clean`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ....framework.lazy import verb
from ..spec import ssh_options

if TYPE_CHECKING:
    from ....framework.caller import Caller
    from ....remote import Survey


class Thing(NamedTuple):
    """An attempt's folder on a host, or what a session keeps there, and whether anybody needs it."""

    name: str
    state: str
    """
    `over`, `running`, `needed` (its job is not settled, the session is open) or `foreign` (no job
    or session of this home).
    """

    is_removed: bool


class Found(NamedTuple):
    """What lies on one host."""

    survey: Survey
    attempts: list[Thing]
    sessions: list[Thing]

    @property
    def things(self) -> list[Thing]:
        """All of it, the shim apart."""
        return [*self.attempts, *self.sessions]

    @property
    def goes(self) -> bool:
        """Whether anything is to be removed there."""
        gone = [thing for thing in self.things if thing.is_removed]
        return bool(gone) or (self.survey.has_shim and not self.things)

    def chosen(self) -> Survey:
        """Return what is to be removed."""
        gone = {thing.name for thing in self.things if thing.is_removed}
        return self.survey._replace(
            attempts=tuple(each for each in self.survey.attempts if each.key in gone),
            sessions=tuple(each for each in self.survey.sessions if each in gone),
        )


@verb(
    "clean",
    here=True,
    epilog="""
    outlast hosts clean
    outlast hosts clean --yes web1 db
    outlast hosts clean --all old-server
    """,
)
@click.argument("hosts", metavar="[HOST...]", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Also what no job of this home knows.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@ssh_options
def clean(caller: Caller, hosts: tuple[str, ...], is_all: bool, yes: bool) -> int:
    """
    Remove what lies on hosts in ~/.outlast and nobody needs.

    Of attempts that are over and sessions that are closed, what could not be removed then; and,
    where nothing else lies there, the shim and the folder. What runs is never touched, nor what a job of this home
    still needs, nor, without --all, what belongs to no job of this home: another machine's jobs
    may not have fetched it yet. HOST is a host, group or selection as in --on; without one, the
    hosts of this home's jobs. Shows first what would go; asks on a terminal, else takes --yes.
    """
    from ....errors import Unavailable
    from ....remote import clear_hosts, places_of, survey_hosts

    names, known = _named(caller, hosts)
    surveys = survey_hosts(caller.settings, places_of(caller.settings, names, known))
    sessions = _sessions(caller) if any(survey.sessions for survey in surveys) else {}
    there = [_judged(caller, survey, sessions, is_all=is_all) for survey in surveys]
    going = [found for found in there if found.goes]
    agreed = bool(going) and (yes or _is_agreed(caller, there))
    errors = {survey.place.node: survey.error for survey in surveys if survey.error is not None}
    if agreed:
        done = clear_hosts(caller.settings, [found.chosen() for found in going])
        for found, error in zip(going, done, strict=True):
            if error is not None:
                errors[found.survey.place.node] = error
    failed = None
    if errors:
        failed = Unavailable("; ".join(f"{host}: {error}" for host, error in errors.items()))
    caller.answer(
        lambda: {
            "removed": agreed,
            "hosts": [
                {
                    "host": found.survey.place.node,
                    "error": errors.get(found.survey.place.node),
                    "attempts": [_public("attempt", each) for each in found.attempts],
                    "sessions": [_public("session_id", each) for each in found.sessions],
                    "shim": found.survey.has_shim,
                }
                for found in there
            ],
        },
        lambda: _text(there) + _closing(len(going), agreed=agreed),
        error=failed,
    )
    return 0 if failed is None else failed.exit_code


def _public(kind: str, thing: Thing) -> dict[str, Any]:
    return {kind: thing.name, "state": thing.state, "remove": thing.is_removed}


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


def _judged(caller: Caller, survey: Survey, sessions: dict[str, str], *, is_all: bool) -> Found:
    def judged(name: str, state: str) -> Thing:
        return Thing(name, state, state == "over" or (state == "foreign" and is_all))

    attempts = [
        judged(lying.key, "running" if lying.is_running else _state(caller, lying.key))
        for lying in survey.attempts
    ]
    kept = [judged(each, sessions.get(each, "foreign")) for each in survey.sessions]
    return Found(survey, attempts, kept)


def _sessions(caller: Caller) -> dict[str, str]:
    """Return which sessions this home knows, and whether what is kept of them is needed."""
    from ....engine.verbs import Sessions

    found = caller.service.sessions(Sessions(closed=True))
    return {each.id: "over" if each.closed_at is not None else "needed" for each in found}


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


def _is_agreed(caller: Caller, there: list[Found]) -> bool:
    if caller.is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    caller.say(_text(there).rstrip("\n"))
    return click.confirm("Remove what is marked?", err=True)


def _text(there: list[Found]) -> str:
    lines = []
    for found in there:
        node = found.survey.place.node
        lines += [
            f"{'-' if thing.is_removed else ' '} {node}: {thing.name} {thing.state}"
            for thing in found.things
        ]
        if found.survey.has_shim and all(thing.is_removed for thing in found.things):
            lines.append(f"- {node}: the shim and its folder")
    return "".join(f"{line}\n" for line in lines)


def _closing(count: int, *, agreed: bool) -> str:
    if not count:
        return "nothing to remove"
    if agreed:
        return "what is marked was removed"
    return "nothing was removed: --yes removes what is marked"
