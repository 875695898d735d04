"""
What goes wrong in SQLite, in our words: the one mapping. Read only when something has.

SQLite's own code decides (https://www.sqlite.org/rescode.html), since Python's classes mix what
passes (a full disk) with what does not (a damaged file); the class decides where there is none.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import Final, TypeAlias

from ..errors import ClientError, HomeRefused, Internal, Unavailable
from ..home import UNLIMITED, longest_file

GROWS_BYTES: Final = 1 << 20
"""By so much a file of the database may be about to grow."""

Mapper: TypeAlias = Callable[[str, sqlite3.Error], ClientError]


def translate(path: str, error: sqlite3.Error) -> ClientError:
    """Return what *error*, met at the database at *path*, is to whoever asked."""
    # The low byte is the kind of error; the others only tell it more finely.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    by_class = next(BY_CLASS[kind] for kind in type(error).__mro__ if kind in BY_CLASS)
    return BY_CODE.get(code, by_class)(path, error)


def _busy(path: str, error: sqlite3.Error) -> ClientError:
    return Unavailable(
        f"The database {path} is busy: somebody else has been writing for too long ({error})",
        suggestion="Try again in a moment",
    )


def _full(path: str, error: sqlite3.Error) -> ClientError:
    return Unavailable(
        f"There is no room left to write the database {path} ({error})",
        suggestion="Make room on its disk, or delete jobs that are no longer needed",
    )


def _failed(path: str, error: sqlite3.Error) -> ClientError:
    longest = longest_file()
    # SQLite does not say what the system told it. Files of ours that are as long as they may be
    # grow no further: the index of the log alone has 32 KiB (https://www.sqlite.org/walformat.html).
    if longest is not None and longest < GROWS_BYTES + max(map(_size, (path, f"{path}-wal"))):
        return Unavailable(
            f"The database {path} could not be written ({error}): this process may write files of"
            f" {longest:,} bytes at the most (ulimit -f)",
            suggestion=UNLIMITED,
        )
    return _unreachable(path, error)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _unreachable(path: str, error: sqlite3.Error) -> ClientError:
    return Unavailable(f"The database {path} could not be read or written ({error})")


def _damaged(path: str, error: sqlite3.Error) -> ClientError:
    return HomeRefused(
        f"{path} is damaged, or no database of Outlast's ({error}); it was left as it is",
        suggestion="Move it away and put a backup in its place, or name another home with"
        " OUTLAST_HOME",
    )


def _denied(path: str, error: sqlite3.Error) -> ClientError:
    return HomeRefused(
        f"The database {path} may not be read and written by this user ({error})",
        suggestion="Make it writable for this user, or name another home with OUTLAST_HOME",
    )


def _cannot_open(path: str, error: sqlite3.Error) -> ClientError:
    if os.access(path, os.R_OK | os.W_OK):
        # The file is as it should be, so it is something that passes: too many open files, say.
        return _unreachable(path, error)
    return _denied(path, error)


def _ours(path: str, error: sqlite3.Error) -> ClientError:
    return Internal(f"{type(error).__name__} at the database {path}: {error}")


BY_CODE: Final[dict[int, Mapper]] = {
    sqlite3.SQLITE_BUSY: _busy,
    sqlite3.SQLITE_LOCKED: _busy,
    sqlite3.SQLITE_PROTOCOL: _busy,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_IOERR: _failed,
    sqlite3.SQLITE_NOMEM: _unreachable,
    sqlite3.SQLITE_INTERRUPT: _unreachable,
    sqlite3.SQLITE_CORRUPT: _damaged,
    sqlite3.SQLITE_NOTADB: _damaged,
    sqlite3.SQLITE_FORMAT: _damaged,
    sqlite3.SQLITE_PERM: _denied,
    sqlite3.SQLITE_READONLY: _denied,
    sqlite3.SQLITE_AUTH: _denied,
    sqlite3.SQLITE_CANTOPEN: _cannot_open,
}

BY_CLASS: Final[dict[type[sqlite3.Error], Mapper]] = {
    sqlite3.Error: _ours,
    sqlite3.DatabaseError: _ours,
    sqlite3.DataError: _ours,
    sqlite3.IntegrityError: _ours,
    sqlite3.InterfaceError: _ours,
    sqlite3.InternalError: _ours,
    sqlite3.NotSupportedError: _ours,
    sqlite3.OperationalError: _unreachable,
    sqlite3.ProgrammingError: _ours,
}
"""Every class, so that a new one is noticed: a test walks them."""
