"""Commands that print much, print bytes, are long, or breed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from outlast import Client
from outlast.errors import InvalidRequest

from ..world import began, eventually, fresh_client, is_alive
from .conftest import fate, over

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover


def test_ten_thousand_lines_a_second_are_all_there(client: Client) -> None:
    """Written line by line, both streams at once, nothing is lost or torn."""
    code = (
        "import sys, time\n"
        "for tick in range(20):\n"
        "    for n in range(500):\n"
        "        print(f'{tick * 500 + n:08}', flush=True)\n"
        "        print(f'{tick * 500 + n:08}', file=sys.stderr, flush=True)\n"
        "    time.sleep(0.03)\n"
    )
    job = over(client, client.submit([sys.executable, "-I", "-S", "-c", code]))

    expected = "".join(f"{n:08}\n" for n in range(10_000)).encode()
    assert (None, 0) == fate(job)
    for stream in ("stdout", "stderr"):
        assert expected == client.output(job.id, stream=stream)
    assert len(expected) == job.nodes[0].stdout_bytes


def test_bytes_of_every_kind_are_kept(client: Client, tmp_path: Path) -> None:
    """Five megabytes of anything come out as they went in."""
    data = os.urandom(5_000_000) + bytes(range(256))
    (tmp_path / "data").write_bytes(data)
    job = over(client, client.submit(["cat", "data"], cwd=str(tmp_path)))

    assert hashlib.sha256(data).digest() == hashlib.sha256(client.output(job.id)).digest()
    assert data[4_000_000:4_000_100] == next(client.read_output(job.id, offset=4_000_000))[:100]


def test_what_is_given_as_input_is_read(client: Client) -> None:
    """Bytes handed over with the submission are the command's standard input."""
    data = os.urandom(300_000)
    job = over(client, client.submit(["cat"], stdin_data=data))

    assert data == client.output(job.id)


def test_a_command_just_below_a_mebibyte_runs(client: Client) -> None:
    """Long arguments arrive whole."""
    arguments = [chr(97 + n) * (128 * 1024 - 10) for n in range(7)]
    job = client.submit(["/bin/sh", "-c", 'printf %s "$@" | wc -c', "sh", *arguments])

    assert (None, 0) == fate(over(client, job))
    assert 7 * (128 * 1024 - 10) == int(client.output(job.id))


@pytest.mark.parametrize(
    "command",
    [
        ["echo", *["x" * 100_000] * 11],
        ["echo", "x" * (128 * 1024)],
        ["echo", "a\0b"],
        ["echo", "\udcff"],
        [],
        [""],
    ],
    ids=["a mebibyte", "one long argument", "NUL", "not UTF-8", "empty", "empty program"],
)
def test_what_no_kernel_takes_is_refused_before_anything_happens(
    client: Client, home: Path, command: list[str]
) -> None:
    """Not a file, not a row, not a process comes of it."""
    with pytest.raises(InvalidRequest):
        client.submit(command)

    assert not (home / "outlast.db").exists()


def test_a_background_process_of_the_caller_s_kind_is_left_alone(client: Client) -> None:
    """A process that is not the job's own is never ended with it."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        job = client.submit(shell="sleep 1000", grace=0)
        began(Path(client._settings.home), job)
        client.cancel(job.id, wait_stopped="60s")
        assert is_alive(stranger.pid)
        stranger.kill()


@pytest.fixture
def few_pids() -> Iterator[Path]:
    """A version 1 cgroup that allows two hundred processes."""
    base = Path("/sys/fs/cgroup/pids")
    if not os.access(base, os.W_OK) or not (base / "cgroup.procs").exists():
        pytest.skip("holding processes down takes a version 1 pids cgroup, and root")
    folder = base / f"few-{os.getpid()}"
    folder.mkdir()
    (folder / "pids.max").write_text("200")
    yield folder
    eventually(lambda: not (folder / "cgroup.procs").read_text(), "the cgroup's emptiness")
    folder.rmdir()


def test_a_fork_bomb_is_ended(home: Path, few_pids: Path, tmp_path: Path) -> None:
    """Breeding as fast as it can within its limit, it is all gone after the timeout."""
    code = (
        "import sys, outlast; from pathlib import Path; import os;"
        "Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid()));"
        "print(outlast.Client().submit(shell='bomb() { bomb | bomb & }; bomb; sleep 1000',"
        " timeout='1500ms', grace=0).id)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, few_pids], capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    with fresh_client() as client:
        job = over(client, client.get(answer.stdout.strip()))

        assert job.reason in ("timeout", "signal", "exit_nonzero")
        assert job.is_settled
        assert (None, 0) == fate(over(client, client.submit(["true"])))
        client._service._supervision.leave(timedelta(seconds=15))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_a_job_outlives_the_whole_group_of_its_caller(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """The submitter's process group is killed, as a closing terminal does: the job runs on."""
    code = (
        "import sys, time, outlast;"
        "print(outlast.Client().submit(shell='sleep 0.5; echo done', cwd=sys.argv[1]).id, flush=True);"
        "time.sleep(1000)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as caller:  # fmt: skip
        assert caller.stdout is not None
        job_id = caller.stdout.readline().strip()
        os.killpg(caller.pid, number)

    with fresh_client() as client:
        assert (None, 0) == fate(over(client, client.get(job_id)))
        assert b"done\n" == client.output(job_id)


def test_nothing_that_the_caller_has_open_is_kept_open(home: Path, tmp_path: Path) -> None:
    """A lock that the submitter's shell holds is free when that shell has gone."""
    script = (
        'exec 9> "$1/lock"; flock 9; "$2" -c "import outlast; outlast.Client().submit([\'true\'])"'
    )
    subprocess.run(["/bin/sh", "-c", script, "sh", tmp_path, sys.executable], check=True)

    assert 0 == subprocess.run(["flock", "-n", tmp_path / "lock", "true"], check=False).returncode
    with fresh_client() as client:
        for job in client.list().jobs:
            over(client, job)


def test_a_caller_that_reaps_nobody_may_submit(home: Path) -> None:
    """With SIGCHLD ignored a submission works as ever."""
    code = (
        "import signal, outlast; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "client = outlast.Client(); print(client.wait(client.submit(['true']).id).status)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert "complete" == answer.stdout.strip(), answer.stderr


@pytest.mark.slow
def test_three_thousand_jobs_are_waited_for_at_once(client: Client) -> None:
    """One wait for all of them sleeps until something happens, and ends when the last has."""
    jobs = client.submit_many({"command": ["true"]} for _ in range(3000))
    done = client.wait_all([job.id for job in jobs], timeout="100s")

    assert {"complete"} == {str(job.status) for job in done}
    eventually(lambda: all(client.get(job.id).is_settled for job in jobs[-20:]))
