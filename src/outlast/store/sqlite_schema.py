"""
Making a database, and bringing an older one up to date. Read only where one of the two is done.

A new database is made under another name and linked to its own when it is whole, so that no
process ever meets half of one. It is made by the same migrations that an older one goes through.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import get_ident
from typing import Final, NamedTuple

from ..errors import HomeRefused, Unavailable
from .sql.sqlite import APPLICATION_ID

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "sql", "sqlite_migrations")


class Migration(NamedTuple):
    """One step from the schema numbered one less to that of *number*."""

    number: int
    sql: str


def load_migrations() -> tuple[Migration, ...]:
    """Return the migrations that we know, in their order."""
    migrations = []
    for name in sorted(os.listdir(_FOLDER)):
        if name.endswith(".sql"):
            with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
                migrations.append(Migration(int(name[:4]), file.read()))
    return tuple(migrations)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] | None = None) -> int:
    """
    Bring a database up to date in one transaction, and return the number of its schema.

    Call it only where no older Outlast works on the database: under the supervisor's lock, or on
    one that nobody else knows of. Does nothing to one that is up to date or newer.
    """
    steps = load_migrations() if migrations is None else migrations
    if all(step.number <= _schema(connection) for step in steps):
        return _schema(connection)
    # A step that makes a table anew must not take the rows that refer to it along, and inside a
    # transaction this cannot be set (https://www.sqlite.org/lang_altertable.html#otheralter).
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        schema = _schema(connection)
        for step in steps:
            if step.number > schema:
                for statement in _statements(step.sql):
                    connection.execute(statement)
                schema = step.number
        if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.IntegrityError(f"rows of {broken[0]} refer to nothing")
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA foreign_keys = ON")
    # Into the file itself, so that its header tells the schema to whoever only looks at that.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    return schema


def create(path: str, migrations: Sequence[Migration] | None = None) -> None:
    """
    Make a database at *path*, readable by this user alone, unless there is a file already.

    Raises:
        HomeRefused: Its folder is not there, or takes no new file.

        Unavailable: Its disk is full.
    """
    folder = os.path.dirname(path)
    building = f"{path}.new-{os.getpid()}-{get_ident()}"
    try:
        _remove(building)  # left by a process that had our number and was killed here
        os.close(os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _build(building, migrations)
            with suppress(FileExistsError):  # somebody else was faster: theirs is as good
                os.link(building, path)
        finally:
            _remove(building)
        _sync_folder(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(
                f"There is no room left to make the database {path}",
                suggestion="Make room on its disk",
            ) from error
        raise HomeRefused(
            f"No database can be made at {path} ({error.strerror})",
            suggestion="Make its folder, writable for this user, or name another home with"
            " OUTLAST_HOME",
        ) from error


def _build(path: str, migrations: Sequence[Migration] | None) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # Its mark before its first table, and both before WAL: the file's own header must tell
        # whose it is, also to somebody who does not read the log beside it.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, migrations)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _schema(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _remove(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)


def _statements(sql: str) -> Iterator[str]:
    """Take *sql* apart. Not by `executescript`, which commits what was begun before it."""
    statement = ""
    for piece in sql.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip(" \n;"):
        yield statement


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
