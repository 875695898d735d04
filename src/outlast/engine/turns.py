"""
Whose turn it is, as far as the machine's width and each queue's allow: queue after queue, and in
each by priority, then first in, first out. Who needs more than a queue or the machine has left is
waited for by all behind it there: nobody is overtaken, and so nobody starves.

Also who has it: a queue is as full as the nodes of it that run. A job for hosts is a queue of its
own, unless it names one; what runs on a host takes none of this machine's width.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..core.hindrance import Kind
from ..core.job import SSH, Job, JobId, Node, queue_of
from ..core.machine import Machine
from ..core.plan import queue_deadline
from ..core.queue import Queue
from ..core.resources import OWN
from ..core.state import NodeStatus, Reason
from .lane import Lane, Place
from .lanenames import is_aside, lane_of, queue_of_lane, width_of
from .shares import NOTHING, Share, share_here, share_of, share_on
from .stock import Stock

HELD_JOBS: Final = 1000
"""How many jobs are kept whole in memory; of the others, only what is needed to find them."""


COUNTED: Final = 100
"""How far into a queue whoever comes first is counted."""

Obstacle = dict[str, Any]
"""What keeps a node from its turn, as it goes over the wire."""

Places = Sequence[Place]
Obstacles = Iterator[tuple[Place, list[Obstacle]]]

ANY: Final = Machine()
"""One of which nothing was said."""


class Turns:
    """
    What was submitted and has not ended, on a *machine* that runs *width* nodes at once. A million
    that wait must fit.
    """

    def __init__(self, width: int, machine: Machine = ANY) -> None:
        self._width = width
        self._has = share_on(machine)
        self._stock = Stock(self._has)
        self._lanes: dict[str | None, Lane] = {}
        self._queue: dict[Place, str] = {}
        """The named queue of a node; one that is not here is in none."""

        self._shares: dict[Place, Share] = {}
        """What nodes take that say so."""

        self.rules: Mapping[str, Queue] = {}
        """The queues that were created, by name."""

        self._running: set[Place] = set()
        self._running_here = 0
        self._elsewhere: set[Place] = set()
        """Those that run, or are to run, on another machine."""

        self._whole: dict[JobId, Job] = {}
        self._deadlines: list[tuple[datetime, Place]] = []
        self._starts: list[tuple[datetime, Place]] = []
        """When those may begin that may not yet."""

        self._blocked: dict[Place, bool] = {}
        """Those that wait for more than a time, and whether theirs has come."""

        self._arrivals = itertools.count()

    @property
    def running(self) -> int:
        """How many nodes take up a slot: claimed, and not ended."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many nodes wait for their turn."""
        return sum(map(len, self._lanes.values()))

    def follow(self, rules: Mapping[str, Queue]) -> None:
        """Have queues be as they were created, these by name; those that run go on."""
        if rules != self.rules:
            self.rules = rules
            for name, lane in self._lanes.items():
                lane.follow(rules.get(queue_of_lane(name)))

    # Coming and going -----------------------------------------------------------------------

    def wait(
        self, job: Job, index: int, *, arrival: int | None = None, blocked: bool = False
    ) -> None:
        """
        Put a node of *job* at the end of its queue, or where it belongs by its *arrival*; once it
        may begin, if that is to be later, and one that is *blocked* once it is freed.
        """
        place = (job.id, index)
        lane = self._enter(job, place)
        start = job.nodes[index].retry_at or job.begins_at
        is_early = arrival is None and start > job.created_at
        if blocked:
            self._blocked[place] = not is_early
        if is_early:
            heapq.heappush(self._starts, (start, place))
        if is_early or blocked:
            lane.later[place] = job.priority
        else:
            lane.add(place, job.priority, next(self._arrivals) if arrival is None else arrival)
        if len(self._whole) < HELD_JOBS:
            self._whole[job.id] = job
        if (deadline := queue_deadline(job)) is not None and not job.nodes[index].earlier:
            heapq.heappush(self._deadlines, (deadline, place))

    def free(self, place: Place) -> None:
        """Let one that was blocked stand at the end of its queue, once its time has come."""
        if self._blocked.pop(place, False):
            self._stand(place)

    def run(self, job: Job, index: int) -> None:
        """Count a node of *job* as running: it has its turn."""
        place = (job.id, index)
        name = lane_of(job)
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
            lane.begin(place)
            self._stock.take(place)

    def waits(self, place: Place) -> bool:
        """Whether it waits: for its turn, or for its time."""
        lane = self._lanes.get(self._queue.get(place))
        return lane is not None and (place in lane or place in lane.later)

    def move(self, job: Job, index: int) -> None:
        """
        Have a node that waits do so as *job* stands now: in another queue, or with another
        priority. Among those there it keeps the place of its submission.
        """
        place = (job.id, index)
        lane = self._lanes.get(self._queue.get(place))
        arrival = None if lane is None else lane.remove(place)
        is_blocked = place in self._blocked
        self.leave(place)
        self.wait(job, index, arrival=arrival, blocked=is_blocked)

    def leave(self, place: Place) -> bool:
        """Forget a node. Returns whether it was running; silent if it is not known."""
        name = self._queue.pop(place, None)
        lane = self._lanes.get(name)
        was_running = place in self._running
        if lane is not None:
            lane.remove(place)
            if was_running:
                lane.end(place)
                self._stock.give_back(place)
            if not lane and not lane.running:
                del self._lanes[name]
        self._running_here -= was_running and place not in self._elsewhere
        self._running.discard(place)
        self._elsewhere.discard(place)
        self._shares.pop(place, None)
        self._stock.forget(place)
        self._blocked.pop(place, None)
        self._whole.pop(place[0], None)
        return was_running

    def leave_running(self, job_id: JobId) -> None:
        """Forget the nodes of a job that run."""
        for place in [place for place in self._running if place[0] == job_id]:
            self.leave(place)

    def _enter(self, job: Job, place: Place) -> Lane:
        name = lane_of(job)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(self._shares, aside=is_aside(name))
            lane.follow(self.rules.get(queue_of_lane(name)))
        if name is not None:
            self._queue[place] = name
            said = width_of(job)
            if said is not None and (is_aside(name) or job.queue == queue_of(job.spec)):
                lane.said = said  # who was moved here said it of another
        if share := share_of(job):
            self._shares[place] = share
        if job.nodes[place[1]].executor == SSH:
            self._elsewhere.add(place)
            share = NOTHING  # of this machine
        self._stock.note(place, share_here(job, share, self._has))
        return lane

    # Asking ---------------------------------------------------------------------------------

    def first(self) -> Place | None:
        """Return whose turn it is, if anybody's. Waits on until it runs or leaves."""
        return next(self._in_order(is_full=self._running_here >= self._width), None)

    def next_places(self, count: int) -> list[Place]:
        """Return whose turn it is after one another, once there is room."""
        return list(itertools.islice(self._in_order(), count))

    def _in_order(self, *, is_full: bool = False) -> Iterator[Place]:
        if is_full and not self._elsewhere:
            return
        self._stock.go_round(self._is_in_front)
        lanes: deque[Iterator[Place]] = deque()
        for each in self._lanes.values():
            lane = each.allowed()
            if is_full:
                # Whoever stands behind one that needs this machine waits with it.
                lane = itertools.takewhile(self._is_elsewhere, lane)
            if (place := next(lane, None)) is not None and self._stock.admits(place):
                yield place  # before the next lane is looked at: most often nobody asks for more
                lanes.append(itertools.takewhile(self._stock.has_for, lane))
        while lanes:
            lane = lanes.popleft()
            if (place := next(lane, None)) is not None:
                yield place
                lanes.append(lane)

    def _is_in_front(self, place: Place) -> bool:
        lane = self._lanes.get(self._queue.get(place))
        return lane is not None and next(lane.allowed(), None) == place

    def _is_elsewhere(self, place: Place) -> bool:
        return place in self._elsewhere

    def obstacles(self, places: Places) -> Obstacles:
        """
        Yield what keeps those of *places* from running that wait, as `core.hindrance.of_turn` reads it.
        """
        orders: dict[str | None, list[JobId]] = {}
        for place in places:
            name = self._queue.get(place)
            lane = self._lanes.get(name)
            if lane is None or not self.waits(place):
                continue
            if lane.is_paused:
                yield place, [{"kind": Kind.QUEUE_PAUSED}]
            elif place in lane:
                if name not in orders:
                    orders[name] = lane.first_jobs(COUNTED)
                yield place, self._in_the_way(place, lane, orders[name], is_aside=is_aside(name))

    def _in_the_way(
        self, place: Place, lane: Lane, order: list[JobId], *, is_aside: bool
    ) -> list[Obstacle]:
        is_counted = place[0] in order
        ahead = order.index(place[0]) if is_counted else len(order)
        turn = {"kind": Kind.TURN, "ahead": ahead, **({} if is_counted else {"or_more": True})}
        told: list[Obstacle] = []
        if lane.width is not None and lane.running >= lane.width:
            full = {"kind": Kind.QUEUE_FULL, "width": lane.width, "running": lane.running}
            told.append({"kind": Kind.SESSION} if is_aside else full)
        elif not ahead and (names := lane.lacks(place)):
            told.append({"kind": Kind.QUEUE_LIMITS, "names": [OWN + name for name in names]})
        elif not ahead and (names := self._stock.lacks(place)):
            told.append({"kind": Kind.RESOURCES, "names": names})
        if self._running_here >= self._width and place not in self._elsewhere:
            here = {"width": self._width, "running": self._running_here}
            told.append({"kind": Kind.MACHINE_FULL, **here})
        return [*told, turn] if told or ahead else []

    def held(self, job_id: JobId) -> Job | None:
        """Return a waiting job, if it is kept whole."""
        return self._whole.get(job_id)

    def ripen(self, now: datetime) -> None:
        """Let those wait for their turn that may begin by *now*, in the order of these times."""
        while self._starts and self._starts[0][0] <= now:
            _, place = heapq.heappop(self._starts)
            if place in self._blocked:
                self._blocked[place] = True
            else:
                self._stand(place)

    def _stand(self, place: Place) -> None:
        lane = self._lanes.get(self._queue.get(place))
        if lane is not None and (priority := lane.later.pop(place, None)) is not None:
            lane.add(place, priority, next(self._arrivals))

    def overdue(self, now: datetime) -> Place | None:
        """Return one that has waited too long by *now*. Waits on until it leaves."""
        while self._deadlines and self._deadlines[0][0] <= now:
            place = self._deadlines[0][1]
            lane = self._lanes.get(self._queue.get(place))
            if lane is not None and (place in lane or place in lane.later):
                return place
            heapq.heappop(self._deadlines)
        return None

    def pardon(self) -> None:
        """Take it that whom `overdue` returned has not waited too long."""
        heapq.heappop(self._deadlines)

    def next_alarm(self) -> datetime | None:
        """Return when the next one may begin, or gives up."""
        firsts = [times[0][0] for times in (self._starts, self._deadlines) if times]
        return min(firsts, default=None)


def has_turn(job: Job, node: Node) -> bool:
    """
    Whether *node* has not given its turn to the next yet: it has when it has ended, save in a
    session, where what was cancelled or given up is first to be gone from the host. One that is to
    be tried again gives it back meanwhile.
    """
    if node.is_between:
        return False
    may_live = node.status == NodeStatus.CANCELLED or node.reason == Reason.LOST
    if job.spec.session_id is not None and may_live:
        return not node.is_settled
    return not node.is_terminal
