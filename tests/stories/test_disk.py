"""A disk that is full: one job fails for it, all others and the store go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from outlast import Client
from outlast.engine.live import UNSTORED_END
from outlast.errors import ClientError

from ..world import (
    PATIENCE_S,
    began,
    eventually,
    fresh_client,
    kill,
    record_of,
    supervisor_of,
)
from .conftest import fate, over
from .test_schedules import account

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

MIB = 1 << 20


@pytest.fixture
def small_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of 16 MiB, 4 of which jobs must leave free."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes mount(8) and root")
    home.mkdir(parents=True)
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", home], check=True)
    monkeypatch.setenv("OUTLAST_MIN_FREE", "4m")
    yield home
    with fresh_client() as client:
        pid = supervisor_of(client)
    kill(pid)
    eventually(lambda: 0 == subprocess.run(["umount", home], check=False).returncode)


def fill(path: Path) -> None:
    """Write until there is no room left on the disk."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def submit_until_refused(client: Client, size: int = 60_000) -> None:
    for _ in range(200):
        client.submit(["true"], env={"LONG": "x" * size})


def test_a_job_that_fills_the_disk_fails_alone(small_home: Path) -> None:
    """It is ended with `disk_full` and words, while its neighbour runs on to its end."""
    with fresh_client() as client:
        neighbour = client.submit(shell="sleep 2; echo done; exit 5")
        began(small_home, neighbour)
        flood = client.submit(shell="while head -c 65536 /dev/zero; do sleep 0.02; done")
        after = over(client, flood)

        assert ("disk_full", None) == fate(after)
        assert "must stay free" in str(after.nodes[0].error)
        client.delete(flood.id)
        assert ("exit_nonzero", 5) == fate(over(client, neighbour))
        assert b"done\n" == client.output(neighbour.id)
        assert (None, 0) == fate(over(client, client.submit(["true"])))


def test_a_disk_without_any_room_loses_nothing(small_home: Path, tmp_path: Path) -> None:
    """Ends that cannot be written are told once there is room; what is submitted is refused."""
    with fresh_client() as client:
        script = "echo started >> starts; until [ -e go ]; do sleep 0.02; done; exit 37"
        job = client.submit(shell=script, cwd=str(tmp_path))
        began(small_home, job)
        eventually(lambda: client.get(job.id).status == "running")
        fill(small_home / "filler")
        (tmp_path / "go").touch()
        with pytest.raises(ClientError) as refusal:
            submit_until_refused(client)
        assert refusal.value.code in ("unavailable", "home_refused")
        (small_home / "filler").unlink()

        assert ("exit_nonzero", 37) == fate(over(client, job))
        assert "started\n" == (tmp_path / "starts").read_text()
        assert (None, 0) == fate(over(client, client.submit(["true"])))


