"""Collecting that somebody or something comes in between of, on real hosts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.testing.sshd import Farm

from .test_collect import listed, over

BIG = 150 << 20
PATIENCE_S = 90


def read_on_host(farm: Farm, name: str) -> int:
    """How many bytes of a file the host has read out, by its own word (sftp-server(8), -l)."""
    log = (farm.folder / f"{farm.hosts[0]}.log").read_text()
    found = re.findall(rf'close "[^"]*{name}" bytes read (\d+)', log)
    return sum(map(int, found))


def until_some_is_here(home: Path, job: Job, least: int = 1 << 20) -> int:
    """Wait until so much of the first file is here; returns how much."""
    path = home / "jobs" / job.id / "0" / "1" / "artifacts" / "1"
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or path.stat().st_size < least:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return path.stat().st_size


def collecting(client: Client, farm: Farm, size: int, **more: Any) -> tuple[Job, bytes]:
    """A job that has a big file to be collected, and its bytes."""
    host = farm.hosts[0]
    farm.stop(host)
    start = farm.home / host
    farm.options[host] = {"Subsystem": f"sftp internal-sftp -d {start} -l VERBOSE"}
    farm.start(host)
    data = os.urandom(1 << 20) * (size >> 20)
    (start / "big").write_bytes(data)
    return client.submit(on=host, shell="true", collect="big", **more), data


@pytest.mark.slow
def test_a_killed_supervisor_and_a_cut_connection_cost_no_byte_twice(
    client: Client, farm: Farm, home: Path
) -> None:
    """What is here is not fetched again; the file is whole, and the command's end is true."""
    job, data = collecting(client, farm, BIG)
    here = until_some_is_here(home, job)
    os.kill(int((home / "supervisor.lock").read_text().split()[0]), signal.SIGKILL)
    assert here < BIG
    client.get(job.id)
    here = until_some_is_here(home, job, here + (1 << 20))
    farm.stop(farm.hosts[0])
    assert here < BIG
    farm.start(farm.hosts[0])
    job = over(client, job)
    (item,) = client.list_artifacts(job.id)["items"]

    assert ("complete", 0) == (job.status, job.nodes[0].exit_code)
    assert (BIG, hashlib.sha256(data).hexdigest()) == (item["size"], item["sha256"])
    assert data == b"".join(client.read_artifact(job.id, "big"))
    # What was on its way when it broke was read there, and not heard of here.
    assert read_on_host(farm, "big") < BIG + (8 << 20)


@pytest.mark.slow
def test_a_cancel_ends_the_collecting(client: Client, farm: Farm, home: Path) -> None:
    """Cancelled it is, though its command has ended well, as is told besides."""
    job, _ = collecting(client, farm, BIG * 4)
    until_some_is_here(home, job)
    assert "collecting" == client.get(job.id).nodes[0].phase
    told = client.list_artifacts(job.id)["nodes"]
    assert [("collecting", 0)] == [(each["state"], each["count"]) for each in told]
    job = client.cancel(job.id, wait_stopped="60s")

    assert ("cancelled", 0) == (job.status, job.nodes[0].late_exit_code)
    assert job.is_settled
    assert {"big": "it was stopped"} == listed(client, job)


@pytest.mark.slow
def test_a_host_that_goes_away_leaves_what_is_here(client: Client, farm: Farm, home: Path) -> None:
    """Past the time to come back, the command's own code stands, and what is missing is told."""
    job, _ = collecting(client, farm, BIG * 4, reconnect_timeout=1)
    until_some_is_here(home, job)
    farm.stop(farm.hosts[0])
    ended = client.wait(job.id, timeout=PATIENCE_S)
    farm.start(farm.hosts[0])
    job = over(client, job)

    assert ("complete", 0) == (ended.status, job.nodes[0].exit_code)
    assert "not all files were collected: the host" in str(job.nodes[0].message)
    (told,) = client.list_artifacts(job.id)["nodes"]
    assert ("incomplete", 0, 1) == (told["state"], told["count"], told["skipped"])


@pytest.mark.slow
def test_twenty_hosts_at_once(
    client: Client, tmp_path: Path, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own files, all of them in one zip."""
    many = Farm(tmp_path / "many", 20)
    monkeypatch.setenv("OUTLAST_SSH_CONFIG", str(many.config))
    many.start()
    try:
        line = "mkdir -p logs; for i in 1 2 3; do echo $SSH_CONNECTION > logs/$i; done"
        job = client.submit(on=many.hosts, shell=line, collect="logs/*")
        job = over(client, job)
    finally:
        many.stop()
    with open(tmp_path / "all.zip", "wb") as file:
        file.writelines(client.zip_artifacts(job.id))
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        items = json.loads(archive.read("manifest.json"))["items"]
        of_hosts = {item["node"]: archive.read(item["zip_path"]).split()[2] for item in items}

    assert "complete" == job.status
    assert (60, set(many.hosts)) == (len(items), set(of_hosts))
    assert all(host.encode() == said for host, said in of_hosts.items())
