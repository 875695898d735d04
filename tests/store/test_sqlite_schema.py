"""Making a database and bringing an older one up to date: both end with the same."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from outlast.core.job import JobId
from outlast.core.state import JobStatus
from outlast.errors import Expired, Unavailable
from outlast.ports.store import Entry, Query
from outlast.store import open_store
from outlast.store.sql.sqlite import APPLICATION_ID, SCHEMA
from outlast.store.sqlite_schema import Migration, create, load_migrations, migrate
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

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


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("CREATE TABLE one (a); CREATE TABLE jobs (a);", "already exists"),
        ("CREATE TABLE one (a); DELETE FROM jobs;", "refer to nothing"),
        ("CREATE TABLE one (a); CREATE TABLE", "syntax error|incomplete input"),
    ],
    ids=["a mistake", "nodes without their job", "half a statement"],
)
def test_a_step_that_fails_changes_nothing(path: Path, sql: str, told: str) -> None:
    """All steps are taken or none, and the database goes on with its old schema."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])
    before = schema_of(path)

    with pytest.raises(sqlite3.DatabaseError, match=told):
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
