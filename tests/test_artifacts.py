"""The folder of artifacts: whatever it is interrupted in, it knows what is here."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from outlast import artifacts
from outlast.artifacts import JOURNAL, MAX_SKIPPED, Collection, Keeper


def begun(folder: Path, name: bytes, data: bytes, *, size: int, mtime: int = 1) -> Keeper:
    """A keeper that has taken in the first bytes of a file."""
    keeper = Keeper(str(folder))
    writing = keeper.begin(name, size, mtime)
    writing.read()
    writing.write(data)
    writing.close()
    return keeper


def test_what_was_half_here_goes_on_where_it_was(tmp_path: Path) -> None:
    """And its sum is of the whole."""
    begun(tmp_path, b"a", b"one", size=6).close()
    keeper = Keeper(str(tmp_path))
    writing = keeper.begin(b"a", 6, 1)
    writing.read()
    assert 3 == writing.offset
    writing.write(b"two")
    writing.sync()
    writing.end()
    (artifact,) = keeper.finish().files

    assert hashlib.sha256(b"onetwo").hexdigest() == artifact.sha256
    assert (6, "complete") == (artifact.size, artifact.state)
    assert b"onetwo" == b"".join(artifacts.pieces(str(tmp_path), artifact))


def test_a_line_that_was_cut_counts_as_absent(tmp_path: Path) -> None:
    """Its file is begun anew under the next number; what came before it is kept."""
    keeper = begun(tmp_path, b"a", b"x", size=1)
    writing = keeper.begin(b"a", 1, 1)
    writing.read()
    writing.end()
    keeper.close()
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"number": 2, "pa')
    again = Keeper(str(tmp_path))

    assert whole == journal.read_bytes()
    assert (1, 1, True, False) == (
        again.count,
        again.size,
        again.is_done(b"a"),
        again.is_done(b"b"),
    )
    again.close()


def test_more_than_anybody_reads_is_counted(tmp_path: Path) -> None:
    """A thousand that were left out are told one by one, and then how many."""
    keeper = Keeper(str(tmp_path))
    for number in range(MAX_SKIPPED + 7):
        keeper.skip(b"%d" % number, 0, 0, "no")
    keeper.skip(b"3", 0, 0, "no")
    collection = keeper.finish()

    assert (MAX_SKIPPED, 7) == (len(collection.files), collection.more_skipped)
    assert MAX_SKIPPED + 7 == collection.skipped
    assert collection == artifacts.read(str(tmp_path))


def test_what_is_given_up_keeps_what_is_whole(tmp_path: Path) -> None:
    """Nothing of a half remains; and what is done is not undone."""
    begun(tmp_path, b"a", b"x", size=2).close()
    given_up = artifacts.give_up(str(tmp_path), "it was stopped")

    assert ("incomplete", "it was stopped") == (given_up.state, given_up.error)
    assert [("skipped", "it was stopped")] == [(each.state, each.error) for each in given_up.files]
    assert [] == os.listdir(tmp_path / "artifacts")
    assert given_up == artifacts.give_up(str(tmp_path), "again")


def test_a_folder_that_nobody_collected_into_says_so(tmp_path: Path) -> None:
    """None is another answer than nothing."""
    assert artifacts.read(str(tmp_path)) is None
    keeper = Keeper(str(tmp_path))
    assert Collection("collecting") == artifacts.read(str(tmp_path))
    keeper.close()


def test_what_another_boot_left_half_is_begun_anew(tmp_path: Path) -> None:
    """Nobody knows how much of it had reached the disk; what was whole, had."""
    keeper = begun(tmp_path, b"a", b"one", size=6)
    writing = keeper.begin(b"whole", 0, 1)
    writing.read()
    writing.end()
    keeper.close()
    journal = tmp_path / JOURNAL
    first, rest = journal.read_bytes().split(b"\n", 1)
    assert b"boot" in first
    journal.write_bytes(b'{"boot": "another"}\n' + rest)
    again = Keeper(str(tmp_path))
    writing = again.begin(b"a", 6, 1)
    writing.read()

    assert 0 == writing.offset
    assert again.is_done(b"whole")
    writing.close()
    again.close()


def test_what_is_left_out_after_all_leaves_nothing(tmp_path: Path) -> None:
    """Half a file that its host has no more, or that is too big by now."""
    keeper = begun(tmp_path, b"a", b"one", size=6)
    keeper.skip(b"a", 7, 2, "no")
    (artifact,) = keeper.finish().files

    assert ("skipped", "no", 7) == (artifact.state, artifact.error, artifact.size)
    assert [] == os.listdir(tmp_path / "artifacts")


def test_another_file_of_the_name_is_no_half_of_this_one(tmp_path: Path) -> None:
    """What was here of it is gone before that is noted."""
    begun(tmp_path, b"a", b"one", size=6).close()
    begun(tmp_path, b"a", b"", size=5, mtime=2).close()
    keeper = Keeper(str(tmp_path))
    writing = keeper.begin(b"a", 5, 2)
    writing.read()

    assert 0 == writing.offset
    writing.close()
    keeper.close()
