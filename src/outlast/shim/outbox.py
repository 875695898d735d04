"""
The folder that a container writes to for us, /out: a volume of the engine's, of our attempt alone.

It stays until what is wanted of it was fetched, and with it the container, through which an engine
gives it away. Who fetches is not the shim's concern.
"""

from __future__ import annotations

import os
from typing import Any

from .container import CONFLICT, NOT_FOUND, NotBegun
from .engine import Engine, EngineError, answer_of
from .failpoint import reach
from .sleep import mono_ms

INSIDE = "out"
ROOM_FOR_ALL = 0o1777
"""Whoever the command runs as: nobody else's files are in there."""

FASTEST_BYTES_PER_MS = 4 << 20
"""No disk is written to faster, 4 GiB/s: so long one look at the room that is left can wait."""

SOONEST_MS, LATEST_MS = 50, 5000

NAMES_IN = 50
"""One in so many of the files that a disk has room for is left to others."""

ANSWER_S = 10.0

NOT_MADE = "the engine does not make the folder for what is collected"


class Outbox:
    """
    The volume of the attempt that *order* is for.

    Methods may raise OSError where the engine cannot be reached.
    """

    def __init__(self, order: dict[str, Any], engine: Engine) -> None:
        self._engine = engine
        self._name: str = order["outbox"]["name"]
        self._body: Any = order["outbox"]["body"]
        self._floor: int = order["floor_bytes"]
        self._place: str | None = None
        self.may_exist = False
        """Whether an engine may have been asked to make it."""

        self._look_at = 0

    @classmethod
    def of(cls, order: dict[str, Any], engine: Engine) -> Outbox | None:
        """Return what is there for *order*'s container to write to; None if nothing is."""
        return cls(order, engine) if order.get("outbox") else None

    def make(self) -> None:
        """
        Make it. To be done before the container is made: an engine makes what that lacks, and does
        not write on it whose it is. Idempotent.

        Raises:
            NotBegun: The engine does not make it.
        """
        volume = {"Name": self._name, "Labels": self._body["Labels"]}
        try:
            stream = self._engine.send("POST", "/volumes/create", volume)
            self.may_exist = True
            answer_of(stream)
        except EngineError as error:
            raise NotBegun("engine_error", f"{NOT_MADE}: {error}") from None
        reach("outbox.after_volume")

    def open(self) -> None:
        """
        Have everybody write to it. To be done before the container starts. Idempotent.

        Raises:
            NotBegun: The engine does not let us.
        """
        try:
            self._make_helper()
            reach("outbox.after_helper")
            # A new volume is root's. Only through a container whose root can be written to does an
            # engine change that, and this one never runs.
            path = f"/containers/{self._name}/archive?path=/"
            self._engine.ask("PUT", path, _folder_for_all())
            self._remove(f"/containers/{self._name}?force=1")
        except EngineError as error:
            if error.status == CONFLICT:  # it is still at what it was asked for before
                raise OSError(str(error)) from None
            raise NotBegun("engine_error", f"{NOT_MADE}: {error}") from None

    def _make_helper(self) -> None:
        path = f"/containers/create?name={self._name}"
        try:
            self._engine.ask("POST", path, self._body)
        except EngineError:
            # It may be there, of somebody who was killed: engines differ in how they say so.
            self._remove(f"/containers/{self._name}?force=1")
            self._engine.ask("POST", path, self._body)

    def remove(self) -> None:
        """
        Have nothing left of it, once its container is gone. Idempotent.

        Raises:
            EngineError: The engine refuses.
        """
        self._remove(f"/containers/{self._name}?force=1")
        self._remove(f"/volumes/{self._name}")

    def _remove(self, path: str) -> None:
        try:
            self._engine.ask("DELETE", path)
        except EngineError as error:
            if error.status != NOT_FOUND:
                raise

    # While its container runs ---------------------------------------------------------------

    def find(self) -> None:
        """Learn where on this machine it is, to be watched there."""
        try:
            volume = self._engine.ask("GET", f"/volumes/{self._name}", wait_s=ANSWER_S)
            self._place = _seen(volume["Mountpoint"])
        except (OSError, EngineError, KeyError, TypeError):
            self._place = None

    def next_look_ms(self) -> int | None:
        """When `look` is due, on the monotonic clock; None: never."""
        return None if self._place is None else self._look_at

    def look(self) -> tuple[str, str] | None:
        """Return the reason and words for which its container must end; None if it may go on."""
        if self._place is None or mono_ms() < self._look_at:
            return None
        try:
            disk = os.statvfs(self._place)
        except OSError:
            self._place = None
            return None
        free = disk.f_bavail * disk.f_frsize
        wait_ms = (free - self._floor) // FASTEST_BYTES_PER_MS
        self._look_at = mono_ms() + max(SOONEST_MS, min(wait_ms, LATEST_MS))
        if disk.f_files and disk.f_favail * NAMES_IN < disk.f_files:
            return (
                "disk_full",
                f"there is hardly room for more files where the engine keeps /{INSIDE}",
            )
        if free >= self._floor:
            return None
        return "disk_full", (
            f"only {free >> 20} MiB were left where the engine keeps /{INSIDE};"
            f" {self._floor >> 20} must stay free"
        )


def _seen(path: str) -> str | None:
    """
    Return the nearest folder above *path* on its disk that we may look at; None if there is no
    such folder on this machine: its engine has a machine of its own.
    """
    while True:
        try:
            os.statvfs(path)
        except PermissionError:
            path = os.path.dirname(path)
        except OSError:
            return None
        else:
            return path


def _folder_for_all() -> bytes:
    """
    Return an archive in which there is the folder, and nothing else: not even the zeros to which
    it is usually filled up. Podman hands it to a process that leaves at the archive's end, and
    refuses it where some of it came later.
    """
    import tarfile

    folder = tarfile.TarInfo(f"{INSIDE}/")
    folder.type, folder.mode = tarfile.DIRTYPE, ROOM_FOR_ALL
    return (
        folder.tobuf(tarfile.USTAR_FORMAT) + tarfile.NUL * 2 * tarfile.BLOCKSIZE
    )  # pax(1): its end
