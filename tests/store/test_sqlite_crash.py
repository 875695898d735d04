"""The SQLite store beside other writers, killed in the middle, and on a full disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outlast.core.job import JobId
from outlast.core.state import JobStatus
from outlast.errors import Unavailable
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_store
from outlast.store.sqlite import SqliteStore
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job, cancelled, ended

FIRST, BATCH = 10, 4000
WAL_FRAME_BYTES = 4096 + 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outlast.db"


# ------------------------------------------------------------------------------------ other writers

RACING = """
import sys
from dataclasses import replace
from outlast.core.job import JobId
from outlast.ports.store import Entry
from outlast.store import open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

store, clock = open_store(sys.argv[1]), FakeClock(seed=int(sys.argv[2]))
shared, rounds, lost = JobId(sys.argv[3]), int(sys.argv[4]), 0
print("ready", flush=True)
input()
for _ in range(rounds):
    store.add([Entry(job=a_job(clock)), Entry(job=a_job(clock), key="one")])
    while True:
        before = store.get(shared)
        after = replace(before, capture=f"{before.capture}{sys.argv[2]}")
        if not store.save([(before, after)]):
            break
        lost += 1
store.close()
"""


def test_processes_may_write_at_once(path: Path) -> None:
    """Each change of each process is there once; what was read before another's is refused."""
    writers, rounds = 3, 40
    shared = a_job(FakeClock(seed=99), nodes=1)
    with closing(open_store(path)) as store:
        store.add([Entry(job=shared)])
    children = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, path, str(seed), shared.id, str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for seed in range(writers)
    ]
    for child in children:
        assert child.stdout is not None
        assert b"ready\n" == child.stdout.readline()
    for child in children:
        child.communicate(b"\n", timeout=60)

    assert [0] * writers == [child.returncode for child in children]
    with closing(open_store(path)) as store:
        result = store.get(shared.id)
        jobs = store.find(Query(limit=1000)).jobs
    marks = (result.capture or "").removeprefix("captured")
    assert writers * rounds == result.version
    assert [rounds] * writers == [marks.count(str(seed)) for seed in range(writers)]
    assert 1 + writers * rounds + 1 == len(jobs)


# -------------------------------------------------------------------------------------------- killed

ADDING = """
import os, sys
from outlast.ports.store import Entry
from outlast.store import open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

path, batch, kill_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store, clock = open_store(path), FakeClock()
store.add([Entry(job=a_job(clock)) for _ in range(int(sys.argv[4]))])
entries = [Entry(job=a_job(clock, labels={"team": "a"}), key=str(n)) for n in range(batch)]
steps = 0

def count():
    global steps
    steps += 1
    if steps == kill_at:
        os.kill(os.getpid(), 9)

if kill_at:
    store._database._connection.set_progress_handler(count, 1000)
print("adding", flush=True)
store.add(entries)
print("added", steps, flush=True)
sys.stdin.read()
"""


def add_and_die(path: Path, kill_at: int) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", ADDING, path, str(BATCH), str(kill_at), str(FIRST)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout


