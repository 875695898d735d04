"""One queue as its turns are given: who waits there, in which order, and what those take that run."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final

from ..core.job import JobId
from ..core.limits import LARGEST
from ..core.queue import Queue, QueueState
from .shares import NOTHING, Share, share_in

Place = tuple[JobId, int]
"""A job's id, and the index of one of its nodes."""

FAIR: Final = 10
"""One turn in so many of a queue goes to who has waited longest, whatever its priority."""


class Lane:
    """
    One queue: those that wait in it, with the number of their arrival, and what those take that
    run. With *aside*, it is a session's or one job's, which `default` pauses, and no more.
    """

    def __init__(self, shares: Mapping[Place, Share], *, aside: bool) -> None:
        self._shares = shares
        self._is_aside = aside
        self._waiting: dict[int, OrderedDict[Place, int]] = {}
        """By priority; one that nobody has is not there."""

        self._unsorted: set[int] = set()
        """The priorities of which somebody who was moved stands behind who came later."""

        self.later: dict[Place, int] = {}
        """Those that may not begin yet, with their priority."""

        self.running = 0
        self._used: dict[str, int] = {}
        """What those take that run."""

        self.given = 0
        """How many turns."""

        self.said: int | None = None
        """The width that was said last, by a job that names this lane; None: nobody said any."""

        self._width: int | None = None
        self._has: Share = NOTHING
        self._is_ruled = self._is_paused = False

    def follow(self, rule: Queue | None) -> None:
        """Be as the queue was created; None: nobody did, and it is as its jobs say."""
        self._is_paused = rule is not None and rule.state is QueueState.PAUSED
        if rule is None or self._is_aside:
            self._is_ruled, self._width, self._has = False, None, NOTHING
        else:
            self._is_ruled, self._width, self._has = True, rule.width, share_in(rule)

    def __contains__(self, place: Place) -> bool:
        """Whether it waits for its turn."""
        return any(place in waiting for waiting in self._waiting.values())

    def __len__(self) -> int:
        """How many wait, also those that may not begin yet."""
        return sum(map(len, self._waiting.values())) + len(self.later)

    def add(self, place: Place, priority: int, arrival: int) -> None:
        line = self._waiting.setdefault(priority, OrderedDict())
        if line and arrival < line[next(reversed(line))]:
            self._unsorted.add(priority)
        line[place] = arrival

    def remove(self, place: Place) -> int | None:
        """Let it wait no more. Returns the number of its arrival; None if it has none, or does not."""
        self.later.pop(place, None)
        for priority, waiting in self._waiting.items():
            if (arrival := waiting.pop(place, None)) is not None:
                if not waiting:
                    del self._waiting[priority]
                    self._unsorted.discard(priority)
                return arrival
        return None

    def begin(self, place: Place) -> None:
        self.running += 1
        self._use(place, +1)

    def end(self, place: Place) -> None:
        self.running -= 1
        self._use(place, -1)

    def _use(self, place: Place, sign: int) -> None:
        for name, amount in self._shares.get(place, NOTHING).items():
            self._used[name] = self._used.get(name, 0) + sign * amount

    def allowed(self) -> Iterator[Place]:
        """Yield those that may begin by what the queue allows, in their order."""
        if self._is_paused or not self._waiting:
            return iter(())
        free = None if self.width is None else max(0, self.width - self.running)
        allowed = itertools.islice(self._in_order(), free)
        return itertools.takewhile(self._fits, allowed) if self._has else allowed

    def _fits(self, place: Place) -> bool:
        return not self.lacks(place)

    # Why one waits --------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def width(self) -> int | None:
        """How many may run at once, by the queue's rule or as was said last; None: any number."""
        return self._width if self._is_ruled else self.said

    def lacks(self, place: Place) -> list[str]:
        """Return what there is not enough of for that place now."""
        if not self.running:
            return []  # a queue may have been given less since, and it must not be stuck
        return [
            name
            for name, amount in self._shares.get(place, NOTHING).items()
            if self._used.get(name, 0) + amount > self._has.get(name, LARGEST)
        ]

    def first_jobs(self, count: int) -> list[JobId]:
        """Return whose turn comes first, as far as *count* nodes reach: each job once."""
        return list(
            dict.fromkeys(job_id for job_id, _ in itertools.islice(self._in_order(), count))
        )

    def _in_order(self) -> Iterator[Place]:
        for priority in self._unsorted:
            in_line = sorted(self._waiting[priority].items(), key=lambda each: each[1])
            self._waiting[priority] = OrderedDict(in_line)
        self._unsorted.clear()
        lines = [iter(line.items()) for _, line in sorted(self._waiting.items(), reverse=True)]
        heads = [head for line in lines if (head := next(line, None)) is not None]
        for turn in itertools.count(self.given + 1):
            if not heads:
                return
            # Heads stand by priority, the highest first.
            i = 0 if turn % FAIR else min(range(len(heads)), key=lambda at: heads[at][1])
            yield heads[i][0]
            if (head := next(lines[i], None)) is None:
                del heads[i], lines[i]
            else:
                heads[i] = head
