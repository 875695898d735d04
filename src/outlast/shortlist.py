"""
What there is to choose from while somebody types a command: jobs, queues and schedules.

Here the database alone is asked: no supervisor is started and no home made, and what no supervisor
has come to note is not known. On a server, whoever serves answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from .core.job import DEFAULT_QUEUE
from .home import Home

if TYPE_CHECKING:
    from .core.job import Job
    from .core.state import JobStatus
    from .settings import Settings

MOST: Final = 100
"""So many jobs are looked at, of the newest."""


def jobs(settings: Settings, statuses: Iterable[JobStatus]) -> tuple[Job, ...]:
    """Return the newest jobs of these *statuses*, or of all where none is given."""
    if settings.server is not None:
        from .engine.verbs import List
        from .over_http import connect

        return connect(settings).list(List(statuses=frozenset(statuses), limit=MOST)).jobs
    from .ports.store import Query
    from .store import open_store

    query = Query(statuses=frozenset(statuses), limit=MOST)
    return open_store(Home(settings.home).database).find(query).jobs


def queues(settings: Settings) -> tuple[str, ...]:
    """Return the names of the queues that were created, behind `default`."""
    if settings.server is not None:
        from .over_http import connect

        created = connect(settings).queues.created()
    else:
        from .store import open_queues

        created = frozenset(open_queues(Home(settings.home).database).find())
    return DEFAULT_QUEUE, *sorted(created - {DEFAULT_QUEUE})


def schedules(settings: Settings) -> tuple[str, ...]:
    """Return the names of the schedules."""
    if settings.server is not None:
        from .over_http import connect

        return tuple(each.name for each in connect(settings).schedules.list())
    from .store import open_schedules

    return tuple(each.name for each in open_schedules(Home(settings.home).database).find())