def stored(path: Path) -> tuple[int, int, int, str]:
    """How many jobs, nodes and labels there are, and what SQLite thinks of the whole."""
    with closing(sqlite3.connect(path)) as database:
        row: tuple[int, int, int] = database.execute(
            "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM nodes),"
            " (SELECT count(*) FROM labels)"
        ).fetchone()
        (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    return (*row, verdict)


@pytest.fixture(scope="module")
def whole_add(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many thousand steps the add takes when nobody kills it."""
    path = tmp_path_factory.mktemp("whole") / "outlast.db"
    code, told = add_and_die(path, 1 << 62)
    assert (0, (FIRST + BATCH, FIRST + BATCH, BATCH, "ok")) == (code, stored(path))
    return int(told.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_kill_in_the_middle_of_an_add_leaves_all_or_nothing(
    path: Path, whole_add: int, part: float
) -> None:
    """However far it had come, none of its jobs is there, and all the earlier ones are."""
    code, told = add_and_die(path, max(1, int(part * whole_add)))

    assert (-signal.SIGKILL, "adding\n") == (code, told)
    assert (FIRST, FIRST, 0, "ok") == stored(path)
    with closing(open_store(path)) as store:
        assert store.add([Entry(job=a_job(FakeClock(seed=2)))])


@pytest.mark.slow
@pytest.mark.parametrize("frames", [1, 60, 150, 250, 330])
def test_a_kill_while_the_log_is_written_leaves_all_or_nothing(path: Path, frames: int) -> None:
    """From outside, at any size of the log: what was told as stored is, and nothing is half so."""
    child = subprocess.Popen(
        [sys.executable, "-c", ADDING, path, str(BATCH), "0", str(FIRST)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert b"adding\n" == child.stdout.readline()
    log, told = Path(f"{path}-wal"), b""
    os.set_blocking(child.stdout.fileno(), False)
    aim = log.stat().st_size + frames * WAL_FRAME_BYTES
    while not told and log.stat().st_size < aim:
        told += child.stdout.read() or b""
    child.kill()
    os.set_blocking(child.stdout.fileno(), True)
    told += child.communicate(timeout=60)[0]

    assert -signal.SIGKILL == child.returncode
    jobs, nodes, labels, verdict = stored(path)
    assert (nodes, labels, verdict) == (jobs, jobs - FIRST, "ok")
    assert jobs == FIRST + BATCH if told else jobs in (FIRST, FIRST + BATCH)


# ----------------------------------------------------------------------------------------- full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small file system that this fills")
    disk = tmp_path / "small"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "outlast-test", disk],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_fails_the_call_and_nothing_else(small_disk: Path) -> None:
    """What was told as stored can be read and deleted; with room again, work goes on."""
    clock = FakeClock()
    path, ballast = small_disk / "outlast.db", small_disk / "ballast"
    with closing(open_store(path)) as store:
        kept = [ended(store, clock, a_job(clock)) for _ in range(20)]
        fill(ballast)

        with pytest.raises(Unavailable, match=r"room|could not be read or written") as told:
            add_for_ever(store, clock)

        assert told.value.retryable
        assert 0 == len(store.find(Query(labels={"new": "yes"}, limit=1000)).jobs) % 100
        assert kept == [store.get(job.id) for job in kept]

        ballast.unlink()
        store.expire([kept[0].id], at=clock.now(), forget_before=clock.now())
        new = a_job(clock)
        assert (new,) == store.add([Entry(job=new)])
    assert "ok" == stored(path)[-1]


def test_on_a_full_disk_no_database_is_half_made(small_disk: Path) -> None:
    """The first job of a home on a full disk is refused for now, and leaves nothing behind."""
    ballast = small_disk / "ballast"
    fill(ballast)
    with closing(open_store(small_disk / "outlast.db")) as store:
        with pytest.raises(Unavailable, match=r"room|could not be read or written") as told:
            store.add([Entry(job=a_job(FakeClock()))])
        assert told.value.retryable
        assert [ballast] == list(small_disk.iterdir())

        ballast.unlink()
        assert store.add([Entry(job=a_job(FakeClock()))])


def add_for_ever(store: Store, clock: FakeClock) -> None:
    while True:
        store.add([Entry(job=a_job(clock, labels={"new": "yes"})) for _ in range(100)])


def fill(ballast: Path) -> None:
    """Write until there is no room for another byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def test_a_database_that_may_not_grow_fails_the_call_and_nothing_else(path: Path) -> None:
    """As on a full disk, where no small disk can be had: by SQLite's own limit of pages."""
    clock = FakeClock()
    with closing(SqliteStore(str(path))) as store:
        job = a_job(clock)
        store.add([Entry(job=job)])
        with store._database.read() as database:
            assert database is not None
            database.execute("PRAGMA max_page_count = 40")

        with pytest.raises(Unavailable, match="no room left") as told:
            store.add([Entry(job=a_job(clock)) for _ in range(2000)])

        assert told.value.suggestion is not None
        assert (job,) == store.find(Query()).jobs
        assert frozenset() == store.save([(job, cancelled(job, clock))])
        assert JobStatus.CANCELLED == store.get(JobId(job.id)).status
