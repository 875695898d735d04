"""Who may use a home, and who owns it: one supervisor, of this machine, of the newest version."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import outlast
from outlast import Client
from outlast.errors import ClientError, HomeRefused
from outlast.home import Home
from outlast.settings import load_settings
from outlast.testing import leaks
from outlast.wiring import start_supervisor, supervisor_argv

from ..world import eventually, fresh_client, is_alive, kill, supervisor_of, words_of
from .conftest import TRUE_CODE, Command, fate, over


def unshared(*options: str) -> list[str]:
    tool = shutil.which("unshare")
    if tool is None or os.geteuid() != 0:
        pytest.skip("namespaces take unshare(1) and root")
    return [tool, *options]


def supervisors(home: Path) -> list[int]:
    return [
        pid
        for pid in leaks.processes(home)
        if any("outlast.wiring" in word for word in words_of(pid)) and str(home) in words_of(pid)
        and not words_of(pid)[0].endswith("sh")
    ]  # fmt: skip


# --------------------------------------------------------------------------------------- one owner


def test_of_many_supervisors_started_at_once_one_owns_the_home(client: Client, home: Path) -> None:
    """The lock decides; all others leave by themselves, and the jobs are run once."""
    client.wait(client.submit(["true"]).id)
    kill(supervisor_of(client))
    argv = supervisor_argv(load_settings(home=home))
    started = [
        subprocess.Popen(argv, stderr=subprocess.DEVNULL, start_new_session=True) for _ in range(6)
    ]
    pid = eventually(lambda: supervisor_of(client))
    for process in started:
        if process.pid != pid:
            process.wait(30)

    assert [pid] == supervisors(home)
    assert "complete" == client.wait(client.submit(["true"]).id, timeout="60s").status
    client._service._supervision.leave(timedelta(seconds=15))
    for process in started:
        process.wait(30)


def test_while_one_comes_up_no_other_is_started(client: Client, home: Path) -> None:
    """Nor once it is there, by who looked before; one that dies gives the right to start back."""
    settings = load_settings(home=home)
    ready, tells = os.pipe()
    assert start_supervisor(settings, tells)
    assert not start_supervisor(settings, tells)
    os.close(tells)
    assert b"r" == os.read(ready, 1)
    (pid,) = supervisors(home)
    assert pid == supervisor_of(client)
    # Whoever looked before that finds the right to start free by now, and nothing to start.
    os.close(eventually(Home(str(home)).claim_start, "the right to start, given back"))
    assert not start_supervisor(settings, ready)
    os.close(ready)

    kill(pid)
    assert "complete" == client.wait(client.submit(["true"]).id, timeout="60s").status


def test_submits_from_everywhere_at_once_meet_in_one_supervisor(home: Path, tmp_path: Path) -> None:
    """Eight threads of eight clients submit to a home that is not there yet: all are run."""

    def submit(number: int) -> str:
        with fresh_client() as client:
            shell = f"echo started >> starts.{number}"
            return str(client.wait(client.submit(shell=shell, cwd=str(tmp_path)).id).status)

    with ThreadPoolExecutor(8) as pool:
        assert ["complete"] * 8 == list(pool.map(submit, range(8)))
    eventually(lambda: 1 == len(supervisors(home)), "one of them, the others having left")
    assert all((tmp_path / f"starts.{n}").read_text() == "started\n" for n in range(8))


KEYED = """
import sys, outlast
client = outlast.Client()
print("ready", flush=True); input()
print(client.submit(shell="echo started >> starts", key="one", cwd=sys.argv[1]).id)
"""


def test_one_key_from_many_processes_is_one_job(home: Path, tmp_path: Path) -> None:
    """Submitted under the same key at the same moment, it is one job, which starts once."""
    processes = [
        subprocess.Popen([sys.executable, "-c", KEYED, tmp_path], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ids = {process.communicate(timeout=60)[0] for process in processes}

    assert 1 == len(ids)
    with fresh_client() as client:
        assert "complete" == client.wait(ids.pop().strip(), timeout="60s").status
    assert "started\n" == (tmp_path / "starts").read_text()


MANY = """
import sys, outlast
client = outlast.Client()
specs = [{"shell": "echo started >> starts", "cwd": sys.argv[1]}] * 400
print("ready", flush=True)
client.submit_many(specs)
"""


@pytest.mark.parametrize("after_ms", [0, 5, 15, 30, 60])
def test_many_are_submitted_whole_or_not_at_all(home: Path, tmp_path: Path, after_ms: int) -> None:
    """Killed in the middle of a submission of many, none of them is there, or every one."""
    with subprocess.Popen(
        [sys.executable, "-c", MANY, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        time.sleep(after_ms / 1000)  # the moment of the kill is the subject
        process.kill()

    with fresh_client() as client:
        jobs = client.list(limit=1000).jobs
        assert len(jobs) in (0, 400)
        client.wait_all([job.id for job in jobs], timeout="60s")
        for job in jobs:
            over(client, job)
    starts = tmp_path / "starts"
    assert len(jobs) == (len(starts.read_text().splitlines()) if starts.exists() else 0)


# --------------------------------------------------------------------------- the version that owns


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy of this package that says it is of an older version."""
    folder = tmp_path / "older"
    package = Path(outlast.__file__).parent
    shutil.copytree(package, folder / "outlast", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "outlast" / "version.py").write_text('__version__ = "0.0.1"\n')
    return folder


