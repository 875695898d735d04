"""Hosts that stay away for longer than anybody waits: lost, never guessed, and cleaned up later."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from outlast import Client, executors
from outlast.clock import SystemClock
from outlast.core.job import Job, JobSpec, Node
from outlast.core.sight import Alive, Emptied, Exited, Sight, Unkillable
from outlast.core.state import Reason
from outlast.errors import Expired, NotTerminal
from outlast.executors.ssh import CONFIG
from outlast.executors.ssh.link import shim as shim_text
from outlast.executors.ssh.link import shim_path
from outlast.executors.ssh.words import OVERDUE, UNKILLABLE
from outlast.home import Home
from outlast.ports.executor import Captured, Launch
from outlast.ports.store import Query
from outlast.store import open_store
from outlast.testing.executor import Watch
from outlast.testing.sshd import Farm

from ..world import eventually, is_alive, kill, supervisor_of

PATIENCE_S = 90.0

ORPHANED = (
    # What would end it at its limit is killed, and its parent: it runs on.
    "for p in $(cat /proc/$PPID/task/$PPID/children); do [ $p = $$ ] || kill -9 $p; done;"
    " kill -9 $PPID; setsid sh -c 'echo $$ > {pids}/child; exec sleep 1000' &"
    " echo $$ > {pids}/main; echo up; exec sleep 1000"
)


def node_of(client: Client, job: Job) -> Node:
    """The only node of a job, as it is stored now."""
    return client.get(job.id).nodes[0]


@pytest.mark.slow
@pytest.mark.parametrize("farm", [4], indirect=True)
def test_what_is_lost_is_still_cleaned_up_when_its_host_is_back(
    client: Client, farm: Farm, home: Path, tmp_path: Path
) -> None:
    """
    One has ended by itself, one runs on without anybody on its host, one was cancelled, one's host
    is gone for good. The supervisor is killed meanwhile. Nothing is guessed, and nothing is left.
    """
    hosts, go, pids = farm.hosts, tmp_path / "go", tmp_path / "pids"
    pids.mkdir()
    soon = {"timeout": 1, "reconnect_timeout": 1}
    # It ends with its own code, be it asked by its limit or by us.
    line = (
        f"trap 'echo last; exit 37' TERM; echo up; until [ -e {go} ]; do sleep 0.05; done; exit 37"
    )
    ended = client.submit(on=hosts[0], shell=line, grace=5, **soon)
    orphaned = client.submit(on=hosts[1], shell=ORPHANED.format(pids=pids), grace=0, **soon)
    cancelled = client.submit(
        on=hosts[2], shell=f"echo $$ > {pids}/cancelled; echo up; exec sleep 1000", grace=0
    )
    forgotten = client.submit(
        on=hosts[3], shell="echo up; exec sleep 1000", grace=0, retention="2s", **soon
    )
    jobs = (ended, orphaned, cancelled, forgotten)
    eventually(lambda: all(client.output(job.id) for job in jobs), within_s=PATIENCE_S)
    farm.stop()
    go.touch()

    # Cancelled is cancelled, at once; that nobody saw it end is said.
    assert "cancelled" == client.cancel(cancelled.id).status
    seen = eventually(lambda: node_of(client, cancelled).stop_error, within_s=PATIENCE_S)
    assert "out of reach" in str(seen)
    eventually(lambda: _lost(client, ended), within_s=PATIENCE_S)
    node = eventually(lambda: _lost(client, orphaned), within_s=PATIENCE_S)
    assert (None, None) == (node.exit_code, node.late_exit_code)
    assert node.stopped_at is None
    assert "out of reach" in str(node.stop_error)
    with pytest.raises(NotTerminal, match="out of reach"):
        client.delete(orphaned.id)

    # Of the one whose host never comes back nobody asks any more once its time is over.
    store = open_store(str(home / "outlast.db"))
    eventually(
        lambda: forgotten.id not in [job.id for job in store.find(Query(unsettled=True)).jobs],
        within_s=PATIENCE_S,
    )
    (given_up,) = store.get(forgotten.id).nodes
    store.close()
    assert ("lost", None) == (given_up.reason, given_up.exit_code)
    assert "may still run" in str(given_up.stop_error)
    with pytest.raises(Expired):
        client.get(forgotten.id)

    kill(supervisor_of(client))
    farm.start(*hosts[:3])
    back = (ended, orphaned, cancelled)
    eventually(lambda: all(client.get(job.id).is_settled for job in back), within_s=PATIENCE_S)
    assert [None] * 3 == [node_of(client, job).stop_error for job in back]
    assert [] == [path.name for path in pids.iterdir() if is_alive(int(path.read_text()))]

    node = node_of(client, ended)
    assert ("lost", None, 37) == (node.reason, node.exit_code, node.late_exit_code)
    assert client.output(ended.id).startswith(b"up\n")
    assert [{}] * 3 == [farm.left(host) for host in hosts[:3]]


class Ahead(SystemClock):
    """The clock of a test that cannot wait for minutes."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


def test_who_runs_far_beyond_its_limit_is_lost_and_told_as_not_to_be_ended(
    farm: Farm, home: Path, tmp_path: Path
) -> None:
    """
    A host whose kills do nothing says that it still runs: it is believed for a while. Then it is
    lost, and that it does not die is said until it is gone.
    """
    (host, *_) = farm.hosts
    shim = farm.home / host / shim_path()
    shim.parent.mkdir(parents=True)
    shim.write_bytes(shim_text().replace(b"strike() {", b"strike() { return 0"))
    clock = Ahead()
    Home(str(home)).prepare()
    launch = Launch(
        key=f"job_{tmp_path.name}/0/1",
        spec=JobSpec(
            shell="echo $$; exec sleep 1000",
            timeout=timedelta(seconds=1),
            grace=timedelta(),
            reconnect_timeout=timedelta(seconds=1),
        ),
        captured=Captured(env={CONFIG: str(farm.config)}),
        node=host,
    )
    output = home / "jobs" / launch.key / "stdout"

    async def story() -> tuple[Exited, Unkillable, list[Sight]]:
        executor = executors.load("ssh", home=str(home), floor_bytes=0, clock=clock)
        watch = Watch(executor)
        handle = await watch.start(launch)
        await watch.until(Alive)

        async def grow_old() -> None:
            while True:
                clock.ahead += timedelta(seconds=10)
                watch.see(handle)
                await asyncio.sleep(0.1)

        ageing = asyncio.create_task(grow_old())
        *_, end = await watch.until(Exited)
        *_, stuck = await watch.until(Unkillable)
        assert isinstance(end, Exited)
        assert isinstance(stuck, Unkillable)
        ageing.cancel()
        os.kill(int(output.read_text()), signal.SIGKILL)
        watch.see(handle)
        over = await watch.over()
        await watch.close()
        return end, stuck, over

    end, stuck, over = asyncio.run(story())
    assert (Reason.LOST, OVERDUE, None) == (end.reason, end.error, end.exit_code)
    assert UNKILLABLE == stuck.error
    assert isinstance(over[-1], Emptied)
    assert {} == farm.left(host)


def _lost(client: Client, job: Job) -> Node | None:
    node = node_of(client, job)
    return node if node.reason == "lost" else None
