"""The SQLite store, beyond what every store promises: how sure, and how fast."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job, JobSpec, Node
from outlast.core.outcome import MIXED
from outlast.core.state import JobStatus, NodeStatus, Reason
from outlast.core.transition import with_node
from outlast.errors import ClientError, Internal, InvalidRequest
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_sessions as open_sessions_at
from outlast.store import open_store as open_at
from outlast.store.sql import sqlite as sql
from outlast.store.sqlite import SqliteStore
from outlast.store.sqlite_errors import BY_CLASS, translate
from outlast.store.sqlite_find import ENOUGH, find_seqs
from outlast.testing import FakeClock, SessionsContract, StoreContract
from outlast.testing.jobs import SECOND, a_job, cancelled, ended, some_lives
from outlast.testing.sessions import OpenSessions
from outlast.testing.store import OpenStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outlast.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(str(path))) as store:
        yield store


@pytest.fixture
def open_store(path: Path) -> Iterator[OpenStore]:
    with ExitStack() as stack:

        def open_once_more() -> Store:
            return stack.enter_context(closing(open_at(path)))

        yield open_once_more


@pytest.fixture
def open_sessions(path: Path) -> Iterator[OpenSessions]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_sessions_at(path)))


class TestSqliteStore(StoreContract):
    pass


class TestSqliteSessions(SessionsContract):
    pass


@pytest.mark.slow
def test_thousands_of_ends_meet_a_caller_who_leaves(
    open_sessions: OpenSessions, open_store: OpenStore
) -> None:
    """As the contract has it, so often that each of the two is first many a time."""
    contract = TestSqliteSessions()
    contract.races = 3000
    contract.test_of_an_end_and_a_caller_s_leave_one_is_first(open_sessions, open_store)


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    connection = store._database._connection
    assert connection is not None
    return connection


def test_what_is_told_as_stored_survives_a_power_cut(store: SqliteStore) -> None:
    """Every connection writes through the log to the disk before it answers."""
    store.add([Entry(job=a_job(FakeClock()))])
    database = connection_of(store)
    asked = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    assert asked == {name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in asked}


def test_every_field_has_its_column() -> None:
    """A field added to a node or a job without a column is noticed here."""
    renamed = {"id": "job_id", "index": "idx"}

    def columns(kind: type[Job | Node], without: set[str]) -> set[str]:
        return {
            re.sub("_at$", "_ms", renamed.get(field.name, field.name))
            for field in fields(kind)
            if field.name not in without
        }

    # The phase is read beside the attempt, by whoever looks, and why a job waits is asked of whoever
    # gives turns; neither is ever stored.
    assert set(sql.NODE_COLUMNS) == columns(Node, {"phase"})
    assert set(sql.JOB_COLUMNS) == columns(Job, {"nodes", "waiting_for"})


# ------------------------------------------------------------------------------------- SQL's guards

GUARDS = {
    "a terminal node has an end": "UPDATE nodes SET status = 'complete', started_ms = 1",
    "a running node has a start": "UPDATE nodes SET status = 'running'",
    "a failed node has a reason": "UPDATE nodes SET status = 'failed', completed_ms = 1",
    "a node that runs has no reason": "UPDATE nodes SET reason = 'lost'",
    "a node that has not ended is not gone": "UPDATE nodes SET stopped_ms = 1",
    "node statuses": "UPDATE nodes SET status = 'done'",
    "node reasons": "UPDATE nodes SET status = 'failed', completed_ms = 1, reason = 'bad luck'",
    "a node belongs to a job": "UPDATE nodes SET job_seq = 99",
    "flags": "UPDATE nodes SET degraded = 2",
    "a terminal job has an end": "UPDATE jobs SET status = 'complete'",
    "a job that has ended expires": "UPDATE jobs SET status = 'complete', completed_ms = 1",
    "job statuses": "UPDATE jobs SET status = 'done'",
    "job reasons": "UPDATE jobs SET reason = 'bad luck'",
    "a spec is JSON": "UPDATE jobs SET spec = '{'",
    "times are numbers": "UPDATE jobs SET created_ms = '2026-01-01'",
    "text is text": "UPDATE jobs SET job_id = x'00'",
    "a key stands for one job": "UPDATE jobs SET key = 'k'",
}


@pytest.mark.parametrize("statement", GUARDS.values(), ids=GUARDS)
def test_the_database_guards_itself(store: SqliteStore, statement: str) -> None:
    """What the core would never write, the database does not take."""
    clock = FakeClock()
    store.add([Entry(job=a_job(clock)), Entry(job=a_job(clock))])

    with pytest.raises(sqlite3.IntegrityError):
        connection_of(store).execute(statement)


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("jobs", "status", set(JobStatus)),
        ("jobs", "reason", {*Reason, MIXED}),
        ("nodes", "status", set(NodeStatus)),
        ("nodes", "reason", set(Reason)),
    ],
)
def test_every_word_of_the_core_is_one_of_the_database(
    store: SqliteStore, table: str, column: str, values: set[str]
) -> None:
    """A status or reason without its migration is noticed here."""
    store.add([])
    (schema,) = connection_of(store).execute(
        "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
    )
    guard = re.search(rf"{column} IN \(([^)]*'cancelled'[^)]*)\)", schema[0])

    assert guard is not None
    assert values <= set(re.findall(r"'(\w+)'", guard[1]))


def test_a_job_twice_is_our_own_fault(store: SqliteStore) -> None:
    """An id that is there already is refused, and nothing of the call is stored."""
    clock = FakeClock()
    job = a_job(clock)
    store.add([Entry(job=job)])

    with pytest.raises(Internal):
        store.add([Entry(job=a_job(clock)), Entry(job=job)])
    assert (job,) == store.find(Query()).jobs


def test_a_change_that_fails_leaves_nothing_behind(store: SqliteStore) -> None:
    """Changes of one call that cannot all be stored are not stored at all."""
    clock = FakeClock()
    one, other = a_job(clock), a_job(clock)
    store.add([Entry(job=one), Entry(job=other)])
    broken = Job(id=other.id, spec=JobSpec(), nodes=(), created_at=clock.now())

    with pytest.raises(ValueError, match="zip"):
        store.save([(one, cancelled(one, clock)), (other, broken)])
    assert one == store.get(one.id)


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    """Using what was closed is our own fault, and told as that."""
    store.close()

    with pytest.raises(Internal, match="closed"):
        store.find(Query())


# ------------------------------------------------------------------------------------ foreign errors


def sqlite_errors() -> list[type[sqlite3.Error]]:
    found: list[type[sqlite3.Error]] = []
    todo: list[type[sqlite3.Error]] = [sqlite3.Error]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", sqlite_errors())
def test_every_error_of_sqlite_is_told_in_our_words(kind: type[sqlite3.Error]) -> None:
    """No class of errors leaves the store as it is, and none is forgotten."""
    assert kind in BY_CLASS
    assert isinstance(translate("outlast.db", kind("it says")), ClientError)


def test_text_that_is_none_is_refused_and_nothing_is_stored(store: SqliteStore) -> None:
    """A label that no database takes is the caller's fault."""
    clock = FakeClock()

    with pytest.raises(InvalidRequest, match="UTF-8"):
        store.add([Entry(job=a_job(clock)), Entry(job=a_job(clock, labels={"a": "\udcff"}))])
    assert () == store.find(Query()).jobs


