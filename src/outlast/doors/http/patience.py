"""How long the head of a request may take to come, and how long it may be: uvicorn sets no limit."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .whole import Whole

HEAD_S: Final = 10.0
"""From the first byte, or from the connection, to the end of the headers."""

HEAD_BYTES: Final = 64 << 10


class Patience(HttpToolsProtocol):
    """A connection that is closed when a request's head comes too slowly, or does not end."""

    head_s = HEAD_S
    _timer: asyncio.TimerHandle | None = None
    _bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(Whole(transport, self.loop))  # type: ignore[arg-type]  # all of one that uvicorn asks for
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that it leaves unfinished is waited for, within its limits."""
        before: Any = self.cycle  # None before the first
        is_head = before is None or before.response_complete
        super().data_received(data)
        if self.cycle is not before:
            self._stop()
        elif is_head:
            self._wait()
            self._bytes += len(data)
            if self._bytes > HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self._refuse, b"408 Request Timeout")

    def _stop(self) -> None:
        self._bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop()
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            self.transport.close()
