"""Whatever a host calls its files, their paths here are harmless, and unlike each other."""

from __future__ import annotations

import os
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlast.core.artifact import Paths, is_pattern, matches, parts_of, safe_path

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
