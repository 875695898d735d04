"""Fetches what a command has left in its container's /out, as the engine gives it: an archive."""

from __future__ import annotations

import io
import select
import tarfile
import threading
from typing import Any, Final

from ...artifacts import Keeper
from ...core.artifact import below, is_pattern, stands_for
from ...core.collect import FOLDER, MOST_NAMES, MOST_NAMES_BYTES, SPECIAL, Collect
from ...core.container import OUT
from ...core.limits import format_size
from ...shim import spool
from ...shim.engine import Engine, EngineError, Stream
from ...shim.failpoint import reach

PIECE_BYTES: Final = 1 << 18
POLL_MS: Final = 500
"""For so long nobody looks whether the fetching is to stop, where the engine is silent."""

TRIES: Final = 3
"""Archives that break off, or are refused, one after the other without a file of anything new."""

AGAIN_S: Final = 0.5
NOT_FOUND: Final = 404

LOOKED_THROUGH: Final = 16
"""So many times the limit of bytes are read past, of files that nobody wants, to come to the rest."""

LINK: Final = "a link, and of a container's none is followed"
HARD_LINK: Final = "one more name of a file that stands before it"

GONE: Final = "the container was removed by somebody else"


class Stopped(Exception):
    """Nobody waits for it any more."""


class Kept(Exception):
    """This machine cannot keep what comes: why."""


class TooMuch(Exception):
    """There is more than is looked at: what."""


