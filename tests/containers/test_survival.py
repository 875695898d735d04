"""Containers whose shim, supervisor or engine is killed: never started twice, ended in time, told true."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.shim.engine import Engine as Asked
from outlast.shim.failpoint import OF_CONTAINERS, VARIABLE
from outlast.testing import leaks

from ..rigs.engine import Engine
from ..rigs.gate import before
from ..world import eventually, fresh_client, kill, supervisor_of, words_of
from .conftest import Run, fate, over

pytestmark = pytest.mark.slow  # each has a container made


def keepers_of(home: Path) -> list[int]:
    """Return the pids of the shims of the home's containers, and of the server that forks them."""
    return [pid for pid in leaks.processes(home) if "containers" in words_of(pid)]


class Starts:
    """A folder in which a container says that it started, and finds that it may go on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        folder.chmod(0o777)
        self.folder = folder
        self.container = {"mounts": [f"{folder}:/starts:rw"]}

    def count(self) -> int:
        return len((self.folder / "log").read_text().splitlines())

    def let_go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(tmp_path / "starts")


SAYS = "echo started >> /starts/log; echo out; "


@pytest.mark.parametrize("name", OF_CONTAINERS)
def test_a_shim_killed_at_any_step_starts_nothing_twice(
    name: str,
    run: Run,
    client: Client,
    starts: Starts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one goes on where it was, and tells the true code and all of the output."""
    token = starts.folder / "token"
    token.touch()
    monkeypatch.setenv(VARIABLE, f"{name}:{token}")
    job = run(f"{SAYS} sleep 0.5; exit 37", container=starts.container)

    assert not token.exists()
    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert (1, b"out\n") == (starts.count(), client.output(job.id))


def running(client: Client, job: Job) -> Job:
    """Return a job once its container has printed something."""
    eventually(lambda: client.output(job.id), "its output")
    return eventually(lambda: j if (j := client.get(job.id)).started_at else None, "its start")


@pytest.mark.parametrize("also", ["", "shim"])
def test_the_limit_holds_while_the_supervisor_is_dead(
    also: str, submit: Run, client: Client, engine: Engine, home: Path
) -> None:
    """The shim kills it; where that is dead as well, whoever reaches the engine first."""
    job = running(client, submit("echo out; exec sleep 1000", timeout="3s"))
    kill(supervisor_of(client), *(keepers_of(home) if also else ()))
    if not also:
        eventually(lambda: not engine.containers(), "the kill")
    else:
        time.sleep(3.5)
        assert 1 == len(engine.containers())
    with fresh_client() as other:
        job = over(other, job)

    assert ("failed", "timeout", -1) == fate(job)
    assert b"Execution timeout (3s)\n" == client.output(job.id, stream="stderr")


def test_an_end_that_nobody_saw_is_found(
    submit: Run, client: Client, home: Path, starts: Starts, engine: Engine
) -> None:
    """Supervisor and shim are killed, it ends, and the next supervisor tells how."""
    line = f"{SAYS} while ! test -e /starts/go; do sleep 0.1; done; echo more; exit 37"
    job = running(client, submit(line, container=starts.container))
    kill(supervisor_of(client), *keepers_of(home))
    starts.let_go()
    eventually(lambda: engine.containers()[0]["State"] == "exited", "its end")
    with fresh_client() as other:
        job = over(other, job)

    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert (1, b"out\nmore\n") == (starts.count(), client.output(job.id))


@pytest.fixture
def mended(engine: Engine) -> Iterator[Engine]:
    """The engine, up again at the end whatever was done to it."""
    yield engine
    with suppress(OSError):
        engine.ask("GET", "/_ping")
        return
    engine.start()


def test_an_engine_that_is_killed_and_started_again(
    submit: Run, client: Client, mended: Engine, starts: Starts
) -> None:
    """The container runs on, and its code and output are told as they were."""
    line = f"{SAYS} while ! test -e /starts/go; do sleep 0.1; done; echo more; exit 37"
    job = running(client, submit(line, container=starts.container))
    mended.kill()
    mended.start()
    starts.let_go()
    job = over(client, job)

    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert (1, b"out\nmore\n") == (starts.count(), client.output(job.id))


