"""
One connection to one database, for many threads and across forks, a transaction at a time.

Opening looks before it touches: a file that is not ours, or newer than we are, keeps every byte,
and a log beside it that somebody left is not worked into it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from ..errors import ClientError, HomeRefused, Internal, InvalidRequest, SchemaOlder
from .sql.sqlite import APPLICATION_ID, SCHEMA

BUSY_S: Final = 5.0
"""How long a write waits for others to finish theirs, in seconds."""


class Connection:
    """
    The database at *path*, from the moment that there is one.

    Threads take turns. A forked child opens the database anew: a connection must neither be used
    nor closed by a process that did not open it (https://www.sqlite.org/howtocorrupt.html#fork).
    """

    def __init__(self, path: str, *, migrate: bool = False) -> None:
        self.path = os.path.abspath(path)
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        _LIVE.add(self)
        with self._told():
            if migrate:
                self._make(migrate=True)
            self._open()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection | None]:
        """One unchanging view of everything; None where there is no database yet."""
        with self._lock, self._told():
            connection = self._open()
            if connection is None:
                yield None
                return
            with self._transaction(connection, "BEGIN"):
                yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Changes that happen together when the block ends, or not at all if it raises."""
        with self._lock, self._told():
            connection = self._open()
            if connection is None:
                self._make(migrate=False)
                connection = self._open()
            if connection is None:
                raise HomeRefused(f"The database {self.path} goes away again and again")
            with self._transaction(connection, "BEGIN IMMEDIATE"):
                yield connection

    def version(self) -> tuple[int, int] | None:
        """
        Return what is another one as soon as another connection has committed anything, without a
        transaction (https://www.sqlite.org/pragma.html#pragma_data_version); None: no database.
        """
        with self._lock, self._told():
            connection = self._open()
            if connection is None:
                return None
            return id(connection), connection.execute("PRAGMA data_version").fetchone()[0]

    def close(self) -> None:
        """Let go of the database. Idempotent."""
        with self._lock, self._told():
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def after_fork(self) -> None:
        """Begin anew in a forked child, without as much as closing what the parent opened."""
        self._lock = Lock()  # another thread may have held it, and that is not here
        if self._connection is not None:
            _ABANDONED.append(self._connection)
            self._connection = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            from .sqlite_errors import translate

            raise translate(self.path, error) from error
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"{error.object!r:.80} is not UTF-8") from error

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, begin: str) -> Iterator[None]:
        connection.execute(begin)
        try:
            # Asked every time: somebody may bring the database up to date while it is open here.
            _check_schema(self.path, connection)
            yield
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection | None:
        if self._closed:
            raise Internal(f"The store at {self.path} was closed")
        if self._connection is None and _is_ours(self.path):
            connection = _connect(self.path, "mode=rw")
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                _check_schema(self.path, connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _make(self, *, migrate: bool) -> None:
        from . import sqlite_schema

        if not _is_ours(self.path):
            sqlite_schema.create(self.path)
        elif migrate:
            connection = _connect(self.path, "mode=rw")
            try:
                sqlite_schema.migrate(connection)
            finally:
                connection.close()


def _connect(path: str, options: str) -> sqlite3.Connection:
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file://{name}?{options}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _is_ours(path: str) -> bool:
    """
    Whether there is a database of ours at *path*; False where there is nothing.

    Reads the header alone, without a lock. It is left to SQLite to open the file, even for that:
    closing it ourselves would drop the locks of every other connection in this process
    (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).

    Raises:
        HomeRefused: There is something else.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise HomeRefused(
            f"The database {path} cannot be reached ({error.strerror})",
            suggestion="Let this user reach it, or name another home with OUTLAST_HOME",
        ) from error
    if not stat.S_ISREG(mode):
        raise HomeRefused(
            f"{path} is not a file, and so no database of Outlast's; it was left as it is",
            suggestion="Move it away, or name another home with OUTLAST_HOME",
        )
    header = _connect(path, "mode=ro&immutable=1")
    try:
        mark = header.execute("PRAGMA application_id").fetchone()[0]
        schema = header.execute("PRAGMA user_version").fetchone()[0]
    finally:
        header.close()
    if mark != APPLICATION_ID:
        raise HomeRefused(
            f"{path} is no database of Outlast's; it was left as it is",
            suggestion="Move it away, or name another home with OUTLAST_HOME",
        )
    if schema > SCHEMA:
        raise _newer(path, schema)
    return True


def _check_schema(path: str, connection: sqlite3.Connection) -> None:
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema == SCHEMA:
        return
    if schema > SCHEMA:
        raise _newer(path, schema)
    raise SchemaOlder(
        f"The database {path} has schema {schema}, and this Outlast works with {SCHEMA}",
        suggestion="Let its supervisor bring it up to date: outlast supervisor stop, then try again",
    )


def _newer(path: str, schema: int) -> ClientError:
    return HomeRefused(
        f"The database {path} was written by a newer Outlast: it has schema {schema}, and this one"
        f" knows {SCHEMA} at most; it was left as it is",
        suggestion="Upgrade Outlast here too, or name another home with OUTLAST_HOME",
    )


_LIVE: Final[weakref.WeakSet[Connection]] = weakref.WeakSet()
_ABANDONED: Final[list[sqlite3.Connection]] = []
"""Connections of our parent's, kept so that nothing closes them."""


def _forget_connections() -> None:
    for connection in list(_LIVE):
        connection.after_fork()


os.register_at_fork(after_in_child=_forget_connections)
