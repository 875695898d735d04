"""A way to stop a container engine in the middle of one answer: what a test does then comes exactly there."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PIECE_BYTES = 1 << 16


class Gate:
    """
    Listens before an engine at *path*, and passes everything on, both ways. The first request that
    comes for what is to be held (`METHOD path`, a pattern) waits before the engine hears of it; or
    its answer does, once that has come. `is_reached` is set by then.
    """

    def __init__(self, engine: Path, path: Path) -> None:
        self.path = path
        self.address = f"unix://{path}"
        self.is_reached = threading.Event()
        self._engine = str(engine)
        self._what: str | None = None
        self._is_answer = False
        self._may_go_on = threading.Event()
        self._is_closed = False
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []

    def hold(self, what: str, *, answer: bool = False) -> None:
        """Hold the next of these requests; or its *answer*."""
        self._what, self._is_answer = what, answer

    def let_go(self) -> None:
        """Pass on what is held, and hold nothing more."""
        self._may_go_on.set()

    def close(self) -> None:
        """Hang up on everybody; what is held is never passed on."""
        self._is_closed = True
        self._may_go_on.set()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(self, caller: socket.socket) -> None:
        """Pass on one request, and its answer."""
        with socket.socket(socket.AF_UNIX) as engine:
            self._open += [caller, engine]
            request = b""
            while b"\r\n" not in request:
                piece = caller.recv(PIECE_BYTES)
                if not piece:
                    return
                request += piece
            is_held = self._is_to_be_held(request.partition(b" HTTP/")[0].decode())
            if is_held and not self._is_answer:
                self._wait()
            if self._is_closed:
                return
            with suppress(OSError):
                engine.connect(self._engine)
                engine.sendall(request)
                there = threading.Thread(target=_pass_on, args=(caller, engine))
                there.start()
                answer = engine.recv(PIECE_BYTES)
                if is_held and self._is_answer:
                    self._wait()
                if not self._is_closed:
                    with suppress(OSError):
                        caller.sendall(answer)
                        _pass_on(engine, caller)
                for each in (caller, engine):
                    with suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                there.join()

    def _is_to_be_held(self, request: str) -> bool:
        with self._lock:
            is_held = self._what is not None and re.match(self._what, request) is not None
            if is_held:
                self._what = None
            return is_held

    def _wait(self) -> None:
        self.is_reached.set()
        self._may_go_on.wait()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, and its end."""
    with suppress(OSError):
        while data := source.recv(PIECE_BYTES):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def before(engine: Path, path: Path) -> Iterator[Gate]:
    """Have a gate stand at *path* before the engine at another."""
    gate = Gate(engine, path)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            gate.serve(self.request)

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        request_queue_size = 64

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield gate
        finally:
            server.shutdown()
            gate.close()
            thread.join()
