"""A way to a host that breaks: a proxy that resets connections, by itself or when it is told to."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RESET = struct.pack("ii", 1, 0)
"""Linger for no time: what is closed so is reset."""


class Cutter:
    """
    Passes on what comes to *address* to *to*, and back; each of *times* connections until so many
    bytes have come back. With *swallows* the last of those do not arrive.
    """

    def __init__(
        self, to: tuple[str, int], after_bytes: int = 0, times: int = 0, *, swallows: bool = False
    ) -> None:
        self._to = to
        self._after_bytes = after_bytes
        self._times = times
        self._swallows = swallows
        self.cuts = 0
        """How many connections were cut so far."""

        self._server = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._server.getsockname()
        self._open: list[socket.socket] = [self._server]

    @contextmanager
    def working(self) -> Iterator[Cutter]:
        """Work beside whoever entered."""
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            for each in self._open:
                with _at_ease():
                    each.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._server.close()

    def cut(self) -> None:
        """Reset every connection there is."""
        self.cuts += 1
        for each in self._open[1:]:
            with _at_ease():
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        threads = []
        with _at_ease():
            while True:
                client, _ = self._server.accept()
                threads.append(threading.Thread(target=self._serve, args=(client,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with _at_ease(), client, socket.create_connection(self._to) as host:
            self._open += [client, host]
            other = {client: host, host: client}
            told = 0
            with selectors.DefaultSelector() as selector:
                for each in other:
                    selector.register(each, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select():
                        source = client if key.fileobj is client else host
                        if not (data := source.recv(1 << 14)):
                            return
                        told += len(data) * (source is host)
                        is_last = told > self._after_bytes and self.cuts < self._times
                        if not (is_last and self._swallows):
                            other[source].sendall(data)
                    if told > self._after_bytes and self.cuts < self._times:
                        self.cuts += 1
                        for each in other:
                            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        return


@contextmanager
def _at_ease() -> Iterator[None]:
    """Whoever hangs up, on either side, ends it."""
    try:
        yield
    except OSError:
        return
