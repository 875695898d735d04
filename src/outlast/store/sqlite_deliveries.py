"""Deliveries in the database of the jobs. Read only where there is to do with one."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from json import dumps
from typing import TYPE_CHECKING, Any

from ..core.job import JobId
from ..core.limits import from_epoch_ms, to_epoch_ms, to_ms
from .sql import sqlite_deliveries as sql
from .sqlite_connection import Connection

if TYPE_CHECKING:
    from ..core.delivery import Delivery, DeliveryState


class SqliteDeliveries:
    """The `Deliveries` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str) -> None:
        self._database = Connection(path)

    def due(
        self, now: datetime, *, limit: int, but: Collection[str], not_to: Collection[str]
    ) -> tuple[Delivery, ...]:
        asked = (to_epoch_ms(now), dumps(list(but)), dumps(list(not_to)), limit)
        with self._database.read() as database:
            rows = () if database is None else database.execute(sql.DUE, asked).fetchall()
        return tuple(_delivery(row) for row in rows)

    def next_due(self) -> datetime | None:
        with self._database.read() as database:
            row = (None,) if database is None else database.execute(sql.NEXT_DUE).fetchone()
        return None if row[0] is None else from_epoch_ms(row[0])

    def record(self, after: Delivery) -> None:
        this, before = after.tries[-1], after.attempts - 1
        at_ms = None if after.due_at is None else to_epoch_ms(after.due_at)
        took = (this.attempt, to_epoch_ms(this.at), to_ms(this.took), this.status, this.error)
        with self._database.write() as database:
            database.execute(sql.ADD_TRY, (*took, after.id, before))
            database.execute(sql.RECORD, (after.state, after.attempts, at_ms, after.id, before))

    def find(
        self,
        *,
        job_id: JobId | None = None,
        states: Collection[DeliveryState] = (),
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        with self._database.read() as database:
            if database is None:
                return ()
            return _found(database, job_id, states, limit)

    def again(self, job_id: JobId, *, at: datetime) -> tuple[Delivery, ...]:
        from ..core.delivery import DeliveryState

        with self._database.write() as database:
            database.execute(sql.AGAIN, (to_epoch_ms(at), job_id))
            return _found(database, job_id, (DeliveryState.DUE,), 1000)

    def close(self) -> None:
        self._database.close()


def add_deliveries(database: sqlite3.Connection, due: Iterable[Delivery]) -> None:
    """Note new ones. Part of the transaction in which the ends are stored that they tell of."""
    database.executemany(
        sql.ADD,
        [
            (
                each.id,
                each.url,
                each.origin,
                each.secret,
                each.event,
                int(each.is_servers),
                each.state,
                each.attempts,
                each.since,
                to_epoch_ms(each.created_at),
                None if each.due_at is None else to_epoch_ms(each.due_at),
                each.job_id,
            )
            for each in due
        ],
    )


def _found(
    database: sqlite3.Connection,
    job_id: JobId | None,
    states: Collection[DeliveryState],
    limit: int,
) -> tuple[Delivery, ...]:
    from ..core.delivery import Try  # here, as below: who asks whether anything is due needs none

    asked = {"job_id": job_id, "states": dumps(sorted(states)), "limit": limit}
    rows = database.execute(sql.FIND, asked).fetchall()
    tries: dict[int, list[Try]] = {row[0]: [] for row in rows}
    for seq, attempt, at, took, status, error in database.execute(sql.TRIES, (dumps([*tries]),)):
        tries[seq].append(
            Try(
                attempt=attempt,
                at=from_epoch_ms(at),
                took=timedelta(milliseconds=took),
                status=status,
                error=error,
            )
        )
    return tuple(replace(_delivery(row), tries=tuple(tries[row[0]])) for row in rows)


def _delivery(row: Any) -> Delivery:
    from ..core.delivery import Delivery, DeliveryState

    _, delivery_id, job_id, url, secret, event, is_servers, state, attempts, since, made, due = row
    return Delivery(
        id=delivery_id,
        job_id=JobId(job_id),
        url=url,
        secret=secret,
        event=event,
        is_servers=bool(is_servers),
        state=DeliveryState(state),
        attempts=attempts,
        since=since,
        created_at=from_epoch_ms(made),
        due_at=None if due is None else from_epoch_ms(due),
    )
