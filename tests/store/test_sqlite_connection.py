"""Opening a database: what is made, what is refused, and that what is refused is left as it is."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outlast.core.job import JobId
from outlast.errors import HomeRefused, NotFound, SchemaOlder, Unavailable
from outlast.ports.store import Entry, Query
from outlast.store import open_store, sqlite_schema
from outlast.store.sql.sqlite import APPLICATION_ID, SCHEMA
from outlast.store.sqlite import SqliteStore
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outlast.db"


def test_asking_makes_nothing(path: Path) -> None:
    """Where there is no database, none is made by asking it."""
    with closing(open_store(path)) as store:
        with pytest.raises(NotFound):
            store.get(JobId("job_none"))
        assert () == store.find(Query()).jobs

    assert [] == list(path.parent.iterdir())


def test_the_first_job_makes_the_database(path: Path) -> None:
    """It is whole, its owner's alone, and nothing else is left when it is closed."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    with closing(open_store(path)) as store:
        assert job == store.get(job.id)

    assert {0o600} == modes
    assert [path] == list(path.parent.iterdir())


def test_a_store_that_was_opened_before_the_database_was_made_sees_it(path: Path) -> None:
    """Whoever looked at an empty home sees the jobs that others put there since."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as early, closing(open_store(path)) as late:
        late.add([Entry(job=job)])

        assert job == early.get(job.id)


def test_the_supervisor_makes_the_database_at_once(path: Path) -> None:
    """Whoever may bring a database up to date makes one where there is none."""
    open_store(path, migrate=True).close()

    assert path.exists()


@pytest.mark.parametrize("name", ["a b", "50% ?mode=memory", "#1", "h\u00f6me", "a'b;c", "\udcff"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    """A path means itself, whatever SQLite's addresses make of its characters."""
    folder = tmp_path / name
    folder.mkdir()
    job = a_job(FakeClock())
    with closing(open_store(folder / "outlast.db")) as store:
        store.add([Entry(job=job)])

        assert job == store.get(job.id)
    assert ["outlast.db"] == os.listdir(folder)


def test_a_relative_path_stays_where_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing the directory does not change the database."""
    monkeypatch.chdir(path.parent)
    with closing(open_store(path.name)) as store:
        monkeypatch.chdir("/")
        store.add([Entry(job=a_job(FakeClock()))])

    assert path.exists()


def test_many_may_make_the_database_at_once(path: Path) -> None:
    """Stores that all meet an empty home end up with the jobs of all of them."""
    script = (
        "import sys\n"
        "from outlast.ports.store import Entry\n"
        "from outlast.store import open_store\n"
        "from outlast.testing import FakeClock\n"
        "from outlast.testing.jobs import a_job\n"
        "store = open_store(sys.argv[1])\n"
        "input()\n"
        "store.add([Entry(job=a_job(FakeClock(seed=int(sys.argv[2]))))])\n"
        "store.close()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, path, str(seed)], stdin=subprocess.PIPE)
        for seed in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()
    ends = [child.wait(60) for child in children]

    with closing(open_store(path)) as store:
        assert ([0] * 4, 4) == (ends, len(store.find(Query()).jobs))
    assert [path] == list(path.parent.iterdir())


# ------------------------------------------------------------------------------------------- refused


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE theirs (a)")


def make_foreign_with_a_log(path: Path) -> None:
    """Somebody else's database, whose owner was killed and left a log to be worked in."""
    script = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('PRAGMA journal_mode = WAL')\n"
        "database.execute('CREATE TABLE theirs (a)')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], check=False, timeout=60)
    assert (-signal.SIGKILL, True) == (ended.returncode, Path(f"{path}-wal").stat().st_size > 0)


def make_newer(path: Path) -> None:
    migrations = [
        *sqlite_schema.load_migrations(),
        sqlite_schema.Migration(SCHEMA + 1, "CREATE TABLE later (a);"),
    ]
    sqlite_schema.create(str(path), migrations)


def make_damaged(path: Path) -> None:
    open_store(path, migrate=True).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("not a database, but long enough\n" * 99), "is damaged"),
    "short": (lambda path: path.write_bytes(b"SQLite format 3"), "damaged"),
    "empty": (lambda path: path.write_bytes(b""), "no database of Outlast's"),
    "somebody's": (make_foreign, "no database of Outlast's"),
    "somebody's, with a log": (make_foreign_with_a_log, "no database of Outlast's"),
    "newer": (
        make_newer,
        f"newer Outlast: it has schema {SCHEMA + 1}, and this one knows {SCHEMA}",
    ),
    "damaged within": (make_damaged, "is damaged"),
    "a folder": (lambda path: path.mkdir(), "is not a file"),
    "a pipe": (os.mkfifo, "is not a file"),
    "a loop": (lambda path: path.symlink_to(path.name), "cannot be reached"),
}


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("migrate", [False, True], ids=["", "by the supervisor"])
def test_what_is_no_database_of_ours_is_refused(
    path: Path, make: Callable[[Path], object], told: str, migrate: bool
) -> None:
    """The refusal says what is there and what to do, and every file keeps every byte."""
    make(path)
    before = contents(path.parent)

    with pytest.raises(HomeRefused) as refused:
        use(path, migrate=migrate)

    assert told in refused.value.message
    assert str(path) in refused.value.message
    assert refused.value.suggestion
    assert not refused.value.retryable
    assert before == contents(path.parent)


