"""
What a server makes of a request for jobs, by whichever of its doors it came: the verb, or all that
is wrong with it, told at once.

Nothing of the caller's surroundings is known here: jobs inherit what the server gives all of them,
and run if whoever asks may ask for that.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from .core.job import Job, JobId, named_queue, nodes_of
from .core.parse import read_spec
from .core.principal import Principal, Scope
from .core.token import LOCAL
from .engine import verbs
from .engine.preflight import check_machine, read_request
from .engine.scheduledesk import AddSchedule
from .engine.secrets import resolve_secrets
from .errors import InvalidRequest
from .home import Home
from .inventory import for_hosts, with_ssh_config
from .wiring import capabilities

if TYPE_CHECKING:
    from .core.job import JobSpec
    from .core.schedule import Schedule, Timing
    from .settings import ServersOwn, Settings

MAX_JOBS: Final = 10_000
NOT_ASKED_FOR: Final = ("retry_of", "session_id", "on_end_of")
"""Keys of a stored spec that are ours to set."""


class Admits(Protocol):
    """Says who may ask for what: `access.Access`."""

    def admit(self, principal: Principal, specs: Iterable[JobSpec]) -> None:
        """Raise `Forbidden` with everything that *principal* may not ask for."""

    def admit_again(self, principal: Principal, job: Job, *, cwd: str) -> None:
        """Raise `Forbidden` where *principal* may not have *job* done once more."""


class Host(Protocol):
    """The server that was asked."""

    @property
    def settings(self) -> Settings: ...

    @property
    def inherited(self) -> ServersOwn: ...

    @property
    def access(self) -> Admits | None:
        """None: nobody reaches it but whoever started it, who may ask for anything."""


def submission(
    there: Host,
    asker: Principal,
    body: dict[str, Any],
    key: str | None,
    faults: Iterable[str] = (),
) -> verbs.Submit:
    """
    Return the verb for one job, or for all of `{"jobs": [...], "keys": [...]}`. Reads files and
    may block: for a thread.

    *key* is the request's: for many jobs, each that has none of its own gets it with its position.
    *faults* are those that the door found itself.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.

        Forbidden: The caller may not ask for this.
    """
    faults = list(faults)
    stdin = _stdin(body, faults)
    keys: list[str | None] = [key]
    given: Sequence[Any] = [body]
    if "jobs" in body:
        given = body.pop("jobs")
        keys = _keys(body.pop("keys", None), given, key, faults)
        faults += [f"{name!r:.80} is not a key beside jobs" for name in body]
    if not isinstance(given, list) or not given or len(given) > MAX_JOBS:
        raise InvalidRequest(f"jobs is a list of 1 to {MAX_JOBS:,} jobs", *faults)
    if not all(isinstance(each, Mapping) for each in given):
        raise InvalidRequest("each of jobs is an object", *faults)
    for each in given:
        faults += [
            f"{name!r} is not a key of a job's spec" for name in NOT_ASKED_FOR if name in each
        ]
    given, captured = for_hosts(given, there.inherited.for_jobs(given), there.settings)
    # Before its secrets are looked up. What is not sound of it is left out here, and refused by
    # whoever reads it next.
    if there.access is not None:
        there.access.admit(asker, [read_spec(each)[0] for each in given])
    specs, secrets = read_request(
        given,
        captured,
        capabilities,
        faults,
        named=there.settings.secrets,
        webhooks=there.settings.webhooks,
        machine=there.settings.machine,
    )
    return verbs.Submit(
        specs=specs,
        captured=captured,
        captured_for_all=True,
        secrets=secrets,
        stdin=stdin,
        keys=tuple(keys),
        principal=asker.name,
    )


def repetition(
    there: Host, asker: Principal, old: Job, key: str | None, *, hold: bool = False
) -> verbs.Retry:
    """Return the verb that submits the spec of *old* again. Raises as `submission` does."""
    held = f"{Home(there.settings.home).files(old.id)}/stdin"
    spec = replace(old.spec, stdin=None) if old.spec.stdin == held else old.spec
    if there.access is not None:
        there.access.admit_again(asker, old, cwd=there.inherited.for_jobs([]).cwd)
    check_machine(spec, there.settings.machine)
    places = {"on": spec.on, "session": spec.session, "container": spec.container}
    return verbs.Retry(
        job_id=old.id,
        captured=with_ssh_config(there.inherited.for_jobs([places]), there.settings),
        secrets=resolve_secrets([spec], named=there.settings.secrets),
        principal=asker.name,
        key=key,
        hold=hold,
    )


def movement(there: Host, asker: Principal, old: Job, queue: Any, priority: Any) -> verbs.Move:
    """
    Return the verb that has *old* wait elsewhere: what may not be asked for at first may not be
    asked for later. Raises `Forbidden`; what is no queue, or no priority, the verb refuses.
    """
    to: dict[str, Any] = {"queue": old.queue, "priority": old.priority}
    if isinstance(queue, str):
        to["queue"] = named_queue(queue)
    if isinstance(priority, int):
        to["priority"] = priority
    if there.access is not None:
        asked = replace(old, spec=replace(old.spec, **to))
        there.access.admit_again(asker, asked, cwd=there.inherited.for_jobs([]).cwd)
    return verbs.Move(old.id, queue=queue, priority=priority)


def letting_go(there: Host, asker: Principal, old: Job) -> verbs.Release:
    """
    Return the verb that has *old* begin, where it waits by now. Raises `Forbidden`: whoever lets
    it go lets it run, and who may not run it there, may not.
    """
    movement(there, asker, old, None, None)
    return verbs.Release(old.id)


def scheduling(
    there: Host,
    asker: Principal,
    *,
    name: str,
    timing: Timing,
    job: dict[str, Any],
    in_place: bool = False,
    faults: Iterable[str] = (),
) -> AddSchedule:
    """
    Return the verb that has *job* be submitted again and again; *in_place*, of another schedule of
    that name, which is then removed. Raises as `submission` does.
    """
    request = submission(there, asker, job, None, faults)
    return AddSchedule(
        name=name,
        timing=timing,
        request=request,
        token_id="" if asker.name == LOCAL else asker.token_id,
        rules=(there.settings.policy, there.settings.inventory),
        replace=in_place,
        admits=partial(admit_schedule, there, asker),
        most=None if asker.may(Scope.ADMIN) else there.settings.max_schedules,
    )


def admit_schedule(there: Host, asker: Principal, schedule: Schedule) -> None:
    """See that *asker* may change *schedule*: raise `Forbidden` where it may not run what that runs."""
    if there.access is not None:
        spec = schedule.spec
        job = Job(
            id=JobId(schedule.id), spec=spec, nodes=nodes_of(spec), created_at=schedule.created_at
        )
        there.access.admit_again(asker, job, cwd=there.inherited.for_jobs([]).cwd)


def began(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return what the audit log says of jobs: which, where, and which program; no argument of it."""
    specs = [job.spec for job in jobs]
    return {
        "job_id": jobs[0].id if len(jobs) == 1 else None,
        "job_ids": [job.id for job in jobs] if len(jobs) > 1 else None,
        **to_run(specs),
    }


