"""What a container leaves in /out: fetched as artifacts, within limits, and gone from the engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import outlast
from outlast import Client
from outlast.errors import InvalidRequest
from outlast.shim.failpoint import OF_COLLECTING, OF_CONTAINERS, OF_OUTBOXES, VARIABLE

from ..rigs.engine import IMAGE, Engine
from ..world import eventually, fresh_client, kill, supervisor_of, takes_root
from .conftest import PATIENCE_S, Run, fate, over
from .test_survival import keepers_of, mended

__all__ = ["mended"]

pytestmark = pytest.mark.slow  # each has a container made

DiesAt = Callable[[str], Path]


def listed(client: Client, job_id: str, *keys: str) -> list[tuple[Any, ...]]:
    """Return of each artifact what *keys* name."""
    return [tuple(map(each.get, keys)) for each in client.list_artifacts(job_id)["items"]]


def here(client: Client, job_id: str) -> dict[str, bytes]:
    """Return what was collected, by its path."""
    return {
        path: b"".join(client.read_artifact(job_id, path))
        for path, state in listed(client, job_id, "path", "state")
        if state == "complete"
    }


def test_what_is_left_in_out_is_collected(client: Client, run: Run) -> None:
    """By its patterns, relative or absolute. Nobody's user can write there."""
    job = run(
        "cd $OUTLAST_OUT && mkdir -p a/b && echo one > a/b/x.txt && echo two > y.txt && echo 3 > z",
        collect=["**/x.txt", "/out/y*"],
    )

    assert ("complete", None, 0) == fate(job)
    assert {"a/b/x.txt": b"one\n", "y.txt": b"two\n"} == here(client, job.id)


def test_all_of_it_and_from_a_script(engine: Engine) -> None:
    """`/out` by itself is everything, hidden files as well; a script that failed gives its own."""
    result = outlast.execute_script(
        "#!/bin/sh\nmkdir /out/.a; echo hidden > /out/.a/.b; echo plain > /out/c; exit 3\n",
        image=IMAGE,
        collect={"globs": ["/out"], "on": "end"},
    )
    with Client() as client:
        found = here(client, result.job_id)

    assert 3 == result.exit_code
    assert {".a/.b": b"hidden\n", "c": b"plain\n"} == found


@pytest.mark.parametrize("on", ["complete", "end"])
def test_after_a_timeout_it_is_as_was_asked_for(client: Client, run: Run, on: str) -> None:
    """By default nothing is collected of what did not end well; else what was there by then."""
    job = run(
        "echo half > /out/x; exec sleep 1000",
        timeout="1s",
        collect={"globs": ["*"], "on": on},
    )

    assert ("failed", "timeout", -1) == fate(job)
    assert ({"x": b"half\n"} if on == "end" else {}) == here(client, job.id)


def test_where_there_had_to_be_files_and_are_none(client: Client, run: Run) -> None:
    """It has failed, and its code is its own."""
    job = run("echo > /out/other", collect={"globs": ["*.pdf"], "required": True})

    assert ("failed", "artifacts_missing", 0) == fate(job)
    assert "ArtifactsMissing: no file in /out matches" == job.nodes[0].error


HOSTILE = r"""
cd /out
ln -s /etc/passwd link; ln -s .. up; echo in > file; ln file twice; mkfifo pipe
mkdir -p {}; echo deep > {}/x
echo long > {}
echo 1 > "$(printf 'new\nline\377')"; echo 2 > 'a%b'; echo 3 > '~1'; echo 4 > A; echo 5 > a
echo 6 > 'back\slash'; echo 7 > ' '; mkdir ...; echo 8 > .../'..'x
""".format("d/" * 60, "d/" * 60, "l" * 255)


def test_hostile_names_lead_nowhere(client: Client, run: Run, home: Path) -> None:
    """Links and pipes are told and not followed; every name is data; nothing lies outside."""
    job = run(HOSTILE, collect="/out")
    skipped = {
        name: error
        for name, state, error in listed(client, job.id, "name", "state", "error")
        if state == "skipped"
    }
    names = {name for (name,) in listed(client, job.id, "name")}
    found = here(client, job.id)
    numbers = {each.name for each in (home / "jobs" / job.id / "0" / "1" / "artifacts").iterdir()}

    assert ("complete", 0) == (job.status, job.exit_code)
    assert {"link", "up", "twice", "pipe"} == set(skipped)
    assert "a link, and of a container's none is followed" == skipped["link"]
    assert sorted(b"in deep long 1 2 3 4 5 6 7 8".split()) == sorted(
        map(bytes.strip, found.values())
    )
    assert {"new\nline\\xff", "a%b", "~1", "back\\slash", ".../..x", "l" * 255} < names
    assert all(name.isdigit() for name in numbers)
    assert "4 files were left out" == client.describe(job)["nodes"][0]["message"]


def test_what_is_over_a_limit_is_left_out(client: Client, run: Run) -> None:
    """Files and bytes, as of hosts; of what a file has that is mostly a hole, its size counts."""
    job = run(
        "cd /out; dd if=/dev/zero of=a bs=600k count=1; dd if=/dev/zero of=b bs=600k count=1;"
        " for i in $(seq 300); do echo > f$i; done; dd if=/dev/zero of=c bs=1 count=1 seek=9M",
        collect={"globs": ["*"], "max_bytes": "1m", "max_files": 100},
    )
    why = dict(listed(client, job.id, "path", "error"))

    assert ("complete", None, 0) == fate(job)
    assert 100 == len(here(client, job.id))
    assert ["over the limit of 1m in all"] * 2 == [why["b"], why["c"]]
    assert "over the limit of 100 files" == why["f99"]