def test_a_supervisor_of_an_older_version_is_replaced(
    home: Path, tmp_path: Path, older: Path
) -> None:
    """The first verb of a newer Outlast sends it away; the command that runs notices nothing."""
    code = (
        "import sys, outlast; assert outlast.__version__ == '0.0.1';"
        "print(outlast.Client().submit(shell='echo started >> starts; "
        f"until [ -e go ]; do sleep 0.02; done; exit {TRUE_CODE}', cwd=sys.argv[1]).id)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=os.environ | {"PYTHONPATH": str(older), "COVERAGE_PROCESS_CONFIG": ""},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    job_id = answer.stdout.strip()
    eventually((tmp_path / "starts").exists)
    with fresh_client() as client:
        link = client._service._supervision
        assert "0.0.1" == (link.status() or {})["version"]
        old = supervisor_of(client)
        job = client.get(job_id)
        eventually(lambda: (link.status() or {}).get("version") == outlast.__version__)
        assert old != supervisor_of(client)
        assert not job.is_terminal
        (tmp_path / "go").touch()
        assert ("exit_nonzero", TRUE_CODE) == fate(over(client, job))

    assert "started\n" == (tmp_path / "starts").read_text()


def test_a_stopped_supervisor_holds_up_no_answer(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """Under SIGSTOP it cannot catch up: `get` says what is stored, and soon."""
    command = start()
    eventually(lambda: client.get(command.job.id).status == "running")
    pid = supervisor_of(client)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with fresh_client() as other:
            assert "running" == other.get(command.job.id).status
            assert 1 == len(other.list().jobs)
        assert time.monotonic() - began < 30
        with fresh_client() as other, pytest.raises(ClientError, match="does not answer"):
            other._service._supervision.status()
    finally:
        os.kill(pid, signal.SIGCONT)
    command.let_go()

    assert ("exit_nonzero", TRUE_CODE) == fate(command.after())


# --------------------------------------------------------------------------- homes that are refused


def refused(*argv: object, env: dict[str, str] | None = None) -> str:
    """Run a submission somewhere, and return the words with which it is refused."""
    code = (
        "import sys, outlast\n"
        "try: outlast.Client(home=sys.argv[1]).submit(['true'])\n"
        "except outlast.ClientError as error: print(error.code, error, error.suggestion)\n"
    )
    answer = subprocess.run(
        [*map(str, argv[:-1]), sys.executable, "-c", code, str(argv[-1])],
        capture_output=True, text=True, timeout=60, check=False, env=env,
    )  # fmt: skip
    assert 0 == answer.returncode, answer.stderr
    return answer.stdout


def files_of(home: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name != "supervisor.log"
    }


@pytest.fixture
def used_home(home: Path) -> Iterator[Path]:
    """A home with a finished job, and nobody in it."""
    with fresh_client() as client:
        over(client, client.submit(["true"]))
        client._service._supervision.leave(timedelta(seconds=15))
    return home


def test_a_home_of_another_pid_namespace_is_refused(used_home: Path) -> None:
    """Pids mean nothing there: it says so, what would help, and leaves every byte as it is."""
    before = files_of(used_home)
    told = refused(*unshared("-p", "-f", "--mount-proc"), used_home)

    assert told.startswith("home_refused")
    assert "pid namespace" in told
    assert "doctor --adopt-home" in told
    assert before == files_of(used_home)


def test_a_home_of_another_machine_is_refused(used_home: Path) -> None:
    """The same for a disk that was carried to another machine."""
    identity = used_home / "home.json"
    identity.write_text(json.dumps(json.loads(identity.read_text()) | {"machine": "another"}))
    told = refused(used_home)

    assert told.startswith("home_refused")
    assert "another machine" in told


def test_a_home_that_cannot_be_written_is_refused(used_home: Path, tmp_path: Path) -> None:
    """On a disk that is read only, a submission is refused with words, and reading still works."""
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    told = refused(*unshared("-m"), "/bin/sh", "-c", script, "sh", used_home, used_home)

    assert told, "a submission to a read-only home was taken"
    assert told.split()[0] in ("home_refused", "unavailable")


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Where a file is in its way, it says which."""
    (tmp_path / "file").write_text("")
    told = refused(tmp_path / "file" / "home")

    assert told.startswith("home_refused")
    assert str(tmp_path / "file") in told


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500], ids=["empty", "garbage"])
def test_a_database_that_is_none_is_left_as_it_is(used_home: Path, content: bytes) -> None:
    """A file that cannot be read as a database is refused, never replaced by an empty one."""
    for name in ("outlast.db-wal", "outlast.db-shm"):
        (used_home / name).unlink(missing_ok=True)
    (used_home / "outlast.db").write_bytes(content)
    told = refused(used_home)

    assert told.startswith("home_refused")
    assert content == (used_home / "outlast.db").read_bytes()
    (used_home / "outlast.db").unlink()


def test_an_unreadable_identity_is_told(used_home: Path) -> None:
    """A damaged `home.json` is refused with its name, not with a trace."""
    (used_home / "home.json").write_text("{")

    with pytest.raises(HomeRefused, match=r"home\.json|cannot be read"):
        Client()


def test_a_home_with_a_long_path_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """A socket's path is at most 108 bytes; a home's is not."""
    deep = home / ("d" * 90) / ("e" * 90)
    monkeypatch.setenv("OUTLAST_HOME", str(deep))
    with fresh_client() as client:
        assert (None, 0) == fate(over(client, client.submit(["true"])))
        pid = supervisor_of(client)
        assert pid is not None
        client._service._supervision.leave(timedelta(seconds=15))
        eventually(lambda: not is_alive(pid))


def test_a_socket_that_is_removed_is_made_again(home: Path, client: Client) -> None:
    """Whoever finds nobody to speak to tells the owner of the lock, which listens anew."""
    assert "complete" == client.wait(client.submit(["true"]).id, timeout="60s").status
    owner = supervisor_of(client)
    (home / "supervisor.sock").unlink()

    with fresh_client() as other:
        assert "complete" == other.wait(other.submit(["true"]).id, timeout="60s").status
    # A candidate that found the lock taken told its owner, and may still be on its way out.
    eventually(lambda: [owner] == supervisors(home), "the candidate's leaving")
    assert owner == supervisor_of(client)


# ------------------------------------------------------------------------------- a narrower kernel

WITHOUT_OFD_LOCKS = """
import ctypes, os, struct, sys

step = lambda code, yes, no, value: struct.pack("HBBI", code, yes, no, value)
filter = b"".join([
    step(0x20, 0, 0, 0),                     # the call's number
    step(0x15, 0, 4, int(sys.argv[1])),      # not fcntl: let through
    step(0x20, 0, 0, 24),                    # its command
    step(0x35, 0, 2, 36),                    # below F_OFD_GETLK: let through
    step(0x25, 1, 0, 38),                    # above F_OFD_SETLKW: let through
    step(0x06, 0, 0, 0x00050000 | 22),       # EINVAL
    step(0x06, 0, 0, 0x7FFF0000),
])
held = ctypes.create_string_buffer(filter)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 7, ctypes.addressof(held)))
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, program) == 0, ctypes.get_errno()
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Has what is executed refused the locks of open files, as a sandbox does (seccomp(2))."""

FCNTL = {"x86_64": 72, "aarch64": 25}


def test_a_kernel_without_locks_of_open_files_will_do(home: Path) -> None:
    """A supervisor is started, once, and found; who is just coming up cannot be seen there."""
    number = FCNTL.get(os.uname().machine)
    if number is None:
        pytest.skip(f"the number of fcntl(2) on {os.uname().machine} is not known here")
    narrow = [sys.executable, "-c", WITHOUT_OFD_LOCKS, str(number)]
    refused = "import fcntl; fcntl.fcntl(0, fcntl.F_OFD_GETLK, bytes(32))"
    probe = subprocess.run(
        [*narrow, sys.executable, "-c", refused], stderr=subprocess.PIPE, text=True, check=False
    )
    assert "Errno 22" in probe.stderr

    argv = [*narrow, sys.executable, "-m", "outlast"]
    done = subprocess.run(
        [*argv, "run", "--text", "--", "echo", "hi"], capture_output=True, text=True, check=False
    )
    asked = subprocess.run(
        [*argv, "supervisor", "status", "--json"], capture_output=True, text=True, check=False
    )

    assert (0, "hi\n") == (done.returncode, done.stdout), done.stderr
    assert supervisors(home) == [json.loads(asked.stdout)["data"]["pid"]]
