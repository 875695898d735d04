"""What is known of an attempt on its host, as its folder keeps it: whole lines count, no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast.executors.ssh.facts import REMOTE, Facts


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """The folder of an attempt of which something is known."""
    facts = Facts(str(tmp_path), {"place": "web1"})
    facts.keep({"sent": 1}, synced=True)
    facts.keep({"began": 2}, synced=False)
    facts.keep({"began": 3, "emptied": 4}, synced=True)
    return str(tmp_path)


def test_what_is_learnt_later_counts(folder: str) -> None:
    """A fresh reader knows all, from the start and since."""
    assert {"place": "web1", "sent": 1, "began": 3, "emptied": 4} == Facts.stored(folder)


def test_nothing_is_kept_before_there_is_something_to_keep(tmp_path: Path) -> None:
    """What nobody was told of yet leaves no file: then nothing was sent."""
    Facts(str(tmp_path), {"place": "web1"})

    assert Facts.stored(str(tmp_path)) is None


def test_cut_at_any_byte_it_is_what_was_known_before(folder: str) -> None:
    """Half a line is none; what is added behind it is whole."""
    file = Path(folder, REMOTE)
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(first, len(whole)):
        if whole[size : size + 1] == b"\n":
            continue  # all of it is there, and counts once its end is
        file.write_bytes(whole[:size])
        cut = Facts.stored(folder)
        assert cut is not None
        assert ("began" in cut) == (b"began" in whole[: whole.rindex(b"\n", 0, size) + 1])
        cut.keep({"late": 5}, synced=False)
        assert cut == Facts.stored(folder)


def test_a_first_line_that_was_cut_is_nothing(folder: str) -> None:
    """It was never acted upon; whoever begins anew is understood."""
    file = Path(folder, REMOTE)
    file.write_bytes(file.read_bytes()[:10])
    assert Facts.stored(folder) is None
    Facts(folder, {"place": "web2"}).keep({"sent": 6}, synced=True)

    assert {"place": "web2", "sent": 6} == Facts.stored(folder)


def test_what_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    """One object without the end of a line; and more is added to it."""
    (tmp_path / REMOTE).write_bytes(b'{"place": "web1", "sent": 1}')
    facts = Facts.stored(str(tmp_path))
    assert facts == {"place": "web1", "sent": 1}
    facts.keep({"began": 2}, synced=True)

    assert {"place": "web1", "sent": 1, "began": 2} == Facts.stored(str(tmp_path))


def test_what_could_not_be_kept_comes_with_what_is_kept_next(tmp_path: Path) -> None:
    """A disk that takes nothing for a while makes nothing be forgotten."""
    folder = tmp_path / "attempt"
    facts = Facts(str(folder), {"place": "web1"})
    with pytest.raises(OSError, match="No such file"):
        facts.keep({"sent": 1}, synced=True)
    folder.mkdir()
    facts.keep({"began": 2}, synced=True)

    assert {"place": "web1", "sent": 1, "began": 2} == Facts.stored(str(folder))