@pytest.fixture
def dies_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiesAt:
    """Has whoever comes first to a failpoint killed there; the file is gone with him."""

    def dies_at(name: str) -> Path:
        token = tmp_path / "token"
        token.touch()
        monkeypatch.setenv(VARIABLE, f"{name}:{token}")
        return token

    return dies_at


@pytest.mark.parametrize("name", [*OF_CONTAINERS, *OF_OUTBOXES])
def test_a_shim_killed_at_any_step_loses_no_file(
    name: str, run: Run, client: Client, dies_at: DiesAt
) -> None:
    """The next one goes on: the files are here, and nothing with the engine."""
    token = dies_at(name)
    job = run("echo out > /out/x", collect="x")

    assert not token.exists()
    assert ("complete", None, 0) == fate(job)
    assert {"x": b"out\n"} == here(client, job.id)


@pytest.mark.parametrize("name", OF_COLLECTING)
def test_a_supervisor_killed_while_it_fetches_loses_no_file(
    name: str, submit: Run, client: Client, dies_at: DiesAt
) -> None:
    """The next one goes on there."""
    token = dies_at(name)
    job = submit("echo out > /out/x", collect="x")
    eventually(lambda: not token.exists(), "its death")
    with fresh_client() as other:
        job = over(other, job)
        found = here(other, job.id)

    assert ("complete", None, 0) == fate(job)
    assert {"x": b"out\n"} == found


def test_an_end_while_everything_of_ours_was_dead(
    submit: Run, client: Client, home: Path, engine: Engine
) -> None:
    """Container and files wait for the next supervisor."""
    job = submit("echo begun; echo out > /out/x; sleep 1", collect="x")
    eventually(lambda: client.output(job.id), "its output")
    eventually(lambda: client.get(job.id).started_at, "its start")
    kill(supervisor_of(client), *keepers_of(home))
    eventually(lambda: engine.containers()[0]["State"] == "exited", "its end")
    with fresh_client() as other:
        job = over(other, job)
        found = here(other, job.id)

    assert ("complete", None, 0) == fate(job)
    assert {"x": b"out\n"} == found


def test_faults_of_it_are_told_before_anything_happens(client: Client) -> None:
    """What is not below /out, and what is mounted over it."""
    container = {"image": IMAGE, "tmpfs": ["/out:1m"], "mounts": ["/usr:/out/usr"]}
    with pytest.raises(InvalidRequest) as caught:
        client.submit(shell="true", container=container, collect=["/etc/passwd", "../x", "*"])

    told = "\n".join(caught.value.faults)
    for words in (
        "'/etc/passwd' is not below /out",
        "leads upwards",
        "/out is mounted",
        "/out/usr",
    ):
        assert words in told


@pytest.fixture
def small_disk(engine: Engine) -> Iterator[Path]:
    """A disk of 16 MiB and 200 files on which the engine keeps what is written to /out."""
    takes_root()
    place = engine.folder / "data" / "volumes"
    place.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m,nr_inodes=200", "none", place], check=True
    )
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_who_fills_the_disk_is_killed(run: Run, small_disk: Path) -> None:
    """At the floor that others are to be left, and what it wrote is gone with it."""
    fills(run, small_disk, "head -c 1m /dev/zero > f$i", "1 must stay free")


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_who_makes_too_many_files_is_killed(run: Run, small_disk: Path) -> None:
    """It is the disk that is looked at, which is the same whatever the engine."""
    fills(run, small_disk, "echo > f$i", "there is hardly room for more files")


def fills(run: Run, small_disk: Path, line: str, words: str) -> None:
    job = run(
        f"cd /out; for i in $(seq 300); do {line}; done; sleep 1000",
        collect={"globs": ["f1"], "on": "end"},
    )
    free = os.statvfs(small_disk)

    assert ("failed", "disk_full") == fate(job)[:2], job.nodes[0].error
    assert words in str(job.nodes[0].error)
    assert free.f_bavail * free.f_frsize > 12 << 20


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_engine_that_is_dead_while_files_are_fetched(
    cancelled: bool, client: Client, submit: Run, mended: Engine, dies_at: DiesAt
) -> None:
    """They are fetched once it is up again; or never, where the job is cancelled meanwhile."""
    token = dies_at("outbox.before_fetch")
    job = submit("echo out > /out/x", collect="/out")
    eventually(lambda: not token.exists(), "the supervisor's death")
    mended.kill()
    with fresh_client() as other:

        def is_collecting() -> bool:
            return bool(other.describe(other.get(job.id))["nodes"][0]["phase"] == "collecting")

        eventually(is_collecting, "the collecting", within_s=PATIENCE_S)
        if cancelled:
            other.cancel(job.id)
            eventually(lambda: not is_collecting(), "the end of the collecting")
        mended.start()
        job = over(other, job)
        (node,) = other.list_artifacts(job.id)["nodes"]

    how = ("incomplete", 0, "it was cancelled") if cancelled else ("complete", 1, None)
    assert ("cancelled" if cancelled else "complete") == job.status
    assert how == (node["state"], node["count"], node["error"])
