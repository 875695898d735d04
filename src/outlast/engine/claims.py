"""Whose attempt begins: a claim for those whose turn it is, an end for those it came too late to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..core import events as ev
from ..core import plan as planning
from ..core.job import DEFAULT_QUEUE, Job, JobId, Node, named_queue
from ..core.state import JobStatus, Reason
from ..errors import Conflict, NotFound, Unavailable
from ..shim.failpoint import reach
from .hands import Hands
from .lane import Place
from .ledger import Ledger
from .needs import Needs
from .pace import AHEAD, Pace
from .turns import Turns, has_turn

if TYPE_CHECKING:
    from ..ports.clock import Clock
    from ..ports.store import Store

DECIDED_AT_ONCE: Final = 500
"""So many that wait for others are decided on between two writes."""

Follow = Callable[[Job, Node, tuple[planning.Action, ...]], None]


class Claims:
    """
    What a supervisor decides of those that wait. *follow* takes an event into a node of a job;
    nothing here is stored, nor launched before it is.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        boot_id: str,
        ledger: Ledger,
        turns: Turns,
        pace: Pace,
        hands: Hands,
        follow: Follow,
    ) -> None:
        self._store = store
        self._clock = clock
        self._boot_id = boot_id
        self._ledger = ledger
        self._turns = turns
        self._pace = pace
        self._hands = hands
        self._follow = follow
        self._needs = Needs(self._status_of)
        self._blocked: dict[JobId, list[int]] = {}
        """The nodes that wait for more than their turn and their time, by their jobs."""

        self._held: set[JobId] = set()
        """Those of these jobs that somebody has to release."""

    def wait(self, job: Job, index: int) -> None:
        """Have a node of *job* wait for its turn, and before that for what its job waits for."""
        is_blocked = job.held or job.id in self._needs
        if job.held:
            self._held.add(job.id)
        if is_blocked:
            self._blocked.setdefault(job.id, []).append(index)
        self._turns.wait(job, index, blocked=is_blocked)

    def enter(self, job: Job, node: Node) -> None:
        """Have a node that was read from the store wait, or end it where it is never to begin."""
        if job.spec.after and (why := self._needs.take_up(job)) is not None:
            self.give_up(job, node, why, self._clock.now())
        else:
            self.wait(job, node.index)

    def note_turn(self, job: Job, before: Node, node: Node) -> None:
        """A node of *job* stands otherwise: its turn is given back, or waited for once more."""
        waited = before.is_between and node.is_between
        if not (waited or has_turn(job, node)) and self._turns.leave((job.id, node.index)):
            self._pace.note_end(asyncio.get_running_loop().time())
        if node.is_between and node.may_begin and not (waited and before.may_begin):
            self._turns.wait(job, node.index)

    def note_end(self, job: Job) -> None:
        """*job* has ended: whoever waits for that is decided on with the next turn."""
        self._unblock(job.id)
        self._needs.note_end(job)

    def decide(self, now: datetime) -> bool:
        """
        Free those whose last need was met, and end those of whom one never will be. Returns
        whether more are left, so that others are served between those of many.
        """
        for job_id, why in itertools.islice(self._needs.decided(), DECIDED_AT_ONCE):
            if why is None:
                if job_id not in self._held:
                    for index in self._unblock(job_id):
                        self._turns.free((job_id, index))
            elif (job := self.fetch(job_id)) is not None:
                for node in job.nodes:
                    self.give_up(job, node, why, now)
        return not self._needs.is_decided

    def give_up(self, job: Job, node: Node, why: str, now: datetime) -> None:
        """End a node whose job waited for what never comes."""
        if not node.is_terminal:
            self._turns.leave((job.id, node.index))
            end = planning.never_began(node, Reason.DEPENDENCY_FAILED, why, now=now)
            self._follow(job, node, (end,))

    def hold(self, job_id: JobId, *, held: bool) -> None:
        """
        Have a job that has not begun wait until it is released; or release it, to the end of its
        line. On disk when this returns. Nothing of the job may be unsaved.

        Raises:
            NotFound: There is no such job. `Expired`, if there was one.

            Conflict: It has begun.

            Unavailable: It was changed meanwhile, or the store is out of reach.
        """
        job = self.fetch(job_id) or self._store.get(job_id)
        if job.held == held and not (held and job.is_terminal):
            return  # asked again, say: it may have begun by now
        places = [(job_id, node.index) for node in job.nodes]
        if not all(map(self._turns.waits, places)):
            how = str(job.status) if job.started_at or job.is_terminal else "about to begin"
            raise Conflict(f"{job_id} is {how}: only what has not begun can be held", job_id=job_id)
        after = replace(job, held=held)
        if self._store.save([(job, after)]):
            raise Unavailable(f"{job_id} was changed by somebody else: try again", job_id=job_id)
        after = replace(after, version=job.version + 1)
        self._ledger.keep(after)
        self._unblock(job_id)
        for place in places:
            self._turns.leave(place)
            self.wait(after, place[1])

    def _unblock(self, job_id: JobId) -> list[int]:
        self._held.discard(job_id)
        return self._blocked.pop(job_id, [])

    def time_out(self, now: datetime) -> None:
        """Let wait what may begin by *now*, and end what has waited too long for its turn."""
        self._turns.ripen(now)
        while (place := self._turns.overdue(now)) is not None:
            job = self.fetch(place[0])
            if job is not None and job.nodes[place[1]].earlier:
                self._turns.pardon()  # it had its first turn in time
                continue
            self._turns.leave(place)
            if job is not None:
                node = job.nodes[place[1]]
                self._follow(job, node, planning.give_up_waiting(job, node, now=now))

    def claim(self) -> None:
        """
        Begin the attempts of those whose turn it is; and where turns come
        quickly, claim those that are next already, so that their start waits for no disk.
        """
        while (place := self._turns.first()) is not None:
            job = self._begun(place)
            if job is None:
                self._turns.leave(place)
            else:
                self._turns.run(job, place[1])
                is_stored = self._ledger.is_saved(place[0])
                self._hands.launch(job, job.nodes[place[1]], is_stored=is_stored)
        if self._turns.waiting and self._pace.is_quick(asyncio.get_running_loop().time()):
            ahead = self._turns.next_places(AHEAD)
            # In one write for several: half of them may be used up before the next.
            if sum(place[0] not in self._ledger for place in ahead) > AHEAD // 2:
                for place in ahead:
                    if self._begun(place) is None:
                        self._turns.leave(place)

    def move(self, job_id: JobId, queue: str | None, priority: int | None) -> Job:
        """
        Have a job that has not begun wait in *queue*, or with *priority*; None leaves it. On disk
        when this returns, before it is acted upon. Nothing of the job may be unsaved.

        Raises:
            NotFound: There is no such job. `Expired`, if there was one.

            Conflict: It has begun, or the queue does not take it.

            Unavailable: It was changed meanwhile, or the store is out of reach.
        """
        job = self.fetch(job_id) or self._store.get(job_id)
        to = replace(
            job,
            queue=job.queue if queue is None else named_queue(queue),
            priority=job.priority if priority is None else priority,
        )
        if to == job:
            return job  # asked again, say: it may have begun by now
        places = [(job.id, node.index) for node in job.nodes]
        if not all(map(self._turns.waits, places)):
            raise Conflict(
                f"{job.id} is {job.status if job.started_at else 'about to begin'}: only what has"
                " not begun can be moved",
                job_id=job.id,
            )
        rule = self._turns.rules.get(to.queue or DEFAULT_QUEUE)
        if to.queue != job.queue and rule and (faults := rule.refusals(to.spec.limits)):
            raise Conflict(*faults, job_id=job.id)
        if self._store.save([(job, to)]):
            raise Unavailable(f"{job.id} was changed by somebody else: try again", job_id=job.id)
        to = replace(to, version=job.version + 1)
        self._ledger.keep(to)
        for _, index in places:
            self._turns.move(to, index)
        return to

    def fetch(self, job_id: JobId) -> Job | None:
        """Return a waiting job whole: from memory, or from the store; None if it is gone."""
        job = self._ledger.get(job_id) or self._turns.held(job_id)
        if job is not None:
            return job
        try:
            return self._store.get(job_id)
        except NotFound:
            return None

    def _status_of(self, job_id: JobId) -> JobStatus | None:
        job = self.fetch(job_id)
        return None if job is None else job.status

    def _begun(self, place: Place) -> Job | None:
        """Return the job with its node at *place* claimed; None if it is not to be begun."""
        job = self.fetch(place[0])
        if job is None or (node := job.nodes[place[1]]).is_terminal:
            return None
        if not node.is_claimed:
            reach("supervisor.before_claim")
            event = ev.Claimed(
                at=self._clock.now(), attempt=node.attempt + 1, boot_id=self._boot_id
            )
            self._follow(job, node, (event,))
        return self._ledger.take(job)
