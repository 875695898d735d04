"""The seam between the doors' service and the supervisor that carries jobs to their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from ..core.job import JobId


class News(Protocol):
    """One caller's subscription to what happens to jobs."""

    def wait_changed(self, timeout: timedelta | None) -> bool:
        """
        Return True once something may have changed, False when *timeout* has passed.

        True also where the subscription broke and was made again: read the store anew.
        """

    def changed(self, timeout: timedelta | None) -> frozenset[JobId] | None:
        """
        Return which jobs may have changed, once any may have; none when *timeout* has passed.

        None: any of them, since the subscription broke and was made again.
        """

    def fileno(self) -> int | None:
        """
        Return a descriptor that is readable when `wait_changed` has something to say at once.

        None while the subscription is broken: only `wait_changed` makes it again.
        """

    def close(self) -> None:
        """End the subscription. Idempotent."""


class Arranging(Protocol):
    """The supervisor of one home, as far as whose turn it is can be changed."""

    def arrange(self, timeout: timedelta) -> bool:
        """
        Have it go by the queues as they are stored now; False if *timeout* came first. Where there
        is none, none is started: the next one will.
        """

    def obstacles(
        self, places: Sequence[tuple[JobId, int]]
    ) -> Mapping[JobId, list[dict[str, Any]]] | None:
        """
        Return what keeps those from running that wait (`core.hindrance.of_turn` reads it), of a job
        and one of its nodes each. None: nobody could tell within a second. Starts none.
        """

    def move(self, job_id: JobId, *, queue: str | None, priority: int | None) -> None:
        """
        Have a job that has not begun wait in another *queue*, or with another *priority*; None
        leaves it. Stored when this returns. Idempotent.

        Raises:
            Conflict: It has begun, or the queue does not take it. It is as it was.

            Unavailable: No supervisor could be reached or started.
        """

    def hold(self, job_id: JobId, *, held: bool) -> None:
        """
        Have a job that has not begun wait until it is released, or release it. Stored when this
        returns. Idempotent.

        Raises:
            Conflict: It has begun. It is as it was.

            Unavailable: No supervisor could be reached or started.
        """


class Supervision(Protocol):
    """The supervisor of one home, started by whoever needs it."""

    def wake(self) -> None:
        """Make a supervisor look at the store soon, starting one if there is none."""

    def catch_up(self, timeout: timedelta) -> bool:
        """Let it take in everything that has happened by now; False if *timeout* came first."""

    def cancel(self, job_id: JobId, *, nodes: frozenset[int], grace: timedelta | None) -> None:
        """
        Cancel what has not ended of a job (all nodes, if *nodes* is empty), and stop it.

        Stored when this returns. An end that is already there is taken in first.

        Raises:
            Unavailable: No supervisor could be reached or started.
        """

    def held(self, references: frozenset[str]) -> frozenset[str]:
        """
        Return those of *references* that are in the supervisor's memory, and whoever gave their
        values is there.
        """

    def news(self, job_ids: frozenset[JobId] | None, *, timeout: timedelta | None = None) -> News:
        """Subscribe to changes of these jobs; None: of all. Takes *timeout* at the most."""

    def close(self) -> None:
        """Let go of what is kept open. Idempotent; a later call opens it again."""
