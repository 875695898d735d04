"""What a container's command reads on its standard input: a file, passed on through the engine."""

from __future__ import annotations

import os
import stat
from typing import Any

from .container import Container, NotBegun, Removed
from .engine import EngineError, Stream

BEGUN, PASSED = "feeding", "fed"
"""Files that say how far the input is, to whoever takes over: before its first byte, after its end."""

PIECE_BYTES = 1 << 18
PIECES = 4
"""How much is passed on at a time: the clocks are looked at in between."""

ASK_S = 1.0
"""How long an engine may take that is only asked whether it is there."""

UNFED = "it was not started: its input is passed on once, and what took it before was killed"
CUT = (
    "its input was cut short: what passed it on was killed before all of it was taken, and what it"
    " makes of a part proves nothing"
)


class Feed:
    """
    The input of one attempt: the file *path*, as it is when it is passed on, from its beginning to
    its end.

    An engine ends a command's input when who passes it on is gone, and the command takes that for
    the end of the whole. So an input that was begun and not passed on to its end is never told as
    one that was: `is_cut`.
    """

    def __init__(self, folder: str, path: str) -> None:
        self._folder = folder
        self._path = path
        self._file = -1
        self._sent = 0
        self._container: Container
        self._engine: str | None = None
        """Which process takes it, where that can be told."""

        self._stream: Stream | None = None
        self._is_taken = False
        """Nothing of it can be lost with the engine any more, or nobody wants the rest."""

        self.is_cut = self._has(BEGUN) and not self._has(PASSED)

    @classmethod
    def of(cls, order: dict[str, Any]) -> Feed | None:
        """Return the input of the attempt that *order* is for; None where it reads nothing."""
        path = order.get("stdin")
        return None if path is None else cls(order["folder"], path)

    def attach(self, container: Container) -> None:
        """
        Begin to pass it on to a container that is not started yet; a short one at once as a whole.

        Raises:
            NotBegun: There is no such file, or it was begun before: an engine takes no second one.

            OSError: The engine went away.
        """
        if self._has(BEGUN):
            raise NotBegun("lost", UNFED)
        self._container = container
        self._file = _open(self._path)
        self._engine = container.engine.process()
        # Before it is asked for: should we be killed meanwhile, the engine takes that for its end.
        self._mark(BEGUN)
        self._stream = container.attach_input()
        self.go_on()

    def fileno(self) -> int:
        """Return what to poll; only while it `is_open`."""
        return -1 if self._stream is None else self._stream.fileno()

    @property
    def is_open(self) -> bool:
        """Whether the engine is still to take some of it, or to say that it has."""
        return self._stream is not None

    @property
    def has_more(self) -> bool:
        """Whether more of it is to be passed on, as soon as the engine takes more."""
        return self._file >= 0

    def go_on(self) -> None:
        """Pass on what is taken without waiting, but not all of a long one at a time."""
        if self._stream is None:
            return
        try:
            # An engine may say things here as well (Podman: all that is printed). Nobody listens.
            if not self._stream.discard():
                self._is_over()
                return
            for _ in range(PIECES if self.has_more else 0):
                count = os.sendfile(self._stream.fileno(), self._file, self._sent, PIECE_BYTES)
                self._sent += count
                if count == 0:
                    self._stream.shut_down()
                    self._mark(PASSED)
                    self._close_file()
                    # Podman never says that it has taken all.
                    self._is_taken = self._stream.is_podmans
                    return
        except BlockingIOError:
            pass
        except OSError:
            self._is_over()

    def _is_over(self) -> None:
        """
        The engine wants no more: it has it all, or the command reads no more, or has ended. If it
        is not the engine that is gone.
        """
        self.close()
        try:
            if self._container.engine.process() != self._engine:
                return  # another one, which has none of it
            self._container.state(wait_s=ASK_S)
        except (EngineError, Removed):
            self._is_taken = True
        except OSError:
            pass
        else:
            self._is_taken = True

    def lose_engine(self, *, is_started: bool = True) -> None:
        """
        The engine was away: what it had not passed on by then, the command never gets; nothing of
        it, where it was not known that it *is_started*.
        """
        is_taken = self._is_taken and is_started
        self.is_cut = self.is_cut or (self._has(BEGUN) and not is_taken)
        self.close()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        """Pass no more of it on. Idempotent."""
        self._close_file()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _has(self, mark: str) -> bool:
        return os.path.exists(f"{self._folder}/{mark}")

    def _mark(self, mark: str) -> None:
        os.close(os.open(f"{self._folder}/{mark}", os.O_WRONLY | os.O_CREAT, 0o600))


def _open(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        words = f"could not read the input from {path}: {error.strerror}"
        raise NotBegun("spawn_failed", words) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotBegun("spawn_failed", f"could not read the input from {path}: it is no file")
    return fd
