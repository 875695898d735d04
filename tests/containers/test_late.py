"""Engines that do late what they were asked for, and shims that are killed before they know it was done."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.shim import spool
from outlast.shim.prepare import ORDER

from ..rigs.engine import Engine
from ..rigs.gate import Gate
from ..stories.test_disk import fill, small_home
from ..world import eventually, folder_of, kill
from .conftest import Run, fate, over
from .test_cancel import START, gate
from .test_survival import SAYS, Starts, keepers_of, mended, running, starts

__all__ = ["gate", "mended", "small_home", "starts"]

pytestmark = pytest.mark.slow  # each has a container made

KILL = "POST /containers/[^/]*/kill"
LONG = "echo out; exec sleep 1000"
CHATTY = "while :; do echo out; sleep 0.2; done"


def shim_of(client: Client, job: Job) -> int:
    """Return the pid of a job's shim, once its record tells it."""
    folder = folder_of(client._settings.home, job)
    record = eventually(lambda: spool.read_record(folder), "its record")
    assert record.began is not None
    return int(record.began["shim_pid"])


def test_a_start_that_is_done_after_its_shim_was_killed(
    submit: Run, client: Client, engine: Engine, gate: Gate, starts: Starts
) -> None:
    """The next shim finds a container that was never started: what it does to it starts it once."""
    gate.hold(START)
    job = submit(f"{SAYS} exit 37", container=starts.container)
    assert gate.is_reached.wait(60)
    with engine.frozen():
        gate.let_go()
        time.sleep(0.2)  # the engine's socket has it
        kill(shim_of(client, job))
        time.sleep(0.6)  # the next shim has come, and asks as well
    job = over(client, job)

    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert (1, b"out\n") == (starts.count(), client.output(job.id))


def test_a_container_that_is_made_after_its_shim_was_killed(
    submit: Run, client: Client, engine: Engine, home: Path, run: Run
) -> None:
    """The next shim waits for it, and takes it for its own: nothing is left with the engine."""
    run("true")  # the server of shims is up
    server = min(keepers_of(home))
    with engine.frozen():
        job = submit("exit 37")
        eventually((Path(folder_of(home, job)) / ORDER).exists, "what is for the next shim")
        time.sleep(0.3)  # the engine's socket has the order
        kill(*(pid for pid in keepers_of(home) if pid != server))
        time.sleep(0.6)
    job = over(client, job)

    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert [] == engine.containers()


def test_an_engine_killed_as_it_starts_one(
    submit: Run, client: Client, mended: Engine, starts: Starts
) -> None:
    """It may take it for one that was never started; it is started once at the most, and told so."""
    for turn in range(1, 5):
        job = submit(f"{SAYS} sleep 1; echo over >> /starts/over", container=starts.container)
        eventually((starts.folder / "log").exists, "its start")
        mended.kill()
        mended.start()
        job = over(client, job)

        assert fate(job) in {("complete", None, 0), ("failed", "lost", None)}, turn
        assert 1 == starts.count(), turn
        if job.nodes[0].reason == "lost":
            assert "whether it had" in str(job.nodes[0].error)
            time.sleep(1)
            assert not (starts.folder / "over").exists(), "a process of it ran on"
        (starts.folder / "log").unlink()
        (starts.folder / "over").unlink(missing_ok=True)


@pytest.mark.parametrize("also", ["", "shim"])
def test_one_that_somebody_renamed(
    also: str, submit: Run, client: Client, engine: Engine, starts: Starts
) -> None:
    """It is the same container: its code is found, and nothing of it is left."""
    waits = "while ! test -e /starts/go; do sleep 0.1; done; exit 37"
    job = running(client, submit(f"{SAYS} {waits}", container=starts.container))
    engine.ask("POST", f"/containers/{engine.containers()[0]['Id']}/rename?name=mine")
    if also:
        kill(shim_of(client, job))
    starts.let_go()

    assert ("failed", "exit_nonzero", 37) == fate(over(client, job))
    assert [] == engine.containers()


def test_a_shim_killed_after_its_kill(submit: Run, client: Client, gate: Gate) -> None:
    """The next one finds a container that was killed, and knows by whom and why."""
    gate.hold(KILL, answer=True)
    job = submit(LONG, timeout="2s")
    assert gate.is_reached.wait(60)
    kill(shim_of(client, job))
    gate.let_go()
    job = over(client, job)

    assert ("failed", "timeout", -1) == fate(job)
    assert b"Execution timeout (2s)\n" == client.output(job.id, stream="stderr")


