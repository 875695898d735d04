"""What output may do: its limit, holes in place of the oldest, and the floor of free space."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outlast.shim import spool, system

from ..world import eventually, is_alive
from . import kernel
from .rig import Line, Rig, ended
from .test_record import fill

MIB = 1 << 20
BOUNDED = {"FSIZE": [1 << 28, 1 << 28]}
"""So that a flood which nobody stops ends by itself, before it fills the disk of the tests."""


def allocated(message: Line, stream: str = spool.STDOUT) -> int:
    """Return how much of the disk a stream takes up."""
    return os.stat(f"{message['folder']}/{stream}").st_blocks * 512


def words(lines: list[Line]) -> str:
    return str(next(line["error"] for line in lines if line["event"] == "ended"))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_is_ended_at_its_limit(rig: Rig, stream: str) -> None:
    """A stream over its limit ends the job at once, with no grace, and the limit is told."""
    script = f"trap '' TERM; yes | head -c 50000000{' >&2' if stream == 'stderr' else ''}; sleep 99"
    message = rig.sh(script, output_bytes=MIB, rlimits=BOUNDED)
    lines = rig.run(message)

    assert (None, signal.SIGKILL, "output_limit") == ended(lines)
    assert f"{stream} passed its limit of 1,048,576 bytes" == words(lines)
    assert MIB < spool.output_size(message["folder"], stream)


def test_output_up_to_its_limit_is_left_alone(rig: Rig) -> None:
    """Exactly as much as is allowed is no fault, even after a while."""
    message = rig.sh("head -c 1048576 /dev/zero; sleep 0.2; exit 3", output_bytes=MIB)

    assert (3, None, None) == ended(rig.run(message))


def test_the_oldest_output_may_be_given_up_instead(rig: Rig) -> None:
    """The job goes on, offsets stay true, and the newest output is there to be read."""
    script = (
        "for n in 1 2 3 4 5 6 7 8; do head -c 1048576 /dev/zero; sleep 0.1; done; printf the-end"
    )
    message = rig.sh(script, output_bytes=2 * MIB, on_output_limit="discard")

    assert (0, None, None) == ended(rig.run(message))
    size = spool.output_size(message["folder"], spool.STDOUT)
    assert 8 * MIB + 7 == size
    assert b"the-end" == spool.read_output(message["folder"], spool.STDOUT, size - 7, 100)
    assert allocated(message) < 4 * MIB


def test_output_without_a_limit_goes_on(rig: Rig) -> None:
    """A job may be allowed all that the disk holds."""
    message = rig.sh("head -c 3000000 /dev/zero; sleep 0.2; exit 3", output_bytes=None)

    assert (3, None, None) == ended(rig.run(message))
    assert 3_000_000 == spool.output_size(message["folder"], spool.STDOUT)


def test_where_no_holes_can_be_made_the_limit_holds(
    home: Path, open_rig: Callable[..., Rig]
) -> None:
    """A file system that gives no blocks back: the job ends, though the oldest might be given up."""
    (home / "jobs").mkdir(parents=True)
    rig = open_rig(under=kernel.mounts(f"mount -t ramfs none {home}/jobs"))
    script = "head -c 3000000 /dev/zero; exec sleep 1000"
    message = rig.sh(script, output_bytes=MIB, on_output_limit="discard", floor_bytes=0)
    lines = rig.run(message)

    assert (None, signal.SIGKILL, "output_limit") == ended(lines)
    assert "stdout passed its limit of 1,048,576 bytes" == words(lines)


def test_what_cannot_have_holes_is_told() -> None:
    """Where blocks cannot be given back, the shim knows, and the limit ends the job after all."""
    reader, writer = os.pipe()
    try:
        assert not system.punch_hole(writer, 0, 4096)
    finally:
        os.close(reader)
        os.close(writer)


def test_what_a_command_left_behind_is_held_to_the_limit_too(rig: Rig) -> None:
    """A background process that floods after the command's end is ended, and the code is kept."""
    script = "(sleep 0.2; yes | head -c 50000000; sleep 99) & exit 3"
    message = rig.sh(script, output_bytes=MIB, leftovers="wait", rlimits=BOUNDED)
    channel = rig.shim()
    channel.send(message)
    lines = channel.until("ended")
    try:
        assert (3, None, None) == ended(lines)
        eventually(lambda: rig.record(message).emptied, "the end of the flood")
    finally:
        began = rig.record(message).began
        assert began is not None
        rig.wish(message, 0)
        channel.until()


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A disk of 8 MiB where the jobs are."""
    folder = home / "jobs"
    folder.mkdir(parents=True)
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes mount(8) and root")
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_job_stops_before_the_disk_is_full(small_disk: Path, rig: Rig) -> None:
    """The floor of free space is kept: a flood ends with `disk_full` and words."""
    message = rig.sh(
        "while head -c 65536 /dev/zero; do sleep 0.02; done", floor_bytes=4 * MIB, grace_ms=0
    )
    lines = rig.run(message)

    assert (None, signal.SIGKILL, "disk_full") == ended(lines)
    assert "must stay free" in words(lines)
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize > MIB


def test_nothing_starts_below_the_floor(small_disk: Path, rig: Rig, tmp_path: Path) -> None:
    """Where there is too little room already, a job fails before it begins."""
    message = rig.sh("touch ran", floor_bytes=64 * MIB, cwd=str(tmp_path))
    lines = rig.run(message)

    assert (None, None, "disk_full") == ended(lines)
    assert "64 must stay" in words(lines)
    assert not (tmp_path / "ran").exists()


def test_a_disk_that_is_quite_full_fails_the_start_and_nothing_else(
    small_disk: Path, rig: Rig, tmp_path: Path
) -> None:
    """Without room for the record itself the start is told as failed; the next job is served."""
    fill(small_disk / "filler")
    message = rig.sh("touch ran", floor_bytes=0, cwd=str(tmp_path))
    channel = rig.shim()
    channel.send(message)
    lines = channel.until("ended")

    assert (None, None, "disk_full") == ended(lines)
    (small_disk / "filler").unlink()
    channel.until("emptied")
    assert (0, None, None) == ended(channel.run(rig.sh("exit 0")))
    assert not (tmp_path / "ran").exists()


def test_an_end_on_a_full_disk_is_written_once_there_is_room(small_disk: Path, rig: Rig) -> None:
    """A command that fills the disk itself is told at once, and recorded as soon as can be."""
    message = rig.sh("cat /dev/zero; exit 9", floor_bytes=0)
    channel = rig.shim()
    channel.send(message)
    assert (9, None, None) == ended(channel.until("ended"))
    os.truncate(f"{message['folder']}/stdout", 0)

    record = eventually(lambda: r if (r := rig.record(message)).emptied else None)
    assert record.ended is not None
    assert 9 == record.ended["code"]


def test_quiet_jobs_cost_nothing(rig: Rig) -> None:
    """A shim whose command is silent sleeps until something happens."""
    message = rig.sh("sleep 1.2")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    began = rig.record(message).began
    assert began is not None
    status = Path(f"/proc/{began['shim_pid']}/status")
    before = after = switches(status)
    while is_alive(began["pid"]):
        after = switches(status)
    channel.until()

    assert after - before <= 3


def switches(status: Path) -> int:
    lines = status.read_text().splitlines()
    return int(next(x for x in lines if x.startswith("voluntary")).split()[1])
