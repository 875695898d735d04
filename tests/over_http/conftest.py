"""A server that answers as it was told to: what a real one does once in a while, again and again."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from outlast.clock import SystemClock
from outlast.core.server import parse_server
from outlast.over_http.transport import Transport

RESET = struct.pack("ii", 1, 0)


def answer(status: int, body: Any = "", kind: str = "application/json", **headers: str) -> bytes:
    """Return an answer as it goes over the wire; what is no text is written as JSON."""
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    told = {"Content-Type": kind, "Content-Length": str(len(data))}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + data


def problem(status: int, code: str, **more: Any) -> bytes:
    """Return an error as the service writes it."""
    headers = {"Retry_After": str(more.pop("after"))} if "after" in more else {}
    told = {"type": f"urn:outlast:error:{code}", "status": status, "code": code, "detail": code}
    return answer(status, told | more, "application/problem+json", **headers)


HANG_UP = b""
"""In place of an answer: the connection is closed once the request was read."""

BREAK = b"reset"
"""It is reset."""


class Scripted:
    """Gives one answer for each request, in order, and the last one for all that come after."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests: list[bytes] = []
        """The first lines, in the order in which they came."""

        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)

    @contextmanager
    def working(self) -> Iterator[Scripted]:
        self._thread.start()
        try:
            yield self
        finally:
            for each in (self._listening, *self._open):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._listening.close()

    def _accept(self) -> None:
        threads = []
        with suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                self._open.append(peer)
                threads.append(threading.Thread(target=self._serve, args=(peer,)))
                threads[-1].start()
        for each in threads:
            each.join()

    def _serve(self, peer: socket.socket) -> None:
        with suppress(OSError), peer, peer.makefile("rb") as read:
            while line := read.readline():
                head, length = b"", 0
                while (field := read.readline()).strip():
                    head += field
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.partition(b":")[2])
                self.requests.append(line.strip())
                self.heads.append(head)
                self.bodies.append(read.read(length))
                said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if said == BREAK:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if said in (HANG_UP, BREAK):
                    return
                peer.sendall(said)
                if b"event-stream" in said:
                    return


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Makes servers: `scripted(answer(200, {}), HANG_UP)`."""
    with suppress(StopIteration):
        opened: list[Any] = []

        def make(*answers: bytes) -> Scripted:
            server = Scripted(*answers)
            work = server.working()
            opened.append(work)
            return work.__enter__()

        yield make
        for each in opened:
            each.__exit__(None, None, None)


@contextmanager
def transport_to(url: str, token: str | None = "t0ken") -> Iterator[Transport]:
    """What speaks with the server at *url*."""
    transport = Transport(parse_server(url), token, SystemClock())
    try:
        yield transport
    finally:
        transport.close()