# --------------------------------------------------------------------------------------------- forks

FORKING = """
import os, sys
from outlast.ports.store import Entry, Query
from outlast.store import open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

store = open_store(sys.argv[1])
store.add([Entry(job=a_job(FakeClock(seed=1)))])
mine = store._database._connection
store._database._lock.acquire()  # as another thread of the parent may have
child = os.fork()
if child == 0:
    store.add([Entry(job=a_job(FakeClock(seed=2)))])
    apart = store._database._connection is not mine
    os._exit(0 if apart and len(store.find(Query()).jobs) == 2 else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
store._database._lock.release()
store.add([Entry(job=a_job(FakeClock(seed=3)))])
print(status, store._database._connection is mine, len(store.find(Query()).jobs))
store.close()
"""


def test_a_store_may_be_used_on_both_sides_of_a_fork(path: Path) -> None:
    """The child opens the database anew, whatever the parent's other threads were doing."""
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "0 True 3\n" == ran.stdout


# --------------------------------------------------------------------------- as fast among a million


class Watched(sqlite3.Connection):
    """A connection that remembers what it was asked."""

    asked: list[tuple[str, object]]

    def execute(self, statement: str, parameters: object = (), /) -> sqlite3.Cursor:
        self.asked.append((statement, parameters))
        return super().execute(statement, parameters)  # type: ignore[arg-type]  # handed on as it is


