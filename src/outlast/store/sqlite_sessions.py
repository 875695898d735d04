"""Sessions in the database of the jobs. Read only where there is to do with one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from json import dumps, loads
from typing import Any

from ..core.hostspec import host_from_json, host_to_json
from ..core.job import Job, JobId, SessionId
from ..core.limits import from_epoch_ms, to_epoch_ms
from ..core.session import Session, name_fault
from ..core.state import JobStatus
from ..errors import Conflict, NotFound, NotTerminal
from .sql import sqlite_sessions as sql
from .sqlite_connection import Connection


class SqliteSessions:
    """The `Sessions` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str) -> None:
        self._database = Connection(path)

    def open(self, session: Session) -> None:
        with self._database.write() as database:
            database.execute(sql.FORGET)
            if (row := database.execute(sql.BY_NAME, (session.name,)).fetchone()) is not None:
                raise Conflict(
                    f"there is an open session {session.name} already, on {row[2]}",
                    suggestion=f"Use it, take another name, or: outlast session close {session.name}",
                )
            database.execute(
                sql.ADD,
                (
                    session.id,
                    session.name,
                    session.host,
                    _hosts_of(session),
                    to_epoch_ms(session.created_at),
                ),
            )

    def reconnect(self, session: Session) -> None:
        with self._database.write() as database:
            if database.execute(sql.RECONNECT, (_hosts_of(session), session.id)).rowcount == 0:
                raise Conflict(f"the session {session.name} was closed")

    def background(self, job_id: JobId, *, at: datetime | None = None) -> datetime | None:
        if at is None:
            with self._database.read() as database:
                row = None if database is None else database.execute(sql.LEFT, (job_id,)).fetchone()
        else:
            with self._database.write() as database:
                database.execute(sql.LEAVE, (to_epoch_ms(at), job_id))
                row = database.execute(sql.LEFT, (job_id,)).fetchone()
        return None if row is None or row[0] is None else from_epoch_ms(row[0])

    def get(self, name: str) -> Session:
        with self._database.read() as database:
            row = None
            if database is not None and name_fault(name) is None:
                row = database.execute(sql.BY_NAME, (name,)).fetchone()
            if database is None or row is None:
                raise NotFound(
                    f"There is no open session {name!r:.80}",
                    suggestion="Open one: outlast session open NAME --on HOST",
                )
            return _session(database, row)

    def find(self, *, closed: bool = False) -> tuple[Session, ...]:
        with self._database.read() as database:
            if database is None:
                return ()
            rows = database.execute(sql.ALL, (closed,)).fetchall()
            return tuple(_session(database, row) for row in rows)

    def close(self) -> None:
        self._database.close()


def add_jobs(
    database: sqlite3.Connection, jobs: Iterable[tuple[int, Job]], closes: Iterable[SessionId]
) -> None:
    """
    Note new jobs, each with its place, in their sessions; those that are named in *closes* are
    closed with them. Part of the transaction in which the jobs are stored.

    Raises:
        Conflict: A session is not open.

        NotTerminal: One is to be closed, and something of it has not ended.
    """
    ends = set(closes)
    for seq, job in jobs:
        session_id = job.spec.session_id
        if session_id is None:
            continue
        at = to_epoch_ms(job.created_at)
        if session_id in ends:
            _close(database, session_id, at)
        elif job.spec.session is None:
            pass  # what closed it, once more: the host was away
        elif database.execute(sql.USE, (at, session_id)).rowcount == 0:
            raise Conflict(
                f"the session {job.spec.session} was closed",
                suggestion="Open one anew: outlast session open NAME --on HOST",
            )
        database.execute(sql.ADD_JOB, (session_id, seq))


def _close(database: sqlite3.Connection, session_id: SessionId, at: int) -> None:
    if database.execute(sql.CLOSE, (at, session_id)).rowcount == 0:
        raise Conflict("the session is closed already")
    left = database.execute(sql.UNFINISHED, (session_id,)).fetchall()
    if left:  # and so it stays open: what raises undoes the whole transaction
        raise NotTerminal(
            f"something has not ended in it: {', '.join(row[0] for row in left[:3])}"
            + (f" and {len(left) - 3} more" if len(left) > 3 else ""),
            job_id=left[0][0],
            suggestion="Wait for its end, or have it ended: outlast session close --cancel NAME",
        )


def _hosts_of(session: Session) -> str:
    return dumps({name: host_to_json(host) for name, host in session.hosts.items()})


def _session(database: sqlite3.Connection, row: Any) -> Session:
    session_id, name, host, hosts, created, used, closed = row
    unfinished = database.execute(sql.UNFINISHED, (session_id,)).fetchall()
    last = database.execute(sql.LAST, (session_id,)).fetchone()
    running = [JobId(job_id) for job_id, status, _ in unfinished if status == JobStatus.RUNNING]
    return Session(
        id=SessionId(session_id),
        name=name,
        host=host,
        hosts={each: host_from_json(known) for each, known in loads(hosts).items()},
        created_at=from_epoch_ms(created),
        last_used_at=None if used is None else from_epoch_ms(used),
        closed_at=None if closed is None else from_epoch_ms(closed),
        running=running[0] if running else None,
        queued=tuple(JobId(each) for each, status, _ in unfinished if status == JobStatus.QUEUED),
        last_job=None if last is None else JobId(last[0]),
        left_at={JobId(each): from_epoch_ms(at) for each, _, at in unfinished if at is not None},
    )
