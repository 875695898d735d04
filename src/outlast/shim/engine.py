"""
The container engine's HTTP over its Unix socket: as much of it as a shim needs.

By hand, since http.client takes three times as long to import as all the rest of a shim. The
engine is Docker's, or Podman's behind the same API. Paths carry no version: an engine answers
such a request as its newest version does, and what is asked here has been the same since 1.25.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PREFIX = "unix://"

ANSWER_S = 60.0
"""How long one answer may take: to make a container on a busy disk takes seconds."""

NO_FIELDS: Mapping[str, str] = MappingProxyType({})

_RECV_BYTES = 1 << 18
_MAX_HEAD_BYTES = 1 << 16


class EngineError(Exception):
    """The engine answered, and refused; *status* is HTTP's, the text its own words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Engine:
    """
    One engine, by its address (`unix:///path`). A connection a request: an engine that is
    started anew answers the next one.

    Raises:
        OSError: It cannot be reached, or went away before it had answered.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_podman = False
        """Whether what answered last is Podman."""

        self._path = address.removeprefix(PREFIX)

    def ask(self, method: str, path: str, body: object = None, *, wait_s: float = ANSWER_S) -> Any:
        """
        Return what the engine answers, read as JSON; None where it says nothing.

        Raises:
            EngineError: It refuses.
        """
        stream = self.send(method, path, body, wait_s=wait_s)
        try:
            return answer_of(stream)
        finally:
            self.is_podman = stream.is_podmans

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        fields: Mapping[str, str] = NO_FIELDS,
        wait_s: float = ANSWER_S,
    ) -> Stream:
        """
        Send a request, with *fields* in its head, and return where its answer will come in. A
        *body* of bytes is an archive (tar), any other goes as JSON.

        Its head may be long in coming: of a log, it comes with the first output.
        """
        kind, data = "json", b""
        if isinstance(body, bytes):
            kind, data = "x-tar", body
        elif body is not None:
            data = json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
            f"Content-Type: application/{kind}\r\nContent-Length: {len(data)}\r\n"
            + "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
            + "\r\n"
        )
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.settimeout(wait_s)
            peer.connect(self._path)
            peer.sendall(head.encode() + data)
        except BaseException:
            peer.close()
            raise
        return Stream(peer)


def answer_of(stream: Stream) -> Any:
    """Wait for an answer, and return it read as JSON; None where there is nothing to read."""
    try:
        data = stream.read_all()
        return json.loads(data) if data.strip() else None
    except ValueError as error:
        raise OSError(f"what answers at the engine's socket is no engine: {error}") from None
    finally:
        stream.close()


class Stream:
    """
    An answer on its way in. `read` gives what has come of its body, unchunked.

    Raises:
        OSError: The engine went away in the middle of it.

        EngineError: It refuses.
    """

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._raw = b""
        self._is_chunked = False
        self._left: int | None = None
        """Bytes that are to come of the body, or of its chunk; None: until the peer closes."""
        self._ends_line = False
        """Of a chunk all has come but the end of line behind it."""
        self._has_head = False
        self.is_over = False
        self.is_podmans = False
        """Whether what answers is Podman; known once the head is."""

    def fileno(self) -> int:
        """Return what to poll for more."""
        return self._peer.fileno()

    def close(self) -> None:
        """Take no more of it."""
        self._peer.close()

    def read_head(self) -> None:
        """Wait for the head, and read it."""
        while (end := self._raw.find(b"\r\n\r\n")) < 0:
            if len(self._raw) > _MAX_HEAD_BYTES:
                raise OSError("what answers at the engine's socket does not speak HTTP")
            self._receive()
        head, self._raw = self._raw[:end].decode("latin-1"), self._raw[end + 4 :]
        first, *rest = head.split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in map(_parted, rest)}
        try:
            status = int(first.split(" ", 2)[1])
            length = fields.get("content-length")
            self._left = None if length is None else int(length)
        except (ValueError, IndexError):
            raise OSError("what answers at the engine's socket does not speak HTTP") from None
        self._has_head = True
        self.is_podmans = "libpod-api-version" in fields
        self._is_chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        if self._is_chunked:
            self._left = 0
        if status in (204, 304):
            self._left, self._is_chunked = 0, False
        self.is_over = self._left == 0 and not self._is_chunked
        if status >= 400:
            raise EngineError(status, _words_of(self.read_all(), status))

    def read_all(self) -> bytes:
        """Wait for the rest of the body, and return it."""
        data = self.take() if self._has_head else b""
        while not self.is_over:
            data += self.read()
        return data

    def read(self) -> bytes:
        """Take in what has come; waits if nothing has, and not for more. b"" is not the end."""
        if not self._has_head:
            self.read_head()  # what has come may be no more than that
        elif not self.is_over:
            self._receive()
        return self.take()

    def _receive(self) -> None:
        data = self._peer.recv(_RECV_BYTES)
        if data:
            self._raw += data
        elif self._has_head and self._left is None:
            self.is_over = True
        else:
            raise ConnectionResetError("the engine went away in the middle of its answer")

    def take(self) -> bytes:
        """Return the part of the body that has come by now, without what HTTP put around it."""
        if not self._is_chunked:
            data, self._raw = self._raw, b""
            if self._left is not None:
                self._left -= len(data)
                self.is_over = self._left <= 0
            return data
        pieces: list[bytes] = []
        at, raw = 0, self._raw
        while not self.is_over:
            if self._left:
                piece = raw[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._ends_line = True
            if self._ends_line:
                if len(raw) < at + 2:
                    break
                at, self._ends_line = at + 2, False
            end = raw.find(b"\r\n", at)
            if end < 0:
                break
            self._left = _size_of(raw[at:end])
            at = end + 2
            self.is_over = self._left == 0
        self._raw = raw[at:]
        return b"".join(pieces)


def _size_of(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise OSError("what answers at the engine's socket does not speak HTTP") from None


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _words_of(data: bytes, status: int) -> str:
    """Return what the engine says of its refusal, as one line."""
    try:
        told = json.loads(data)
        words = str(told.get("message") or told.get("cause") or "")
    except (ValueError, AttributeError):
        words = data.decode("utf-8", "replace")
    return " ".join(words.split())[:2000] or f"HTTP status {status}"
