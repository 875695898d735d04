"""The way to a host breaks: cut, killed, swallowed, or the host itself is started anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.testing.sshd import Farm

from ..rigs.cutter import Cutter
from ..rigs.network import THERE, network
from ..world import eventually, kill, supervisor_of, takes_root

PATIENCE_S = 120.0

NUMBERS = b"".join(b"%06d\n" % number for number in range(150_000))
"""A MiB, every line of it another."""

PRINTS = "i=0; while [ $i -lt 150 ]; do seq -f %06g $((i*1000)) $((i*1000+999)); i=$((i+1)); {}; done; exit 37"


def settled(client: Client, *jobs: Job) -> list[Job]:
    """Return the jobs once nothing is left to be done for them."""
    ids = [job.id for job in jobs]
    eventually(lambda: all(client.get(each).is_settled for each in ids), within_s=PATIENCE_S)
    return [client.get(each) for each in ids]


def printed(client: Client, job: Job, size: int = 1) -> None:
    """Wait until so much of a job's output is here."""
    eventually(lambda: len(client.output(job.id)) >= size, within_s=PATIENCE_S)


def sockets_of(pid: int | None) -> set[str]:
    """Return the connections over a network that a process has open."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    inodes = {f"socket:[{line.split()[9]}]" for line in lines}
    found: set[str] = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was read
            found.add(os.readlink(fd))
    return inodes & found


@pytest.mark.slow
def test_output_is_whole_however_often_the_way_to_it_breaks(client: Client, farm: Farm) -> None:
    """Cut in the middle of a piece, or sshd's process for it killed: byte for byte, and once."""
    one, two = farm.hosts
    with Cutter((one, farm.port), 150_000, 4).working() as cutter:
        port = cutter.address[1]
        with farm.known_hosts.open("a") as file:
            key = (farm.folder / "host.pub").read_text().split()[:2]
            file.write(f"[127.0.0.1]:{port} {' '.join(key)}\n")
        farm.configure()
        cut = client.submit(on=f"127.0.0.1:{port}", shell=PRINTS.format(":"))
        killed = client.submit(on=two, shell=PRINTS.format("sleep 0.02"))
        for part in range(1, 4):
            printed(client, killed, part * len(NUMBERS) // 5)
            farm.hang_up(two)
        jobs = settled(client, cut, killed)

    assert 4 == cutter.cuts
    assert [37, 37] == [job.exit_code for job in jobs]
    assert [NUMBERS, NUMBERS] == [client.output(job.id) for job in jobs]


@pytest.mark.slow
def test_a_network_that_swallows_all_loses_nothing(
    client: Client, farm: Farm, home: Path, tmp_path: Path
) -> None:
    """
    Before there is a connection it ends by its clock; in the middle of a command the node is out
    of reach until it answers again, and its true code is found.
    """
    takes_root()
    with network() as net:
        farm.stop()
        farm.hosts = [THERE]
        farm.within[THERE] = net.there
        farm.trust("host")
        farm.configure(more="  ServerAliveInterval 1\n  ServerAliveCountMax 2\n")
        farm.start(THERE)
        try:

            def submit(line: str, *more: str) -> str:
                argv = ["submit", "--json", "--on", THERE, *more, "--shell", line]
                argv = [*net.here, sys.executable, "-m", "outlast", *argv]
                done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
                job_id: str = json.loads(done.stdout)["data"]["job_id"]
                return job_id

            line = f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo last; exit 37"
            running = client.get(submit(line))
            printed(client, running)
            net.swallow()
            eventually(lambda: _phase(client, running) == "unreachable", within_s=PATIENCE_S)
            never = client.get(submit("echo never", "--connect-timeout", "1s"))
            (tmp_path / "go").touch()
            (never,) = settled(client, never)
            net.heal()
            (running,) = settled(client, running)
        finally:
            farm.stop()

    assert ("connect_timeout", None) == (never.reason, never.nodes[0].started_at)
    assert "ConnectTimeout: connection timed out after 1s" == never.nodes[0].error
    assert ("exit_nonzero", 37) == (running.reason, running.exit_code)
    assert b"up\nlast\n" == client.output(running.id)


def _phase(client: Client, job: Job) -> str | None:
    return client.get(job.id).nodes[0].phase


@pytest.mark.slow
def test_a_host_that_was_started_anew_says_so(client: Client, farm: Farm, tmp_path: Path) -> None:
    """`host_rebooted`, no code, what it had printed; what had ended before keeps its end."""
    takes_root()
    host = farm.hosts[0]
    boot = tmp_path / "boot_id"
    farm.stop(host)
    farm.world[host] = f"mount --bind {boot} /proc/sys/kernel/random/boot_id"
    boot.write_text(f"{uuid.uuid4()}\n")
    farm.start(host)
    running = client.submit(on=host, shell="echo up; exec sleep 1000")
    ended = client.submit(
        on=host, shell=f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    )
    for job in (running, ended):
        printed(client, job)
    farm.stop(host)
    (tmp_path / "go").touch()
    jobs = farm.home / host / ".outlast" / "jobs"
    eventually((jobs / f"{ended.id}.0.1" / "emptied").exists, within_s=PATIENCE_S)
    for pid in _at_work_in(jobs):
        os.kill(pid, signal.SIGKILL)
    boot.unlink()
    boot.write_text(f"{uuid.uuid4()}\n")
    farm.start(host)

    running, ended = settled(client, running, ended)
    assert ("host_rebooted", None) == (running.reason, running.exit_code)
    assert b"up\n" == client.output(running.id)
    assert ("complete", 0) == (ended.status, ended.exit_code)


def _at_work_in(folder: Path) -> list[int]:
    """The processes whose command line or environment names a folder."""
    found = []
    for name in os.listdir("/proc"):
        try:
            said = [Path(f"/proc/{name}/{file}").read_bytes() for file in ("cmdline", "environ")]
        except OSError:
            continue
        if any(str(folder.parent).encode() in each for each in said) and b"sshd" not in said[0]:
            found.append(int(name))
    return found


def test_this_machine_s_disk_keeps_its_floor(
    client: Client, farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What prints where nothing can be kept is ended on its host; who prints nothing is not. Who had
    printed and ended before keeps its end, and its output waits on the host for room.
    """
    line = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo out; exit 37"
    early = client.submit(on=farm.hosts[1], shell=line)
    eventually(lambda: client.get(early.id).started_at, within_s=PATIENCE_S)
    kill(supervisor_of(client))
    (tmp_path / "go").touch()
    folder = farm.home / farm.hosts[1] / ".outlast" / "jobs" / f"{early.id}.0.1"
    eventually((folder / "emptied").exists, within_s=PATIENCE_S)
    monkeypatch.setenv("OUTLAST_MIN_FREE", "1000t")
    with Client() as small:
        loud = small.submit(on=farm.hosts[0], shell="echo out; exec sleep 1000", grace=0)
        quiet = small.submit(on=farm.hosts[1], shell="sleep 1; exit 37")
        loud, quiet = settled(small, loud, quiet)
        seen = eventually(lambda: small.get(early.id).nodes[0].stop_error, within_s=PATIENCE_S)
        assert "waits on the host" in str(seen)
        assert ("exit_nonzero", None) == (
            small.get(early.id).reason,
            small.get(early.id).stopped_at,
        )
    monkeypatch.setenv("OUTLAST_MIN_FREE", "1m")
    kill(supervisor_of(client))
    with Client() as roomy:
        (early,) = settled(roomy, early)
        assert (37, b"out\n") == (early.exit_code, roomy.output(early.id))

    assert ("disk_full", None) == (loud.reason, loud.exit_code)
    assert "must stay free" in str(loud.nodes[0].error)
    assert b"" == client.output(loud.id)
    assert ("exit_nonzero", 37) == (quiet.reason, quiet.exit_code)


@pytest.mark.slow
def test_nobody_is_left_on_the_line_when_nothing_is_to_be_said(client: Client, farm: Farm) -> None:
    """The connection is ended as SSH has it, not torn, and the supervisor keeps no socket of it."""
    settled(client, client.submit(on=farm.hosts, shell="true"))
    job = client.submit(on=farm.hosts, shell="echo up; exec sleep 1000", grace=0)
    printed(client, job)
    supervisor = supervisor_of(client)
    assert sockets_of(supervisor)
    client.cancel(job.id, wait_stopped="60s")
    local = client.submit(["sleep", "1000"])  # so that the supervisor stays
    eventually(lambda: not sockets_of(supervisor), within_s=PATIENCE_S)
    client.cancel(local.id, grace=0, wait_stopped="60s")

    assert supervisor == supervisor_of(client)
    for host in farm.hosts:
        eventually(lambda host=host: "Received disconnect from" in farm.log(host), "its word of it")  # type: ignore[misc]  # bound at once
        assert "reset by" not in farm.log(host)