def test_a_grace_is_not_begun_anew(submit: Run, client: Client) -> None:
    """Who takes over a container that was asked to end kills it when it was to be killed."""
    job = submit("trap '' TERM; echo out; while :; do sleep 0.1; done", timeout="1s", grace="4s")
    running(client, job)
    time.sleep(3)
    kill(shim_of(client, job))
    killed_at = time.monotonic()
    job = over(client, job)

    assert ("failed", "timeout", -1) == fate(job)
    # It had two seconds left, and would have four: an engine takes one for the rest at the most.
    assert time.monotonic() - killed_at < 3.9


def test_a_chatty_container_is_not_idle_to_its_next_shim(submit: Run, client: Client) -> None:
    """What was printed while nobody looked counts: silence is what the next shim hears itself."""
    job = running(client, submit(CHATTY, idle_timeout="3s", timeout="9s"))
    time.sleep(4)
    kill(shim_of(client, job))

    assert ("failed", "timeout", -1) == fate(over(client, job))


def test_the_limit_holds_in_a_long_grace(submit: Run, client: Client) -> None:
    """Who cancels with an hour of grace does not give it an hour."""
    job = submit("trap '' TERM; echo out; while :; do sleep 0.1; done", timeout="3s")
    running(client, job)
    client.cancel(job.id, grace="1h")

    assert "cancelled" == over(client, job).status


def test_one_that_stands_still_hears_that_it_is_to_end(run: Run, client: Client) -> None:
    """TERM comes with CONT, as to a command that is no container's."""
    waits = "trap 'echo heard; exit 0' TERM; (sleep 1; kill -STOP $$) & while :; do sleep 0.1; done"
    job = run(waits, timeout="3s", grace="60s")

    assert ("failed", "timeout") == fate(job)[:2]
    assert b"heard\n" == client.output(job.id)


def test_a_disk_that_is_full_at_the_limit(
    small_home: Path, client: Client, submit: Run, engine: Engine
) -> None:
    """It is killed all the same, and told as what it was once there is room again."""
    job = running(client, submit(LONG, timeout="4s"))
    fill(small_home / "filler")
    eventually(lambda: all(each["State"] != "running" for each in engine.containers()), "the kill")
    time.sleep(0.5)
    (small_home / "filler").unlink()

    assert ("failed", "timeout", -1) == fate(over(client, job))


def test_what_cannot_be_executed(run: Run) -> None:
    """It never ran, and has no exit code: neither what is not there, nor what is no program."""
    for path in ("/no/such", "/etc/passwd", "/etc"):
        assert ("failed", "spawn_failed", None) == fate(run(command=[path])), path


@pytest.mark.parametrize("size", [16384, 3 * 16384, 16385, 7])
def test_a_long_line_and_an_end_without_one_are_whole(
    size: int, submit: Run, client: Client, starts: Starts
) -> None:
    """Told by the log as it grows, they would not be: its end comes late, the line's not at all."""
    line = f"head -c {size} /dev/zero | tr '\\0' a; echo; "
    waits = "while ! test -e /starts/go; do sleep 0.1; done; echo bcdefgh; sleep 1; printf end"
    job = submit(line + waits, container=starts.container)
    first = b"a" * size + b"\n"
    eventually(lambda: first == client.output(job.id), "its output")
    time.sleep(0.5)  # the engine's log has it as well
    kill(shim_of(client, job))
    time.sleep(1.5)
    starts.let_go()
    job = over(client, job)

    assert ("complete", None, 0) == fate(job)
    assert first + b"bcdefgh\nend" == client.output(job.id)


def test_an_input_that_was_begun_is_not_told_as_a_whole_one(
    submit: Run, client: Client, gate: Gate, tmp_path: Path
) -> None:
    """Whoever passes it on is killed before the engine's word for it is there."""
    (tmp_path / "input").write_bytes(b"x" * 56_000)
    gate.hold("POST /containers/[^/]*/attach.*stdin=1", answer=True)
    job = submit("wc -c", stdin=str(tmp_path / "input"))
    assert gate.is_reached.wait(60)
    kill(shim_of(client, job))
    gate.let_go()

    assert ("failed", "lost", None) == fate(over(client, job))
