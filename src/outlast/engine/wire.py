"""How a supervisor is spoken to: lines of JSON over a socket in the home, same user only."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket

SOCKET: Final = "supervisor.sock"
MAX_PATH: Final = 100
"""A socket's path is at most 108 bytes (unix(7))."""

PROTOCOL: Final = 1
Line = dict[str, Any]


def encode(line: Line) -> bytes:
    """Return *line* as it goes over the wire."""
    return json.dumps(line).encode() + b"\n"


class Address:
    """
    The path of a home's socket, short enough for the kernel. A context: it holds a descriptor.

    A longer path goes by way of the open folder, so that it needs no other place to live.
    """

    def __init__(self, home: str) -> None:
        path = f"{home}/{SOCKET}"
        self._folder: int | None = None
        if len(os.fsencode(path)) > MAX_PATH:
            self._folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
            path = f"/proc/self/fd/{self._folder}/{SOCKET}"
        self.path = path

    def __enter__(self) -> str:
        return self.path

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)


def peer_uid(peer: socket.socket) -> int:
    """Return whose process is at the other end (SO_PEERCRED, unix(7))."""
    import socket
    import struct

    if not hasattr(socket, "SO_PEERCRED"):  # pragma: no cover: Linux has it
        return os.getuid()  # elsewhere the home's mode, 0700, is what keeps others out
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def connect(home: str, timeout: float | None = None) -> socket.socket | None:
    """Return a socket to the supervisor of *home*; None if there is none that listens."""
    import socket  # not before it is needed: `job status` of a settled job speaks to nobody

    try:
        with Address(home) as path:
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                peer.settimeout(timeout)
                peer.connect(path)
            except OSError:
                peer.close()
                return None
    except OSError:
        return None
    return peer


def listens(home: str) -> bool:
    """Whether there is a supervisor of *home* that listens. Waits for nothing."""
    peer = connect(home, 0)
    if peer is not None:
        peer.close()
    return peer is not None


class Reader:
    """Takes the lines that come over *peer* apart."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._unread = b""

    def read(self, timeout: float | None) -> Line | None:
        """
        Return the next line; None once the other end is gone.

        Raises:
            TimeoutError: None came in time.
        """
        while b"\n" not in self._unread:
            self._peer.settimeout(timeout)
            try:
                data = self._peer.recv(1 << 16)
            except TimeoutError:
                raise
            except BlockingIOError:
                raise TimeoutError from None
            except OSError:
                data = b""
            if not data:
                return None
            self._unread += data
        raw, _, self._unread = self._unread.partition(b"\n")
        line: Line = json.loads(raw)
        return line


def is_older(version: str, than: str) -> bool:
    """Whether a release number such as `1.10.0` comes before another one."""
    return _release(version) < _release(than)


def _release(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))] or "0"
        numbers.append(int(digits))
    return tuple(numbers)