def test_an_end_that_cannot_be_stored_is_told_as_that(
    small_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where jobs may fill the disk: the status is what is stored, and the message what is not."""
    monkeypatch.setenv("OUTLAST_MIN_FREE", "0")
    with fresh_client() as client:
        job = client.submit(shell="until [ -e go ]; do sleep 0.02; done", cwd=str(tmp_path))
        began(small_home, job)
        eventually(lambda: client.get(job.id).status == "running")
        assert client.get(job.id).nodes[0].message is None
        fill(small_home / "filler")
        for size in (60_000, 0):  # which takes the last of the database's log, too
            with pytest.raises(ClientError):
                submit_until_refused(client, size)
        (tmp_path / "go").touch()
        eventually(lambda: record_of(small_home, job).ended is not None)
        told = client.get(job.id)
        (small_home / "filler").unlink()

        assert ("running", UNSTORED_END) == (told.status, told.nodes[0].message)
        assert (None, 0) == fate(over(client, job))
        assert client.get(job.id).nodes[0].message is None


def test_a_supervisor_that_dies_on_a_full_disk_is_followed_by_another(
    small_home: Path, tmp_path: Path
) -> None:
    """Everything that was known stands in the record, or is written there by the shim later."""
    with fresh_client() as client:
        script = "echo started >> starts; until [ -e go ]; do sleep 0.02; done; exit 37"
        job = client.submit(shell=script, cwd=str(tmp_path))
        began(small_home, job)
        fill(small_home / "filler")
        kill(supervisor_of(client))
        (tmp_path / "go").touch()
        (small_home / "filler").unlink()

    with fresh_client() as client:
        assert ("exit_nonzero", 37) == fate(over(client, job))
    assert record_of(small_home, job).ended is not None
    assert "started\n" == (tmp_path / "starts").read_text()


def test_tries_ends_and_schedules_wait_for_room(
    small_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A try that fails meanwhile is on record once, the next one comes, then what the end begins; and
    each time of a schedule is a job or was counted.
    """
    monkeypatch.setenv("OUTLAST_MIN_FREE", "0")
    with fresh_client() as client:
        job = client.submit(
            shell="echo $OUTLAST_ATTEMPT >> tries; until [ -e go ]; do sleep 0.02; done; "
            "[ $(wc -l < tries) = 2 ] || exit 75",
            on_end='echo "$OUTLAST_ENDED_STATUS $(wc -l < tries)" >> told',
            retries=3,
            retry_delay="100ms",
            cwd=str(tmp_path),
        )
        client.schedules.add("tick", shell="echo run >> runs", cwd=str(tmp_path), every=1)
        eventually(lambda: client.schedules.get("tick").last_job_id, "its first run")
        eventually(lambda: client.get(job.id).status == "running")
        fill(small_home / "filler")
        for size in (60_000, 0):  # which takes the last of the database's log, too
            with pytest.raises(ClientError):
                submit_until_refused(client, size)
        (tmp_path / "go").touch()
        eventually(lambda: record_of(small_home, job).ended is not None)
        time.sleep(2.5)  # for the schedule to be due
        (small_home / "filler").unlink()
        before = client.schedules.get("tick").last_job_id

        job = over(client, job)
        last = client.wait(client.describe(job)["on_end_job"], timeout=PATIENCE_S)
        eventually(lambda: before != client.schedules.get("tick").last_job_id, "its next run")
        decided, known, more = account(client, tmp_path)

    assert ("complete", [("exit_nonzero", 75)], 2) == (
        job.status,
        [(each.reason, each.exit_code) for each in job.nodes[0].earlier],
        job.nodes[0].attempt,
    )
    assert f"{job.id}/0/1\n{job.id}/0/2\n" == (tmp_path / "tries").read_text()
    assert ("complete", "complete 2\n") == (last.status, (tmp_path / "told").read_text())
    assert (decided, 0) == (known, more)


def test_the_limit_of_output_is_a_job_s_own(client: Client, tmp_path: Path) -> None:
    """A stream over its limit ends that job; the output up to there is kept."""
    job = client.submit(shell="yes | head -c 20000000; sleep 1000", limits={"output_bytes": MIB})
    after = over(client, job)

    assert ("output_limit", None) == fate(after)
    assert len(client.output(job.id)) > MIB


def test_an_orphan_leaves_room_on_the_disk_too(small_home: Path, tmp_path: Path) -> None:
    """A command whose shim was killed is ended before it fills the disk, with the same reason."""
    flood = "while head -c 65536 /dev/zero; do sleep 0.02; done"
    with fresh_client() as client:
        shell = f"until [ -e go ]; do sleep 0.02; done; {flood}"
        job = client.submit(shell=shell, cwd=str(tmp_path))
        kill(int(began(small_home, job)["shim_pid"]))
        eventually(lambda: client.get(job.id).nodes[0].degraded)
        (tmp_path / "go").touch()
        after = over(client, job)

    assert ("disk_full", None) == fate(after)
    assert "must stay free" in (after.nodes[0].error or "")
