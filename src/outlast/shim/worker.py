"""A pooled shim: takes one job after another from its supervisor, and outlives it."""

from __future__ import annotations

import os
import select
import socket
from typing import Any

from . import spool, system
from .attempt import Attempt
from .failpoint import reach
from .nudge import nudge
from .order import unpack
from .slot import Slot

_RECV_BYTES = 1 << 16
"""Not more: of a buffer that malloc takes from mmap and then shrinks, a page stays for each job."""


class Worker:
    """
    Serves the channel until it breaks: one attempt at a time, each with a fresh `Attempt`, so
    that nothing of a job reaches the next. Without a supervisor it ends when its attempt does.
    """

    def __init__(self, channel: socket.socket, wakeup_fd: int, slot: Slot, facts: dict[str, Any]):
        self._channel: socket.socket | None = channel
        channel.setblocking(False)
        self._wakeup_fd = wakeup_fd
        self._slot = slot
        self._facts = facts | {"shim_start": system.start_time(os.getpid()) or 0}
        self._unread = b""
        self._poll = select.poll()
        self._poll.register(wakeup_fd, select.POLLIN)
        self._poll.register(channel, select.POLLIN)

    def serve(self) -> None:
        """Take jobs until the supervisor is gone."""
        while True:
            message, self._unread = unpack(self._unread)
            if message is not None:
                self._run(message)
            elif self._channel is not None:
                self._sleep(None)
            else:
                return

    def _run(self, message: dict[str, Any]) -> None:
        reach("shim.after_take")
        self._home: str = message["home"]
        self._key: str = message["key"]
        self._slot.put(message["folder"])
        attempt = Attempt(message | self._facts, self._tell)
        refusal = attempt.start()
        if refusal is not None:
            self._tell(spool.encode({"event": refusal, "at": 0}))
        else:
            while not attempt.is_over:
                signals = self._sleep(attempt.timeout_ms())
                attempt.on_wake(signals)
        self._slot.clear()
        reach("shim.after_emptied")

    def _sleep(self, timeout_ms: int | None) -> bytes:
        """Sleep until a signal, a message or the timeout; return the signals that came."""
        signals = b""
        for fd, _ in self._poll.poll(timeout_ms):
            if fd == self._wakeup_fd:
                signals = os.read(fd, 4096)
            elif self._channel is not None:  # pragma: no branch - else nobody polls it
                self._receive(self._channel)
        return signals

    def _receive(self, channel: socket.socket) -> None:
        try:
            data = channel.recv(_RECV_BYTES)
        except BlockingIOError:  # pragma: no cover - poll(2) may wake for nothing
            return
        except OSError:
            data = b""
        if data:
            self._unread += data
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._channel is not None:  # pragma: no branch - nobody hangs up twice
            self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None

    def _tell(self, data: bytes) -> None:
        """Tell the supervisor what was written down; another one, if ours is gone."""
        if self._channel is not None:
            try:
                # Never block on a supervisor that does not read: the clocks are kept here.
                if self._channel.send(data) == len(data):
                    return
            except OSError:
                pass
            self._hang_up()
        nudge(self._home, self._key)