HOT_QUERIES = {
    "first page": Query(),
    "oldest first": Query(oldest_first=True),
    "second page": Query(cursor="n5"),
    "by status": Query(statuses=frozenset({JobStatus.FAILED})),
    "by statuses": Query(statuses=frozenset({JobStatus.FAILED, JobStatus.COMPLETE}), cursor="n9"),
    "by label": Query(labels={"team": "a"}),
    "by labels": Query(labels={"team": "a", "odd": "yes"}, cursor="n9"),
    "by label and status": Query(labels={"team": "a"}, statuses=frozenset({JobStatus.FAILED})),
    "since": Query(since=FakeClock().now()),
    "queue": Query(statuses=frozenset({JobStatus.QUEUED}), oldest_first=True),
    "unsettled": Query(unsettled=True, oldest_first=True),
    "unsettled, next page": Query(unsettled=True, oldest_first=True, cursor="o5"),
    "expired": Query(expired_at=FakeClock().now() + timedelta(days=2), oldest_first=True),
}


@pytest.mark.parametrize("query", HOT_QUERIES.values(), ids=HOT_QUERIES)
def test_no_hot_query_scans(store: SqliteStore, path: Path, query: Query) -> None:
    """Each way to a page of jobs is a search in an index, says SQLite."""
    some_lives(store, FakeClock())
    with closing(sqlite3.connect(path, factory=Watched)) as database:
        database.asked = []
        find_seqs(database, query)
        plan = [
            row[3]
            for statement, parameters in list(database.asked)
            for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    scans = [step for step in plan if step.startswith("SCAN") and "(subquery" not in step]
    assert any(step.startswith("SEARCH") for step in plan)
    assert [] == scans


def steps(store: SqliteStore, work: Callable[[], object]) -> int:
    """How many instructions of SQLite's machine *work* takes."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    connection_of(store).set_progress_handler(count, 1)
    try:
        work()
    finally:
        connection_of(store).set_progress_handler(None, 1)
    return counted


def test_finished_jobs_slow_nothing_down(store: SqliteStore) -> None:
    """SQLite does as much for each hot call among thousands of finished jobs as among few."""
    clock = FakeClock()
    waiting = [a_job(clock) for _ in range(20)]
    store.add([Entry(job=job) for job in waiting])

    def find(query: Query) -> Callable[[], object]:
        return lambda: store.find(replace(query, limit=10, cursor=None))

    works: dict[str, Callable[[], object]] = {
        **{name: find(query) for name, query in HOT_QUERIES.items() if query.expired_at is None},
        "nothing expired": find(Query(expired_at=clock.now(), oldest_first=True)),
        "get": lambda: store.get(waiting[0].id),
        "add": lambda: store.add([Entry(job=a_job(clock))]),
        "add with a key": lambda: store.add([Entry(job=a_job(clock), key=clock.new_token())]),
        "save": lambda: ended(store, clock, a_job(clock, labels={"team": "a"})),
    }

    measured = []
    for crowd in (3 * ENOUGH, 3 * ENOUGH):
        finish_many(store, clock, crowd)
        measured.append({name: steps(store, work) for name, work in works.items()})

    few, many = measured
    slower = {name: (few[name], many[name]) for name in works if many[name] > 1.1 * few[name]}
    assert {} == slower


def finish_many(store: SqliteStore, clock: FakeClock, number: int) -> None:
    """Store so many jobs that have run to their end."""
    changes = []
    for count in range(number):
        job = a_job(clock, created_at=clock.advance(SECOND), labels={"team": "a", "odd": "yes"})
        good = count % 2
        node = replace(
            job.nodes[0],
            status=NodeStatus.COMPLETE if good else NodeStatus.FAILED,
            reason=None if good else Reason.LOST,
            attempt=1,
            started_at=clock.now(),
            completed_at=clock.now(),
            stopped_at=clock.now(),
        )
        changes.append((job, with_node(job, node)))
    store.add([Entry(job=job) for job, _ in changes])
    store.save(changes)
