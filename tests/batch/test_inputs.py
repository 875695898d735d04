"""Which files are meant: folders, patterns, lines; links, odd names, and what is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outlast.batch.inputs import Inputs, find_inputs, read_names
from outlast.errors import InvalidRequest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.md", ".hidden", "sub/c.txt", "sub/deep/d.txt", ".git/config"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("a.txt", "b.md")),
        ({"recursive": True}, ("a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt")),
        ({"recursive": True, "include": ["*.txt"]}, ("a.txt", "sub/c.txt", "sub/deep/d.txt")),
        ({"recursive": True, "include": ["sub/*"]}, ("sub/c.txt", "sub/deep/d.txt")),
        ({"include": [".*", "*.md"]}, (".hidden", "b.md")),
    ],
)
def test_a_folder_gives_its_files(
    tree: Path, options: dict[str, object], expected: tuple[str, ...]
) -> None:
    """Those below it only if asked; hidden ones where a pattern names the dot."""
    found = find_inputs([str(tree)], **options)  # type: ignore[arg-type]  # options of a table

    assert Inputs(root=str(tree), paths=expected) == found


def test_what_a_run_writes_is_left_out(tree: Path) -> None:
    """Its manifest and its outputs are not what the next run reads."""
    found = find_inputs([str(tree)], recursive=True, but=[str(tree / "sub"), str(tree / "b.md")])

    assert ("a.txt",) == found.paths


@pytest.mark.parametrize(
    ("given", "root", "paths"),
    [
        (["a.txt", "b.md"], ".", ("a.txt", "b.md")),
        (["*.txt"], ".", ("a.txt",)),
        (["**/*.txt"], ".", ("a.txt", "sub/c.txt", "sub/deep/d.txt")),
        (["sub/c.txt"], "sub", ("c.txt",)),
        (["a.txt", "sub"], ".", ("a.txt", "sub/c.txt")),
        (["a.txt", "./a.txt", "sub/../a.txt"], ".", ("a.txt",)),
    ],
)
def test_files_have_their_common_folder_as_root(
    tree: Path, given: list[str], root: str, paths: tuple[str, ...]
) -> None:
    """One that is given twice is one input."""
    found = find_inputs(given, cwd=str(tree))

    assert (os.path.normpath(tree / root), paths) == (found.root, found.paths)


def test_a_file_with_the_look_of_a_pattern_is_itself(tree: Path) -> None:
    """It is there: so it is what is meant."""
    (tree / "[a].txt").write_text("")

    assert ("[a].txt",) == find_inputs(["[a].txt"], cwd=str(tree)).paths


def test_links_to_files_are_followed_and_links_to_folders_are_not(tree: Path) -> None:
    """So that a link to its own folder is no way without end."""
    (tree / "link.txt").symlink_to(tree / "a.txt")
    (tree / "nowhere").symlink_to(tree / "gone")
    (tree / "loop").symlink_to(tree)

    found = find_inputs([str(tree)], recursive=True, include=["*l*"])

    assert ("link.txt",) == found.paths


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "is not there"),
        ("*.gone", "nothing matches"),
        ("fifo", "is no regular file"),
        ("nowhere", "is a link to nothing"),
        ("empty", "there is no input file"),
    ],
)
def test_what_is_no_input_is_told(tree: Path, name: str, words: str) -> None:
    """By its name, before anything happens."""
    os.mkfifo(tree / "fifo")
    (tree / "nowhere").symlink_to(tree / "lost")
    (tree / "empty").mkdir()

    with pytest.raises(InvalidRequest, match=words):
        find_inputs([name], cwd=str(tree))


def test_a_folder_that_cannot_be_read_is_told(tree: Path) -> None:
    """What is in it would be missing in silence."""
    name = "x" * 255
    fd = os.open(tree, os.O_RDONLY)
    try:
        for _ in range(17):  # deeper than a path can be long (PATH_MAX is 4,096)
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
    finally:
        os.close(fd)

    with pytest.raises(InvalidRequest, match="cannot be read: File name too long"):
        find_inputs([str(tree)], recursive=True)


def test_every_fault_is_told_at_once(tree: Path) -> None:
    """Not the first alone."""
    with pytest.raises(InvalidRequest) as caught:
        find_inputs(["x", "a.txt", "y"], cwd=str(tree))

    assert 2 == len(caught.value.faults)


@pytest.mark.parametrize(
    ("data", "null", "expected"),
    [
        (b"a\nb c\n\n", False, ["a", "b c"]),
        (b"a\nb\0c\0", True, ["a\nb", "c"]),
        (b"\xff\n", False, ["\udcff"]),
        (b"", False, []),
    ],
)
def test_names_come_from_stdin(data: bytes, null: bool, expected: list[str]) -> None:
    """A line each; with NULs, names may have line breaks in them."""
    assert expected == read_names(data, null=null)
