"""
Which jobs a query means, by their places in the order of submission.

Every way to walk the jobs of one status, one label, or those unsettled, is an index in that
order, so a page takes as long among a million jobs as among ten. Where several of a query's
conditions have such a way, the one with the fewest jobs is walked and the others are checked.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

from ..core.job import DEFAULT_QUEUE
from ..core.limits import check_limit, to_epoch_ms
from ..core.state import JobStatus
from ..errors import InvalidRequest
from ..ports.store import Query
from .sql import sqlite as sql

ENOUGH: Final = 1000
"""Ways with more jobs than this are all the same to us: counting on would cost more."""


UNTOLD: Final = (
    "NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.job_seq = {seq} AND d.due_ms IS NOT NULL)"
)
"""Nobody is still to be told of the job's end."""


class Way(NamedTuple):
    """One index to walk. Jobs are `j` in *source*, and *seq* is their place there."""

    source: str
    condition: str
    parameters: tuple[Any, ...]
    seq: str = "j.seq"


def check_query(query: Query) -> None:
    """
    See that *query* can be answered, also where there is no database yet to be asked.

    Raises:
        InvalidRequest: Its limit is out of range, or its cursor is none.
    """
    check_limit(query.limit)
    read_cursor(query)


def find_seqs(database: sqlite3.Connection, query: Query) -> list[int]:
    """Return the places of the next jobs that *query* means, at most one over its limit."""
    checks, parameters = _checks(query)
    after = read_cursor(query)
    if after is not None:
        checks.append("{seq} > ?" if query.oldest_first else "{seq} < ?")
        parameters.append(after)
    if query.since is not None:
        first = database.execute(sql.FIRST_SINCE, (to_epoch_ms(query.since),)).fetchone()
        if first is None:
            return []
        checks.append("{seq} >= ?")
        parameters.append(first[0])

    order = "ASC" if query.oldest_first else "DESC"
    branches, given = [], []
    for way in _ways(database, query):
        conditions = " AND ".join([way.condition, *checks]).format(seq=way.seq)
        branches.append(
            f"SELECT {way.seq} AS seq FROM {way.source} WHERE {conditions}"  # noqa: S608 - all values are parameters
            f" ORDER BY {way.seq} {order} LIMIT ?"
        )
        given += [*way.parameters, *parameters, query.limit + 1]
    statement = branches[0]
    if len(branches) > 1:
        # Each branch stops by itself; a plain IN would gather and sort every job that fits.
        parts = " UNION ALL ".join(f"SELECT * FROM ({branch})" for branch in branches)  # noqa: S608 - as above
        statement = f"{parts} ORDER BY seq {order} LIMIT ?"
        given.append(query.limit + 1)
    found = database.execute(statement, given)
    return [seq for (seq,) in found]


def write_cursor(query: Query, seq: int) -> str:
    """Return the cursor of the page that follows the job at *seq*."""
    return f"{'o' if query.oldest_first else 'n'}{seq:x}"


def read_cursor(query: Query) -> int | None:
    """
    Return the place that the query's page begins behind; None for the first page.

    Raises:
        InvalidRequest: It is no cursor of a page in this order.
    """
    if query.cursor is None:
        return None
    order, digits = query.cursor[:1], query.cursor[1:]
    if (
        order != ("o" if query.oldest_first else "n")
        or not 1 <= len(digits) <= 15
        or not set(digits) <= set("0123456789abcdef")
    ):
        raise InvalidRequest(
            f"{query.cursor!r:.80} is no cursor of such a list",
            suggestion="Take the next_cursor of the page before, with the same conditions",
        )
    return int(digits, 16)


def _checks(query: Query) -> tuple[list[str], list[Any]]:
    """Return every condition of *query* on a job `j`."""
    checks: list[str] = []
    parameters: list[Any] = []
    if query.statuses:
        checks.append(f"j.status IN ({', '.join('?' * len(query.statuses))})")
        parameters += sorted(query.statuses)
    for label in query.labels.items():
        checks.append(
            "EXISTS (SELECT 1 FROM labels AS other WHERE (other.name, other.value) = (?, ?)"
            " AND other.job_seq = {seq})"
        )
        parameters += label
    if query.queue == DEFAULT_QUEUE:
        checks.append("j.queue IS NULL")
    elif query.queue is not None:
        checks.append("j.queue = ?")
        parameters.append(query.queue)
    if query.after is not None:
        checks.append(
            "EXISTS (SELECT 1 FROM needs AS need WHERE need.job_seq = {seq}"
            " AND need.needed_seq = (SELECT seq FROM jobs WHERE job_id = ?))"
        )
        parameters.append(query.after)
    if query.unsettled:
        checks.append("j.stopped_ms IS NULL")
    for column, comparison, time in (
        ("created_ms", ">=", query.since),
        ("completed_ms", "<", query.ended_before),
        ("expires_ms", "<=", query.expired_at),
    ):
        if time is not None:
            checks.append(f"j.{column} {comparison} ?")
            parameters.append(to_epoch_ms(time))
    if query.expired_at is not None:
        checks += [UNTOLD, sql.UNWAITED]
    return checks, parameters


def _ways(database: sqlite3.Connection, query: Query) -> list[Way]:
    """Return the ways that lead to all jobs of *query*, past as few others as can be."""
    choices: list[list[Way]] = []
    if query.unsettled:
        choices.append([Way("jobs AS j INDEXED BY jobs_unsettled", "j.stopped_ms IS NULL", ())])
    if query.statuses and query.statuses < frozenset(JobStatus):
        choices.append(
            [
                Way("jobs AS j INDEXED BY jobs_by_status", "j.status = ?", (status,))
                for status in sorted(query.statuses)
            ]
        )
    if query.queue not in (None, DEFAULT_QUEUE):
        choices.append([Way("jobs AS j INDEXED BY jobs_by_queue", "j.queue = ?", (query.queue,))])
    if query.after is not None:
        choices.append(
            [
                Way(
                    "needs AS need CROSS JOIN jobs AS j ON j.seq = need.job_seq",
                    "need.needed_seq = (SELECT seq FROM jobs WHERE job_id = ?)",
                    (query.after,),
                    seq="need.job_seq",
                )
            ]
        )
    choices += [
        [
            Way(
                "labels AS l CROSS JOIN jobs AS j ON j.seq = l.job_seq",
                "l.name = ? AND l.value = ?",
                label,
                seq="l.job_seq",
            )
        ]
        for label in query.labels.items()
    ]
    if len(choices) > 1:
        choices.sort(key=lambda ways: _count(database, ways))
    if query.expired_at is not None:
        # The one way that is not in the order of submission. Few jobs are quickly sorted; many
        # are quickly met on the way through all, since the oldest expire first.
        expired = Way(
            "jobs AS j INDEXED BY jobs_expiring",
            "j.expires_ms <= ?",
            (to_epoch_ms(query.expired_at),),
        )
        if _count(database, [expired]) <= ENOUGH:
            return [expired]
    return choices[0] if choices else [Way("jobs AS j", "j.seq > 0", ())]


def _count(database: sqlite3.Connection, ways: list[Way]) -> int:
    """Return how many jobs *ways* lead to, or a number above `ENOUGH`."""
    total = 0
    for way in ways:
        counted = database.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {way.source} WHERE {way.condition} LIMIT ?)",  # noqa: S608 - all values are parameters
            (*way.parameters, ENOUGH + 1),
        )
        total += counted.fetchone()[0]
    return total
