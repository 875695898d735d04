"""The verbs about schedules, on a server. As `engine.scheduledesk.ScheduleDesk` here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.job import JobId
from ..core.limits import from_ms
from ..core.schedule import Missed, Overlap, Schedule, ScheduleState, Timing, name_fault
from ..core.spec import spec_from_json
from ..errors import BadAnswer, NotFound
from .given import as_sent, plain
from .jobs import WITH_SPEC, RemoteJob, read_job

if TYPE_CHECKING:
    from .transport import Transport

FULL = {"Prefer": WITH_SPEC}


class HttpSchedules:
    """The schedules of one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def put(
        self,
        name: str,
        given: Mapping[str, Any],
        timing: Mapping[str, Any],
        *,
        stdin: bytes | None = None,
        replace: bool = False,
        faults: Iterable[str] = (),
    ) -> Schedule:
        """Add a schedule. What its times mean is the server's to know."""
        found = [*faults, *filter(None, [name_fault(name)])]
        sent = as_sent([given], [None], stdin, found)
        job = {**sent["jobs"][0], **{key: sent[key] for key in ("stdin_base64",) if key in sent}}
        when = {key: plain(value) for key, value in timing.items() if value is not None}
        body = {**when, "job": job, "replace": replace}
        return read_schedule(self._ask("PUT", [name], body=body))

    def list(self) -> tuple[Schedule, ...]:
        """Return all schedules, by their names."""
        return tuple(map(read_schedule, self._ask("GET", [])["items"]))

    def get(self, name: str) -> Schedule:
        """Return the schedule of that name. Raises NotFound."""
        return read_schedule(self._ask("GET", _path(name)))

    def pause(self, name: str) -> Schedule:
        """Have none of its times count. Raises NotFound."""
        return read_schedule(self._ask("POST", _path(name, "pause"), body={}))

    def resume(self, name: str) -> Schedule:
        """Have its times count again. Raises NotFound."""
        return read_schedule(self._ask("POST", _path(name, "resume"), body={}))

    def remove(self, name: str) -> Schedule:
        """Forget it; no job is touched. Raises NotFound."""
        return read_schedule(self._ask("DELETE", _path(name), is_safe=False))

    def run(self, name: str) -> RemoteJob:
        """Submit a job of it now. Raises NotFound, NotTerminal."""
        return read_job(self._ask("POST", _path(name, "run"), body={}, is_safe=False))

    def public(self, schedule: Schedule, *, with_times: bool = False) -> dict[str, Any]:
        """Return *schedule* as the JSON that every door gives; *with_times*, the next ones too."""
        from ..engine.scheduledesk import public_schedule

        if with_times:
            return self._ask("GET", _path(schedule.name))
        return public_schedule(schedule)

    def _ask(self, method: str, path: Sequence[str], **how: Any) -> dict[str, Any]:
        return self._transport.ask_object(method, ["schedules", *path], headers=FULL, **how)


def read_schedule(told: Mapping[str, Any]) -> Schedule:
    """
    Return the schedule that a server tells of; by which token it was added stays there.

    Raises:
        BadAnswer: It is none that this version knows.
    """
    try:
        every = told["every_ms"]
        return Schedule(
            id=told["schedule_id"],
            name=told["name"],
            timing=Timing(
                cron=told["cron"],
                every=None if every is None else from_ms(every),
                tz=told["tz"],
                missed=Missed(told["missed"]),
                overlap=Overlap(told["overlap"]),
            ),
            spec=spec_from_json(told["job"]),
            principal=told["principal"],
            state=ScheduleState(told["state"]),
            created_at=datetime.fromisoformat(told["created_at"]),
            last_job_id=None if told["last_job_id"] is None else JobId(told["last_job_id"]),
            missed_count=told["missed_count"],
            skipped_count=told["skipped_count"],
            error=told["error"],
            next_at=_time(told["next_at"]),
            last_at=_time(told["last_at"]),
            missed_at=_time(told["missed_at"]),
            skipped_at=_time(told["skipped_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(
            f"the server tells of a schedule that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}"
        ) from None


def _time(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def _path(name: str, *below: str) -> list[str]:
    """Return the path of a schedule. Raises NotFound for what is no schedule's name."""
    if name_fault(name):
        raise NotFound(
            f"There is no schedule {name!r:.80}", suggestion="List them: outlast schedule list"
        )
    return [name, *below]
