"""Files that a command leaves on its hosts, fetched over a real sshd's SFTP."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest, NotFound
from outlast.testing.sshd import Farm

LEAVES = (
    "mkdir -p logs/deep; echo one > logs/a.log; echo two > logs/deep/b.log; ln -s a.log logs/link.log;"
    " mkfifo logs/pipe; : > logs/empty; echo hidden > logs/.x; ln -s logs/a.log current"
)


def over(client: Client, job: Job) -> Job:
    """Wait until a job has ended, and all of it is gone and fetched."""
    deadline = time.monotonic() + 90
    while not (job := client.get(job.id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.05)
    return job


def listed(client: Client, job: Job, node: int = 0) -> dict[str, str]:
    """What a node's artifacts are, by their paths: their states, or why they are not here."""
    items = client.list_artifacts(job.id, node=node)["items"]
    return {item["path"]: item["error"] or item["state"] for item in items}


def test_what_matches_is_here(client: Client, farm: Farm) -> None:
    """Of every host, with its bytes; links and pipes are told, folders and hidden files no matter."""
    job = client.submit(on=farm.hosts, shell=LEAVES, collect=["logs/**", "current", "no/such"])
    job = over(client, job)
    link = "a link, and only one that is named without * is followed"
    expected = {
        "current": "complete",
        "logs/a.log": "complete",
        "logs/deep/b.log": "complete",
        "logs/empty": "complete",
        "logs/link.log": link,
        "logs/pipe": "no regular file",
    }

    assert ("complete", "2 files were left out") == (job.status, job.nodes[0].message)
    assert "2 files were left out" == client.describe(job)["nodes"][1]["message"]
    assert [expected, expected] == [listed(client, job, node) for node in (0, 1)]
    assert b"two\n" == b"".join(client.read_artifact(job.id, "logs/deep/b.log", node=1))
    told = client.list_artifacts(job.id)
    assert (8, 2 * (4 + 4 + 4)) == (told["count"], told["total_bytes"])
    assert [4, 4] == [each["count"] for each in client.result(job.id)["artifacts"]]


def test_the_zip_has_all_of_it(client: Client, farm: Farm, tmp_path: Path) -> None:
    """Each file under its node, a manifest that is true, and the same bytes each time."""
    job = client.submit(on=farm.hosts, shell=LEAVES, collect="logs/**")
    job = over(client, job)
    data = b"".join(client.zip_artifacts(job.id))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        here = [item for item in manifest["items"] if item["zip_path"]]
        for item in here:
            content = archive.read(item["zip_path"])
            digest = hashlib.sha256(content).hexdigest()
            assert (item["size"], item["sha256"]) == (len(content), digest)
        assert ["manifest.json", *(item["zip_path"] for item in here)] == archive.namelist()

    assert f"1-{farm.hosts[1]}/logs/deep/b.log" in {item["zip_path"] for item in here}
    assert data == b"".join(client.zip_artifacts(job.id))
    (tmp_path / "all.zip").write_bytes(data)
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tqq", str(tmp_path / "all.zip")], check=True, timeout=60)
    one = zipfile.ZipFile(io.BytesIO(b"".join(client.zip_artifacts(job.id, node=1))))
    assert all(name.startswith(("1-", "manifest")) for name in one.namelist())


def test_what_had_to_be_there_and_is_not_is_a_failure(client: Client, farm: Farm) -> None:
    """The command's code stays; where the command has failed itself, that is the reason."""
    wanted: dict[str, Any] = {"globs": ["nothing/*"], "required": True}
    job = over(client, client.submit(on=farm.hosts[0], shell="true", collect=wanted))
    assert ("failed", "artifacts_missing", 0) == (job.status, job.reason, job.nodes[0].exit_code)
    assert "ArtifactsMissing: no file on the host matches" == job.nodes[0].error

    wanted["on"] = "end"
    job = over(client, client.submit(on=farm.hosts[0], shell="exit 3", collect=wanted))
    assert ("exit_nonzero", 3) == (job.reason, job.nodes[0].exit_code)


