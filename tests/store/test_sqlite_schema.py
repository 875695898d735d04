"""Making a database and bringing an older one up to date: both end with the same."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from outlast.core.job import JobId
from outlast.core.state import JobStatus
from outlast.errors import Expired, Unavailable
from outlast.ports.store import Entry, Query
from outlast.store import open_sessions, open_store
from outlast.store.sql.sqlite import APPLICATION_ID, SCHEMA
from outlast.store.sqlite_schema import Migration, create, load_migrations, migrate
from outlast.testing import FakeClock
from outlast.testing.deliveries import told
from outlast.testing.jobs import a_full_job, a_job, some_lives
from outlast.testing.sessions import a_job_in, a_session

DATA = Path(__file__).parent.parent / "data"

NEXT = Migration(
    SCHEMA + 1,
    """
    -- The way SQLite makes a table anew: rows that refer to it stay.
    CREATE TABLE new_jobs AS SELECT * FROM jobs;
    DROP TABLE jobs;
    CREATE TABLE jobs (seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT UNIQUE, queue TEXT);
    INSERT INTO jobs (seq, job_id) SELECT seq, job_id FROM new_jobs;
    DROP TABLE new_jobs;
    CREATE INDEX jobs_by_queue ON jobs (queue) WHERE queue IS NOT NULL;
    CREATE TRIGGER two_in_one AFTER DELETE ON jobs BEGIN SELECT ';'; SELECT 1; END; SELECT 2;
    """,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outlast.db"


def migrate_at(path: Path, migrations: Sequence[Migration]) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return migrate(database, migrations)


def schema_of(path: Path) -> tuple[int, int, str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        return (
            database.execute("PRAGMA application_id").fetchone()[0],
            database.execute("PRAGMA user_version").fetchone()[0],
            database.execute("PRAGMA journal_mode").fetchone()[0],
            database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall(),
        )


def test_the_migrations_are_numbered_without_a_gap() -> None:
    """They count from 1 to the schema that the store works with."""
    assert list(range(1, SCHEMA + 1)) == [step.number for step in load_migrations()]


def test_a_fresh_database_is_the_same_as_a_migrated_one(tmp_path: Path) -> None:
    """One made now and one that went through every step on its own end with the same schema."""
    fresh, stepwise = tmp_path / "fresh.db", tmp_path / "stepwise.db"
    steps = [*load_migrations(), NEXT]

    create(str(fresh), steps)
    create(str(stepwise), [])
    for count in range(1, len(steps) + 1):
        assert steps[count - 1].number == migrate_at(stepwise, steps[:count])

    assert schema_of(fresh) == schema_of(stepwise)
    assert (APPLICATION_ID, SCHEMA + 1, "wal") == schema_of(fresh)[:3]


def test_a_frozen_database_gets_the_schema_of_a_fresh_one(tmp_path: Path) -> None:
    """One of an older release ends with the schema of one that is made now."""
    frozen, fresh = tmp_path / "frozen.db", tmp_path / "fresh.db"
    shutil.copy(DATA / "home-v1.db", frozen)

    open_store(frozen, migrate=True).close()
    open_store(fresh, migrate=True).close()

    assert schema_of(fresh) == schema_of(frozen)


def test_a_frozen_database_answers(tmp_path: Path) -> None:
    """All that was known when a database was frozen is told by the code of today."""
    path = tmp_path / "outlast.db"
    shutil.copy(DATA / "home-v1.db", path)
    expected = json.loads((DATA / "home-v1.json").read_text())

    with closing(open_store(path, migrate=True)) as store:
        jobs = store.find(Query(oldest_first=True)).jobs
        told = [json.loads(json.dumps(asdict(job), default=str)) for job in jobs]
        known = [
            {
                **{field: job[field] for field in old},
                "spec": {field: job["spec"][field] for field in old["spec"]},
                "nodes": [
                    {field: node[field] for field in old_node}
                    for node, old_node in zip(job["nodes"], old["nodes"], strict=True)
                ],
            }
            for job, old in zip(told, expected["jobs"], strict=True)
        ]
        assert expected["jobs"] == known
        assert list(jobs) == [store.get(job.id) for job in jobs]
        assert (jobs[0],) == store.add([Entry(job=a_job(FakeClock()), key="k", fingerprint="f")])
        assert store.find(Query(statuses=frozenset({JobStatus.PARTIAL}))).jobs
        with pytest.raises(Expired):
            store.get(JobId(expected["gone"]))


def test_rows_survive_a_table_made_anew(path: Path) -> None:
    """A step that replaces a table takes nothing along that refers to it."""
    job = a_job(FakeClock(), labels={"team": "a"}, nodes=2)
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])

    migrate_at(path, [NEXT])

    with closing(sqlite3.connect(path)) as database:
        counts = database.execute(
            "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM nodes),"
            " (SELECT count(*) FROM labels)"
        ).fetchone()
    assert (1, 2, 1) == counts


BEFORE_REASON = 9
"""The last schema that knew no job which waits for another."""

DYING = """
import os, signal, sqlite3, sys
from outlast.store.sqlite_schema import Migration, load_migrations, migrate

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
steps = load_migrations()
migrate(database, [*steps, Migration(len(steps) + 1, "SELECT die();")])
"""


def rows_of(database: sqlite3.Connection) -> dict[str, list[dict[str, object]]]:
    database.row_factory = sqlite3.Row
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: [dict(row) for row in database.execute(f"SELECT * FROM {name} ORDER BY 1, 2")]
        for (name,) in names
    }


def fill(old: Path, scratch: Path) -> None:
    """Fill a database of an earlier schema with all that a store of today can tell to it."""
    clock = FakeClock()
    with closing(open_store(scratch)) as store, closing(open_sessions(scratch)) as sessions:
        some_lives(store, clock)
        sessions.open(session := a_session(clock))
        store.add([Entry(job=a_full_job(clock), key="k", fingerprint="f")])
        store.add([Entry(job=a_job_in(session, clock))])
        told(store, clock, {})
        gone = a_job(clock)
        store.add([Entry(job=gone)])  # the last of all: its place is given to nobody again
        store.expire([gone.id], at=clock.now(), forget_before=clock.now())
    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        database.execute("ATTACH ? AS today", (str(scratch),))
        for name in rows_of(database):
            columns = ", ".join(
                row[1] for row in database.execute("SELECT * FROM pragma_table_info(?)", (name,))
            )
            database.execute(f"DELETE FROM {name}")
            database.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM today.{name}")
        # Of tables that came later, nothing is known in a database of then.
        database.execute(
            "DELETE FROM sqlite_sequence WHERE name NOT IN (SELECT name FROM main.sqlite_master)"
        )


def test_rows_survive_a_reason_more(tmp_path: Path) -> None:
    """Jobs, and all that refers to them, pass into the tables that know `dependency_failed`."""
    old, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    create(str(old), load_migrations()[:BEFORE_REASON])
    fill(old, tmp_path / "scratch.db")
    with closing(sqlite3.connect(old)) as database:
        before = rows_of(database)

    open_store(old, migrate=True).close()

    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        after = rows_of(database)
        for table in ("jobs", "nodes"):
            failed = f"UPDATE {table} SET reason = ? WHERE status = 'failed'"
            assert 0 < database.execute(failed, ("dependency_failed",)).rowcount
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(failed, ("bad_luck",))
    open_store(fresh, migrate=True).close()
    assert schema_of(fresh) == schema_of(old)
    empty = {name for name, rows in before.items() if not rows}
    assert {"tokens", "delivery_tries"} == empty
    # What was added since is nobody's concern here.
    counted = {row["name"] for row in before["sqlite_sequence"]}
    after["sqlite_sequence"] = [r for r in after["sqlite_sequence"] if r["name"] in counted]
    assert before == {
        name: [
            {column: new[column] for column in was}
            for was, new in zip(rows, after[name], strict=True)
        ]
        for name, rows in before.items()
    }


def test_a_step_that_is_killed_has_not_begun(tmp_path: Path) -> None:
    """Killed when the tables are made anew already, it leaves the store of before, to be tried again."""
    old = tmp_path / "old.db"
    create(str(old), load_migrations()[:BEFORE_REASON])
    fill(old, tmp_path / "scratch.db")
    with closing(sqlite3.connect(old)) as database:
        before = rows_of(database)

    died = subprocess.run([sys.executable, "-c", DYING, old], timeout=60, check=False)

    assert -signal.SIGKILL == died.returncode
    with closing(sqlite3.connect(old)) as database:
        assert before == rows_of(database)
    assert SCHEMA == migrate_at(old, load_migrations())


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE TABLE one (a); CREATE TABLE jobs (a);", "already exists"),
        ("CREATE TABLE one (a); DELETE FROM jobs;", "refer to nothing"),
        ("CREATE TABLE one (a); CREATE TABLE", "syntax error|incomplete input"),
    ],
    ids=["a mistake", "nodes without their job", "half a statement"],
)
def test_a_step_that_fails_changes_nothing(path: Path, sql: str, words: str) -> None:
    """All steps are taken or none, and the database goes on with its old schema."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])
    before = schema_of(path)

    with pytest.raises(sqlite3.DatabaseError, match=words):
        migrate_at(path, [NEXT._replace(sql="CREATE TABLE zero (a);"), Migration(SCHEMA + 2, sql)])

    assert before == schema_of(path)
    with closing(open_store(path)) as store:
        assert job == store.get(job.id)


def test_a_step_already_taken_is_not_taken_again(path: Path) -> None:
    """Bringing up to date what is up to date writes nothing."""
    create(str(path), [*load_migrations(), NEXT])
    before = path.read_bytes()

    assert SCHEMA + 1 == migrate_at(path, [*load_migrations(), NEXT])
    assert before == path.read_bytes()


def test_a_database_that_is_there_is_not_made_again(path: Path) -> None:
    """Whoever comes second to make it leaves the first one's."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])

    create(str(path))

    with closing(open_store(path)) as store:
        assert job == store.get(job.id)
    assert [path] == list(path.parent.iterdir())


def test_a_step_waits_for_no_reader(path: Path) -> None:
    """A process that reads meanwhile goes on reading what was there, then is told to leave."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM jobs").fetchone()

            migrate_at(path, [NEXT])

            assert 1 == reader.execute("SELECT count(*) FROM jobs").fetchone()[0]
        with pytest.raises(Unavailable, match="newer"):
            store.get(job.id)
