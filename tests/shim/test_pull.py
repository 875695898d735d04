"""What an engine says of a pull, taken in however it comes."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast.shim import spool
from outlast.shim.container import NotBegun
from outlast.shim.engine import Stream
from outlast.shim.pull import Pull

PATIENCE_S = 60
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def engine() -> Iterator[tuple[socket.socket, Stream]]:
    """The engine's end of a connection, and ours."""
    theirs, ours = socket.socketpair()
    theirs.sendall(HEAD)
    stream = Stream(ours, time.monotonic() + PATIENCE_S)
    yield theirs, stream
    theirs.close()
    stream.close()


def line(status: str, layer: str, **detail: object) -> bytes:
    return json.dumps({"status": status, "id": layer, "progressDetail": detail}).encode() + b"\r\n"


SAID = (
    line("Pulling from box", "1"),
    line("Pulling fs layer", "a"),
    line("Pulling fs layer", "b"),
    line("Already exists", "c"),
    line("Waiting", "b"),
    line("Downloading", "a", current=50, total=100),
    b"[]\nno JSON\n" + line("Downloading", "b", current="x", total=0),
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_is_told_how_far_it_is(
    size: int, engine: tuple[socket.socket, Stream], tmp_path: Path
) -> None:
    """Whatever pieces it comes in, and whatever else is said."""
    theirs, stream = engine
    pull = Pull(str(tmp_path), "box:1", {})
    data = b"".join(SAID)
    assert ("pulling_image", "pulling box:1") == spool.read_phase(str(tmp_path))
    stream.read()
    for at in range(0, len(data), size):
        theirs.sendall(data[at : at + size])
        pull.read(stream)
    while spool.read_phase(str(tmp_path))[1] == "pulling box:1":
        assert pull.next_ms() is not None
        pull.tell()

    told = "pulling box:1: 1 of 3 layers, 50 %"
    assert ("pulling_image", told) == spool.read_phase(str(tmp_path))
    pull.end()
    assert (None, None) == spool.read_phase(str(tmp_path))


def test_a_full_disk_keeps_nothing_from_being_pulled(
    engine: tuple[socket.socket, Stream], tmp_path: Path
) -> None:
    """How far it is cannot be told then, and that is all."""
    (tmp_path / f"{spool.PHASE}.new").symlink_to("/dev/full")
    theirs, stream = engine
    theirs.sendall(b"".join(SAID))
    theirs.shutdown(socket.SHUT_WR)
    pull = Pull(str(tmp_path), "box:1", {})
    read_to_end(pull, stream)
    while pull.next_ms() is not None:
        pull.tell()
    pull.end()

    assert (None, None) == spool.read_phase(str(tmp_path))


@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_a_refusal_in_the_middle_is_told(
    end: bytes, engine: tuple[socket.socket, Stream], tmp_path: Path
) -> None:
    """In the engine's words, also where its line has no end."""
    theirs, stream = engine
    theirs.sendall(SAID[0] + b'{"error": "manifest unknown"}' + end)
    theirs.shutdown(socket.SHUT_WR)
    pull = Pull(str(tmp_path), "box:1", {})

    with pytest.raises(NotBegun, match="manifest unknown"):
        read_to_end(pull, stream)


def read_to_end(pull: Pull, stream: Stream) -> None:
    while not stream.is_over:
        pull.read(stream)
