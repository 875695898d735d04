"""The nodes that wait for their turn: first in, first out, each with the time it gives up."""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict
from datetime import datetime
from typing import Final

from ..core.job import Job, JobId
from ..core.plan import queue_deadline

Place = tuple[JobId, int]
"""A job's id, and the index of one of its nodes."""

HELD_JOBS: Final = 1000
"""How many jobs are kept whole in memory; of the others, only what is needed to find them."""


class Waiting:
    """What was submitted and is not claimed. A million of them must fit."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, None] = OrderedDict()
        self._whole: dict[JobId, Job] = {}
        self._deadlines: list[tuple[datetime, Place]] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, job: Job, index: int) -> None:
        """Put a node of *job* at the end of the queue."""
        place = (job.id, index)
        self._places[place] = None
        if len(self._whole) < HELD_JOBS:
            self._whole[job.id] = job
        if (deadline := queue_deadline(job)) is not None:
            heapq.heappush(self._deadlines, (deadline, place))

    def first(self) -> Place | None:
        """Return whose turn it is. Stays in the queue until it is removed."""
        return next(iter(self._places), None)

    def next_places(self, count: int) -> list[Place]:
        """Return whose turn it is after one another."""
        return list(itertools.islice(self._places, count))

    def held(self, job_id: JobId) -> Job | None:
        """Return a waiting job, if it is kept whole."""
        return self._whole.get(job_id)

    def remove(self, place: Place) -> None:
        """Take a node out of the queue. Silent if it is not in it."""
        self._places.pop(place, None)
        self._whole.pop(place[0], None)

    def overdue(self, now: datetime) -> Place | None:
        """Return one that has waited too long by *now*. Stays in the queue until it is removed."""
        while self._deadlines and self._deadlines[0][0] <= now:
            place = self._deadlines[0][1]
            if place in self._places:
                return place
            heapq.heappop(self._deadlines)
        return None

    def next_deadline(self) -> datetime | None:
        """Return when the next one gives up."""
        return self._deadlines[0][0] if self._deadlines else None
