"""Artifacts as they are told and put into a zip, whatever their host said of them."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outlast.artifacts import Keeper
from outlast.core.job import SSH, Job, JobId, JobSpec, Node
from outlast.engine.artifacts import Place, listing, read_piece, zipped
from outlast.errors import InvalidRequest

NODE = Node(name="ops@h:22", executor=SSH)
JOB = Job(
    id=JobId("job_1"),
    spec=JobSpec(),
    nodes=(NODE,),
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def collected(folder: Path, *mtimes: int) -> Place:
    """A node that has a file of each time, the path of which is the time."""
    keeper = Keeper(str(folder))
    for mtime in mtimes:
        writing = keeper.begin(b"%d" % mtime, 1, mtime)
        writing.read()
        writing.write(b"x")
        writing.end()
    keeper.finish()
    return Place(NODE, str(folder))


@pytest.mark.parametrize(
    ("mtime", "told", "in_zip"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", (1980, 1, 1, 0, 0, 0), id="before zips"),
        pytest.param(1 << 30, "2004-01-10T13:37:04.000Z", (2004, 1, 10, 13, 37, 4), id="usual"),
        pytest.param(1 << 33, "2242-03-16T12:56:32.000Z", (2107, 12, 31, 23, 59, 58), id="late"),
        pytest.param(1 << 60, None, (2107, 12, 31, 23, 59, 58), id="no time at all"),
    ],
)
def test_a_time_by_a_host_s_word_harms_nothing(
    tmp_path: Path, mtime: int, told: str | None, in_zip: tuple[int, ...]
) -> None:
    """What no clock shows is null, and what a zip cannot tell is the nearest that it can."""
    place = collected(tmp_path, mtime)
    (item,) = listing(JOB, [place])["items"]
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped(JOB, [place])))) as archive:
        head, entry = archive.infolist()
        manifest = json.loads(archive.read(head))

    assert (told, in_zip) == (item["mtime"], entry.date_time)
    assert "0-ops@h%3A22/" + item["path"] == entry.filename == manifest["items"][0]["zip_path"]
    assert ("2026-01-02T03:04:05.000Z", None) == (manifest["created_at"], manifest["completed_at"])


def test_a_zip_of_nothing_is_a_zip(tmp_path: Path) -> None:
    """With a manifest that says so."""
    with zipfile.ZipFile(
        io.BytesIO(b"".join(zipped(JOB, [Place(NODE, str(tmp_path))])))
    ) as archive:
        assert ["manifest.json"] == archive.namelist()
        assert [] == json.loads(archive.read("manifest.json"))["items"]


def test_a_piece_begins_somewhere(tmp_path: Path) -> None:
    """What is negative is refused; beyond the end there is nothing."""
    place = collected(tmp_path, 7)
    assert b"" == read_piece(place, "7", 1, 10)
    with pytest.raises(InvalidRequest, match="not negative"):
        read_piece(place, "7", -1, 10)
