"""A process of ours is killed at each named place, and the truth is asked by somebody new."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.core.job import Job
from outlast.shim.failpoint import FAILPOINTS, OF_MOVES, OF_RETRIES, VARIABLE

from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

TRUE_CODE = 37
ONCE = f"echo started >> starts; exit {TRUE_CODE}"
LONG = "echo started >> starts; exec sleep 1000"

RUN = [name for name in FAILPOINTS if name.split(".")[0] not in ("cli", "bound", "ssh")]
RUN = [name for name in RUN if not name.endswith("cancel")]
AGAIN = [*OF_RETRIES, "supervisor.after_claim", "supervisor.after_launch"]
CANCEL = [name for name in FAILPOINTS if "cancel" in name]
CLI = [name for name in FAILPOINTS if name.startswith("cli.")]
HOSTS = [name for name in FAILPOINTS if name.startswith(("ssh.", "bound."))]
"""Those on the way to a host and back: their stories are among those of hosts."""


def arm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the first process that reaches *name* die there. Returns the file that is gone then."""
    token = tmp_path / "token"
    token.touch()
    monkeypatch.setenv(VARIABLE, f"{name}:{token}")
    return token


def starts(tmp_path: Path) -> int:
    try:
        return len((tmp_path / "starts").read_text().splitlines())
    except FileNotFoundError:
        return 0


def outcome(job: Job) -> tuple[str, str | None, int | None]:
    return job.status, job.reason, job.nodes[0].exit_code


def ask(job_id: str) -> Job:
    """Return the job once all of it is over, as somebody sees it who comes only now."""
    with fresh_client() as client:
        client.wait(job_id, timeout=PATIENCE_S)
        return eventually(lambda: job if (job := client.get(job_id)).is_settled else None)


def test_every_failpoint_has_its_story() -> None:
    """No place where we may be killed is left out of these stories."""
    assert sorted(FAILPOINTS) == sorted(RUN + CANCEL + CLI + HOSTS)


@pytest.mark.parametrize("name", RUN)
def test_whoever_dies_on_the_way_the_command_runs_once(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each step of a job's way, it starts once, and its true exit code is told."""
    token = arm(name, tmp_path, monkeypatch)
    with fresh_client() as client:
        job = client.submit(shell=ONCE, cwd=str(tmp_path))
        eventually(lambda: not token.exists(), f"death at {name}")
    monkeypatch.delenv(VARIABLE)

    after = ask(job.id)

    assert (("failed", "exit_nonzero", TRUE_CODE), 1) == (outcome(after), starts(tmp_path))


@pytest.mark.parametrize("name", RUN)
def test_whoever_dies_while_many_run_each_runs_once(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same among twenty jobs that come and go: all others know nothing of the death."""
    token = arm(name, tmp_path, monkeypatch)
    shell = f'echo started >> "starts.$N"; exit {TRUE_CODE}'
    with fresh_client() as client:
        jobs = client.submit_many(
            {"shell": shell, "cwd": str(tmp_path), "env": {"N": str(n)}} for n in range(20)
        )
        eventually(lambda: not token.exists(), f"death at {name}")
    monkeypatch.delenv(VARIABLE)

    told = {outcome(ask(job.id)) for job in jobs}
    started = {(tmp_path / f"starts.{n}").read_text() for n in range(20)}

    assert ({("failed", "exit_nonzero", TRUE_CODE)}, {"started\n"}) == (told, started)


@pytest.mark.parametrize("name", OF_MOVES)
def test_whoever_dies_in_a_move_it_is_done_all_the_same(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of a queue that is paused, a job runs once, under the supervisor that comes next."""
    token = arm(name, tmp_path, monkeypatch)
    with fresh_client() as client:
        client.queues.create("held")
        client.queues.pause("held")
        job = client.submit(shell=ONCE, cwd=str(tmp_path), queue="held", priority=-5)
        moved = client.move(job.id, queue="default", priority=5)
    monkeypatch.delenv(VARIABLE)

    assert (None, 5) == (moved.queue, moved.priority)
    assert not token.exists()
    after = ask(job.id)
    assert (("failed", "exit_nonzero", TRUE_CODE), 1) == (outcome(after), starts(tmp_path))


@pytest.mark.parametrize("name", CANCEL)
def test_whoever_dies_in_a_cancel_it_is_done_all_the_same(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's cancel outlives the supervisor that was doing it, and stops the command."""
    token = arm(name, tmp_path, monkeypatch)
    with fresh_client() as client:
        job = client.submit(shell=LONG, cwd=str(tmp_path), grace=0)
        eventually(lambda: starts(tmp_path), "the start")
        after = client.cancel(job.id)
    monkeypatch.delenv(VARIABLE)

    assert not token.exists()
    assert ("cancelled", "cancelled", None) == outcome(after)
    assert (("cancelled", "cancelled", None), 1) == (outcome(ask(job.id)), starts(tmp_path))


def test_a_supervisor_that_dies_again_and_again_changes_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is killed while the command runs, the next where it would record the end: all is told."""
    with fresh_client() as client:
        job = client.submit(
            shell=f"echo started >> starts; sleep 1; exit {TRUE_CODE}", cwd=str(tmp_path)
        )
        eventually(lambda: starts(tmp_path), "the start")
    token = arm("supervisor.before_record_end", tmp_path, monkeypatch)
    with fresh_client() as client:
        kill(supervisor_of(client))
        client.wait(job.id, timeout=PATIENCE_S)

    assert not token.exists()
    assert (("failed", "exit_nonzero", TRUE_CODE), 1) == (outcome(ask(job.id)), starts(tmp_path))


@pytest.mark.parametrize("name", CLI)
def test_a_command_line_that_dies_may_be_called_again(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its key, the second call finds the job or makes it: either way it starts once."""
    outlast = [sys.executable, "-c", "from outlast.doors.cli import main; main()"]
    argv = [*outlast, "submit", "--json", "--key", "once", "--cwd", tmp_path, "--shell", ONCE]
    token = arm(name, tmp_path, monkeypatch)
    assert -signal.SIGKILL == subprocess.run(argv, timeout=60, check=False).returncode
    assert not token.exists()
    monkeypatch.delenv(VARIABLE)

    again = subprocess.run(argv, capture_output=True, timeout=60, check=True)

    after = ask(json.loads(again.stdout)["data"]["job_id"])
    assert (("failed", "exit_nonzero", TRUE_CODE), 1) == (outcome(after), starts(tmp_path))
    with fresh_client() as client:
        assert [after.id] == [job.id for job in client.list().jobs]


@pytest.mark.parametrize("name", AGAIN)
def test_whoever_dies_between_two_tries_each_is_made_once(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed where a try is put off or begun, none is left out, and none is made twice."""
    token = arm(name, tmp_path, monkeypatch)
    with fresh_client() as client:
        job = client.submit(shell=ONCE, cwd=str(tmp_path), retries=2, retry_delay="10ms")
        eventually(lambda: not token.exists(), f"death at {name}")
    monkeypatch.delenv(VARIABLE)

    after = ask(job.id)

    assert (("failed", "exit_nonzero", TRUE_CODE), 3) == (outcome(after), starts(tmp_path))
    assert [(1, TRUE_CODE), (2, TRUE_CODE)] == [
        (each.number, each.exit_code) for each in after.nodes[0].earlier
    ]
