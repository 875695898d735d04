"""Does the verbs about queues, and moves jobs between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ..core.job import DEFAULT_QUEUE
from ..core.limits import iso
from ..core.order import read_priority
from ..core.queue import (
    LIMITS,
    Queue,
    QueueStanding,
    QueueState,
    check_name,
    queue_fault,
    read_limits,
)
from ..core.reader import Reader
from ..errors import Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.queues import Queues
    from ..ports.supervision import Arranging, Supervision
    from . import verbs

PATIENCE: Final = timedelta(seconds=15)
"""How long a supervisor is given to go by what was changed, before that is answered."""


class QueueDesk:
    """
    The queues of one home, and the verbs over them. *get* returns a job as it is stored.

    What was changed is stored when a verb returns, and the supervisor goes by it: none begins
    any more that it forbids.
    """

    def __init__(
        self,
        queues: Queues,
        supervision: Supervision,
        arranging: Arranging,
        clock: Clock,
        *,
        home: Home,
        get: Callable[[JobId], Job],
    ) -> None:
        self._queues = queues
        self._supervision = supervision
        self._arranging = arranging
        self._clock = clock
        self._home = home
        self._get = get

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._queues.close()

    def create(self, name: str, **limits: Any) -> QueueStanding:
        """
        Have a queue of that name, no wider than `width`: nodes that run in it add up to `max_cpus`
        and `max_memory` at the most (`core.queue.read_limits`). What waits in it stays in it. One
        that is there with the very same limits is left as it stands: a script may say so each time.

        Raises:
            InvalidRequest: Something is wrong with it. `Conflict`: there is one with other limits.
        """
        if check_name(name) == DEFAULT_QUEUE:
            raise InvalidRequest(
                f"{name} is there already, for the jobs that name no queue",
                suggestion=f"Change it: outlast queue set {name} --width N",
            )
        said = read_limits(limits)
        self._home.prepare()
        queue = Queue(name=name, created_at=self._clock.now(), **said)
        try:
            self._queues.add(queue)
        except Conflict:
            there = self._queues.find().get(name)
            if there is None or any(
                getattr(there, each) != getattr(queue, each) for each in LIMITS
            ):
                raise
        return self._changed(name)

    def set(self, name: str, **limits: Any) -> QueueStanding:
        """
        Change some limits of a queue; None takes one away. What runs goes on.

        Raises:
            InvalidRequest: Something is wrong with it. `NotFound`: nobody created it.
        """
        said = read_limits(limits)
        if not said:
            raise InvalidRequest("there is nothing to change: give width, max_cpus or max_memory")
        self._change(name, **said)
        return self._changed(name)

    def list(self) -> tuple[QueueStanding, ...]:
        """Return the queues as they stand, `default` first; those that hold jobs included."""
        return self._queues.standings()

    def created(self) -> frozenset[str]:
        """Return the names of the queues that somebody has created: quick, however many jobs there are."""
        return frozenset(self._queues.find())

    def paused(self) -> frozenset[str]:
        """Return the names of the queues that are paused: as quick."""
        found = self._queues.find()
        return frozenset(name for name in found if found[name].state is QueueState.PAUSED)

    def pause(self, name: str) -> QueueStanding:
        """Have nothing more of a queue begin. What runs goes on. Raises `NotFound`."""
        return self._become(name, QueueState.PAUSED)

    def resume(self, name: str) -> QueueStanding:
        """Have a queue take jobs, and begin them. Raises `NotFound`."""
        return self._become(name, QueueState.OPEN)

    def drain(self, name: str) -> QueueStanding:
        """
        Have a queue take no more jobs; what is in it runs.

        Raises:
            NotFound: Nobody created it.

            InvalidRequest: It is `default`: there would be no place for whoever names no queue.
        """
        if name == DEFAULT_QUEUE:
            raise InvalidRequest(
                f"{name} always takes jobs: those that name no queue would have no place",
                suggestion=f"Have none of them begin: outlast queue pause {name}",
            )
        return self._become(name, QueueState.DRAINING)

    def pause_all(self) -> tuple[QueueStanding, ...]:
        """
        Pause `default` and every queue that was created, all in one transaction, and return them.
        One that nobody created is left as it is.
        """
        return self._all_become(QueueState.PAUSED)

    def resume_all(self) -> tuple[QueueStanding, ...]:
        """Have all of them take jobs, and begin them. As `pause_all`."""
        return self._all_become(QueueState.OPEN)

    def drain_all(self) -> tuple[QueueStanding, ...]:
        """Have all of them but `default` take no more jobs. As `pause_all`."""
        return self._all_become(QueueState.DRAINING, but=DEFAULT_QUEUE)

    def delete(self, name: str) -> None:
        """
        Forget a queue in which nothing is.

        Raises:
            NotFound: Nobody created it. `NotTerminal`: a job of it has not ended.

            InvalidRequest: It is `default`.
        """
        if name == DEFAULT_QUEUE:
            raise InvalidRequest(
                f"{name} is always there",
                suggestion=f"Have it as wide as the machine: outlast queue set {name} --width none",
            )
        self._queues.delete(name)
        self._arranging.arrange(PATIENCE)

    def move(self, request: verbs.Move) -> Job:
        """Move a job that has not begun, and return it. Raises as `Arranging.move` does."""
        reader = Reader({"queue": request.queue, "priority": request.priority})
        queue = reader.text("queue")
        priority = reader.take("priority")
        if priority is not None:
            reader.read("priority: ", read_priority, priority)
        if queue is not None and (fault := queue_fault(queue)):
            reader.faults.append(fault)
        if queue is None and priority is None:
            reader.faults.append("there is nothing to change: give queue or priority")
        if reader.faults:
            raise InvalidRequest(*reader.faults, job_id=request.job_id)
        job = self._get(request.job_id)
        self._arranging.move(job.id, queue=queue, priority=priority)
        return self._get(job.id)

    def _become(self, name: str, state: QueueState) -> QueueStanding:
        self._change(name, state=state)
        return self._changed(name)

    def _all_become(
        self, state: QueueState, *, but: str | None = None
    ) -> tuple[QueueStanding, ...]:
        while True:
            names = {DEFAULT_QUEUE, *self._queues.find()} - {but}
            try:
                self._change(*names, state=state)
            except NotFound:
                continue  # somebody has deleted one meanwhile
            standings = self._gone_by()
            return tuple(each for each in standings if each.queue.name in names)

    def _change(self, *names: str, **fields: Any) -> None:
        self._home.prepare()  # `default` may be the first that is said of anything here
        self._queues.change(*names, **fields)

    def _changed(self, name: str) -> QueueStanding:
        """Have the supervisor go by what was stored, and return how the queue stands."""
        (standing,) = self._gone_by(name)
        return standing

    def _gone_by(self, name: str | None = None) -> tuple[QueueStanding, ...]:
        self._arranging.arrange(PATIENCE)
        standings = self._queues.standings(name)
        if any(each.waiting for each in standings):
            self._supervision.wake()  # there may be none, and this be its turn
        return standings


def public_queue(standing: QueueStanding) -> dict[str, Any]:
    """Return a queue as the JSON that every door gives."""
    queue = standing.queue
    return {
        "queue": queue.name,
        "state": str(queue.state),
        "width": queue.width,
        "max_cpus": queue.max_cpus,
        "max_memory_bytes": queue.max_memory_bytes,
        "running": standing.running,
        "waiting": standing.waiting,
        "created_at": iso(queue.created_at),
    }
