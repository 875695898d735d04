"""
The loop that carries jobs to their end: claim, launch, observe, plan, act, record.

Longer than 400 lines because what is done under its one lock is read side by side.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ..core import events as ev
from ..core import plan as planning
from ..core.job import LOCAL, Job, JobId, Node, attempt_key
from ..core.retries import may_try_again
from ..core.sight import Alive, Gone, Sight
from ..core.state import NodeStatus, Reason
from ..core.transition import settle, transition
from ..errors import Unavailable
from ..ports.executor import Executor
from ..ports.store import Query
from ..shim.failpoint import reach
from .captures import Captures
from .claims import Claims
from .hands import MISSING, Hands
from .ledger import Announce, Ledger, tell_nobody
from .pace import Pace
from .turns import Obstacles, Places, Turns, has_turn
from .window import Alarm, Outage, Window

if TYPE_CHECKING:
    from ..core.queue import Queue
    from ..ports.clock import Clock
    from ..ports.store import Store

log = logging.getLogger("outlast.supervisor")

WINDOW_S: Final = 0.005
"""How long news that nobody waits for may wait to be stored together with what comes next."""

PAGE: Final = 500


class Supervisor:
    """
    Owns one home's jobs. Everything it knows stands in the store and in the executors' world:
    another one, after any death, goes on from there.
    """

    def __init__(
        self,
        store: Store,
        executors: Mapping[str, Executor],
        clock: Clock,
        captures: Captures,
        *,
        boot_id: str,
        turns: Turns,
        on_change: Callable[[JobId], None],
        is_watched: Callable[[JobId], bool],
        announce: Announce = tell_nobody,
        read_queues: Callable[[], Mapping[str, Queue]] = dict,
    ) -> None:
        self._store = store
        self._executors = tuple(executors)
        self._hands = Hands(executors, captures, self._fail_unstarted, self.wake)
        self._clock = clock
        self._captures = captures
        self._boot_id = boot_id
        self._is_watched = is_watched
        self._tell = on_change
        self._read_queues = read_queues
        self._ledger = Ledger(store, on_change, announce)
        self._turns = turns
        self._pace = Pace()
        self._claims = Claims(
            store,
            clock,
            boot_id=boot_id,
            ledger=self._ledger,
            turns=self._turns,
            pace=self._pace,
            hands=self._hands,
            follow=self._follow,
        )
        self._cursor: str | None = None
        self._seen: set[JobId] = set()
        self._inbox: deque[tuple[str, Sight]] = deque()
        self._work = asyncio.Event()
        self._window = Window(WINDOW_S, self._work.set)
        self._alarm = Alarm(self._work.set)
        self._outage = Outage(self._work.set)
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._fault: BaseException | None = None
        self._look_at_store = True

    # What others see ------------------------------------------------------------------------

    @property
    def running(self) -> int:
        """How many nodes run."""
        return self._turns.running

    @property
    def queued(self) -> int:
        """How many nodes wait for their turn."""
        return self._turns.waiting

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do: no node that is not ended and gone."""
        return not (self._ledger or self._turns.waiting or self._inbox)

    def wake(self) -> None:
        """There may be new work in the store."""
        self._look_at_store = True
        self._work.set()

    def look_again(self, key: str) -> None:
        """Somebody without a channel to us has news of the attempt *key*."""
        self._ledger.at(key, self._hands.watch)

    def look_where(self, references: frozenset[str]) -> None:
        """Logins by these are possible again: look at what runs there."""
        self._ledger.each_by(references, self._hands.watch)

    async def obstacles(self, places: Places) -> Obstacles:
        """Return what keeps those from running that wait, as `Turns.obstacles` does; of new ones as well."""
        if not all(map(self._turns.waits, places)):
            await self.catch_up()
        return self._turns.obstacles(places)

    async def catch_up(self, job_id: JobId | None = None) -> None:
        """
        Return when everything that had happened by the time of the call is in the store; of one
        job also an end of which nobody has told yet.
        """
        self.wake()
        await self._hands.let_news_come()
        async with self._turn:
            if job_id is not None and (job := self._ledger.get(job_id)) is not None:
                for node in job.nodes:
                    await self._look_at(job, node.index)
            await self._do_turn(at_once=True)

    # The loop -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what earlier supervisors left, and begin to listen."""
        for name in self._executors:
            task = asyncio.create_task(self._listen(name))
            task.add_done_callback(self._stopped_listening)
            self._tasks.append(task)
        await asyncio.sleep(0)
        async with self._turn:
            await self._do_turn(at_once=True)

    def _stopped_listening(self, task: asyncio.Task[None]) -> None:
        """Deaf to one executor, it must not go on as if all were well."""
        if not task.cancelled():
            self._fault = task.exception() or RuntimeError("an executor's news ended")
            self._work.set()

    async def run(self) -> None:
        """
        Work until cancelled.

        Raises:
            Exception: Something of ours broke. The next supervisor begins with a clear head.
        """
        while True:
            await self._work.wait()
            if self._fault is not None:
                raise self._fault
            async with self._turn:
                await self._do_turn()

    async def stop(self) -> None:
        """Let go of everything. No job is touched."""
        self._window.close()
        self._alarm.stop()
        self._outage.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do_turn(self, *, at_once: bool = False) -> None:
        """
        Take in all news, fill the free slots, store it, then act on it.

        What nobody waits for may be stored a few milliseconds later, together with what comes
        next; with *at_once*, nothing may.
        """
        self._work.clear()
        try:
            if self._look_at_store:
                self._look_at_store = False
                self._turns.follow(self._read_queues())
                await self._load()
            while self._inbox:
                self._hear(*self._inbox.popleft())
            now = self._clock.now()
            self._claims.time_out(now)
            if self._claims.decide(now):  # more of them, once others were served
                asyncio.get_running_loop().call_soon(self._work.set)
            self._alarm.set(self._turns.next_alarm(), now)
            self._claims.claim()
            await self._hands.act_on_stored()
            if self._ledger.unsaved and not (at_once or self._must_save()):
                self._window.open()
                return
            self._window.close()
            self._save()
        except Unavailable as error:
            self._look_at_store = True
            self._outage.goes_on(error)
            return
        self._outage.end()
        await self._hands.act()

    def _must_save(self) -> bool:
        """Whether something waits for the store: a start, a stop, a waiter, or long enough."""
        return bool(
            self._window.is_over
            or self._hands.wait_for_the_store
            or any(map(self._is_watched, self._ledger.urgent))
        )

    async def _listen(self, name: str) -> None:
        async for key, seen in self._hands.news(name):
            self._inbox.append((key, seen))
            if isinstance(seen, Alive):
                self._window.open()
            else:
                self._work.set()

    # Taking in ------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read what has come into the store since the last look."""
        is_first, has_more = self._cursor is None, True
        while has_more:
            query = Query(unsettled=True, oldest_first=True, limit=PAGE, cursor=self._cursor)
            page = self._store.find(query)
            for job in page.jobs:
                if job.id not in self._seen:
                    await self._take_up(job)
                    self._seen.add(job.id)
                    self._tell(job.id)
            self._cursor, has_more = page.resume, page.next_cursor is not None
        if is_first:
            self._captures.sweep_forgotten(self._clock.now())

    async def _take_up(self, job: Job) -> None:
        self._captures.hold_for_end(job)
        for node in job.nodes:
            if node.status == NodeStatus.PENDING or may_try_again(job, node):
                self._captures.hold((job.id, node.index), job.capture)
            if node.attempt:
                self._ledger.take(job)
            if await self._has_not_begun(job, node):
                self._claims.enter(job, node)
                if not node.is_between or node.is_gone:
                    continue
            if has_turn(job, node):
                self._turns.run(job, node.index)
            if self._is_rebooted(node):
                # Whether it ran is not for us to guess, and it must not be started again: what
                # its record says is taken in, else it is told as `host_rebooted`.
                actions: tuple[planning.Action, ...] = (planning.Watch(),)
            else:
                actions = planning.plan(job, node, None, now=self._clock.now())
            self._follow(job, node, actions)

    async def _has_not_begun(self, job: Job, node: Node) -> bool:
        """Whether *node* still waits for its turn, claimed ahead of it or not."""
        if node.is_between:
            return node.may_begin
        if node.status != NodeStatus.PENDING or self._is_rebooted(node):
            return False
        return not node.attempt or await self._hands.look(job, node) is None

    def _is_rebooted(self, node: Node) -> bool:
        # What runs elsewhere does not care when this machine was started.
        return node.executor == LOCAL and node.boot_id not in (None, self._boot_id)

    def _hear(self, key: str, seen: Sight) -> None:
        job_id, index, attempt = key.split("/")
        job = self._ledger.get(JobId(job_id))
        if job is None:
            return
        node = job.nodes[int(index)]
        if isinstance(seen, Gone) and self._is_rebooted(node):
            seen = Gone(rebooted=True)
        if node.attempt == int(attempt):
            actions = planning.plan(job, node, seen, now=self._clock.now())
            self._follow(job, node, actions)

    def _follow(self, job: Job, node: Node, actions: tuple[planning.Action, ...]) -> None:
        for action in actions:
            match action:
                case ev.Event():
                    node = transition(node, action)
                case ev.Aftermath():
                    node = settle(node, action)
                case planning.Launch():
                    self._hands.launch(job, node, is_stored=False)
                case planning.Watch():
                    self._hands.watch(job, node)
                case _:
                    self._hands.stop(job, node, action.grace)
        self._note(job, node)

    def _note(self, job: Job, node: Node) -> None:
        """Take *node* as it now stands into its job, to be stored with the next turn."""
        before = self._ledger.take(job).nodes[node.index]
        if not self._ledger.note(job, node):
            return
        if node.is_terminal and (whole := self._ledger.take(job)).is_terminal:
            self._claims.note_end(whole)
        place = (job.id, node.index)
        self._claims.note_turn(self._ledger.take(job), before, node)
        if node.is_terminal or (node.started_at is not None and not may_try_again(job, node)):
            self._captures.let_go(place, job.capture)

    # Storing and acting ---------------------------------------------------------------------

    def _save(self) -> None:
        before = {job_id: self._ledger.get(job_id) for job_id in self._ledger.unsaved}
        if any(job is not None and job.spec.on_end is not None for job in before.values()):
            self.wake()  # what an end begins comes into the store with it
        for job_id in self._ledger.save():
            log.error("%s was changed by somebody else; it is read again", job_id)
            # Nothing may be begun on the strength of what was not stored.
            self._hands.drop(job_id)
            self._turns.leave_running(job_id)
            self._look_at_store, self._cursor = True, None
            self._work.set()
        self._seen.difference_update(job_id for job_id in before if job_id not in self._ledger)

    def _fail_unstarted(self, job: Job, node: Node) -> None:
        """What it was to inherit is gone: it cannot begin."""
        current = self._ledger.take(job)
        now = self._clock.now()
        event = planning.never_began(node, Reason.SECRET_UNAVAILABLE, MISSING, now=now)
        self._follow(current, current.nodes[node.index], (event,))
        self._work.set()

    # Cancelling -----------------------------------------------------------------------------

    async def cancel(self, job_id: JobId, nodes: frozenset[int], grace: timedelta | None) -> None:
        """
        Cancel what has not ended of a job. Stored when this returns; an end that is there
        already is taken in first. A second cancel of what is being stopped stops it harder.
        """
        async with self._turn:
            await self._do_turn(at_once=True)
            job = self._claims.fetch(job_id) or self._store.get(job_id)
            reach("supervisor.before_cancel")
            for node in job.nodes:
                if (not nodes or node.index in nodes) and not node.is_settled:
                    await self._cancel_node(self._ledger.take(job), node.index, grace)
            self._save()
            reach("supervisor.after_cancel")
            await self._hands.act()
        self._work.set()  # its turn is somebody else's now

    async def move(self, job_id: JobId, queue: str | None, priority: int | None) -> None:
        """
        Have a job that has not begun wait elsewhere. Stored when this returns; raises as
        `Claims.move` does.
        """
        async with self._arranging(job_id):
            reach("supervisor.before_move")
            self._claims.move(job_id, queue, priority)
            reach("supervisor.after_move")

    async def hold(self, job_id: JobId, *, held: bool) -> None:
        """Hold a job that has not begun, or release it. Stored when this returns; as `Claims.hold`."""
        async with self._arranging(job_id):
            reach("supervisor.before_hold")
            self._claims.hold(job_id, held=held)
            reach("supervisor.after_hold")

    @asynccontextmanager
    async def _arranging(self, job_id: JobId) -> AsyncIterator[None]:
        """All is stored, and nothing else happens meanwhile. Raises `Unavailable` if it cannot be."""
        async with self._turn:
            self._look_at_store = True  # what is not taken up yet may be meant as well
            await self._do_turn(at_once=True)
            if self._ledger.unsaved:
                raise self._outage.refusal(job_id)
            yield
        self._tell(job_id)
        self._work.set()  # it may be its turn now

    async def _look_at(self, job: Job, index: int) -> Node:
        """Return a node as it stands, once an end that is there already was taken in."""
        node = job.nodes[index]
        may_have_ended = node.is_claimed and not node.is_terminal
        if may_have_ended and (seen := await self._hands.look(job, node)) is not None:
            self._hear(attempt_key(job.id, index, node.attempt), seen)
            node = self._ledger.take(job).nodes[index]
        return node

    async def _cancel_node(self, job: Job, index: int, grace: timedelta | None) -> None:
        node = await self._look_at(job, index)
        if not node.is_terminal:
            self._hands.drop(job.id, index)
            self._follow(job, node, (ev.CancelRequested(at=self._clock.now()),))
            node = self._ledger.take(job).nodes[index]
        if not node.is_settled and node.attempt:
            self._hands.stop(job, node, job.spec.grace if grace is None else grace)
