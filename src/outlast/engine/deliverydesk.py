"""Does the verbs about deliveries: what webhooks were sent, and what is to be sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.delivery import Delivery, Try
from ..core.limits import check_limit, iso, to_ms
from ..core.webhook import shown_url
from ..errors import NotTerminal
from . import verbs

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..ports.clock import Clock
    from ..ports.deliveries import Deliveries
    from ..ports.supervision import Supervision


class DeliveryDesk:
    """The verbs over the deliveries of one home. *get* returns a job as it is stored."""

    def __init__(
        self,
        deliveries: Deliveries,
        supervision: Supervision,
        clock: Clock,
        get: Callable[[JobId], Job],
    ) -> None:
        self._deliveries = deliveries
        self._supervision = supervision
        self._clock = clock
        self._get = get

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._deliveries.close()

    def find(self, request: verbs.Deliveries) -> tuple[Delivery, ...]:
        """Return the newest deliveries, each with its tries."""
        check_limit(request.limit)
        if request.job_id is not None:
            self._get(request.job_id)
        if self._deliveries.next_due() is not None:
            self._supervision.wake()
        return self._deliveries.find(
            job_id=request.job_id, states=request.states, limit=request.limit
        )

    def again(self, request: verbs.Redeliver) -> tuple[Delivery, ...]:
        """Have what is not delivered be tried at once, and return it."""
        job = self._get(request.job_id)
        if not job.is_terminal:
            raise NotTerminal(
                f"{job.id} is {job.status}: nobody is to be told of its end yet", job_id=job.id
            )
        due = self._deliveries.again(job.id, at=self._clock.now())
        if due:
            self._supervision.wake()
        return due


def public_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return *delivery* as the JSON that every door gives: no secret, nor what may hold one."""
    return {
        "webhook_id": delivery.id,
        "job_id": delivery.job_id,
        "url": shown_url(delivery.url),
        "event": delivery.event,
        "for_all_jobs": delivery.is_servers,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "created_at": iso(delivery.created_at),
        "next_attempt_at": iso(delivery.due_at),
        "tries": [_public_try(each) for each in delivery.tries],
    }


def _public_try(this: Try) -> dict[str, Any]:
    return {
        "attempt": this.attempt,
        "at": iso(this.at),
        "took_ms": to_ms(this.took),
        "status": this.status,
        "error": this.error,
    }
