"""Jobs in a database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ports.completions import Completions
    from ..ports.deliveries import Deliveries
    from ..ports.queues import Queues
    from ..ports.schedules import Schedules
    from ..ports.sessions import Sessions
    from ..ports.store import Store, Version
    from ..ports.tokens import Tokens

__all__ = [
    "open_completions",
    "open_deliveries",
    "open_queues",
    "open_schedules",
    "open_sessions",
    "open_store",
    "open_tokens",
    "open_version",
]


def open_store(
    path: str | os.PathLike[str], *, migrate: bool = False, version: Version | None = None
) -> Store:
    """
    Open the database at *path*.

    Where there is none, none is made before the first `add`: until then there is no job. With
    *migrate*, which is for the holder of the supervisor's lock, it is made at once, and an older
    one is brought up to date. *version* is asked whether somebody else has written; None: by the
    store itself.

    Raises:
        SchemaOlder: The database is of an older Outlast, and *migrate* was not asked for.

        HomeRefused: It cannot be used, is damaged, not ours, or newer than we are. It was left
            as it is.

        Unavailable: It cannot be reached for now.
    """
    from .sqlite import SqliteStore

    return SqliteStore(os.fspath(path), migrate=migrate, version=version)


def open_completions(path: str | os.PathLike[str]) -> Completions:
    """Open the completions in the database at *path*. Raises as `open_store` does."""
    from .sqlite_completions import SqliteCompletions

    return SqliteCompletions(os.fspath(path))


def open_deliveries(path: str | os.PathLike[str]) -> Deliveries:
    """Open the deliveries in the database at *path*. Raises as `open_store` does."""
    from .sqlite_deliveries import SqliteDeliveries

    return SqliteDeliveries(os.fspath(path))


def open_queues(path: str | os.PathLike[str]) -> Queues:
    """Open the queues in the database at *path*. Raises as `open_store` does."""
    from .sqlite_queues import SqliteQueues

    return SqliteQueues(os.fspath(path))


def open_schedules(path: str | os.PathLike[str]) -> Schedules:
    """Open the schedules in the database at *path*. Raises as `open_store` does."""
    from .sqlite_schedules import SqliteSchedules

    return SqliteSchedules(os.fspath(path))


def open_sessions(path: str | os.PathLike[str]) -> Sessions:
    """Open the sessions in the database at *path*. Raises as `open_store` does."""
    from .sqlite_sessions import SqliteSessions

    return SqliteSessions(os.fspath(path))


def open_tokens(path: str | os.PathLike[str], *, version: Version | None = None) -> Tokens:
    """Open the tokens in the database at *path*. Raises as `open_store` does; *version* as there."""
    from .sqlite_tokens import SqliteTokens

    return SqliteTokens(os.fspath(path), version=version)


def open_version(path: str | os.PathLike[str]) -> Version:
    """
    Return what tells whether anybody has written to the database at *path*, over a connection of
    its own, which waits for no write. Raises as `open_store` does.
    """
    from .sqlite_connection import Connection

    return Connection(os.fspath(path)).version
