"""Writing the record: its lock, and what a full disk does to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from outlast.shim import spool
from outlast.shim.ending import end_line
from outlast.shim.slot import Slot

from .test_spool_fuzz import BEGAN, EMPTIED, ENDED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes mount(8) and root")
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path: Path) -> None:
    """Write until there is no room left on the disk."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_one_at_a_time_holds_a_record(tmp_path: Path) -> None:
    """Whoever opened it for writing holds it, until the descriptor is closed."""
    folder = str(tmp_path)
    assert not spool.is_held(folder)
    fd = spool.open_record(folder)
    assert fd is not None

    assert spool.open_record(folder) is None
    assert spool.is_held(folder)
    os.close(fd)
    assert not spool.is_held(folder)


def test_a_record_that_nobody_claimed_is_none(tmp_path: Path) -> None:
    """Where there is no file, nobody ever claimed the attempt."""
    assert spool.read_record(str(tmp_path)) is None
    assert spool.read_record(str(tmp_path / "nowhere")) is None


def test_a_line_that_did_not_fit_leaves_no_half(small_disk: Path) -> None:
    """On a full disk nothing of a line stays, so that it can be written whole once there is room."""
    fd = spool.open_record(str(small_disk))
    assert fd is not None
    try:
        spool.append(fd, spool.encode(BEGAN))
        filler = small_disk / "filler"
        fill(filler)
        long = ENDED | {"error": "x" * 9000}
        with pytest.raises(OSError, match=r"space|whole"):
            spool.append(fd, spool.encode(long))
        filler.unlink()
        spool.append(fd, spool.encode(long, EMPTIED))
    finally:
        os.close(fd)

    raw = (small_disk / spool.RECORD).read_bytes().splitlines()
    assert [BEGAN, long, EMPTIED] == [json.loads(line) for line in raw if line]


def test_a_line_that_somebody_died_in_is_ended_first(tmp_path: Path) -> None:
    """What is written after it begins on a line of its own."""
    (tmp_path / spool.RECORD).write_bytes(spool.encode(BEGAN) + b'{"event": "en')
    fd = spool.open_record(str(tmp_path))
    assert fd is not None
    spool.append(fd, spool.encode(ENDED))
    os.close(fd)

    record = spool.read_record(str(tmp_path))
    assert record is not None
    assert (BEGAN, ENDED) == (record.began, record.ended)


def test_a_record_that_cannot_be_mended_is_not_held(small_disk: Path) -> None:
    """On a full disk the half line stays; that is told, and the lock is free for the next try."""
    half = b"x" * os.statvfs(small_disk).f_bsize
    (small_disk / spool.RECORD).write_bytes(half)
    fill(small_disk / "filler")

    with pytest.raises(OSError, match="space"):
        spool.open_record(str(small_disk))
    assert not spool.is_held(str(small_disk))
    assert half == (small_disk / spool.RECORD).read_bytes()


def test_a_slot_holds_a_path_that_fits() -> None:
    """The launcher reads what the shim wrote; a path too long for it is none at all."""
    slot = Slot()
    try:
        for path, expected in (("jobs/1", "jobs/1"), ("\udcff", "\udcff"), ("x" * 5000, None)):
            slot.put(path)
            assert expected == slot.get()
        slot.put("jobs/2")
        slot.clear()
        assert slot.get() is None
    finally:
        slot.close()


@pytest.mark.parametrize(
    ("status", "code", "number"),
    [(37 << 8, 37, None), (0, 0, None), (9, None, 9), (139, None, 11)],
    ids=["exit 37", "exit 0", "killed", "dumped core"],
)
def test_the_end_of_an_orphan_is_written_as_any_other(
    status: int, code: int | None, number: int | None
) -> None:
    """The kernel's wait status becomes code or signal, and the wish its reason."""
    early = {"at_ms": 5, "mono_ms": BEGAN["mono_ms"], "by": "launcher"}
    line = end_line(status, BEGAN, spool.Wish(0, "timeout"), **early)

    assert (code, number, "timeout", "launcher") == (
        line["code"], line["signal"], line["reason"], line["by"])  # fmt: skip
    assert end_line(status, BEGAN, None, **early)["reason"] is None


@pytest.mark.parametrize(
    ("status", "late_ms", "expected"),
    [(9, 0, "timeout"), (15, 0, "timeout"), (9, -1, None), (11, 0, None), (0, 0, None)],
    ids=["KILL", "TERM", "KILL before it", "a signal that is not ours", "by itself"],
)
def test_a_signal_of_ours_after_the_limit_is_the_limit_s(
    status: int, late_ms: int, expected: str | None
) -> None:
    """Its shim was killed between that signal and the record; an end by itself stays one."""
    mono_ms = BEGAN["mono_ms"] + BEGAN["timeout_ms"] + late_ms
    line = end_line(status, BEGAN, None, at_ms=5, mono_ms=mono_ms, by="launcher")

    assert expected == line["reason"]


@pytest.mark.parametrize(
    ("began", "expected"),
    [
        ({}, (None, None, 0, "stop")),
        ({"output_bytes": 5, "on_output_limit": "discard"}, (5, None, 0, "discard")),
        ({"idle_timeout_ms": 7, "floor_bytes": 1 << 62}, (None, 7, 1 << 62, "stop")),
        (
            {"output_bytes": -1, "idle_timeout_ms": "7", "floor_bytes": True},
            (None, None, 0, "stop"),
        ),
        ({"output_bytes": None, "on_output_limit": ["stop"]}, (None, None, 0, "stop")),
    ],
    ids=["an older shim's", "discarded", "silence and the floor", "nonsense", "more of it"],
)
def test_the_limits_on_output_are_found_in_the_record(
    began: spool.Line, expected: tuple[object, ...]
) -> None:
    """What is not said, or makes no sense, is no limit: nothing is ended for that."""
    assert expected == tuple(spool.output_limits(began)[name] for name in spool.OUTPUT_LIMITS)


def test_a_wish_says_why(tmp_path: Path) -> None:
    """Its words stand in the record of the end, whoever writes that."""
    spool.ask_to_stop(str(tmp_path), 5, "output_limit", "too much")
    wish = spool.stop_wish(str(tmp_path))

    assert spool.Wish(5, "output_limit", "too much") == wish
    line = end_line(9, BEGAN, wish, at_ms=5, mono_ms=0, by="kernel")
    assert "too much" == line["error"]
