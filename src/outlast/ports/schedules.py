"""The seam between schedules and the database that keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ..core.schedule import Schedule


class Schedules(Protocol):
    """
    Schedules, on disk beside the jobs. Each method is one transaction. Raises as `Store` does
    where the database cannot be used.

    What a job of a schedule changes in it comes by way of `Store.add`, in the job's transaction.
    """

    def add(
        self, schedule: Schedule, *, instead_of: Schedule | None = None, most: int | None = None
    ) -> None:
        """
        Store a new one, in the place of another one of its name, if there is to be one.

        Raises:
            Conflict: There is one of this name that is not *instead_of*.

            Forbidden: With it, its token would have more than *most*.
        """

    def find(self, name: str | None = None) -> tuple[Schedule, ...]:
        """Return all, by their names; or the one of that name, if there is one."""

    def save(self, before: Schedule, after: Schedule) -> bool:
        """Replace *before* by *after*. False: *before* is not what is stored, and nothing is done."""

    def remove(self, name: str, *, only: Schedule | None = None) -> Schedule | None:
        """
        Forget the one of that name, and return it as it stood; with *only*, if it is that one.
        None: there was none. No job is touched.
        """

    def next_due(self) -> datetime | None:
        """Return when the next job is due; None: none ever is."""

    def close(self) -> None:
        """Let go of the database. Idempotent."""
