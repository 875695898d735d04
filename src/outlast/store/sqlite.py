"""Jobs in an SQLite database: a file that needs nothing installed or started beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId, Node
from ..core.limits import to_epoch_ms
from ..errors import Conflict, Expired, NotFound
from . import rows
from .sql import sqlite as sql
from .sqlite_connection import Connection

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..ports.store import Entry, Page, Query, Version

New = tuple[Job, tuple[Any, ...], tuple[str, str | None, str]]
"""A job to be stored, its row, and the principal, the key and the fingerprint that belong to it."""

MOST: Final = 1000
"""So many jobs are remembered between two writes."""


class SqliteStore:
    """
    A `Store` in the file at *path*; see `open_store`.

    May be shared by threads, which then take turns, and used on both sides of a fork.
    """

    def __init__(self, path: str, *, migrate: bool = False, version: Version | None = None) -> None:
        self._database = Connection(path, migrate=migrate)
        self._version = version or self._database.version
        self._writes = 0
        """By this very connection: of its own the database does not tell."""

        self._known: tuple[object, dict[JobId, Job]] = (None, {})
        """What was read last, as long as nobody has written since: a server is asked again."""

    def add(self, entries: Sequence[Entry]) -> tuple[Job, ...]:
        # Encoded before anybody has to wait for us.
        encoded = [rows.job_to_row(entry.job) for entry in entries]
        jobs: list[Job] = []
        by_key: dict[tuple[str, str], tuple[Job, str]] = {}
        new: list[New] = []
        closes = [entry.closes for entry in entries if entry.closes is not None]

        with self._database.write() as database:
            for entry, row in zip(entries, encoded, strict=True):
                job = entry.job
                if entry.key is not None:
                    known = by_key.get((entry.principal, entry.key)) or _known(database, entry)
                    if known is not None:
                        job, fingerprint = known
                        _check_fingerprint(entry, fingerprint, job.id)
                    by_key[entry.principal, entry.key] = job, entry.fingerprint
                jobs.append(job)
                if job is entry.job:
                    new.append((job, row, (entry.principal, entry.key, entry.fingerprint)))
            if new:
                _check_queues(database, [job for job, _, _ in new])
            placed = _insert(database, new)
            if in_sessions := [each for each in placed if each[1].spec.session_id is not None]:
                from .sqlite_sessions import add_jobs

                add_jobs(database, in_sessions, closes)
            if needing := [each for each in placed if each[1].spec.after]:
                from .sqlite_needs import add_needs

                add_needs(database, needing)
            for entry, job in zip(entries, jobs, strict=True):
                if entry.step is not None:
                    from ..core.schedule import begun
                    from .sqlite_schedules import take_step

                    take_step(database, begun(entry.step, job.id))
        self._writes += 1
        return tuple(jobs)

    def get(self, job_id: JobId) -> Job:
        mark = (self._version(), self._writes)
        known = self._known
        if known[0] != mark or len(known[1]) > MOST:
            # Another one, and not this one emptied: somebody may be about to put into it what was
            # read before the write.
            known = self._known = (mark, {})
        if (job := known[1].get(job_id)) is None:
            with self._database.read() as database:
                if database is None or not _is_text(job_id):
                    raise _not_found(job_id)
                job = known[1][job_id] = _job(database, job_id)
        return job

    def find(self, query: Query) -> Page:
        # Here, since `job status` finds nothing and would pay for it.
        from ..ports.store import Page
        from .sqlite_find import check_query, find_seqs, write_cursor

        check_query(query)
        with self._database.read() as database:
            seqs = [] if database is None else find_seqs(database, query)
            page = seqs[: query.limit]
            jobs = () if database is None else jobs_at(database, page)
        last = write_cursor(query, page[-1]) if page else query.cursor
        return Page(
            jobs=jobs,
            next_cursor=last if len(seqs) > query.limit else None,
            resume=last if query.oldest_first else None,
        )

    def save(
        self,
        changes: Iterable[tuple[Job, Job]],
        *,
        due: Iterable[Delivery] = (),
        begun: Iterable[Job] = (),
    ) -> frozenset[JobId]:
        changes = list(changes)
        stale = set()
        with self._database.write() as database:
            for before, after in changes:
                saved = database.execute(
                    sql.SAVE_JOB, (*rows.changes_to_row(after), before.id, before.version)
                )
                if saved.rowcount == 0:
                    stale.add(before.id)
                    continue
                if after.is_terminal and not before.is_terminal:
                    database.execute(sql.ADD_COMPLETION, (before.id,))
                database.executemany(
                    sql.SAVE_NODE,
                    [
                        (*rows.node_to_row(new), before.id, new.index)
                        for old, new in zip(before.nodes, after.nodes, strict=True)
                        if new is not old and new != old
                    ],
                )
            if told := [each for each in due if each.job_id not in stale]:
                from .sqlite_deliveries import add_deliveries

                add_deliveries(database, told)
            if then := [job for job in begun if job.spec.on_end_of not in stale]:
                _begin(database, then)
        self._writes += 1
        return frozenset(stale)

    def expire(self, job_ids: Iterable[JobId], *, at: datetime, forget_before: datetime) -> None:
        ids = list(dict.fromkeys(job_ids))
        with self._database.write() as database:
            database.executemany(sql.ADD_TOMBSTONE, [(to_epoch_ms(at), job_id) for job_id in ids])
            database.executemany(sql.DELETE_JOB, [(job_id,) for job_id in ids])
            database.execute(sql.FORGET, (to_epoch_ms(forget_before),))
        self._writes += 1

    def close(self) -> None:
        self._database.close()


def _insert(database: sqlite3.Connection, new: Sequence[New]) -> list[tuple[int, Job]]:
    """Store jobs in this order. Returns them with their places."""
    last = database.execute(sql.LAST_SEQ).fetchone()
    latest = database.execute(sql.LATEST).fetchone()
    seq, latest_ms = last[0] if last else 0, latest[0] if latest else 0
    new_jobs, new_nodes, new_labels = [], [], []
    placed: list[tuple[int, Job]] = []
    for job, row, asked in new:
        seq += 1
        placed.append((seq, job))
        latest_ms = max(latest_ms, to_epoch_ms(job.created_at))
        new_jobs.append((seq, *row, *asked, rows.expires_ms(job), latest_ms))
        new_nodes += [(seq, *rows.node_to_row(node)) for node in job.nodes]
        new_labels += [(seq, name, value) for name, value in job.spec.labels.items()]
    database.executemany(sql.ADD_JOB, new_jobs)
    database.executemany(sql.ADD_NODE, new_nodes)
    database.executemany(sql.ADD_LABEL, new_labels)
    database.executemany(sql.ADD_COMPLETION, [(job.id,) for job, *_ in new if job.is_terminal])
    return placed


def _begin(database: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    """
    Store jobs that are begun by the ends of others, each unless it is there, and for whom those
    are. No queue refuses them: they were accepted with the jobs whose ends they follow.
    """
    new: list[New] = []
    for job in jobs:
        if database.execute(sql.IS_KNOWN, (job.id, job.id)).fetchone() is None:
            (principal,) = database.execute(sql.PRINCIPAL, (job.spec.on_end_of,)).fetchone()
            new.append((job, rows.job_to_row(job), (principal, None, "")))
    _insert(database, new)


def _job(database: sqlite3.Connection, job_id: JobId) -> Job:
    row = database.execute(sql.JOB_BY_ID, (job_id,)).fetchone()
    if row is None:
        if database.execute(sql.TOMBSTONE, (job_id,)).fetchone():
            raise Expired(f"The job {job_id} was deleted, or its retention is over", job_id=job_id)
        raise _not_found(job_id)
    nodes = database.execute(sql.NODES_OF_JOB, (row[0],))
    return rows.job_from_row(row[1:], tuple(map(rows.node_from_row, nodes)))


def jobs_at(database: sqlite3.Connection, seqs: list[int]) -> tuple[Job, ...]:
    """Return the jobs at these places in the order of submission, in the order given."""
    wanted = (dumps(seqs),)
    nodes: dict[int, list[Node]] = {seq: [] for seq in seqs}
    for row in database.execute(sql.NODES_BY_SEQ, wanted):
        nodes[row[0]].append(rows.node_from_row(row[1:]))
    jobs = {
        row[0]: rows.job_from_row(row[1:], tuple(nodes[row[0]]))
        for row in database.execute(sql.JOBS_BY_SEQ, wanted)
    }
    return tuple(jobs[seq] for seq in seqs)


def _check_queues(database: sqlite3.Connection, jobs: Iterable[Job]) -> None:
    if choosy := database.execute(sql.CHOOSY).fetchall():
        from .sqlite_queues import check_accepted

        check_accepted(choosy, jobs)


def _known(database: sqlite3.Connection, entry: Entry) -> tuple[Job, str] | None:
    """Return what the entry's key stands for already, and the fingerprint of that."""
    found = database.execute(sql.KEY, {"principal": entry.principal, "key": entry.key}).fetchone()
    if found is None:
        return None
    job_id, fingerprint, is_expired = found
    if is_expired:
        _check_fingerprint(entry, fingerprint, job_id)
    return _job(database, job_id), fingerprint


def _check_fingerprint(entry: Entry, fingerprint: str, job_id: JobId) -> None:
    if fingerprint != entry.fingerprint:
        raise Conflict(
            f"the key {entry.key!r} stands for another payload already, that of {job_id}",
            job_id=job_id,
            suggestion="Take another key, or ask for that job",
        )


def _not_found(job_id: JobId) -> NotFound:
    return NotFound(
        f"There is no job {job_id!r:.80}", job_id=job_id, suggestion="List them: outlast job list"
    )


def _is_text(value: str) -> bool:
    """Whether *value* is text that a database can be asked for."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
