"""The seam between tokens and the database that keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ..core.token import Token


class Tokens(Protocol):
    """
    Tokens, on disk beside the jobs, of which only a digest is known. Raises as `Store` does where
    the database cannot be used.
    """

    def add(self, token: Token) -> None:
        """
        Store a new token. One of its name that has expired makes way.

        Raises:
            Conflict: There is one of its name that is neither revoked nor expired when it is made.
        """

    def by_digest(self, digest: bytes) -> Token | None:
        """Return the token of that digest, be it good or not; None: there is none."""

    def find(self) -> tuple[Token, ...]:
        """Return all, oldest first."""

    def revoke(self, name: str, *, at: datetime) -> Token:
        """
        Have the token of that name be good no more, for every process, when this returns.

        Raises:
            NotFound: There is none of it that is not revoked already.
        """

    def used(self, token_id: str, *, at: datetime) -> None:
        """Note when it was used last. Silent where there is no such token."""

    def close(self) -> None:
        """Let go of the database. Idempotent."""
