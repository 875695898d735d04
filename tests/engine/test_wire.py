"""Lines of JSON over a socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast.engine import wire


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_lines_are_taken_apart_however_they_come(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Two in one piece, and one in two; then the end."""
    ours, theirs = ends
    reader = wire.Reader(ours)
    theirs.sendall(wire.encode({"a": 1}) + wire.encode({"b": 2}) + b'{"c"')
    assert [{"a": 1}, {"b": 2}] == [reader.read(None), reader.read(0)]
    for seconds in (0, 0.01):
        with pytest.raises(TimeoutError):
            reader.read(seconds)
    theirs.sendall(b": 3}\n")
    theirs.close()

    assert [{"c": 3}, None] == [reader.read(None), reader.read(None)]


def test_who_left_without_listening_is_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    """A connection that was reset is one that has ended."""
    ours, theirs = ends
    ours.sendall(b"unread")
    theirs.close()

    assert wire.Reader(ours).read(None) is None


def test_who_is_at_the_other_end_is_asked_of_the_kernel(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Here, it is us."""
    assert os.getuid() == wire.peer_uid(ends[0])


@pytest.mark.parametrize("depth", [0, 9])
def test_a_socket_is_reached_however_long_its_path(tmp_path: Path, depth: int) -> None:
    """A path of more than 108 bytes goes by way of the folder; nobody there is None."""
    home = tmp_path.joinpath(*["f" * 20] * depth)
    home.mkdir(parents=True, exist_ok=True)
    assert wire.connect(str(home)) is None
    with socket.socket(socket.AF_UNIX) as listening:
        with wire.Address(str(home)) as path:
            listening.bind(path)
        listening.listen()
        peer = wire.connect(str(home))
        assert peer is not None
        peer.close()
