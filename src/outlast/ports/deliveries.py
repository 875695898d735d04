"""The seams of deliveries: to the database that keeps them, and to the network that takes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..core.delivery import Delivery, DeliveryState
from ..core.job import JobId


class Deliveries(Protocol):
    """
    What is to be told about ends, and each try at it: on disk beside the jobs, and gone with them.
    New ones come by way of `Store.save`, in the transaction of the end. Raises as `Store` does
    where the database cannot be used.
    """

    def due(
        self, now: datetime, *, limit: int, but: Collection[str], not_to: Collection[str]
    ) -> tuple[Delivery, ...]:
        """
        Return at most *limit* that are due at *now*, those first that are due for longest; none of
        the ids *but*, and none to the origins *not_to*. Without their tries.
        """

    def next_due(self) -> datetime | None:
        """Return when the next one is due; None: none is to be sent any more."""

    def record(self, after: Delivery) -> None:
        """
        Store how one stands *after* its last try, and that try. Silent where the job is gone, or
        where that very try is stored already.
        """

    def find(
        self,
        *,
        job_id: JobId | None = None,
        states: Collection[DeliveryState] = (),
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return the newest, of one job or of all, in these states or in any; with their tries."""

    def again(self, job_id: JobId, *, at: datetime) -> tuple[Delivery, ...]:
        """
        Have those of a job be due at once that are not delivered, and return them: from the
        beginning of their pauses.
        """

    def close(self) -> None:
        """Let go of the database. Idempotent."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What goes to a receiver once."""

    id: str
    at: datetime
    """When it goes, which is signed: a receiver takes no old one."""

    url: str
    body: str
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it: a *status*, or an *error* where the receiver has answered nothing."""

    status: int | None = None
    error: str | None = None
    wish: timedelta | None = None
    """How long it has asked to be left alone."""


class Sender(Protocol):
    """Sends messages over a network."""

    async def send(self, message: Message) -> Answer:
        """
        Sign and send it, once. Returns within seconds, and raises nothing: what keeps it from
        being sent is an answer.
        """
