"""What a command in a container reads: all of it, to its end, or it is told that it did not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outlast import Client
from outlast.errors import InvalidRequest
from outlast.shim.failpoint import OF_CONTAINERS, VARIABLE

from ..rigs.engine import IMAGE, Engine
from ..world import eventually, fresh_client, kill, supervisor_of
from .conftest import Run, fate, over
from .test_survival import Starts, keepers_of, mended, starts

__all__ = ["mended", "starts"]  # fixtures

pytestmark = pytest.mark.slow  # each has a container made

WAITS = "while ! test -e /starts/go; do sleep 0.1; done; "


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A file that is more than all that may be on its way at once."""
    path = tmp_path / "long"
    path.write_bytes(os.urandom(1 << 20) * (100 if os.environ.get("OUTLAST_LONG") else 12))
    return path


def test_all_of_it_is_read(client: Client, run: Run, long: Path) -> None:
    """To its last byte, and then it ends."""
    job = run("sha256sum; cat | wc -c", stdin=str(long))

    assert ("complete", None, 0) == fate(job)
    expected = hashlib.sha256(long.read_bytes()).hexdigest()
    assert f"{expected}  -\n0\n" == client.output(job.id).decode()


def test_what_is_handed_over(client: Client, engine: Engine) -> None:
    """By the library as bytes, none included, and by the command line from its own stdin."""
    some, none = (
        client.submit(shell="cat; echo end", container=IMAGE, stdin_data=data)
        for data in (b"some\0bytes\n", b"")
    )
    words = ["run", "--container", IMAGE, "--stdin", "-", "--wait", "100s", "--", "wc", "-c"]
    done = subprocess.run(
        [sys.executable, "-m", "outlast", *words], input=b"12345", capture_output=True, check=True
    )
    for job in client.list().jobs:
        over(client, job)

    assert b"some\0bytes\nend\n" == client.output(some.id)
    assert b"end\n" == client.output(none.id)
    assert b"5\n" == done.stdout


@pytest.mark.parametrize("line", ["exit 3", "head -c 5 >/dev/null; exit 3", "exec <&-; exit 3"])
def test_a_command_that_does_not_read_it(run: Run, long: Path, line: str) -> None:
    """Nobody waits for it to do so, and nothing is made of it."""
    assert ("failed", "exit_nonzero", 3) == fate(run(f"sleep 0.3; {line}", stdin=str(long)))


def test_it_is_killed_at_its_limit_while_it_is_fed(run: Run, long: Path) -> None:
    """What it has not read puts nothing off."""
    job = run("sleep 1000", stdin=str(long), timeout="1s")

    assert ("failed", "timeout", -1) == fate(job)


def test_it_goes_on_without_the_supervisor(
    client: Client, submit: Run, long: Path, starts: Starts
) -> None:
    """Who passes it on is the shim."""
    job = submit(f"echo out; {WAITS} wc -c", stdin=str(long), container=starts.container)
    eventually(lambda: client.output(job.id), "its output")
    kill(supervisor_of(client))
    starts.let_go()
    with fresh_client() as other:
        job = over(other, job)

    assert ("complete", None, 0) == fate(job)
    assert f"out\n{long.stat().st_size}\n".encode() == client.output(job.id)


def test_an_input_that_is_cut_short_is_told(
    client: Client, submit: Run, long: Path, starts: Starts, home: Path
) -> None:
    """Its shim is killed in the middle: what the command makes of the half is no result."""
    job = submit(f"echo out; {WAITS} wc -c", stdin=str(long), container=starts.container)
    eventually(lambda: client.output(job.id), "its output")
    kill(*keepers_of(home))
    starts.let_go()
    job = over(client, job)

    assert ("failed", "lost", None) == fate(job)
    assert "input was cut short" in str(job.nodes[0].error)


def test_an_engine_that_dies_in_the_middle(
    client: Client, submit: Run, long: Path, starts: Starts, mended: Engine
) -> None:
    """It takes what it had of the input with it, where its containers get that by way of it."""
    job = submit(f"echo out; {WAITS} wc -c", stdin=str(long), container=starts.container)
    eventually(lambda: client.output(job.id), "its output")
    mended.kill()
    mended.start()
    starts.let_go()
    job = over(client, job)

    assert ("failed", "lost", None) == fate(job)
    assert "input was cut short" in str(job.nodes[0].error)


@pytest.mark.parametrize("name", OF_CONTAINERS)
def test_a_short_one_is_whole_whoever_dies(
    name: str, client: Client, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is with the engine before the command begins."""
    token, short = tmp_path / "token", tmp_path / "short"
    token.touch()
    short.write_text("short\n")
    monkeypatch.setenv(VARIABLE, f"{name}:{token}")
    job = run("sleep 0.3; cat; exit 37", stdin=str(short))

    assert not token.exists()
    assert ("failed", "exit_nonzero", 37) == fate(job)
    assert b"short\n" == client.output(job.id)


def test_what_is_no_file_is_refused(client: Client, engine: Engine, tmp_path: Path) -> None:
    """Before anything happens: there may be no end to it."""
    os.mkfifo(tmp_path / "pipe")
    for path, words in {
        "pipe": "is no file",
        "gone": "is not there",
        ".": "is a directory",
    }.items():
        with pytest.raises(InvalidRequest, match=words):
            client.submit(shell="cat", container=IMAGE, stdin=str(tmp_path / path))


def test_a_file_that_is_gone_by_then(
    client: Client, submit: Run, tmp_path: Path, engine: Engine
) -> None:
    """Told as what could not begin."""
    path = tmp_path / "short"
    path.touch()
    first = submit("sleep 1000", queue="one", queue_width=1)
    job = submit("cat", stdin=str(path), queue="one", queue_width=1)
    path.unlink()
    client.cancel(first.id)
    over(client, first)
    job = over(client, job)

    assert ("failed", "spawn_failed", None) == fate(job)
    assert str(path) in str(job.nodes[0].error)
    eventually(lambda: not engine.containers(), "the removal of what was never started")
