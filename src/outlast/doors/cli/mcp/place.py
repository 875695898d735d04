"""A file of somebody else's: read as it stands, and replaced as a whole, with a copy of what it was."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ....errors import Conflict, InvalidRequest, Unavailable

MAX_BYTES = 64 << 20


class Place:
    """
    The file at *path*, or at the end of the links there. `text` is what it says; empty where there is none.

    Raises:
        InvalidRequest: It is no file, or no text.

        Unavailable: It cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._before: bytes | None = None
        try:
            with open(self.path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise InvalidRequest(f"{path} is not a file")
                self._before = file.read(MAX_BYTES)
        except FileNotFoundError:
            pass
        except IsADirectoryError:
            raise InvalidRequest(f"{path} is not a file") from None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from None
        try:
            self.text = (self._before or b"").decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidRequest(f"{path} is not text in UTF-8") from None

    def replace(self, text: str, *, stamp: str, private: bool) -> str | None:
        """
        Have it say *text*; whoever reads meanwhile finds the old or the new. Its mode stays; a new one is
        for its user alone where it is *private*. Returns where a copy of what it was is, with *stamp* in its
        name; None, where there was none.

        Raises:
            Conflict: Somebody has changed it since it was read.

            Unavailable: It cannot be written.
        """
        folder = os.path.dirname(self.path)
        new = f"{self.path}.{os.getpid()}.new"
        try:
            os.makedirs(folder, mode=0o700 if private else 0o777, exist_ok=True)
            backup = None
            if self._before is not None:
                backup = f"{self.path}.{stamp}.bak"
                self._create(backup, self._before, private=private)
            self._create(new, text.encode(), private=private)
            if self._now() != self._before:
                raise Conflict(
                    f"{self.path} has been changed meanwhile, and was left so",
                    suggestion="Call again",
                )
            os.rename(new, self.path)
        except OSError as error:
            raise Unavailable(
                f"{error.filename or self.path} cannot be written: {error.strerror}",
                suggestion="Have the entry printed, and put it where it belongs: --print",
            ) from None
        finally:
            with suppress(OSError):
                os.unlink(new)
        return backup

    def _now(self) -> bytes | None:
        try:
            with open(self.path, "rb") as file:
                return file.read(MAX_BYTES)
        except FileNotFoundError:
            return None

    def _create(self, path: str, data: bytes, *, private: bool) -> None:
        """Write a file that only its user can read until it has the mode that the old one has."""
        with suppress(FileNotFoundError):
            os.unlink(path)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            if self._before is not None:
                before = os.stat(self.path)
                if os.geteuid() == 0:
                    os.fchown(fd, before.st_uid, before.st_gid)
                os.fchmod(fd, stat.S_IMODE(before.st_mode))
            elif not private:
                os.fchmod(fd, 0o666 & ~_umask())
            file.write(data)
            file.flush()
            os.fsync(fd)


def _without_waiting(path: str, flags: int) -> int:
    """Open it at once: a pipe that nobody writes to would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _umask() -> int:
    value = os.umask(0o077)
    os.umask(value)
    return value
