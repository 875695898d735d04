"""One message to one receiver about the end of one job: what is known of it, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..errors import InvalidRequest
from .webhook import Webhook, event_of, origin_of

if TYPE_CHECKING:
    from .job import Job, JobId

RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""How long after each try the next one comes: as the specification of Standard Webhooks has it."""

SPREAD: Final = 0.2
"""By so much of it, at most, the next try is later: those that failed together do not come so."""

LONGEST_WISH: Final = timedelta(days=1)
"""So long, at most, a receiver may put the next try off."""

GONE: Final = 410
"""What a receiver answers that wants no more."""


class DeliveryState(StrEnum):
    """How it stands."""

    DUE = "due"
    """To be sent, for the first time or again."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """Nobody tries any more."""


def states_of(names: Iterable[str]) -> frozenset[DeliveryState]:
    """Return the states of these names. Raises InvalidRequest where one is none."""
    given = list(names)
    unknown = [name for name in given if name not in set(DeliveryState)]
    if unknown:
        raise InvalidRequest(
            f"{unknown[0]!r:.80} is no state: it is one of {', '.join(DeliveryState)}"
        )
    return frozenset(map(DeliveryState, given))


@dataclass(frozen=True, kw_only=True)
class Try:
    """What became of sending it once."""

    attempt: int
    at: datetime
    took: timedelta
    status: int | None = None
    """What the receiver answered; None: it did not."""

    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has it."""
        return self.error is None and self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message. Times are UTC."""

    id: str
    """The same at each try: by it a receiver knows what it has already."""

    job_id: JobId
    url: str
    secret: str
    event: str
    is_servers: bool = False
    """Whether it goes to the receiver of all jobs, whom the job does not name."""

    state: DeliveryState = DeliveryState.DUE
    attempts: int = 0
    since: int = 0
    """The attempts before its pauses began anew: somebody has asked for it to be tried again."""

    created_at: datetime
    due_at: datetime | None
    """When it is tried next; None where that is never."""

    tries: tuple[Try, ...] = ()
    """Those that are kept, oldest first."""

    @property
    def origin(self) -> str:
        """Whom it goes to."""
        return origin_of(self.url)

    def tried(
        self,
        this: Try,
        retries: Sequence[timedelta],
        chance: float,
        wish: timedelta | None = None,
    ) -> Delivery:
        """
        Return it after *this* try. *retries* are the pauses, *chance* a number from 0 to 1;
        *wish* is how long the receiver has asked to be left alone.
        """
        after = replace(self, attempts=this.attempt, tries=(*self.tries, this))
        if this.succeeded:
            return replace(after, state=DeliveryState.DELIVERED, due_at=None)
        pauses = this.attempt - self.since
        if this.status == GONE or pauses > len(retries):
            return replace(after, state=DeliveryState.FAILED, due_at=None)
        pause = retries[pauses - 1] * (1 + SPREAD * chance)
        if wish is not None:
            pause = max(pause, min(wish, LONGEST_WISH))
        return replace(after, due_at=this.at + this.took + pause)


def deliveries_of(job: Job, everybody: Sequence[Webhook], at: datetime) -> tuple[Delivery, ...]:
    """
    Return what the end of *job* is to be told to: its own receivers, and those of all jobs,
    *everybody*. Nothing, where it has not ended.
    """
    if not job.is_terminal:
        return ()
    event = event_of(job.status)
    base = job.id.removeprefix("job_")
    return tuple(
        Delivery(
            id=f"msg_{base}_{mark}{place}",
            job_id=job.id,
            url=each.url,
            secret=each.secret,
            event=event,
            is_servers=mark == "s",
            created_at=at,
            due_at=at,
        )
        for mark, some in (("", job.spec.webhooks), ("s", everybody))
        for place, each in enumerate(some)
        if event in each.events
    )
