"""An answer in one piece: its head and its body are written together, where both are there."""

from __future__ import annotations

import asyncio
from typing import Any, Final


class Whole:
    """
    Stands for the *transport* of a connection, and holds what is written until the loop's turn is
    over, or more is written: uvicorn writes the head of an answer for itself, and a write to a
    socket is dear. Nothing is held for longer, so that a stream's events are not late.
    """

    __slots__ = ("_held", "_loop", "_transport", "get_extra_info", "is_closing", "pause_reading",
                 "resume_reading")  # fmt: skip

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport: Final = transport
        self._loop: Final = loop
        self._held = b""
        # Asked for often, and not to be looked up by way of us.
        self.get_extra_info: Final = transport.get_extra_info
        self.is_closing: Final = transport.is_closing
        self.pause_reading: Final = transport.pause_reading
        self.resume_reading: Final = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Have *data* written: at once where something is held, together with it."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Close it, once what was written is gone."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
