"""Fetches what a command has left on its host, over SFTP, into the folder of its attempt."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from ...artifacts import Collection, Keeper, Writing
from ...core.collect import Collect
from ...core.limits import format_duration, format_size
from .link import Link
from .refusal import Cut, Refused
from .walk import DIRECTORY, REGULAR, SYMLINK, UNKNOWN, Found, TooMany, Walk

if TYPE_CHECKING:
    import asyncssh

PIECE_BYTES: Final = 1 << 17
LEAST_PIECE_BYTES: Final = 1 << 12
AHEAD: Final = 8
"""So many pieces are asked for at once: a host that sends more than it was asked for fills no memory."""

TRIES: Final = 3
"""Sessions that fail one after the other without a byte of anything new."""

AGAIN_S: Final = 1.0

LINK: Final = "a link, and only one that is named without * is followed"
FOLDER: Final = "a directory: with /** behind its name it stands for all files below it"
SPECIAL: Final = "no regular file"


class Kept(Exception):
    """This machine cannot keep what comes: why."""


class Fetching:
    """Collects for one attempt, whose *folder* knows what is here already."""

    def __init__(
        self, link: Link, folder: str, collect: Collect, cwd: str | None, floor_bytes: int
    ) -> None:
        import asyncssh

        self._library = asyncssh
        self._link = link
        self._folder = folder
        self._collect = collect
        self._base = (cwd or "").encode()
        self._floor_bytes = floor_bytes
        self._fetched = 0

    async def run(self, patience_s: float) -> Collection:
        """
        Return what was collected, once all was or *patience_s* has passed.

        Raises:
            Cut: The connection broke. Another one goes on where this one was.

            OSError: This machine's disk.
        """
        # What is not read or synced is done here, not in a thread: nobody can stop one half way.
        keeper = Keeper(self._folder, self._floor_bytes)
        try:
            try:
                async with asyncio.timeout(patience_s):
                    error = await self._sessions(keeper)
            except TimeoutError:
                error = f"not all was fetched within {format_duration(self._collect.timeout)}"
            return keeper.finish(error)
        finally:
            keeper.close()

    async def _sessions(self, keeper: Keeper) -> str | None:
        """Return why not all was collected."""
        failures, before = 0, -1
        while True:
            try:
                async with self._link.files() as sftp:
                    await self._session(sftp, keeper)
                return None
            except (Cut, Refused):
                raise
            except TooMany:
                return "the host has too many files, and not all were looked at"
            except Kept as error:
                return str(error)
            except self._library.ChannelOpenError as error:
                words = f"the host offers no SFTP: {error.reason}"
            except Exception as error:  # noqa: BLE001 the library raises what it likes
                words = f"SFTP failed: {str(error) or type(error).__name__}"
            failures = failures + 1 if self._fetched == before else 1
            before = self._fetched
            if failures >= TRIES:
                return words
            await asyncio.sleep(AGAIN_S)

    async def _session(self, sftp: asyncssh.SFTPClient, keeper: Keeper) -> None:
        walk = Walk(self._link, sftp, self._base)
        for glob in self._collect.globs:
            async with aclosing(walk.find(glob)) as finds:
                async for found in finds:
                    if not keeper.is_done(found.name):
                        await self._take(sftp, keeper, found, walk.path(found.name))

    async def _take(
        self, sftp: asyncssh.SFTPClient, keeper: Keeper, found: Found, path: bytes
    ) -> None:
        attrs, fault = found.attrs, found.fault
        if fault is None and attrs.type == DIRECTORY and not found.is_named:
            return
        if fault is None and attrs.type == SYMLINK:
            fault = None if found.is_named else LINK  # where it leads is seen once it is open
        elif fault is None:
            fault = self._fault(attrs, keeper)
        if fault is not None:
            keeper.skip(found.name, *_known(attrs), fault)
            return
        try:
            async with await self._open(sftp, path) as file:
                await self._fetch(file, keeper, found)
        except self._of_one_file as error:
            keeper.skip(found.name, *_known(attrs), f"it cannot be read: {error.reason}")

    async def _open(self, sftp: asyncssh.SFTPClient, path: bytes) -> asyncssh.SFTPClientFile:
        return await self._link.answer(sftp.open(path, "rb", block_size=0))

    @property
    def _of_one_file(self) -> tuple[type[asyncssh.SFTPError], ...]:
        """What the library raises where the session may go on."""
        library = self._library
        return (
            *(library.SFTPNoSuchFile, library.SFTPNoSuchPath, library.SFTPPermissionDenied),
            *(library.SFTPFailure, library.SFTPOpUnsupported, library.SFTPFileIsADirectory),
        )

    def _fault(self, attrs: asyncssh.SFTPAttrs, keeper: Keeper) -> str | None:
        """Say what keeps a file from being fetched; None if nothing."""
        if attrs.type not in (REGULAR, UNKNOWN):
            return FOLDER if attrs.type == DIRECTORY else SPECIAL
        if keeper.count >= self._collect.max_files:
            return f"over the limit of {self._collect.max_files:,} files"
        if (attrs.size or 0) > self._collect.max_bytes - keeper.size:
            return self._too_big
        return None

    @property
    def _too_big(self) -> str:
        return f"over the limit of {format_size(self._collect.max_bytes)} in all"

    async def _fetch(self, file: asyncssh.SFTPClientFile, keeper: Keeper, found: Found) -> None:
        attrs = await self._link.answer(file.stat())
        size, mtime = _known(attrs)
        if (fault := self._fault(attrs, keeper)) is not None:
            keeper.skip(found.name, size, mtime, fault)
            return
        # What is said to be empty may be one of those whose size nobody knows (proc(5)).
        most = size or self._collect.max_bytes - keeper.size + 1
        try:
            writing = keeper.begin(found.name, size, mtime)
        except OSError as error:
            raise _kept(error) from error
        try:
            await asyncio.to_thread(writing.read)
            await self._copy(file, writing, most)
            if not size and writing.offset >= most:
                writing.give_up(self._too_big)
                return
            is_same = _known(await self._link.answer(file.stat())) == (size, mtime)
            has_changed = not is_same or (size > 0 and writing.offset != size)
            try:
                await asyncio.to_thread(writing.sync)
                writing.end(has_changed=has_changed)
            except OSError as error:
                raise _kept(error) from error
            self._fetched += 1
        except self._of_one_file as error:
            writing.give_up(f"it cannot be read: {error.reason}")
        finally:
            writing.close()

    async def _copy(self, file: asyncssh.SFTPClientFile, writing: Writing, most: int) -> None:
        """Fetch what is missing up to byte *most*, several pieces at once; less if there is less."""
        piece, at = PIECE_BYTES, writing.offset
        asked: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        try:
            while True:
                while len(asked) < AHEAD and at < most:
                    size = min(piece, most - at)
                    asked.append((size, asyncio.create_task(_read(file, size, at))))
                    at += size
                if not asked:
                    return
                size, task = asked.popleft()
                data = (await self._link.answer(task))[:size]
                if not data:
                    return
                try:
                    writing.write(data)
                except OSError as error:
                    raise _kept(error) from error
                self._fetched += len(data)
                if len(data) < size:
                    # It gives no more at once: what was asked for behind that is asked for again.
                    await _call_off(asked)
                    piece, at = max(len(data), LEAST_PIECE_BYTES), writing.offset
        finally:
            await _call_off(asked)


async def _read(file: asyncssh.SFTPClientFile, size: int, at: int) -> bytes:
    data: bytes = await file.read(size, at)
    return data


async def _call_off(asked: deque[tuple[int, asyncio.Task[bytes]]]) -> None:
    tasks = [task for _, task in asked]
    asked.clear()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _known(attrs: asyncssh.SFTPAttrs) -> tuple[int, int]:
    """Return size and time of a file, as far as its host says them."""
    return attrs.size or 0, attrs.mtime or 0


def _kept(error: OSError) -> Kept:
    return Kept(f"the disk here: {error.strerror}")
