"""
Whose turn it is, as far as the machine's width and each queue's allow: queue after queue, and in
each by priority, then first in, first out.

Also who has it: a queue is as full as the nodes of it that run. A job for hosts is a queue of its
own, unless it names one; what runs on a host takes none of this machine's width.
"""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..core.job import SSH, Job, JobId, JobSpec, Node
from ..core.limits import MAX_PARALLEL
from ..core.plan import queue_deadline
from ..core.state import NodeStatus, Reason

Place = tuple[JobId, int]
"""A job's id, and the index of one of its nodes."""

HELD_JOBS: Final = 1000
"""How many jobs are kept whole in memory; of the others, only what is needed to find them."""


FAIR: Final = 10
"""One turn in so many of a queue goes to who has waited longest, whatever its priority."""


class Lane:
    """One queue: those that wait in it, with the number of their arrival, and how many run."""

    def __init__(self) -> None:
        self._waiting: dict[int, OrderedDict[Place, int]] = {}
        """By priority; one that nobody has is not there."""

        self.later: dict[Place, int] = {}
        """Those that may not begin yet, with their priority."""

        self.running = 0
        self.given = 0
        """How many turns."""

        self.width: int | None = None
        """That of the job that came last."""

    def __contains__(self, place: Place) -> bool:
        """Whether it waits for its turn."""
        return any(place in waiting for waiting in self._waiting.values())

    def __len__(self) -> int:
        """How many wait, also those that may not begin yet."""
        return sum(map(len, self._waiting.values())) + len(self.later)

    def add(self, place: Place, priority: int, arrival: int) -> None:
        self._waiting.setdefault(priority, OrderedDict())[place] = arrival

    def remove(self, place: Place) -> None:
        """Let it wait no more. Silent if it does not."""
        self.later.pop(place, None)
        for priority, waiting in self._waiting.items():
            if waiting.pop(place, None) is not None:
                if not waiting:
                    del self._waiting[priority]
                return

    def allowed(self) -> Iterator[Place]:
        """Yield those that may begin by the width of the queue, in their order."""
        free = None if self.width is None else max(0, self.width - self.running)
        return itertools.islice(self._in_order(), free)

    def _in_order(self) -> Iterator[Place]:
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


