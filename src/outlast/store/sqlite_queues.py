"""Queues in the database of the jobs. Read only where there is to do with one."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core.job import DEFAULT_QUEUE
from ..core.limits import from_epoch_ms, to_epoch_ms
from ..core.naming import is_name
from ..core.queue import Queue, QueueStanding, QueueState
from ..errors import Conflict, NotFound, NotTerminal
from .sql import sqlite_queues as sql
from .sqlite_connection import Connection

if TYPE_CHECKING:
    from ..core.job import Job


class SqliteQueues:
    """The `Queues` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str) -> None:
        self._database = Connection(path)

    def find(self) -> Mapping[str, Queue]:
        with self._database.read() as database:
            rows = () if database is None else database.execute(sql.ALL).fetchall()
        return {row[0]: _queue(row) for row in rows}

    def standings(self, of: str | None = None) -> tuple[QueueStanding, ...]:
        waits, runs, which = sql.WAITING, sql.RUNNING, tuple[str | None, ...]()
        if of is not None:
            waits, runs, which = sql.WAITING_IN, sql.RUNNING_IN, (_stored(of),)
        rows: list[Any] = []
        waiting: Counter[str] = Counter()
        running: Counter[str] = Counter()
        with self._database.read() as database:
            if database is not None:
                rows = database.execute(sql.ALL).fetchall()
                for name, jobs in database.execute(waits, which):
                    waiting[name or DEFAULT_QUEUE] += jobs
                for name, nodes, again in database.execute(runs, which):
                    running[name or DEFAULT_QUEUE] += nodes
                    waiting[name or DEFAULT_QUEUE] += again
        queues = {row[0]: _queue(row) for row in rows}
        names = sorted(
            {DEFAULT_QUEUE, *queues, *waiting, *running},
            key=lambda name: (name != DEFAULT_QUEUE, name),
        )
        return tuple(
            QueueStanding(
                queue=queues.get(name) or Queue(name=name),
                running=running[name],
                waiting=waiting[name],
            )
            for name in names
            if of in (None, name)
        )

    def add(self, queue: Queue) -> None:
        with self._database.write() as database:
            try:
                database.execute(sql.ADD, _row(queue))
            except sqlite3.IntegrityError:
                raise Conflict(
                    f"there is a queue {queue.name} already",
                    suggestion=f"Change it: outlast queue set {queue.name}",
                ) from None

    def change(self, *names: str, **fields: Any) -> None:
        with self._database.write() as database:
            for name in names:
                row = database.execute(sql.BY_NAME, (name,)).fetchone()
                if row is None and name != DEFAULT_QUEUE:
                    raise not_there(name)
                before = Queue(name=name) if row is None else _queue(row)
                database.execute(sql.PUT, _row(replace(before, **fields)))

    def delete(self, name: str) -> None:
        with self._database.write() as database:
            (left,) = database.execute(sql.UNFINISHED, (name,)).fetchone()
            if not database.execute(sql.DELETE, (name,)).rowcount:
                raise not_there(name)
            if left:
                raise NotTerminal(
                    f"what is in the queue {name} has not ended: {left:,} of its jobs",
                    suggestion=f"Let it run empty first, outlast queue drain {name}, or move them:"
                    " outlast job move --queue OTHER ID",
                )

    def close(self) -> None:
        self._database.close()


def check_accepted(rows: Iterable[Any], jobs: Iterable[Job]) -> None:
    """
    See that queues take new jobs, where *rows* are those of the queues that do not take any.

    Raises:
        Conflict: One takes no more, or will never have what a job needs; all faults are told.
    """
    queues = {row[0]: _queue(row) for row in rows}
    faults: dict[str, None] = {}
    for job in jobs:
        if (queue := queues.get(job.queue or DEFAULT_QUEUE)) is not None:
            faults.update(dict.fromkeys(queue.refusals(job.spec.limits)))
    if faults:
        raise Conflict(*faults)


def not_there(name: str) -> NotFound:
    """Return what is told where nobody has created a queue, be there jobs that name it or not."""
    make = f" To make it, also of jobs that are there: outlast queue create {name}"
    return NotFound(
        f"Nobody has created a queue {name!r:.80}",
        suggestion="See those there are: outlast queue list." + make * bool(is_name(name)),
    )


def _stored(name: str) -> str | None:
    return None if name == DEFAULT_QUEUE else name


def _queue(row: Any) -> Queue:
    name, width, max_cpus, max_memory_bytes, state, created_ms = row
    return Queue(
        name=name,
        width=width,
        max_cpus=max_cpus,
        max_memory_bytes=max_memory_bytes,
        state=QueueState(state),
        created_at=None if created_ms is None else from_epoch_ms(created_ms),
    )


def _row(queue: Queue) -> tuple[Any, ...]:
    return (
        queue.name,
        queue.width,
        queue.max_cpus,
        queue.max_memory_bytes,
        queue.state,
        None if queue.created_at is None else to_epoch_ms(queue.created_at),
    )
