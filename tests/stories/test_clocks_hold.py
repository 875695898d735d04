"""The clocks of a job, while supervisor, launcher and shim die and come back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job

from ..shim.test_clocks import NAMES, TREE
from ..world import (
    PATIENCE_S,
    began,
    eventually,
    fresh_client,
    is_alive,
    kill,
    launchers_of,
    record_of,
    supervisor_of,
)
from .conftest import Command, fate, over

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

TIMED_OUT = ("timeout", -1)


def late_ms(home: Path, job: Job, limit_ms: int) -> int:
    """Return by how much the end came after the limit, by the record."""
    record = record_of(home, job)
    assert record.began is not None
    assert record.ended is not None
    return int(record.ended["at"]) - int(record.began["at"]) - limit_ms


def test_a_timeout_fires_while_the_supervisor_is_dead(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """The shim keeps the clock: on time, with nobody above it."""
    command = start(timeout="3s", grace=0)
    kill(supervisor_of(client))
    eventually(lambda: record_of(home, command.job).ended, "the end at the limit")

    assert 0 <= late_ms(home, command.job, 3000) < 60_000
    assert TIMED_OUT == fate(command.after())


def test_a_deadline_passes_to_the_supervisor_with_its_shim(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """The shim killed, the supervisor keeps the same deadline, and it is not early."""
    command = start(timeout="5s", grace=0)
    kill(command.shim)
    after = command.after()

    assert (TIMED_OUT, True) == (fate(after), after.nodes[0].degraded)
    assert late_ms(home, command.job, 5000) >= 0


@pytest.mark.parametrize("passed", [False, True], ids=["still to come", "passed meanwhile"])
def test_a_deadline_is_kept_by_the_next_supervisor(
    passed: bool, client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """Supervisor and shim killed: whoever comes next enforces what was promised."""
    command = start(timeout="5s", grace=0)
    kill(supervisor_of(client), command.shim)
    if passed:
        start_ms = int(command.began["mono_ms"])
        eventually(lambda: _monotonic_ms() > start_ms + 5100, "the deadline")
    assert is_alive(command.pid)

    assert TIMED_OUT == fate(command.after())
    assert not is_alive(command.pid)


def _monotonic_ms() -> int:
    import time

    return time.monotonic_ns() // 1_000_000


def test_the_grace_is_kept_without_a_shim(
    client: Client, home: Path, tmp_path: Path, start: Callable[..., Command]
) -> None:
    """A command whose shim was killed hears TERM, and may leave within its grace."""
    job = client.submit(
        shell="trap 'echo heard; exit 12' TERM; echo up; while :; do sleep 0.02; done",
        grace="20s",
    )
    line = began(home, job)
    eventually(lambda: b"up" in client.output(job.id))
    kill(int(line["shim_pid"]))
    after = client.cancel(job.id, wait_stopped=PATIENCE_S)

    assert after.is_settled
    assert b"up\nheard\n" == client.output(job.id)


@pytest.mark.parametrize("dead", ["nobody", "shim", "shim and launcher"])
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_the_whole_tree_goes(
    how: str, dead: str, client: Client, home: Path, tmp_path: Path
) -> None:
    """Escaped daemons, those without our mark included, are gone whoever has to end them."""
    job = client.submit(
        [sys.executable, "-I", "-S", "-c", TREE, str(tmp_path)],
        grace=0,
        timeout="8s" if how == "timeout" else "1h",
    )
    line = began(home, job)
    pids = [
        int(eventually(lambda path=tmp_path / name: path.exists() and path.read_text()))  # type: ignore[misc]  # bound at once
        for name in NAMES
    ]
    if dead != "nobody":
        kill(int(line["shim_pid"]), *(launchers_of(home) if "launcher" in dead else []))
    if how == "cancel":
        client.cancel(job.id, wait_stopped=PATIENCE_S)
    after = over(client, job)

    assert ("cancelled" if how == "cancel" else "timeout") == after.reason
    if line["containment"] == "cgroup":
        assert [] == [pid for pid in pids if is_alive(pid)]
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_queue_timeout_fails_what_never_had_its_turn(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was not started, and says so; what is before it in the queue is not touched."""
    monkeypatch.setenv("OUTLAST_MAX_RUNNING", "1")
    with fresh_client() as client:
        first = client.submit(shell="until [ -e go ]; do sleep 0.02; done", cwd=str(tmp_path))
        second = client.submit(["touch", "ran"], cwd=str(tmp_path), queue_timeout="300ms")
        assert ("queue_timeout", None) == fate(over(client, second))
        (tmp_path / "go").touch()
        assert (None, 0) == fate(over(client, first))

    assert not (tmp_path / "ran").exists()


def test_what_waits_is_begun_in_the_order_of_its_submission(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """First in, first out, even where the supervisor is killed in the middle."""
    monkeypatch.setenv("OUTLAST_MAX_RUNNING", "1")
    with fresh_client() as client:
        jobs = client.submit_many(
            {"shell": f"echo {n} >> order; sleep 0.05", "cwd": str(tmp_path)} for n in range(12)
        )
        eventually((tmp_path / "order").exists)
        kill(supervisor_of(client))
        client.wait_all([job.id for job in jobs], timeout=PATIENCE_S)

    assert [str(n) for n in range(12)] == (tmp_path / "order").read_text().split()