class Turns:
    """What was submitted and has not ended. A million that wait must fit."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lanes: dict[str | None, Lane] = {}
        self._queue: dict[Place, str] = {}
        """The named queue of a node; one that is not here is in none."""
        self._running: set[Place] = set()
        self._running_here = 0
        self._elsewhere: set[Place] = set()
        """Those that run, or are to run, on another machine."""

        self._whole: dict[JobId, Job] = {}
        self._deadlines: list[tuple[datetime, Place]] = []
        self._starts: list[tuple[datetime, Place]] = []
        """When those may begin that may not yet."""

        self._arrivals = itertools.count()

    @property
    def running(self) -> int:
        """How many nodes take up a slot: claimed, and not ended."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many nodes wait for their turn."""
        return sum(map(len, self._lanes.values()))

    # Coming and going -----------------------------------------------------------------------

    def wait(self, job: Job, index: int) -> None:
        """Put a node of *job* at the end of its queue; once it may begin, if that is to be later."""
        place = (job.id, index)
        lane = self._enter(job, place)
        if (start := job.begins_at) > job.created_at:
            lane.later[place] = job.spec.priority
            heapq.heappush(self._starts, (start, place))
        else:
            lane.add(place, job.spec.priority, next(self._arrivals))
        if len(self._whole) < HELD_JOBS:
            self._whole[job.id] = job
        if (deadline := queue_deadline(job)) is not None:
            heapq.heappush(self._deadlines, (deadline, place))

    def run(self, job: Job, index: int) -> None:
        """Count a node of *job* as running: it has its turn."""
        place = (job.id, index)
        name = _lane_of(job)
        lane = self._lanes.get(name)
        if lane is not None and place in lane:
            lane.remove(place)
            lane.given += 1
            self._lanes[name] = self._lanes.pop(name)  # the others' turn comes before its next
            self._whole.pop(job.id, None)
        else:
            lane = self._enter(job, place)
        if place not in self._running:
            self._running.add(place)
            self._running_here += place not in self._elsewhere
            lane.running += 1

    def leave(self, place: Place) -> bool:
        """Forget a node. Returns whether it was running; silent if it is not known."""
        name = self._queue.pop(place, None)
        lane = self._lanes.get(name)
        was_running = place in self._running
        if lane is not None:
            lane.remove(place)
            lane.running -= was_running
            if not lane and not lane.running:
                del self._lanes[name]
        self._running_here -= was_running and place not in self._elsewhere
        self._running.discard(place)
        self._elsewhere.discard(place)
        self._whole.pop(place[0], None)
        return was_running

    def leave_running(self, job_id: JobId) -> None:
        """Forget the nodes of a job that run."""
        for place in [place for place in self._running if place[0] == job_id]:
            self.leave(place)

    def _enter(self, job: Job, place: Place) -> Lane:
        name, spec = _lane_of(job), job.spec
        lane = self._lanes.setdefault(name, Lane())
        if name is not None:
            self._queue[place] = name
            lane.width = _width_of(spec)
        if job.nodes[place[1]].executor == SSH:
            self._elsewhere.add(place)
        return lane

    # Asking ---------------------------------------------------------------------------------

    def first(self) -> Place | None:
        """Return whose turn it is, if anybody's. Waits on until it runs or leaves."""
        return next(self._in_order(is_full=self._running_here >= self._width), None)

    def next_places(self, count: int) -> list[Place]:
        """Return whose turn it is after one another, once there is room."""
        return list(itertools.islice(self._in_order(), count))

    def _in_order(self, *, is_full: bool = False) -> Iterator[Place]:
        lanes = deque(lane.allowed() for lane in self._lanes.values() if lane)
        if is_full:
            # Whoever stands behind one that needs this machine waits with it.
            lanes = deque(itertools.takewhile(self._is_elsewhere, lane) for lane in lanes)
        while lanes:
            lane = lanes.popleft()
            if (place := next(lane, None)) is not None:
                yield place
                lanes.append(lane)

    def _is_elsewhere(self, place: Place) -> bool:
        return place in self._elsewhere

    def held(self, job_id: JobId) -> Job | None:
        """Return a waiting job, if it is kept whole."""
        return self._whole.get(job_id)

    def ripen(self, now: datetime) -> None:
        """Let those wait for their turn that may begin by *now*, in the order of these times."""
        while self._starts and self._starts[0][0] <= now:
            _, place = heapq.heappop(self._starts)
            lane = self._lanes.get(self._queue.get(place))
            if lane is not None and (priority := lane.later.pop(place, None)) is not None:
                lane.add(place, priority, next(self._arrivals))

    def overdue(self, now: datetime) -> Place | None:
        """Return one that has waited too long by *now*. Waits on until it leaves."""
        while self._deadlines and self._deadlines[0][0] <= now:
            place = self._deadlines[0][1]
            lane = self._lanes.get(self._queue.get(place))
            if lane is not None and place in lane:
                return place
            heapq.heappop(self._deadlines)
        return None

    def next_alarm(self) -> datetime | None:
        """Return when the next one may begin, or gives up."""
        firsts = [times[0][0] for times in (self._starts, self._deadlines) if times]
        return min(firsts, default=None)


def has_turn(job: Job, node: Node) -> bool:
    """
    Whether *node* has not given its turn to the next yet: it has when it has ended, save in a
    session, where what was cancelled or given up is first to be gone from the host.
    """
    may_live = node.status == NodeStatus.CANCELLED or node.reason == Reason.LOST
    if job.spec.session_id is not None and may_live:
        return not node.is_settled
    return not node.is_terminal


def _lane_of(job: Job) -> str | None:
    """
    Return the queue in which a job's nodes wait: its session's, which no queue of a caller's can
    be, since those have no control characters; its own, where it is for hosts and names none.
    """
    if job.spec.session_id is not None:
        return f"\0{job.spec.session_id}"
    return job.id if job.spec.queue is None and job.spec.on else job.spec.queue


def _width_of(spec: JobSpec) -> int | None:
    if spec.session_id is not None:
        return 1
    return spec.queue_width if spec.queue else spec.max_parallel or MAX_PARALLEL
