"""The seam of completions: the ends of jobs, each once, in the order in which they were stored."""

from __future__ import annotations

from typing import Protocol

from ..core.completion import CompletionPage


class Completions(Protocol):
    """
    The ends of jobs, on disk beside those, and gone with their records. New ones come by way of
    `Store.save` and `Store.add`, in the transaction of the end. Raises as `Store` does where the
    database cannot be used.
    """

    def after(self, cursor: str | None, *, limit: int) -> CompletionPage:
        """
        Return the next *limit* ends behind *cursor*; None: from the first that is kept.

        Raises:
            InvalidRequest: It is no cursor, or none of this store.
        """

    def close(self) -> None:
        """Let go of the database. Idempotent."""