ODD = "printf '\\377\\303\\n'; head -c 20000 /dev/zero | tr '\\0' '\\303'; echo; seq 5000"
ODD_BYTES = b"\xff\xc3\n" + b"\xc3" * 20000 + b"\n" + b"".join(b"%d\n" % i for i in range(1, 5001))
"""No UTF-8, a line of more than one piece, and more than the engine's own settings let a log have."""


def is_logged(engine: Engine, words: bytes) -> bool:
    """Whether the engine's log of its only container ends with *words* by now."""
    path = f"/containers/{engine.containers()[0]['Id']}/logs?stdout=1"
    with closing(Asked(engine.address).send("GET", path)) as log:
        return log.read_all().endswith(words)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "the engine"])
def test_who_goes_on_writes_not_a_byte_more_or_less(
    is_ours: bool, submit: Run, client: Client, mended: Engine, starts: Starts
) -> None:
    """Whatever is printed, before and after one of ours or the engine is killed."""
    line = f"{ODD}; while ! test -e /starts/go; do sleep 0.1; done; {ODD}"
    job = submit(line, container=starts.container)
    eventually(lambda: ODD_BYTES == client.output(job.id), "its output")
    eventually(lambda: is_logged(mended, b"5000\n"), "what outlives both")
    if is_ours:
        kill(supervisor_of(client), *keepers_of(Path(client._settings.home)))
    else:
        mended.kill()
        mended.start()
    starts.let_go()
    with fresh_client() as other:
        job = over(other, job)

    assert ("complete", None, 0) == fate(job)
    assert 2 * ODD_BYTES == client.output(job.id)


@pytest.mark.parametrize("engine", ["docker"], indirect=True)  # Podman says nothing of it
def test_a_log_that_the_engine_cannot_read(
    submit: Run, client: Client, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so to whoever goes on: that is no output, and a line of ours ends stderr with it."""
    with before(engine.socket, tmp_path / "gate") as gate:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", gate.address)
        job = running(client, submit("trap 'exit 0' TERM; echo out; while :; do sleep 0.1; done"))
        eventually(lambda: is_logged(engine, b"out\n"), "its log")
        kill(supervisor_of(client), *keepers_of(Path(client._settings.home)))
        (log,) = engine.folder.glob("data/containers/*/local-logs/container.log")
        with open(log, "ab") as file:
            file.write(b"\xff" * 100)
        gate.hold("GET /containers/[^/]+/logs", answer=True)
        with fresh_client() as other:
            other.get(job.id)
            eventually(gate.is_reached.is_set, "the log, told to the next one")
            gate.let_go()
            engine.ask("POST", f"/containers/{engine.containers()[0]['Id']}/kill?signal=TERM")
            job = over(other, job)

    assert ("complete", None, 0) == fate(job)
    assert b"out\n" == client.output(job.id)
    told = client.output(job.id, stream="stderr")
    assert told.startswith(b"the engine does not tell all that was printed: Error grabbing logs: ")


def test_a_255_after_the_engine_was_away(
    submit: Run, client: Client, mended: Engine, starts: Starts
) -> None:
    """The command's own verdict, once the engine has said that it knows the container to run."""
    waits = "while ! test -e /starts/{}; do sleep 0.1; done; "
    line = f"{SAYS} {waits.format('back')} echo back; {waits.format('go')} exit 255"
    job = running(client, submit(line, container=starts.container))
    mended.kill()
    mended.start()
    (starts.folder / "back").touch()
    eventually(lambda: b"back" in client.output(job.id), "what only this engine can have told")
    starts.let_go()
    job = over(client, job)

    assert ("failed", "exit_nonzero", 255) == fate(job)


def test_an_engine_that_is_dead_at_the_deadline(
    submit: Run, client: Client, mended: Engine
) -> None:
    """It is killed at the first contact."""
    job = running(client, submit("echo out; exec sleep 1000", timeout="2s"))
    mended.kill()
    time.sleep(2.5)
    mended.start()

    assert ("failed", "timeout", -1) == fate(over(client, job))


def test_a_second_wish_and_a_grace(submit: Run, client: Client) -> None:
    """With a grace it is asked first, and may end well."""
    job = submit("trap 'echo bye; exit 0' TERM; echo out; while :; do sleep 0.1; done", grace="30s")
    running(client, job)
    client.cancel(job.id)

    assert "cancelled" == over(client, job).status
    assert b"out\nbye\n" == client.output(job.id)