@pytest.mark.parametrize(("on", "count"), [("complete", 0), ("end", 1)])
def test_after_a_failure_it_is_collected_if_asked_for(
    client: Client, farm: Farm, on: str, count: int
) -> None:
    """By default only what ended as asked leaves anything."""
    collect = {"globs": ["x"], "on": on}
    job = over(client, client.submit(on=farm.hosts[0], shell="echo > x; exit 3", collect=collect))

    assert "exit_nonzero" == job.reason
    assert count == client.list_artifacts(job.id)["count"]


def test_what_is_over_a_limit_is_left_out_whole(client: Client, farm: Farm) -> None:
    """Told file by file; what still fits is fetched."""
    line = "head -c 600 /dev/zero > a; head -c 600 /dev/zero > b; echo > c; echo > d"
    collect = {"globs": ["[a-d]"], "max_bytes": 1000, "max_files": 2}
    job = over(client, client.submit(on=farm.hosts[0], shell=line, collect=collect))

    assert {
        "a": "complete",
        "b": "over the limit of 1000 in all",
        "c": "complete",
        "d": "over the limit of 2 files",
    } == listed(client, job)
    assert ("complete", "2 files were left out") == (job.status, job.nodes[0].message)


def test_paths_are_as_the_command_had_them(client: Client, farm: Farm, tmp_path: Path) -> None:
    """Below its directory, or absolute; a folder that cannot be entered is told."""
    (tmp_path / "work").mkdir()
    job = client.submit(
        on=farm.hosts[0],
        shell=f"echo x > here; echo y > {tmp_path}/there",
        cwd=str(tmp_path / "work"),
        collect=["here", f"{tmp_path}/ther?"],
    )
    job = over(client, job)

    assert ["complete"] * 2 == list(listed(client, job).values())
    assert b"y\n" == b"".join(client.read_artifact(job.id, f"{tmp_path}/there"))


def test_a_host_without_sftp_is_told(client: Client, farm: Farm) -> None:
    """The command is what it was; only what had to be there makes it a failure."""
    farm.stop(farm.hosts[1])
    farm.options[farm.hosts[1]] = {"Subsystem": "nothing /bin/false"}
    farm.start(farm.hosts[1])
    job = over(client, client.submit(on=farm.hosts[1], shell="echo > x", collect="x"))
    (told,) = client.list_artifacts(job.id)["nodes"]

    assert ("complete", "incomplete") == (job.status, told["state"])
    assert "not all files were collected: the host offers no SFTP" in str(job.nodes[0].message)


@pytest.mark.slow
def test_an_sftp_that_breaks_the_connection_is_given_up(client: Client, farm: Farm) -> None:
    """After a few times in vain: the host is there, and its files are not to be had."""
    host = farm.hosts[1]
    farm.stop(host)
    farm.options[host] = {"Subsystem": "sftp kill -9 $PPID"}
    farm.start(host)
    wanted = {"globs": ["x"], "required": True}
    job = over(client, client.submit(on=host, shell="echo > x", collect=wanted))

    assert ("artifacts_missing", 0) == (job.reason, job.nodes[0].exit_code)
    assert "SFTP failed" in str(job.nodes[0].error)


def test_what_is_not_there_is_told_apart(client: Client, farm: Farm) -> None:
    """A node that there is none of, a file that there is none of, and one that was left out."""
    job = over(client, client.submit(on=farm.hosts[0], shell=LEAVES, collect="logs/*"))

    with pytest.raises(InvalidRequest, match="no node 7"):
        client.list_artifacts(job.id, node=7)
    with pytest.raises(NotFound, match="no artifact logs/z"):
        next(client.read_artifact(job.id, "logs/z"))
    with pytest.raises(NotFound, match="not here: no regular file"):
        next(client.read_artifact(job.id, "logs/pipe"))


def test_files_go_with_their_job(client: Client, farm: Farm, home: Path) -> None:
    """What is deleted leaves nothing."""
    job = over(client, client.submit(on=farm.hosts[0], shell="echo > x", collect="x"))
    client.delete(job.id)

    assert [] == os.listdir(home / "jobs")
