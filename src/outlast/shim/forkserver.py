"""
The fork server: a small, warm, single-threaded process, so that a keeper costs a fork and not the
start of an interpreter.

Run as `python -I -S path/to/shim containers CONTROL_FD HOME`. Each message on the control is the key
of an attempt and brings its order as an open file, which only the fork reads: there are secrets in
it. The answer is the key again, with the keeper's pidfd; without one where no fork was to be had. It
leaves once its supervisor is gone; keepers go on by themselves.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys

from .failpoint import reach
from .keeper import Keeper
from .signals import deafen

MAX_KEY_BYTES = 512


class ForkServer:
    """Serves one supervisor through *control*, a socket that keeps messages apart."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._wakes = deafen()

    def serve(self) -> None:
        """Fork and reap until the supervisor is gone."""
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wakes:
                    os.read(fd, 4096)
                    _reap()
                elif not self._take_order():
                    return

    def _take_order(self) -> bool:
        """Fork a keeper for the order that came. False once the supervisor is gone."""
        try:
            key, fds, _, _ = socket.recv_fds(self._control, MAX_KEY_BYTES, 1)
            for order in fds:
                reach("forkserver.before_fork")
                pid = self._fork(order)
                reach("forkserver.after_fork")
                self._answer(key, pid)
        except OSError:
            return False
        return bool(key)

    def _fork(self, order: int) -> int | None:
        """Return the pid of the keeper of an order; None where there is no room for one."""
        try:
            pid = os.fork()
        except OSError:
            pid = None
        if pid == 0:
            self._be_a_keeper(order)
        os.close(order)
        return pid

    def _answer(self, key: bytes, pid: int | None) -> None:
        if pid is None:
            self._control.send(key)
            return
        pidfd = os.pidfd_open(pid)  # still its: nobody else reaps it, and we not yet
        try:
            socket.send_fds(self._control, [key], [pidfd])
        finally:
            os.close(pidfd)

    def _be_a_keeper(self, order: int) -> None:
        """In the fork: keep nothing of the server's but the warm interpreter. Does not return."""
        code = 1
        try:
            os.setsid()
            self._control.close()
            os.close(self._wakes)
            with os.fdopen(order, "rb") as file:
                given = json.loads(file.read())
            Keeper(given).run()
            code = 0
        except Exception:  # noqa: BLE001 whatever it is, a fork must not go on as the server
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    """Run as `python -I -S shim containers CONTROL_FD HOME`."""
    control = int(sys.argv[2])
    os.set_inheritable(control, False)
    os.umask(0o077)
    os.chdir("/")
    gc.disable()
    gc.freeze()
    ForkServer(socket.socket(fileno=control)).serve()
