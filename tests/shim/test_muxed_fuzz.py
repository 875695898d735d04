"""A container's two streams, however the engine cuts what it sends, and whatever it sends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outlast.shim.muxed import Muxed

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No example is late: others may have the machine."""

FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3]), st.binary(max_size=30)), max_size=8)
CUTS = st.lists(st.integers(1, 40), max_size=20)


def framed(frames: list[tuple[int, bytes]]) -> bytes:
    """Return what an engine sends of these pieces of output."""
    return b"".join(
        bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames
    )


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Cut *data* after so many bytes each; what is left at the end is one."""
    for cut in cuts:
        piece, data = data[:cut], data[cut:]
        yield piece
    yield data


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one example."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def written(path: Path) -> tuple[bytes, bytes]:
    return (path / "stdout").read_bytes(), (path / "stderr").read_bytes()


def meant(frames: list[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    out = b"".join(data for stream, data in frames if stream < 2)
    return out, b"".join(data for stream, data in frames if stream == 2)


@UNHURRIED
@given(FRAMES, CUTS)
def test_the_streams_come_apart(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    """To the byte, wherever what comes is cut."""
    with folder() as path, closing(Muxed(str(path))) as muxed:
        for piece in pieces(framed(frames), cuts):
            muxed.take(piece)

        assert meant(frames) == written(path)


@UNHURRIED
@given(FRAMES, st.integers(0, 200), CUTS)
def test_what_is_told_again_is_written_once(
    frames: list[tuple[int, bytes]], died_at: int, cuts: list[int]
) -> None:
    """Whoever goes on after somebody who died anywhere is told the log from its beginning."""
    whole = framed(frames)
    with folder() as path:
        with closing(Muxed(str(path))) as first:
            first.take(whole[:died_at])
        with closing(Muxed(str(path))) as muxed:
            for piece in pieces(whole[: died_at // 2], cuts):
                muxed.take(piece)
            muxed.begin_anew()  # the engine went away, and is back
            for piece in pieces(whole, cuts):
                muxed.take(piece)

        assert meant(frames) == written(path)


@UNHURRIED
@given(FRAMES, st.lists(st.integers(0, 7)), CUTS)
def test_what_was_told_with_gaps_is_put_right(
    frames: list[tuple[int, bytes]], gaps: list[int], cuts: list[int]
) -> None:
    """What the whole log says stands at the end, and nothing of what was told otherwise before."""
    told = [frame for at, frame in enumerate(frames) if at not in gaps]
    with folder() as path, closing(Muxed(str(path))) as muxed:
        muxed.take(framed(told))
        muxed.begin_anew(cuts=True)
        for piece in pieces(framed(frames), cuts):
            muxed.take(piece)

        assert meant(frames) == written(path)


def test_a_line_of_ours_behind_the_log_s_end_stays() -> None:
    """It is said once, by whoever came so far, though the log knows nothing of it."""
    with folder() as path, closing(Muxed(str(path))) as muxed:
        muxed.take(framed([(2, b"err\n")]))
        muxed.say("Execution timeout (1s)")
        muxed.begin_anew(cuts=True)
        muxed.take(framed([(2, b"err\n")]))
        muxed.say("Execution timeout (1s)")

        assert b"err\nExecution timeout (1s)\n" == written(path)[1]


PIECE = 1 << 14
SIZES = st.sampled_from([0, 1, PIECE - 1, PIECE + 1, 2 * PIECE - 1, 2 * PIECE + 1])


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from([1, 2]), SIZES), max_size=4), CUTS, st.booleans())
def test_a_line_in_pieces_keeps_its_end(
    lines: list[tuple[int, int]], cuts: list[int], is_told: bool
) -> None:
    """Also where the engine's log does not tell it (Docker 20.10)."""
    lines = [*lines, (1, 3), (2, 3)]
    frames = []
    for stream, size in lines:
        *whole, last = [b"x" * PIECE] * (size // PIECE) + [b"x" * (size % PIECE)]
        end = b"\n" if is_told or not whole else b""
        frames += [(stream, piece) for piece in (*whole, last + end)]
    with folder() as path, closing(Muxed(str(path))) as muxed:
        muxed.begin_anew()
        for piece in pieces(framed(frames), cuts):
            muxed.take(piece)

        assert meant([(stream, b"x" * size + b"\n") for stream, size in lines]) == written(path)


@UNHURRIED
@given(st.lists(st.sampled_from([0, 1, PIECE, PIECE + 1, 2 * PIECE]), max_size=5), CUTS)
def test_a_line_of_whole_pieces_keeps_the_end_that_is_here(
    sizes: list[int], cuts: list[int]
) -> None:
    """Docker's log has none for it: what goes on behind it goes on where it was."""
    frames, truth = [], b""
    for size in sizes:
        line = b"x" * size + b"\n"
        truth += line
        whole = [line[at : at + PIECE] for at in range(0, len(line), PIECE)]
        frames += [(1, piece) for piece in whole if not (size and piece == b"\n")]
    with folder() as path, closing(Muxed(str(path))) as muxed:
        muxed.take(framed([(1, truth)]))  # attached, as it was printed
        muxed.begin_anew()
        for piece in pieces(framed([*frames, (1, b"more\n")]), cuts):
            muxed.take(piece)

        assert truth + b"more\n" == written(path)[0]


@UNHURRIED
@given(st.lists(st.binary(max_size=40), max_size=12))
@example([b"\x01\0\0\0\xff\xff\xff\xff", b"x" * 100])
@example([b"garbage!" * 10])
def test_garbage_does_no_harm(said: list[bytes]) -> None:
    """No more is written than was sent, and no more is kept than a head."""
    with folder() as path, closing(Muxed(str(path))) as muxed:
        for data in said:
            muxed.take(data)

        assert sum(map(len, said)) >= sum(map(len, written(path)))
        assert len(muxed._unread) < 8


@UNHURRIED
@given(FRAMES, st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1))
def test_our_last_line_stands_alone(frames: list[tuple[int, bytes]], words: str) -> None:
    """At the end of stderr, on a line of its own, and once however often it is said."""
    with folder() as path, closing(Muxed(str(path))) as muxed:
        muxed.take(framed(frames))
        muxed.say(words)
        muxed.say(words)
        out, err = written(path)

    line = f"{words}\n".encode()
    told_out, told_err = meant(frames)
    between = b"" if not told_err or told_err.endswith(b"\n") else b"\n"
    if told_err == line or told_err.endswith(b"\n" + line):
        line, between = b"", b""  # it says so already
    assert (told_out, told_err + between + line) == (out, err)
