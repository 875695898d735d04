"""Schedules in a supervisor: what joins the engine's part with tokens, policies and the inventory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .clock import SystemClock
from .engine.almanac import Almanac
from .errors import Forbidden
from .settings import load_settings

if TYPE_CHECKING:
    from .access import Access
    from .core.job import Job
    from .core.schedule import Schedule
    from .engine import verbs
    from .engine.preflight import Ask
    from .engine.schedulefiles import Held
    from .engine.schedules import Scheduler
    from .engine.supervisor import Supervisor
    from .home import Home
    from .ports.schedules import Schedules
    from .ports.store import Store

__all__ = ["make_almanac"]


def make_almanac(
    home: Home,
    capabilities: Ask,
    schedules: Schedules,
    store: Store,
    supervisor: Supervisor,
) -> Almanac:
    """
    Return what submits the jobs of *schedules* to *store*, and has *supervisor* look at them. Imports little
    until one is due at some time.
    """

    def make() -> Scheduler:
        from .engine.admission import Admission, add_admitted
        from .engine.schedulefiles import ScheduleFiles
        from .engine.schedules import Scheduler

        clock = SystemClock()

        def submit(request: verbs.Submit) -> tuple[Job, ...]:
            jobs = add_admitted(store, Admission(home, clock, request, capabilities))
            supervisor.wake()
            return jobs

        files, admit = ScheduleFiles(home), Permits(home).check
        parts = schedules, files, clock
        return Scheduler(
            *parts, admit=admit, submit=submit, get=store.get, catch_up=supervisor.catch_up
        )

    return Almanac(schedules, make)


class Permits:
    """Says whether whoever added a schedule may still run what it runs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[tuple[str | None, str | None], Access] = {}

    def check(self, schedule: Schedule, held: Held) -> None:
        """
        Return if it may. Its files of policies and hosts are those of the server that took it.

        Raises:
            Forbidden: Its token is good no more, or may not run this any more.

            InvalidRequest: What tokens may is not known: the policy makes no sense.
        """
        from .core.job import Job, JobId, nodes_of
        from .core.principal import Principal, Scope

        if not schedule.token_id:
            return  # whoever owns the home
        access = self._access(held)
        asked = Principal(name=schedule.principal, scope=Scope.READ, token_id=schedule.token_id)
        if (principal := access.renewed(asked)) is None:
            raise Forbidden(
                f"the token {schedule.principal}, by which it was added, is good no more"
            )
        job = Job(
            id=JobId(schedule.id),
            spec=schedule.spec,
            nodes=nodes_of(schedule.spec),
            created_at=schedule.created_at,
        )
        access.admit_again(principal, job, cwd=held.captured.cwd)

    def _access(self, held: Held) -> Access:
        where = held.policy, held.inventory
        if where not in self._known:
            from .access import Access
            from .audit import NAME, Audit
            from .inventory import load_inventory
            from .policy import Policies
            from .store import open_tokens

            settings = replace(
                load_settings(home=self._home.path), policy=where[0], inventory=where[1]
            )
            clock = SystemClock()
            access = Access(
                self._home,
                open_tokens(self._home.database),
                clock,
                Audit(f"{self._home.path}/{NAME}", clock.now),
                policies=Policies(settings, clock),
                inventory=lambda: load_inventory(settings),
            )
            self._known[where] = access
        return self._known[where]
