"""The supervisor is killed at each step of the way to a host and back: nothing is lost or doubled."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job, JobSpec
from outlast.executors.ssh.order import key_on_host, order_of
from outlast.ports.executor import Captured, Launch
from outlast.shim.failpoint import FAILPOINTS, VARIABLE
from outlast.testing.sshd import Farm

from ..world import eventually, is_alive

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

PATIENCE_S = 90.0
STOPS = ("ssh.before_stop", "ssh.after_stop")
RUNS = [name for name in FAILPOINTS if name.startswith("ssh.") and name not in STOPS]


Doom = Callable[[str], AbstractContextManager[Client]]


@pytest.fixture
def doom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doom:
    """Gives a client whose supervisor dies at the failpoint of that name; waits until it has."""

    @contextmanager
    def dies_at(name: str) -> Iterator[Client]:
        token = tmp_path / "token"
        token.touch()
        monkeypatch.setenv(VARIABLE, f"{name}:{token}")
        with Client() as client:
            yield client
            eventually(lambda: not token.exists(), f"death at {name}", within_s=PATIENCE_S)
        monkeypatch.delenv(VARIABLE)

    return dies_at


def settled(client: Client, job: Job) -> Job:
    """Return the job once nothing is left to be done for it."""
    eventually(lambda: client.get(job.id).is_settled, within_s=PATIENCE_S)
    return client.get(job.id)


@pytest.mark.parametrize("name", RUNS)
def test_it_runs_once_and_all_of_it_comes(
    client: Client, farm: Farm, tmp_path: Path, doom: Doom, name: str
) -> None:
    """One start, its own code, its output whole and once, nothing left on its host."""
    line = f"cat; echo started >> {tmp_path}/starts; seq 1 9999; exit 37"
    with doom(name) as doomed:
        job = doomed.submit(on=farm.hosts[0], shell=line, stdin_data=b"given\n")
    job = settled(client, job)

    assert ("exit_nonzero", 37) == (job.reason, job.exit_code)
    assert "started\n" == (tmp_path / "starts").read_text()
    printed = b"".join(b"%d\n" % number for number in range(1, 10_000))
    assert b"given\n" + printed == client.output(job.id)
    assert {} == farm.left(farm.hosts[0])


@pytest.mark.parametrize("name", STOPS)
def test_what_was_cancelled_is_ended(client: Client, farm: Farm, doom: Doom, name: str) -> None:
    """Whoever comes next stops it, whether that was done already or not."""
    with doom(name) as doomed:
        job = doomed.submit(on=farm.hosts[0], shell="echo $$; exec sleep 1000")
        eventually(lambda: doomed.output(job.id), within_s=PATIENCE_S)
        assert "cancelled" == doomed.cancel(job.id, grace=0).status
    job = settled(client, job)

    assert ("cancelled", None) == (job.status, job.nodes[0].stop_error)
    assert not is_alive(int(client.output(job.id)))
    assert {} == farm.left(farm.hosts[0])


def test_a_start_that_comes_late_begins_nothing(
    client: Client, farm: Farm, tmp_path: Path, doom: Doom
) -> None:
    """Sent by a supervisor that was killed, and read by the host when all is over and fetched."""
    with doom("ssh.after_sent") as doomed:
        job = doomed.submit(on=farm.hosts[0], shell=f"echo began >> {tmp_path}/starts")
    settled(client, job)
    again = JobSpec(shell=f"echo again >> {tmp_path}/starts")
    launch = Launch(key=f"{job.id}/0/1", spec=again, captured=Captured(env={}))
    order = order_of(launch)

    home = farm.home / farm.hosts[0]
    (shim,) = (home / ".outlast").glob("shim-*.sh")
    argv = ["sh", str(shim), "nonce", "start", key_on_host(launch.key), str(len(order)), "0", "no"]
    said = subprocess.run(argv, input=order, stdout=subprocess.PIPE, timeout=60, check=True)
    assert b"known" == said.stdout.splitlines()[1]
    assert "began\n" == (tmp_path / "starts").read_text()
