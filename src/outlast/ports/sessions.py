"""The seam between sessions and the database that keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ..core.job import JobId
from ..core.session import Session


class Sessions(Protocol):
    """
    Sessions, on disk beside the jobs. Raises as `Store` does where the database cannot be used.

    What a session has run and is to run is known by its jobs: `Store.add` refuses one whose
    session is not open, and closes a session with its last job.
    """

    def open(self, session: Session) -> None:
        """
        Store a new session.

        Raises:
            Conflict: An open one has its name.
        """

    def reconnect(self, session: Session) -> None:
        """
        Have the open session of that id know its host as this one does.

        Raises:
            Conflict: It was closed.
        """

    def background(self, job_id: JobId, *, at: datetime | None = None) -> datetime | None:
        """
        Return since when a session's command goes on without the caller who stayed for it; None:
        that one has had its end, or can still have it.

        With *at*, from then on, unless it has ended or goes on so already. What is stored first
        decides: of an end and this, one comes before the other, for everybody.
        """

    def get(self, name: str) -> Session:
        """
        Return the open session of that name, with its jobs as they are stored.

        Raises:
            NotFound: There is none.
        """

    def find(self, *, closed: bool = False) -> tuple[Session, ...]:
        """Return the open sessions, or also the *closed* ones whose jobs are kept; newest last."""

    def close(self) -> None:
        """Let go of the database. Idempotent."""