def use(path: Path, *, migrate: bool = False) -> None:
    with closing(open_store(path, migrate=migrate)) as store:
        store.find(Query())


def contents(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder; the index of a log is left out, since readers may make it anew."""
    return {
        file.name: file.read_bytes() if file.is_file() and not file.is_symlink() else None
        for file in folder.iterdir()
        if not file.name.endswith("-shm")
    }


def test_a_home_that_is_not_there_takes_no_job(tmp_path: Path) -> None:
    """A missing folder is told with the remedy, and not made by the store."""
    with (
        closing(open_store(tmp_path / "missing" / "outlast.db")) as store,
        pytest.raises(HomeRefused, match="No such file") as refused,
    ):
        store.add([Entry(job=a_job(FakeClock()))])

    assert refused.value.suggestion is not None
    assert [] == list(tmp_path.iterdir())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may go into; pytest's own ones are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


AS_NOBODY = """
import os, sys
from outlast.errors import HomeRefused
from outlast.ports.store import Entry, Query
from outlast.store import open_store, sqlite_errors, sqlite_find, sqlite_schema
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
try:
    store = open_store(sys.argv[1])
    store.find(Query())
    store.add([Entry(job=a_job(FakeClock()))])
except HomeRefused as refused:
    print(refused.message)
"""


@pytest.mark.parametrize(
    ("mode", "folder_mode"), [(0o000, 0o755), (0o444, 0o755), (0o666, 0o000), (0o444, 0o555)]
)
def test_a_database_that_this_user_may_not_use_is_refused(
    open_folder: Path, mode: int, folder_mode: int
) -> None:
    """Whoever may not read or write the database is told so, and changes nothing."""
    path = open_folder / "outlast.db"
    open_store(path, migrate=True).close()
    before = path.read_bytes()
    path.chmod(mode)
    open_folder.chmod(folder_mode)

    told = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, path, str(NOBODY)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    open_folder.chmod(0o755)
    path.chmod(0o600)
    assert str(path) in told
    assert "may not be" in told or "cannot be reached" in told
    assert before == path.read_bytes()


# --------------------------------------------------------------------------------- older, and newer


def test_an_older_database_waits_for_the_supervisor(path: Path) -> None:
    """Only who holds the supervisor's lock may bring it up to date; all others are told."""
    sqlite_schema.create(str(path), [])
    before = path.read_bytes()

    with pytest.raises(SchemaOlder, match=f"has schema 0, and this Outlast works with {SCHEMA}"):
        open_store(path)
    assert before == path.read_bytes()

    open_store(path, migrate=True).close()
    use(path)


@pytest.mark.parametrize(("schema", "kind"), [(SCHEMA + 1, HomeRefused), (SCHEMA - 1, SchemaOlder)])
def test_a_database_that_changes_its_schema_while_open_is_left(
    path: Path, schema: int, kind: type[Unavailable]
) -> None:
    """A process that lives longer than its version's database stops using it at once."""
    job = a_job(FakeClock())
    with closing(open_store(path)) as store:
        store.add([Entry(job=job)])
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(f"PRAGMA user_version = {schema}")

        for ask in (
            lambda: store.get(job.id),
            lambda: store.find(Query()),
            lambda: store.save([]),
            lambda: store.add([Entry(job=a_job(FakeClock(seed=2)))]),
        ):
            with pytest.raises(kind):
                ask()


def test_the_header_tells_whose_it_is(path: Path) -> None:
    """The mark and the schema's number stand in the file, where file(1) finds them."""
    open_store(path, migrate=True).close()
    header = path.read_bytes()[:100]

    assert b"SQLite format 3\0" == header[:16]
    assert (SCHEMA, APPLICATION_ID) == (
        int.from_bytes(header[60:64]),
        int.from_bytes(header[68:72]),
    )


def test_a_database_somebody_holds_is_unavailable(path: Path) -> None:
    """Whoever waits too long for others to finish writing is told to try again."""
    job = a_job(FakeClock())
    with closing(SqliteStore(str(path))) as store:
        store.add([Entry(job=job)])
        with store._database.read() as database:
            assert database is not None
            database.execute("PRAGMA busy_timeout = 50")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(Unavailable, match="is busy") as told:
                store.save([])
            assert job == store.get(job.id)

            other.execute("ROLLBACK")
        assert told.value.retryable
        assert frozenset() == store.save([])
