"""The verbs that desks of their own do: what few callers ask for, and only they import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ..core.state import NodeStatus

if TYPE_CHECKING:
    from ..core.completion import CompletionPage
    from ..core.delivery import Delivery
    from ..core.job import Job, JobId
    from ..core.session import Session
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.completions import Completions
    from ..ports.deliveries import Deliveries
    from ..ports.queues import Queues
    from ..ports.schedules import Schedules
    from ..ports.sessions import Sessions
    from ..ports.store import Store
    from ..ports.supervision import Arranging, Supervision
    from . import verbs
    from .completions import CompletionDesk
    from .deliverydesk import DeliveryDesk
    from .preflight import Ask
    from .queuedesk import QueueDesk
    from .scheduledesk import ScheduleDesk
    from .sessions import SessionDesk


class Desks:
    """A part of `Service`, which has what the desks need. Each is there once it is asked for."""

    _store: Store
    _supervision: Supervision
    _clock: Clock
    _home: Home
    _open_sessions: Callable[[], Sessions]
    _open_deliveries: Callable[[], Deliveries]
    _open_completions: Callable[[], Completions]
    _open_schedules: Callable[[], Schedules]
    _open_queues: Callable[[], Queues]
    _arranging: Arranging
    _capabilities: Ask
    _stored: Callable[[JobId], Job]
    submit: Callable[[verbs.Submit], tuple[Job, ...]]
    cancel: Callable[[verbs.Cancel], tuple[Job, bool]]

    def close_desks(self) -> None:
        """Let go of what they have open. Idempotent."""
        for name in ("desk", "_delivery_desk", "_completion_desk", "schedules", "queues"):
            if (desk := vars(self).pop(name, None)) is not None:
                desk.close()

    def open_session(self, request: verbs.OpenSession) -> Session:
        """Open a session. Raises InvalidRequest, or Conflict where an open one has its name."""
        return self.desk.open(request)

    def session(self, request: verbs.Session) -> Session:
        """Return the open session of that name as it stands. Raises NotFound."""
        return self.desk.get(request)

    def sessions(self, request: verbs.Sessions) -> tuple[Session, ...]:
        """Return the sessions as they stand, oldest first."""
        return self.desk.find(request)

    def close_session(self, request: verbs.CloseSession) -> Session:
        """Close a session. Raises NotFound, or NotTerminal where it is in use and is to stay so."""
        return self.desk.close_session(request, self.submit, self.cancel)

    def deliveries(self, request: verbs.Deliveries) -> tuple[Delivery, ...]:
        """Return what webhooks were sent or are to be, newest first. Raises NotFound, or Expired."""
        return self._delivery_desk.find(request)

    def redeliver(self, request: verbs.Redeliver) -> tuple[Delivery, ...]:
        """Have webhooks of a job be tried again. Raises NotFound, Expired, or NotTerminal."""
        return self._delivery_desk.again(request)

    def completions(self, request: verbs.Completions) -> CompletionPage:
        """Return ends, each once, in their order. Raises InvalidRequest for a cursor of elsewhere."""
        return self._completion_desk.find(request)

    def move(self, request: verbs.Move) -> Job:
        """Move a job that has not begun. Raises NotFound, Expired, or Conflict: it has."""
        return self.explained([self.queues.move(request)])[0]

    def explained(self, jobs: Iterable[Job]) -> tuple[Job, ...]:
        """
        Return *jobs*, those that wait with what keeps them from beginning (`Job.waiting_for`). The
        supervisor is asked once about all of them, and not at all where none waits.
        """
        there = tuple(jobs)
        if all(node.status != NodeStatus.PENDING for job in there for node in job.nodes):
            return there
        from .why import explained

        def paused() -> frozenset[str]:
            return self.queues.paused()  # opened only where nobody else can tell

        return explained(there, self._arranging, paused)

    @cached_property
    def desk(self) -> SessionDesk:
        """The desk of sessions."""
        from .sessions import SessionDesk

        return SessionDesk(self._open_sessions(), self._supervision, self._clock, self._home)

    @cached_property
    def _delivery_desk(self) -> DeliveryDesk:
        from .deliverydesk import DeliveryDesk

        return DeliveryDesk(self._open_deliveries(), self._supervision, self._clock, self._stored)

    @cached_property
    def _completion_desk(self) -> CompletionDesk:
        from .completions import CompletionDesk

        return CompletionDesk(self._open_completions(), self._store, self._supervision, self._clock)

    @cached_property
    def schedules(self) -> ScheduleDesk:
        """The verbs about schedules."""
        from .scheduledesk import ScheduleDesk

        parts = self._open_schedules(), self._supervision, self._clock, self._home
        return ScheduleDesk(*parts, self._capabilities, submit=self.submit, get=self._stored)

    @cached_property
    def queues(self) -> QueueDesk:
        """The verbs about queues."""
        from .queuedesk import QueueDesk

        parts = self._open_queues(), self._supervision, self._arranging, self._clock
        return QueueDesk(*parts, home=self._home, get=self._stored)
