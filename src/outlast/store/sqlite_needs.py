"""Which jobs a job waits for, as the database keeps it: read only where one waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache

from ..core.job import Job, JobId
from ..core.limits import to_epoch_ms
from ..errors import InvalidRequest
from .sql import sqlite as sql


def add_needs(database: sqlite3.Connection, jobs: Sequence[tuple[int, Job]]) -> None:
    """
    Keep what these new jobs, each with its place, wait for.

    Raises:
        InvalidRequest: A job that is to be waited for is not there, or there no more; all are told.
    """

    @cache
    def place_of(job_id: JobId, at_ms: int) -> int | str:
        if (found := database.execute(sql.NEEDED, (at_ms, job_id)).fetchone()) is None:
            gone = database.execute(sql.TOMBSTONE, (job_id,)).fetchone()
            return "was deleted, or its retention is over" if gone else "is not there"
        return "is not there any more: its retention is over" if found[1] else int(found[0])

    needs: list[tuple[int, int]] = []
    faults: dict[str, None] = {}
    for seq, job in jobs:
        at_ms = to_epoch_ms(job.created_at)
        for need in job.spec.after:
            place = place_of(need.job_id, at_ms)
            if isinstance(place, int):
                needs.append((place, seq))
            else:
                faults[f"after: the job {need.job_id} {place}"] = None
    if faults:
        raise InvalidRequest(*faults, suggestion="Name jobs that are there: outlast job list")
    database.executemany(sql.ADD_NEED, needs)
