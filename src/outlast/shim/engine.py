"""
The container engine's HTTP over its Unix socket: as much of it as a shim needs.

By hand, since http.client takes three times as long to import as all the rest of a shim. The
engine is Docker's, or Podman's behind the same API. Paths carry no version: an engine answers
such a request as its newest version does, and what is asked here has been the same since 1.25.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, TypeVar

from . import system

PREFIX = "unix://"

ANSWER_S = 60.0
"""How long one answer may take: to make a container on a busy disk takes seconds."""

NO_FIELDS: Mapping[str, str] = MappingProxyType({})

_RECV_BYTES = 1 << 18
_MAX_DROPS = 16
_MAX_HEAD_BYTES = 1 << 16
_MAX_ANSWER_BYTES = 1 << 26
"""Of an answer that is read as a whole: the longest is a list of all containers."""

_MAX_INTERIM = 8
"""How many heads may come that announce another one (100 to 199, but for 101)."""

_HEX = b"0123456789abcdefABCDEF"
_MAX_DIGITS = 16
_NO_HTTP = "what answers at the engine's socket does not speak HTTP"
_NO_ENGINE = "what answers at the engine's socket is no engine"

T = TypeVar("T")


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

    def meet(self) -> None:
        """Learn which engine it is, of which nothing was asked yet."""
        stream = self.send("GET", "/_ping")
        try:
            with suppress(EngineError):  # its head says it all the same
                stream.read_head()
        finally:
            stream.close()
        self.is_podman = stream.is_podmans

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

    def process(self) -> str | None:
        """
        Tell which process serves here from any that serves after it; None where nobody can say:
        something else has opened the socket for it, or it is another machine's.
        """
        if not hasattr(socket, "SO_PEERCRED"):  # pragma: no cover: Linux has it
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(ANSWER_S)
            peer.connect(self._path)
            told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid = int.from_bytes(told[:4], sys.byteorder)
        try:
            with open(f"/proc/{pid}/comm") as file:
                is_the_engine = not file.read().startswith("systemd")
        except OSError:
            return None
        started = system.start_time(pid)
        return f"{pid}.{started}" if is_the_engine and started is not None else None

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
        return Stream(peer, time.monotonic() + wait_s)


def answer_of(stream: Stream) -> Any:
    """Wait for an answer, and return it read as JSON; None where there is nothing to read."""
    try:
        data = stream.read_all()
        return json.loads(data) if data.strip() else None
    except (ValueError, RecursionError) as error:
        raise OSError(f"{_NO_ENGINE}: {error}") from None
    finally:
        stream.close()


def pick(told: Any, kind: type[T], *names: str) -> T:
    """Return what stands under these names in an answer. Raises OSError where it does not."""
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    if not isinstance(told, kind):
        raise OSError(f"{_NO_ENGINE}: it does not tell {'.'.join(names)}")
    return told


class Stream:
    """
    An answer on its way in. `read` gives what has come of its body, unchunked; nothing but that
    is kept, however long it goes on. `read_head` and `read_all` wait until *deadline*, on the
    monotonic clock, in seconds.

    Raises:
        OSError: The engine went away in the middle of it, or what it says is no HTTP.

        EngineError: It refuses.
    """

    def __init__(self, peer: socket.socket, deadline: float) -> None:
        self._peer = peer
        self._deadline = deadline
        self._raw = b""
        self._is_chunked = False
        self._left: int | None = None
        """Bytes that are to come of the body, or of its chunk; None: until the peer closes."""
        self._ends_line = False
        """Of a chunk all has come but the end of line behind it."""
        self.has_head = False
        """Whether it has begun to answer."""

        self.status = 0
        """HTTP's, known once the head is."""

        self._interim = 0
        self._refusal: int | None = None
        """The status of a refusal, of which the words are still to come."""
        self._words = b""
        self.is_over = False
        self.is_podmans = False
        """Whether what answers is Podman; known once the head is."""

    def fileno(self) -> int:
        """Return what to poll for more."""
        return self._peer.fileno()

    def discard(self) -> bool:
        """Drop what has come, without waiting; False once the engine has closed its end."""
        self._peer.setblocking(False)
        try:
            for _ in range(_MAX_DROPS):
                if not self._peer.recv(_RECV_BYTES):
                    return False
        except BlockingIOError:
            pass
        return True

    def shut_down(self) -> None:
        """Say that nothing more will be sent."""
        self._peer.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more of it."""
        self._peer.close()

    def read_head(self) -> None:
        """Wait for the head, and read it."""
        while not self._take_head():
            self._wait()
            self._receive()
        while self._refusal is not None:
            self._refuse(self.take())
            self._wait()
            self._receive()

    def read_all(self) -> bytes:
        """Wait for the rest of the body, and return it."""
        self.read_head()
        data = bytearray(self.take())
        while not self.is_over:
            if len(data) > _MAX_ANSWER_BYTES:
                raise OSError(f"{_NO_ENGINE}: its answer has no end")
            self._wait()
            self._receive()
            data += self.take()
        return bytes(data)

    def read(self) -> bytes:
        """Take in what has come; waits if nothing has, and not for more. b"" is not the end."""
        if not self.is_over:
            self._receive()
        if not self._take_head():
            return b""
        data = self.take()
        if self._refusal is None:
            return data
        self._refuse(data)
        return b""

    def take(self) -> bytes:
        """Return the part of the body that has come by now, without what HTTP put around it."""
        if self._is_chunked:
            return self._take_chunks()
        if self._left is None:
            data, self._raw = self._raw, b""
            return data
        data, self._raw = self._raw[: self._left], b""  # of one answer; no other one comes
        self._left -= len(data)
        self.is_over = self._left == 0
        return data

    def _wait(self) -> None:
        """Have the next `_receive` give up at the deadline."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the engine takes too long to answer")
        self._peer.settimeout(left_s)

    def _receive(self) -> None:
        data = self._peer.recv(_RECV_BYTES)
        if data:
            self._raw += data
        elif self.has_head and self._left is None:
            self.is_over = True
        else:
            raise ConnectionResetError("the engine went away in the middle of its answer")

    def _take_head(self) -> bool:
        """Read the head, if all of it has come. Return whether it was read, now or before."""
        while not self.has_head:
            end = self._raw.find(b"\r\n\r\n")
            if max(end, len(self._raw) if end < 0 else 0) > _MAX_HEAD_BYTES:
                raise OSError(_NO_HTTP)
            if end < 0:
                return False
            head, self._raw = self._raw[:end].decode("latin-1"), self._raw[end + 4 :]
            self._read_fields(*head.split("\r\n"))
        return True

    def _read_fields(self, first: str, *rest: str) -> None:
        version, _, told = first.partition(" ")
        status = _number_of(told[:3])
        if not version.startswith("HTTP/1.") or status is None or told[3:4].strip():
            raise OSError(_NO_HTTP)
        if status < 200 and status != 101:  # 101 is what an attached engine may say
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise OSError(_NO_HTTP)
            return
        fields = {name.strip().lower(): value.strip() for name, _, value in map(_parted, rest)}
        self.has_head, self.status = True, status
        self.is_podmans = "libpod-api-version" in fields
        self._is_chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        if status in (204, 304):
            self._left, self._is_chunked = 0, False
        elif self._is_chunked:
            self._left = 0
        elif (length := fields.get("content-length")) is not None:
            self._left = _number_of(length)
            if self._left is None:
                raise OSError(_NO_HTTP)
        self.is_over = self._left == 0 and not self._is_chunked
        if status >= 400:
            self._refusal = status

    def _refuse(self, data: bytes) -> None:
        """Raise the refusal, once its words have come."""
        self._words += data
        if self._refusal is not None and (self.is_over or len(self._words) > _MAX_HEAD_BYTES):
            raise EngineError(self._refusal, _words_of(self._words, self._refusal))

    def _take_chunks(self) -> bytes:
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
                if raw[at : at + 2] != b"\r\n":
                    raise OSError(_NO_HTTP)
                at, self._ends_line = at + 2, False
            end = raw.find(b"\r\n", at)
            if end < 0:
                if len(raw) - at > _MAX_HEAD_BYTES:
                    raise OSError(_NO_HTTP)
                break
            self._left = _size_of(raw[at:end])
            at = end + 2
            self.is_over = self._left == 0
        self._raw = raw[at:]
        return b"".join(pieces)


def _number_of(text: str) -> int | None:
    """Return what is written in decimal, and nothing else is; None where something else is."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else None


def _size_of(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or digits.strip(_HEX) or len(digits) > _MAX_DIGITS:
        raise OSError(_NO_HTTP)
    return int(digits, 16)


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _words_of(data: bytes, status: int) -> str:
    """Return what the engine says of its refusal, as one line."""
    try:
        told = json.loads(data)
        words = str(told.get("message") or told.get("cause") or "")
    except (ValueError, AttributeError, RecursionError):
        words = data.decode("utf-8", "replace")
    return " ".join(words.split())[:2000] or f"HTTP status {status}"
