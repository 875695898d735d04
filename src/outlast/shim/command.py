"""Starting the command: a forked child that waits to be let go, and then becomes it."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable
from typing import Any, NoReturn

from . import spool, system

Message = dict[str, Any]

GO = b"g"


class Child:
    """
    A command that was forked and waits for `go`. It has its own session; *pid* leads it.

    All that can be prepared is prepared before the fork: a page that the child touches is a
    page copied, and that is what a start costs. Signals are back at their defaults by the
    execution itself, since the shim ignores none and only catches them (execve(2)).

    Raises:
        OSError: It cannot be started; the error's text says what was tried.
    """

    def __init__(
        self, message: Message, folder: str, record_fd: int, fork: Callable[[], int] = os.fork
    ) -> None:
        opened: list[int] = []
        try:
            start = _Start(message, folder, opened)
            waits, self._go = os.pipe()
            self._answer, tells = os.pipe()
            opened += [waits, tells]
            try:
                self.pid = fork()
            except OSError:
                opened += [self._go, self._answer]
                raise
            if self.pid == 0:
                _become(start, record_fd, self._go, waits, tells)
        finally:
            for fd in opened:
                os.close(fd)
        self.start = system.start_time(self.pid) or 0

    def go(self) -> tuple[str, str] | None:
        """
        Let it become the command.

        Returns the reason and the words for which it could not; None if nothing kept it.
        """
        os.write(self._go, GO)
        os.close(self._go)
        told = b""
        while data := os.read(self._answer, 4096):
            told += data
        os.close(self._answer)
        if not told:
            return None
        number, _, words = told.decode("utf-8", "replace").partition(" ")
        return reason_of(int(number)), words

    def dismiss(self) -> None:
        """Have it leave without having become the command."""
        os.close(self._go)
        os.close(self._answer)


def reason_of(number: int | None) -> str:
    """Return the reason for which a start failed, by its errno."""
    return "disk_full" if number in (errno.ENOSPC, errno.EDQUOT) else "spawn_failed"


class _Start:
    """What the child needs, made ready by its parent. What is opened goes into *opened*."""

    def __init__(self, message: Message, folder: str, opened: list[int]) -> None:
        self.program = find_program(message["argv"][0], message["cwd"], message["env"])
        self.argv = [argument.encode("utf-8", "surrogateescape") for argument in message["argv"]]
        self.env = {
            name.encode("utf-8", "surrogateescape"): value.encode("utf-8", "surrogateescape")
            for name, value in message["env"].items()
        }
        self.cwd: str = message["cwd"]
        self.umask: int = message.get("umask", 0o022)
        self.rlimits = _changed_rlimits(message.get("rlimits") or {})
        self.stdin = _open_input(message.get("stdin") or os.devnull)
        opened.append(self.stdin)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            self.stdout = os.open(f"{folder}/{spool.STDOUT}", flags, 0o600)
            opened.append(self.stdout)
            self.stderr = os.open(f"{folder}/{spool.STDERR}", flags, 0o600)
            opened.append(self.stderr)
        except OSError as error:
            raise OSError(error.errno, f"could not write output: {error.strerror}") from None


def find_program(name: str, cwd: str, env: dict[str, str]) -> str:
    """
    Return the file that *name* stands for, as execvp(3) finds it with this PATH from *cwd*.

    Raises:
        OSError: There is none, or none that may be executed.
    """
    if "/" in name:
        return name
    number = errno.ENOENT
    for folder in env.get("PATH", os.defpath).split(":"):
        path = os.path.join(cwd, folder, name)
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                if os.access(path, os.X_OK):
                    return path
                number = errno.EACCES
        except OSError:
            continue
    raise OSError(number, f"could not run {name}: {os.strerror(number)}")


def _open_input(path: str) -> int:
    """Open what the command reads. Without blocking: a pipe that nobody writes to is at its end."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        words = f"could not use as standard input {path}: {error.strerror}"
        raise OSError(error.errno, words) from None
    os.set_blocking(fd, True)
    return fd


def own_rlimits() -> dict[str, tuple[int, int]]:
    """Return the limits of this process, by their name without `RLIMIT_`."""
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {
        name.removeprefix("RLIMIT_"): resource.getrlimit(getattr(resource, name)) for name in names
    }


OWN_RLIMITS = own_rlimits()
"""Those of this process, which changes them never."""


def _changed_rlimits(wanted: dict[str, list[int]]) -> list[tuple[int, tuple[int, int]]]:
    """Return the limits that differ from the shim's own, as near as they can be set."""
    return [
        (getattr(resource, f"RLIMIT_{name}"), _within(pair, OWN_RLIMITS[name]))
        for name, pair in wanted.items()
        if name in OWN_RLIMITS and tuple(pair) != OWN_RLIMITS[name]
    ]


def _within(wanted: list[int], own: tuple[int, int]) -> tuple[int, int]:
    """Bring a limit below the hard one that cannot be raised again; -1 is none at all."""
    soft, hard = wanted
    if own[1] < 0 or 0 <= hard <= own[1]:
        return soft, hard
    return (min(soft, own[1]) if soft >= 0 else own[1]), own[1]


def _become(start: _Start, record_fd: int, go: int, waits: int, tells: int) -> NoReturn:
    """In the child: take on what was prepared, wait for the word, and execute. Never returns."""
    what = "begin"
    try:
        os.close(go)
        os.setsid()
        os.dup2(start.stdin, 0)
        os.dup2(start.stdout, 1)
        os.dup2(start.stderr, 2)
        os.umask(start.umask)
        if os.read(waits, 1) != GO:
            _leave_unstarted(record_fd)
        what = f"enter the directory {start.cwd}"
        os.chdir(start.cwd)
        what = f"run {start.program}"
        for number, limits in start.rlimits:
            resource.setrlimit(number, limits)
        os.execve(start.program, start.argv, start.env)
    except BaseException as error:  # noqa: BLE001 nothing of the shim's may run twice
        os.write(tells, _explain(error, what))
    finally:
        os._exit(127)


def _leave_unstarted(record_fd: int) -> NoReturn:
    """
    Our shim died before it gave the word. Void what it wrote of us, so that nobody takes us for
    a command that ran: the attempt may be launched again. The lock is ours as long as we live.
    """
    try:
        record = spool.parse_record(os.pread(record_fd, spool.MAX_RECORD_BYTES, 0))
        if record.began is not None:
            void = {"event": "unstarted", "at": record.began["at"]}
            spool.append(record_fd, spool.encode(void))
    finally:
        os._exit(127)


def _explain(error: BaseException, what: str) -> bytes:
    number = getattr(error, "errno", None) or 0
    try:
        text = f"{number} could not {what}: {getattr(error, 'strerror', None) or repr(error)}"
        if number == errno.ENOEXEC:
            text += " (a script needs a #! line, or run it with its interpreter)"
        return text.encode("utf-8", "replace")
    except MemoryError:  # pragma: no cover - nobody can bring it about here
        return b"12 could not begin: out of memory"
