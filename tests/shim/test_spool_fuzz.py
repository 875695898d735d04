"""What is read back from an attempt's folder, however it was cut, damaged or made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlast.shim import spool
from outlast.shim.spool import Record, parse_progress, parse_record

BEGAN = {
    "event": "began",
    "at": 1_700_000_000_000,
    "mono_ms": 10,
    "pid": 100,
    "start": 5,
    "shim_pid": 99,
    "shim_start": 4,
    "boot": "b",
    "containment": "cgroup",
    "cgroup": None,
    "timeout_ms": 1000,
    "grace_ms": 0,
    "v": 1,
}
ENDED = {
    "event": "ended",
    "at": 1_700_000_000_001,
    "code": 37,
    "signal": None,
    "reason": None,
    "error": None,
    "by": "shim",
}
UNKILLABLE = {"event": "unkillable", "at": 1_700_000_000_002, "error": "1 process does not die"}
EMPTIED = {"event": "emptied", "at": 1_700_000_000_003, "stdout_bytes": 1, "stderr_bytes": 2}
UNSTARTED = {"event": "unstarted", "at": 1_700_000_000_000}
LIFE = (BEGAN, ENDED, UNKILLABLE, EMPTIED)

NOTHING = Record()
DAMAGED = Record(is_damaged=True)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
garbage = st.one_of(
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"") + b"\n"),
    json_values.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.sampled_from([b"\n", b"\0\n", b"[" * 200_000 + b"\n", b'{"event": []}\n', b"{" * 9 + b"\n"]),
)


def written(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize("cut", range(len(written(*LIFE)) + 1))
def test_a_record_cut_at_any_byte_says_what_was_whole(cut: int) -> None:
    """A line without its end counts as absent; all before it counts."""
    data = written(*LIFE)
    whole = data[:cut].count(b"\n")
    expected = NOTHING._replace(**{line["event"]: line for line in LIFE[:whole]})

    assert expected == parse_record(data[:cut])


@given(
    st.lists(
        st.dictionaries(
            st.text(),
            st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
        ),
        max_size=3,
    )
)
def test_lines_are_written_as_json(lines: list[dict[str, Any]]) -> None:
    """Whatever words and numbers stand in a flat line, it is what `json.dumps` makes of it."""
    assert "".join(json.dumps(line) + "\n" for line in lines).encode() == spool.encode(*lines)


@given(st.lists(garbage, min_size=5, max_size=5))
def test_what_is_damaged_between_the_lines_hides_none(between: list[bytes]) -> None:
    """Whatever stands between two lines, both are read."""
    pieces = [between[0]]
    for line, rubbish in zip(LIFE, between[1:], strict=True):
        pieces += [written(line), rubbish]

    record = parse_record(b"".join(pieces))
    assert (BEGAN, ENDED) == (record.began, record.ended)
    assert (UNKILLABLE, EMPTIED) == (record.unkillable, record.emptied)


def test_an_attempt_that_was_never_let_go_has_not_begun() -> None:
    """`unstarted` voids the start before it; the one that follows counts."""
    again = BEGAN | {"pid": 200}

    assert NOTHING == parse_record(written(BEGAN, UNSTARTED))
    assert again == parse_record(written(BEGAN, UNSTARTED, again)).began
    assert parse_record(written(BEGAN, UNSTARTED)).never_started


def test_the_first_word_counts() -> None:
    """An end that was written twice is the first one: nothing that is known is taken back."""
    assert ENDED == parse_record(written(BEGAN, ENDED, ENDED | {"code": 0})).ended


RELIED_ON = [
    *((BEGAN, key) for key in ("at", "mono_ms", "pid", "start", "shim_pid", "shim_start", "boot")),
    *((BEGAN, key) for key in ("containment", "timeout_ms", "grace_ms")),
    *((ENDED, key) for key in ("at", "code", "signal")),
    (UNKILLABLE, "at"),
    (UNKILLABLE, "error"),
    *((EMPTIED, key) for key in ("at", "stdout_bytes", "stderr_bytes")),
]


@pytest.mark.parametrize(
    ("line", "key"), RELIED_ON, ids=[f"{line['event']}-{key}" for line, key in RELIED_ON]
)
@pytest.mark.parametrize(
    "wrong",
    [[], {}, 1.5, True, float("nan"), 1 << 80, -(1 << 80)],
    ids=["list", "map", "fraction", "truth", "nan", "huge", "hugely negative"],
)
def test_a_line_with_a_value_of_the_wrong_kind_is_no_line(
    line: dict[str, Any], key: str, wrong: object
) -> None:
    """What a reader relies on is there and of its kind, or the line counts as absent."""
    assert DAMAGED == parse_record(written(line | {key: wrong}))


@pytest.mark.parametrize(
    ("line", "key"),
    [(line, key) for line, key in RELIED_ON if key not in ("code", "signal")],
    ids=lambda value: value if isinstance(value, str) else value["event"],
)
def test_a_line_with_a_value_missing_is_no_line(line: dict[str, Any], key: str) -> None:
    """The same for one that is not there at all."""
    assert DAMAGED == parse_record(written({k: v for k, v in line.items() if k != key}))


@pytest.mark.parametrize("key", ["reason", "error"])
@pytest.mark.parametrize("wrong", [[], {"a": 1}, 5, True])
def test_words_of_an_end_are_words(key: str, wrong: object) -> None:
    """Reason and error are text or nothing, whatever stands there: the store takes them as such."""
    ended = parse_record(written(BEGAN, ENDED | {key: wrong})).ended

    assert ended is None or ended[key] is None or isinstance(ended[key], str)


@given(
    st.lists(st.sampled_from([*LIFE, UNSTARTED]), max_size=6).map(lambda lines: written(*lines)),
    st.integers(0),
)
def test_no_record_is_too_strange(data: bytes, cut: int) -> None:
    """Lines in any order, cut anywhere, are read without a fault."""
    parse_record(data[: cut % (len(data) + 1)])


@given(st.binary(max_size=300))
def test_no_bytes_are_a_record_by_chance(data: bytes) -> None:
    """Random bytes tell nothing, and harm nobody."""
    assert NOTHING == parse_record(data)._replace(is_damaged=False)


# ----------------------------------------------------------------------------------------- progress

told = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda percent, message: json.dumps({"progress_pct": percent, "message": message}).encode(),
        json_values,
        json_values,
    ),
    st.sampled_from([b"[" * 100_000, b'{"progress_pct": 1e999}', b'{"progress_pct": NaN}',
                     b'{"progress_pct": ' + b"9" * 5000 + b"}", b'{"message": "\\ud800"}']),
)  # fmt: skip


@given(st.lists(told, max_size=8))
@example([b'{"progress_pct": Infinity}'])
@example([b'{"progress_pct": -Infinity, "message": "a\\u0000b\\u001b[2J"}'])
def test_whatever_a_command_writes_as_progress_is_held_within_bounds(lines: list[bytes]) -> None:
    """A percentage from 0 to 100, and one line of printable text; or nothing."""
    percent, message = parse_progress(b"\n".join(lines))

    assert percent is None or 0 <= percent <= 100
    assert message is None or (message.isprintable() and len(message) <= spool.MAX_MESSAGE)
    json.dumps([percent, message], allow_nan=False).encode()
    "" if message is None else message.encode()


def test_the_newest_sound_value_of_each_kind_counts() -> None:
    """A line may tell one of the two; what is cut off or wrong is passed over."""
    lines = b'{"progress_pct": 10, "message": "old"}\n{"progress_pct": 20}\n{"progress_pct": "x"}\n'

    assert (20, "old") == parse_progress(lines + b'[30]\n{"message": "cut')


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    """A command may write progress all day long: the last lines are what is told."""
    line = b'{"progress_pct": 1, "message": "%s"}\n'
    (tmp_path / spool.PROGRESS).write_bytes(line % b"early" * 10_000 + line % b"late")

    assert (1, "late") == spool.read_progress(str(tmp_path))


# ------------------------------------------------------------------------------------------ outcome


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"value": [1, 2]}', {"value": [1, 2]}),
        (b'{"value": [1, 2', {}),
        (b"[1, 2]", {}),
        (b"\xff", {}),
        (b"", {}),
        (None, {}),
    ],
)
def test_an_outcome_is_read_whole_or_not_at_all(
    tmp_path: Path, data: bytes | None, expected: dict[str, Any]
) -> None:
    """What a command wrote of its own end counts where it makes sense."""
    if data is not None:
        (tmp_path / spool.OUTCOME).write_bytes(data)

    assert expected == spool.read_outcome(str(tmp_path))


# ------------------------------------------------------------------------------------------- wishes


@given(st.one_of(st.binary(max_size=60), json_values.map(lambda value: json.dumps(value).encode())))
def test_a_damaged_wish_is_a_wish(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Somebody wanted it to stop: without readable words, at once."""
    folder = tmp_path_factory.getbasetemp() / "wish"
    folder.mkdir(exist_ok=True)
    (folder / spool.STOP).write_bytes(data)
    wish = spool.stop_wish(str(folder))

    assert wish is not None
    assert isinstance(wish.grace_ms, int)
    assert not isinstance(wish.grace_ms, bool)
    assert 0 <= wish.grace_ms < 1 << 62
    wish.reason.encode()


