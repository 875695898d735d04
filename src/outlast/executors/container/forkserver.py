"""The supervisor's end of the fork server: has keepers begun, and tells when one has ended."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from ... import shim
from ...shim.forkserver import MAX_KEY_BYTES

PATIENCE_S = 5.0
"""How long a server that takes no order is waited for."""


class ForkServer:
    """
    The keepers that were begun from here, by their attempts' keys. *on_end* is told the key of
    each that has ended, or of which nobody knows whether it ever began.
    """

    def __init__(self, home: str, on_end: Callable[[str], None]) -> None:
        self._home = home
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._pidfds: dict[str, int | None] = {}
        """Of those that were asked for, too: None until they are there."""

    def __contains__(self, key: object) -> bool:
        return key in self._pidfds

    def start(self, key: str, order: bytes) -> None:
        """Have a keeper begun that outlives us. Raises OSError."""
        control = self._control or self._begin()
        fd = _file_of(order)
        try:
            socket.send_fds(control, [key.encode()], [fd])
        except OSError:
            self._drop()
            raise
        finally:
            os.close(fd)
        self._pidfds[key] = None

    def close(self) -> None:
        """Let go of all keepers: they go on by themselves. The server leaves."""
        loop = asyncio.get_running_loop()
        for fd in self._pidfds.values():
            if fd is not None:
                loop.remove_reader(fd)
                os.close(fd)
        self._pidfds.clear()
        self._drop()

    def _begin(self) -> socket.socket:
        """Start a server. It has its first order at hand by the time that it is up."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            program = [sys.executable, "-I", "-S", shim.__path__[0], "containers"]
            self._process = subprocess.Popen(
                [*program, str(number), self._home],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        ours.settimeout(PATIENCE_S)
        asyncio.get_running_loop().add_reader(ours, self._hear, ours)
        self._control = ours
        return ours

    def _hear(self, control: socket.socket) -> None:
        """A keeper began, or the server is gone."""
        try:
            key, fds, _, _ = socket.recv_fds(control, MAX_KEY_BYTES, 1)
        except OSError:
            key, fds = b"", []
        if not key:
            self._drop()
            return
        for fd in fds:
            self._pidfds[key.decode()] = fd
            asyncio.get_running_loop().add_reader(fd, self._ended, key.decode())
        if not fds:
            self._forget(key.decode())

    def _ended(self, key: str) -> None:
        if (fd := self._pidfds[key]) is not None:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)
        self._forget(key)

    def _forget(self, key: str) -> None:
        del self._pidfds[key]
        self._on_end(key)

    def _drop(self) -> None:
        """There is no server any more, or it is to leave: the next order begins another."""
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None
        if self._process is not None:
            self._process.poll()
            _REAPED_LATER.append(self._process)
        _REAPED_LATER[:] = [process for process in _REAPED_LATER if process.poll() is None]
        # Of what it had not answered yet, the record tells whether it ever began.
        for key in [key for key, fd in self._pidfds.items() if fd is None]:
            self._forget(key)


_REAPED_LATER: list[subprocess.Popen[bytes]] = []
"""Servers that we let go: reaped when the next one is, so that none stays a zombie."""


def _file_of(data: bytes) -> int:
    """Return an open file that nobody else sees, with *data* to be read: there are secrets in it."""
    fd = os.memfd_create("order")
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
