"""The pool of shims: grown by fork on demand, each handed one job after another."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from ... import shim
from ...shim.order import pack

Line = dict[str, Any]

SPARE_WORKERS = 16
"""How many idle shims are kept: each takes some 1.3 MiB."""

LAUNCHER_PATIENCE_S = 10.0

_RECV_BYTES = 1 << 18


class Worker:
    """A pooled shim, seen from the supervisor: its channel, and the attempt it is on."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.key: str | None = None
        self.unread = b""
        self.unsent = b""


class Pool:
    """
    Hands messages to idle shims, and lines from busy ones to *on_line*. A shim that dies on an
    attempt is told to *on_death*, by the attempt's key.
    """

    def __init__(
        self,
        home: str,
        on_line: Callable[[str, Line], None],
        on_death: Callable[[str], None],
    ) -> None:
        self._home = home
        self._on_line = on_line
        self._on_death = on_death
        self._idle: deque[Worker] = deque()
        self._busy: dict[str, Worker] = {}
        self._launcher: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.facts: dict[str, Any] = {}

    def has(self, key: str) -> bool:
        """Whether a shim of this pool is on the attempt *key*."""
        return key in self._busy

    async def hand_out(self, key: str, message: dict[str, Any]) -> None:
        """Give *message* to a shim, a new one if none is idle."""
        if not self._idle:
            await self._ensure_launcher()
        worker = self._idle.popleft() if self._idle else self._grow()
        worker.key = key
        self._busy[key] = worker
        self._send(worker, pack(message))

    def close(self) -> None:
        """Let go of all shims. Busy ones go on by themselves; idle ones and the launcher leave."""
        loop = asyncio.get_running_loop()
        for worker in [*self._idle, *self._busy.values()]:
            loop.remove_reader(worker.channel)
            loop.remove_writer(worker.channel)
            worker.channel.close()
        self._idle.clear()
        self._busy.clear()
        self._drop_launcher()

    # The launcher ---------------------------------------------------------------------------

    async def _ensure_launcher(self) -> None:
        if self._launcher is not None and self._launcher.poll() is None:
            return
        self._drop_launcher()
        ours, theirs = socket.socketpair()
        with theirs:
            self._launcher = subprocess.Popen(  # noqa: ASYNC220 a fork takes a millisecond, once
                [sys.executable, "-I", "-S", shim.__path__[0], str(theirs.fileno()), self._home],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        self._control = ours
        ours.setblocking(False)
        reader = asyncio.get_running_loop().sock_recv
        told = b""
        async with asyncio.timeout(LAUNCHER_PATIENCE_S):
            while not told.endswith(b"\n"):
                data = await reader(ours, _RECV_BYTES)
                if not data:
                    raise OSError("the launcher ended before it was ready")
                told += data
        ours.setblocking(True)
        self.facts = json.loads(told)

    def _drop_launcher(self) -> None:
        """Close its control, on which it leaves; with it the idle shims, which it cannot mind."""
        while self._idle:
            self._dismiss(self._idle.popleft())
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._launcher is not None:
            self._launcher.poll()
            _REAPED_LATER.append(self._launcher)
            self._launcher = None
        _REAPED_LATER[:] = [process for process in _REAPED_LATER if process.poll() is None]

    def _grow(self) -> Worker:
        if self._control is None:
            raise OSError("there is no launcher to fork a shim")
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        ours.setblocking(False)
        worker = Worker(ours)
        asyncio.get_running_loop().add_reader(ours, self._receive, worker)
        return worker

    def _dismiss(self, worker: Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.channel)
        worker.channel.close()

    # The channels ---------------------------------------------------------------------------

    def _send(self, worker: Worker, data: bytes) -> None:
        """Send, or leave the rest to the loop: a command may be larger than a socket's buffer."""
        try:
            sent = worker.channel.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # It died: the reader sees the end of the channel, and tells.
        if sent < len(data):
            worker.unsent = data[sent:]
            asyncio.get_running_loop().add_writer(worker.channel, self._send_rest, worker)

    def _send_rest(self, worker: Worker) -> None:
        asyncio.get_running_loop().remove_writer(worker.channel)
        self._send(worker, worker.unsent)

    def _receive(self, worker: Worker) -> None:
        try:
            data = worker.channel.recv(_RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._bury(worker)
            return
        *lines, worker.unread = (worker.unread + data).split(b"\n")
        for raw in lines:
            line, key = json.loads(raw), worker.key
            if line["event"] in ("emptied", "held", "known"):
                self._put_back(worker)
            if key is not None:
                self._on_line(key, line)

    def _put_back(self, worker: Worker) -> None:
        if worker.key is not None:
            self._busy.pop(worker.key, None)
            worker.key = None
        if len(self._idle) < SPARE_WORKERS:
            # The last one back is the first one out: it is warm, the others may leave.
            self._idle.appendleft(worker)
        else:
            self._dismiss(worker)

    def _bury(self, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(worker.channel)
        loop.remove_writer(worker.channel)
        worker.channel.close()
        if worker.key is not None:
            self._busy.pop(worker.key, None)
            self._on_death(worker.key)
        elif worker in self._idle:
            self._idle.remove(worker)


_REAPED_LATER: list[subprocess.Popen[bytes]] = []
"""Launchers that we let go: reaped when the next one is, so that none stays a zombie."""
