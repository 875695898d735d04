"""Whatever a host calls its files, their paths here are harmless, and unlike each other."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlast.core.artifact import (
    Paths,
    below,
    is_pattern,
    matches,
    parts_of,
    safe_path,
    stands_for,
)

NASTY = st.sampled_from(
    [
        b"..",
        b".",
        b"a",
        b"A",
        b"\xff",
        b"\x00",
        b"\n",
        b"%2E",
        b"~1",
        b"nul.txt",
        b"c:",
        b"\\",
        b" ",
        "ä".encode(),
        "ä".encode(),
        "\u202e".encode(),
        b"\xed\xa0\x80",
        b"x" * 300,
        b"a.",
        b"",
    ]
)
NAMES = st.lists(NASTY | st.binary(max_size=8), min_size=1, max_size=5).map(b"/".join)


@given(NAMES)
def test_a_path_leads_nowhere_but_down(name: bytes) -> None:
    """Relative, printable, without `..`, and it stays below any folder that it is put into."""
    path = safe_path(name)
    parts = path.split("/")

    assert path.isprintable()
    assert not {"", ".", ".."} & set(parts)
    assert not set('\\:*?"<>|') & set(path)
    assert f"/folder/{path}" == os.path.normpath(f"/folder/{path}")
    assert all(part[0] not in "~ " and part[-1] not in ". " for part in parts)


@given(st.lists(NAMES, max_size=12, unique=True))
@example([b"a", b"A", b"a/b", b"A/B"])
@example(["\u00e4".encode(), "a\u0308".encode()])
@example([b"a/b", b"a"])
@example([b"x" * 300, b"y/" * 600 + b"z"])
def test_no_two_paths_meet(names: list[bytes]) -> None:
    """Not on a file system that cares for neither case nor composition; none is a folder of another's."""
    paths = Paths()
    taken = [paths.take(number, name) for number, name in enumerate(names, 1)]
    folded = [normalize("NFC", path.casefold()) for path in taken]

    assert len(names) == len(set(folded))
    assert not any(other.startswith(f"{path}/") for path in folded for other in folded)
    assert all(len(path.encode()) <= 1024 for path in taken)
    assert all(len(part.encode()) <= 240 for path in taken for part in path.split("/"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"logs/a.log", "logs/a.log"),
        (b"/var/log/syslog", "var/log/syslog"),
        (b"../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("\u00fcber.txt".encode(), "\u00fcber.txt"),
        (b"caf\xe9", "caf%E9"),
        (b"100%", "100%25"),
        (b"a\nb", "a%0Ab"),
        (b"CON.log", "%43ON.log"),
        (b"", "%2F"),
    ],
)
def test_a_path_reads_as_the_name_does(name: bytes, path: str) -> None:
    """What need not be replaced is not; what is can be read."""
    assert path == safe_path(name)


@pytest.mark.parametrize(
    ("glob", "parts"),
    [
        ("logs/*.log", ("logs", "*.log")),
        ("./a//b", ("a", "b")),
        ("/var/log/x", ("/", "var", "log", "x")),
        ("logs/**", ("logs", "**", "*")),
        ("**/**/x", ("**", "x")),
    ],
)
def test_a_glob_is_taken_apart(glob: str, parts: tuple[str, ...]) -> None:
    """At its slashes; several `**` are one, and one at the end is every file below."""
    assert parts == parts_of(glob)


@pytest.mark.parametrize(
    ("part", "name", "expected"),
    [
        ("*", b"a", True),
        ("*", b".a", False),
        (".*", b".a", True),
        ("?", "\u00e4".encode(), True),
        ("[!b]*", b"a.log", True),
        ("*.LOG", b"a.log", False),
        ("*", b"\xff", True),
    ],
)
def test_a_pattern_stands_for_names(part: str, name: bytes, expected: bool) -> None:
    """As in a shell, case and hidden names included; a name need not be text."""
    assert is_pattern(part)
    assert expected == matches(part, name)


FILES = [
    *("a", "b.txt", ".h", "a.txt", "d/a", "d/.h", "d/e/a", "d/e/b.txt", "d/e/f/a.txt"),
    *(".k/a", ".k/e/a", "d/.k/a", "e/d/e/a"),
]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for each in FILES:
        (root / each).parent.mkdir(parents=True, exist_ok=True)
        (root / each).touch()
    return root


@given(
    st.lists(
        st.sampled_from(["**", "*", "a", "d", "e", ".k", ".*", "*.txt", "[de]", "?", "x"]),
        min_size=1,
        max_size=5,
    )
)
@example(["**", "e", "**", "a"])
@example(["**", "**"])
def test_a_glob_stands_for_the_files_that_python_finds(tree: Path, parts: list[str]) -> None:
    """Any number of directories for `**`, none as well, and no hidden ones."""
    pattern = "/".join(parts)
    found = glob.glob(pattern, root_dir=tree, recursive=True)
    files = {each for each in found if os.path.isfile(tree / each) and not each.endswith("/")}

    assert files == {
        each for each in FILES if stands_for(parts_of(pattern), each.encode().split(b"/"))
    }


def test_nothing_is_everything() -> None:
    """The folder itself stands for all that is in it, hidden files included."""
    assert all(stands_for((), each.encode().split(b"/")) for each in FILES)
    assert not stands_for(("*",), [])


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("a/*", ("a", "*")),
        ("/out/a", ("a",)),
        ("/out", ()),
        ("/out/**", ("**", "*")),
        ("/outer/a", None),
        ("/etc/passwd", None),
        ("/*/a", None),
        ("/", None),
    ],
)
def test_what_leads_below_a_folder(pattern: str, parts: tuple[str, ...] | None) -> None:
    """What is relative does, and what is absolute where it says so letter by letter."""
    assert parts == below("/out", pattern)
