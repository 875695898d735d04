"""Completions in the database of the jobs. Read only where somebody asks for them."""

from __future__ import annotations

import re
from typing import Final

from ..core.completion import Completion, CompletionPage
from ..errors import InvalidRequest
from .sql import sqlite_completions as sql
from .sqlite import jobs_at
from .sqlite_connection import Connection

BEGINNING: Final = "0"
"""The cursor of a store in which nothing was ever stored: that of no store in particular."""

_CURSOR: Final = re.compile(r"([0-9a-f]{12})-([0-9a-f]{1,15})", re.ASCII)


class SqliteCompletions:
    """The `Completions` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str) -> None:
        self._database = Connection(path)

    def after(self, cursor: str | None, *, limit: int) -> CompletionPage:
        name, place = _read(cursor)
        with self._database.read() as database:
            if database is None:
                if name is not None:
                    raise _of_another(cursor)
                return CompletionPage(completions=(), next_cursor=BEGINNING)
            (ours,) = database.execute(sql.NAME).fetchone()
            last = database.execute(sql.LAST).fetchone()
            if name not in (None, ours) or place > (last[0] if last else 0):
                raise _of_another(cursor)
            found = database.execute(sql.AFTER, (place, limit)).fetchall()
            jobs = jobs_at(database, [job_seq for _, job_seq in found])
        ends = tuple(
            Completion(job=job, cursor=_write(ours, seq))
            for job, (seq, _) in zip(jobs, found, strict=True)
        )
        here = found[-1][0] if found else place
        return CompletionPage(completions=ends, next_cursor=_write(ours, here))

    def close(self) -> None:
        self._database.close()


def _write(name: str, seq: int) -> str:
    return f"{name}-{seq:x}"


def _read(cursor: str | None) -> tuple[str | None, int]:
    """Return of which store a cursor is, None where of any, and its place there."""
    if cursor is None or cursor == BEGINNING:
        return None, 0
    if (found := _CURSOR.fullmatch(cursor)) is None:
        raise InvalidRequest(
            f"{cursor!r:.80} is no cursor of completions",
            suggestion="Take the next_cursor of the answer before, or none: from the beginning",
        )
    return found[1], int(found[2], 16)


def _of_another(cursor: str | None) -> InvalidRequest:
    return InvalidRequest(
        f"the cursor {cursor!r:.80} is none of this store: it was given by another one, or by this"
        " one before an older copy was put in its place",
        suggestion="Begin anew, without a cursor: from the first end that is kept",
    )
