"""The verbs about schedules as callers have them: here, or on a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .core.schedule import Missed, Overlap, Schedule, name_fault
from .engine.service import Service
from .intake import LocalIntake

if TYPE_CHECKING:
    from .core.job import Job
    from .over_http import HttpService
    from .settings import Settings


class Schedules:
    """
    Jobs that are submitted again and again: `client.schedules`. Each method does what the command
    of `outlast schedule` of the same name does.
    """

    def __init__(self, service: Service | HttpService, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    def add(
        self,
        name: str,
        command: Iterable[str] | None = None,
        *,
        cron: str | None = None,
        every: str | float | timedelta | None = None,
        tz: str | None = None,
        missed: str = Missed.SKIP,
        overlap: str = Overlap.SKIP,
        replace: bool = False,
        stdin_data: bytes | None = None,
        **spec: Any,
    ) -> Schedule:
        """
        Have a job be submitted whenever *cron* says so, in the time zone *tz* (by default, this
        machine's), or *every* so often. On disk when this returns.

        *command*, *stdin_data* and *spec* are those of `submit`. Its jobs inherit what they would
        inherit from this process now, for as long as the schedule is there. *missed* and *overlap*
        say what becomes of the times that pass while nobody is there, or while the last run has not
        ended. Asked for once more, it is the same schedule; another one of its name takes
        *replace*.

        Raises:
            InvalidRequest: Something is wrong with it; `faults` lists everything.

            Conflict: There is another schedule of this name.
        """
        if command is not None:
            spec["command"] = command
        timing = {"cron": cron, "every": every, "tz": tz, "missed": missed, "overlap": overlap}
        return self.put(name, spec, timing, stdin=stdin_data, replace=replace)

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
        """Add a schedule as a door has read it. *faults* are those that the door found itself."""
        if not isinstance(self._service, Service):
            return self._service.schedules.put(
                name, given, timing, stdin=stdin, replace=replace, faults=faults
            )
        from .clock import SystemClock
        from .engine.cron import read_timing
        from .engine.scheduledesk import AddSchedule

        found = [*faults, *filter(None, [name_fault(name)])]
        when = read_timing(timing, SystemClock().now(), found)
        intake = LocalIntake(self._settings, self._service)
        request = intake.read([given], keys=(), stdin=stdin, faults=found)
        return self._service.schedules.add(
            AddSchedule(name=name, timing=when, request=request, replace=replace)
        )

    def list(self) -> tuple[Schedule, ...]:
        """Return all schedules, by their names."""
        return self._service.schedules.list()

    def show(self, name: str) -> dict[str, Any]:
        """Return a schedule as JSON has it, with its next five times. Raises `NotFound`."""
        desk = self._service.schedules
        return desk.public(desk.get(name), with_times=True)

    def get(self, name: str) -> Schedule:
        """Return the schedule of that name. Raises `NotFound`."""
        return self._service.schedules.get(name)

    def pause(self, name: str) -> Schedule:
        """Have none of its times count. Raises `NotFound`."""
        return self._service.schedules.pause(name)

    def resume(self, name: str) -> Schedule:
        """Have its times count again. Raises `NotFound`."""
        return self._service.schedules.resume(name)

    def remove(self, name: str) -> Schedule:
        """Forget it, and what its jobs inherit; no job is touched. Raises `NotFound`."""
        return self._service.schedules.remove(name)

    def run(self, name: str) -> Job:
        """
        Submit a job of it now, once. Its times stay as they are.

        Raises:
            NotTerminal: Its last run has not ended, and two are not to run at once.
        """
        return self._service.schedules.run(name)