class Fetching:
    """
    Collects for the attempt that *order* is of, whose folder knows what is here already.

    To be run in a thread of its own: it blocks.
    """

    def __init__(
        self,
        order: dict[str, Any],
        collect: Collect,
        floor_bytes: int,
        *,
        most_names: int = MOST_NAMES,
    ) -> None:
        self._most_names = most_names
        self._folder: str = order["folder"]
        record = spool.read_record(self._folder) or spool.Record()
        self._name: str = (record.began or {}).get("container") or order["name"]
        self._engine = Engine(order["engine"])
        self._collect = collect
        self._floor_bytes = floor_bytes
        self._globs = [parts for glob in collect.globs if (parts := below(OUT, glob)) is not None]
        self._stopped = threading.Event()
        self._why: str | None = None
        self._fetched = 0

    def stop(self, why: str | None) -> None:
        """
        Fetch no more, from any thread: what is here is all that there ever is. *why* None: it will
        be gone on with.
        """
        if not self._stopped.is_set():
            self._why = why
            self._stopped.set()

    def run(self) -> None:
        """
        Return once all was collected, or it was stopped.

        Raises:
            OSError: This machine's disk.
        """
        reach("outbox.before_fetch")
        keeper = Keeper(self._folder, self._floor_bytes)
        try:
            try:
                error = self._archives(keeper)
            except Stopped:
                if self._why is None:
                    return
                error = self._why
            keeper.finish(error)
        finally:
            keeper.close()
        reach("outbox.after_fetch")

    def _archives(self, keeper: Keeper) -> str | None:
        """Return why not all was collected."""
        failures, before = 0, -1
        while True:
            self._go_on_or_stop()
            try:
                stream = self._engine.send("GET", f"/containers/{self._name}/archive?path={OUT}")
            except OSError:
                # It will be there again, or not in time: then somebody stops us.
                self._stopped.wait(AGAIN_S)
                continue
            try:
                self._archive(stream, keeper)
                return None
            except (Kept, TooMuch) as error:
                return str(error)
            except EngineError as error:
                if error.status == NOT_FOUND:
                    return GONE
                words = f"the engine does not give {OUT} away: {error}"
            except (OSError, tarfile.TarError, ValueError) as error:
                if not stream.has_head:
                    self._stopped.wait(AGAIN_S)
                    continue
                words = f"the engine's archive of {OUT} breaks off: {error}"
            finally:
                stream.close()
            failures = failures + 1 if self._fetched == before else 1
            before = self._fetched
            if failures >= TRIES:
                return words
            self._stopped.wait(AGAIN_S)

    def _go_on_or_stop(self) -> None:
        if self._stopped.is_set():
            raise Stopped

    def _archive(self, stream: Stream, keeper: Keeper) -> None:
        """Take in an archive of everything in /out; the folder itself comes first."""
        source = _Source(stream, self._go_on_or_stop)
        with tarfile.open(
            fileobj=source, mode="r|", bufsize=PIECE_BYTES, encoding="utf-8"
        ) as archive:
            root: list[bytes] | None = None
            count = size = passed = 0
            while (member := archive.next()) is not None:
                _forget(archive)
                names = _names(member)
                if root is None:
                    root = names if member.isdir() else []
                    if member.isdir():
                        continue
                if names[: len(root)] == root:
                    names = names[len(root) :]
                count, size = count + 1, size + sum(map(len, names))
                if count > self._most_names or size > MOST_NAMES_BYTES:
                    raise TooMuch(f"{OUT} has too many files, and not all were looked at")
                if self._take(archive, member, names, keeper):
                    continue
                passed += member.size
                if passed > LOOKED_THROUGH * self._collect.max_bytes:
                    most = format_size(LOOKED_THROUGH * self._collect.max_bytes)
                    raise TooMuch(f"{OUT} has over {most} that is not wanted before the rest")

    def _take(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, names: list[bytes], keeper: Keeper
    ) -> bool:
        """Fetch a file if it is wanted; one that is left out is noted. Returns whether it is here."""
        globs = [parts for parts in self._globs if stands_for(parts, names)]
        name = b"/".join(names)
        if not globs or keeper.is_done(name):
            return False
        if member.isdir() and not any(parts and not is_pattern(parts[-1]) for parts in globs):
            return False
        size, mtime = max(0, member.size), _seconds(member)
        try:
            if (fault := self._fault(member, size, keeper)) is not None:
                keeper.skip(name, size, mtime, fault)
                return False
        except OSError as error:
            raise _kept(error) from error
        self._fetch(archive, member, keeper, name)
        return True

    def _fault(self, member: tarfile.TarInfo, size: int, keeper: Keeper) -> str | None:
        """Say what keeps a file from being fetched; None if nothing."""
        if member.isdir():
            return FOLDER
        if member.issym():
            return LINK
        if member.islnk():
            return HARD_LINK
        if not member.isreg() or member.issparse():
            return SPECIAL
        return self._collect.excess(keeper.count + 1, keeper.size + size)

    def _fetch(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, keeper: Keeper, name: bytes
    ) -> None:
        content = archive.extractfile(member)
        if content is None:  # pragma: no cover - it is a regular file
            raise tarfile.ReadError("a file without content")
        try:
            writing = keeper.begin(name, member.size, _seconds(member))
        except OSError as error:
            raise _kept(error) from error
        try:
            try:
                writing.read()
            except OSError as error:
                raise _kept(error) from error
            here = writing.offset
            while data := content.read(min(PIECE_BYTES, here or PIECE_BYTES)):
                if here:
                    here -= len(
                        data
                    )  # of an earlier try: a container that has ended writes no more
                    continue
                try:
                    writing.write(data)
                except OSError as error:
                    raise _kept(error) from error
            try:
                writing.sync()
                writing.end()
            except OSError as error:
                raise _kept(error) from error
        finally:
            writing.close()
        self._fetched += 1


class _Source(io.RawIOBase):
    """
    What the engine sends, from its head on, as a file to be read once. *check* may raise what ends
    it, also while nothing comes.
    """

    def __init__(self, stream: Stream, check: Any) -> None:
        super().__init__()
        self._stream = stream
        self._check = check
        self._data = b""
        self._poll = select.poll()
        self._poll.register(stream, select.POLLIN)

    def read(self, size: int = -1) -> bytes:
        """Return what is there, *size* bytes at most; b"" at the end."""
        while not self._data and not self._stream.is_over:
            self._check()
            if self._poll.poll(POLL_MS):
                self._data = self._stream.read()
        data, self._data = self._data[:size], self._data[size:]
        return data


def _forget(archive: Any) -> None:
    """Have it keep no member that was read: all would stay in memory."""
    archive.members.clear()


def _names(member: tarfile.TarInfo) -> list[bytes]:
    """Return the components of a path in an archive."""
    name = member.name.encode("utf-8", "surrogateescape")
    return [part for part in name.split(b"/") if part not in (b"", b".")]


def _seconds(member: tarfile.TarInfo) -> int:
    try:
        return int(member.mtime)
    except (ValueError, OverflowError):
        return 0


def _kept(error: OSError) -> Kept:
    return Kept(f"the disk here: {error.strerror}")