@given(st.integers(0, 10**9), st.sampled_from(["cancelled", "timeout"]))
def test_a_wish_comes_back_as_it_was_left(
    tmp_path_factory: pytest.TempPathFactory, grace_ms: int, reason: str
) -> None:
    """Grace and reason are read as they were written."""
    folder = tmp_path_factory.getbasetemp() / "wish"
    spool.ask_to_stop(str(folder), grace_ms, reason)

    assert spool.Wish(grace_ms, reason) == spool.stop_wish(str(folder))


def test_where_nobody_wishes_there_is_no_wish(tmp_path: Path) -> None:
    """An attempt without the file may go on, its folder there or not."""
    assert spool.stop_wish(str(tmp_path)) is None
    assert spool.stop_wish(str(tmp_path / "nowhere")) is None


# ------------------------------------------------------------------------------- what is no file

STREAMS = (spool.STDOUT, spool.STDERR, spool.PROGRESS)


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_a_command_puts_in_the_place_of_its_files_holds_nobody_up(
    tmp_path: Path, kind: str
) -> None:
    """A pipe, a folder or a link to itself is read as nothing, at once."""
    import os

    for name in STREAMS:
        path = tmp_path / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to(path)

    assert (None, None) == spool.read_progress(str(tmp_path))
    assert b"" == spool.read_output(str(tmp_path), spool.STDOUT, 0, 10)
    assert isinstance(spool.output_size(str(tmp_path), spool.STDERR), int)