def to_run(specs: Sequence[JobSpec]) -> dict[str, Any]:
    """Return what the audit log says of specs: where, and which programs, on the end too; no argument."""
    ends = [spec.on_end for spec in specs if spec.on_end is not None]
    return {
        "programs": sorted({_program(spec) for spec in specs}),
        "on_end": sorted({"shell" if isinstance(end, str) else end[0] for end in ends}) or None,
        "on": sorted({host for spec in specs for host in spec.on}) or None,
        "images": sorted({each.container.image for each in specs if each.container}) or None,
    }


def _program(spec: JobSpec) -> str:
    """Return what is run; what a script is given beside it is an argument."""
    return spec.command[0] if spec.command and spec.script is None else "shell"


def _stdin(body: dict[str, Any], faults: list[str]) -> bytes | None:
    text, encoded = body.pop("stdin_text", None), body.pop("stdin_base64", None)
    if text is None and encoded is None:
        return None
    if text is not None and encoded is not None:
        faults.append("stdin_text and stdin_base64 exclude each other: give one")
    try:
        if text is not None:
            return str.encode(text)
        return base64.b64decode(encoded, validate=True)
    except (TypeError, UnicodeEncodeError):
        faults.append("stdin_text and stdin_base64 are text")
    except (binascii.Error, ValueError):
        faults.append("stdin_base64 is not base64")
    return None


def _keys(said: object, given: object, key: str | None, faults: list[str]) -> list[str | None]:
    count = len(given) if isinstance(given, list) else 0
    own: list[Any] = [None] * count if said is None else said if isinstance(said, list) else []
    if len(own) != count or not all(each is None or isinstance(each, str) for each in own):
        faults.append("keys is a list with a key, or null, for each of jobs")
        return [None] * count
    derived = [None if key is None else f"{key}#{position}" for position in range(count)]
    return [mine if mine is not None else of for mine, of in zip(own, derived, strict=True)]
