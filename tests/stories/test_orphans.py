"""A command whose shim was killed is held to all its limits, by whoever supervises it then."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.shim import spool

from ..world import (
    began,
    eventually,
    folder_of,
    fresh_client,
    kill,
    launchers_of,
    record_of,
    supervisor_of,
)
from .conftest import fate, over

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

KIB = 1 << 10
DEAD = ["shim", "shim and launcher", "supervisor and shim"]
WAITS = "echo out; until [ -e go ]; do sleep 0.02; done; "
FLOODS = WAITS + "head -c 2000000 /dev/zero; exec sleep 1000"


def orphaned(
    client: Client, home: Path, folder: Path, shell: str, dead: str, **spec: object
) -> Job:
    """Return a job whose command prints, and whose shim (and what else is *dead*) is killed then."""
    job = client.submit(shell=shell, cwd=str(folder), **spec)
    line = began(home, job)
    eventually(lambda: client.output(job.id))
    others = launchers_of(home) if "launcher" in dead else []
    kill(supervisor_of(client) if "supervisor" in dead else None, line["shim_pid"], *others)
    if "supervisor" not in dead:
        eventually(lambda: client.get(job.id).nodes[0].degraded)
    return job


@pytest.mark.parametrize("dead", DEAD)
def test_silence_is_ended(dead: str, client: Client, home: Path, tmp_path: Path) -> None:
    """It is counted from the last byte, whoever was there to see it; never early."""
    spec = {"idle_timeout": "2500ms", "grace": 0}
    shell = "until [ -e go ]; do echo out; sleep 0.05; done; exec sleep 1000"
    job = orphaned(client, home, tmp_path, shell, dead, **spec)
    (tmp_path / "go").touch()
    with fresh_client() as after:
        ended = over(after, job)
    printed_ms = (Path(folder_of(home, job)) / "stdout").stat().st_mtime_ns // 1_000_000

    assert (("idle_timeout", -1), True) == (fate(ended), ended.nodes[0].degraded)
    assert "TimeoutError: No output for 2.5s" == ended.nodes[0].error
    line = record_of(home, job).ended
    assert line is not None
    assert line["at"] - printed_ms >= 2500


@pytest.mark.slow
def test_who_prints_is_not_silent(client: Client, home: Path, tmp_path: Path) -> None:
    """Each byte begins the time anew, with the shim or without it."""
    shell = "until [ -e go ]; do echo out; sleep 0.1; done; exit 37"
    job = orphaned(client, home, tmp_path, shell, "shim", idle_timeout="8s")
    since = time.monotonic()
    eventually(lambda: time.monotonic() > since + 9)
    (tmp_path / "go").touch()

    assert ("exit_nonzero", 37) == fate(over(client, job))


@pytest.mark.parametrize("dead", DEAD)
def test_a_flood_is_ended(dead: str, client: Client, home: Path, tmp_path: Path) -> None:
    """At once and with the reason; one that came while nobody looked, by the next who does."""
    job = orphaned(
        client, home, tmp_path, FLOODS, dead, limits={"output_bytes": 64 * KIB}, grace="1h"
    )
    (tmp_path / "go").touch()
    if dead == "supervisor and shim":
        eventually(lambda: spool.output_size(folder_of(home, job), "stdout") > 1_000_000)
    with fresh_client() as after:
        ended = over(after, job)

    assert (("output_limit", None), True) == (fate(ended), ended.nodes[0].degraded)
    assert "stdout passed its limit of 65,536 bytes" == ended.nodes[0].error


def test_a_flood_may_be_discarded(client: Client, home: Path, tmp_path: Path) -> None:
    """Where the job says so, the oldest output goes and the command stays."""
    shell = WAITS + "head -c 2000000 /dev/zero; until [ -e end ]; do sleep 0.02; done; exit 37"
    limits = {"output_bytes": 64 * KIB}
    job = orphaned(client, home, tmp_path, shell, "shim", limits=limits, on_output_limit="discard")
    stdout = Path(folder_of(home, job)) / "stdout"
    (tmp_path / "go").touch()
    eventually(lambda: stdout.stat().st_size > 2_000_000)
    eventually(lambda: stdout.stat().st_blocks * 512 <= 64 * KIB)
    (tmp_path / "end").touch()

    assert ("exit_nonzero", 37) == fate(over(client, job))


def test_an_orphan_that_rests_is_left_alone(client: Client, home: Path, tmp_path: Path) -> None:
    """Nothing ticks for one that prints nothing: the supervisor sleeps."""
    job = orphaned(client, home, tmp_path, WAITS + "exit 37", "shim")
    supervisor = supervisor_of(client)
    # A look every 50 ms would be 20 of them; BUSY_LOOK_S wakes it once. The looks after the last byte
    # may not be over yet.
    eventually(lambda: ticks_in_a_second(supervisor) <= 5, "its rest")
    (tmp_path / "go").touch()

    assert ("exit_nonzero", 37) == fate(over(client, job))


def ticks_in_a_second(pid: int | None) -> int:
    before = ticks_of(pid)
    time.sleep(1.0)
    return ticks_of(pid) - before


def ticks_of(pid: int | None) -> int:
    """Return how often a process has gone to sleep (proc(5), voluntary context switches)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))
