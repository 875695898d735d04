"""Fetches what a command has left on its host, over SFTP, into the folder of its attempt."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection as Several
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from ...artifacts import Collection, Keeper, Writing
from ...core.collect import FOLDER, SPECIAL, Collect
from ...core.limits import format_duration
from .link import Link
from .refusal import Cut, Refused
from .walk import DIRECTORY, REGULAR, SYMLINK, UNKNOWN, Found, TooMany, Walk

if TYPE_CHECKING:
    import asyncssh

PIECE_BYTES: Final = 1 << 17
LEAST_PIECE_BYTES: Final = 1 << 12
AHEAD: Final = 8
"""So many pieces are asked for at once: a host that sends more than it was asked for fills no memory."""

WIDTH: Final = 8
"""So many files at once: most are small, and what they take is the way there and back."""

TRIES: Final = 3
"""Sessions that fail one after the other without a byte of anything new."""

AGAIN_S: Final = 1.0

LINK: Final = "a link, and only one that is named without * is followed"


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
        self._flying: dict[bytes, int] = {}
        """Of each file that is being fetched, how much of the limit it takes."""

    @property
    def has_fetched(self) -> bool:
        """Whether anything new has come."""
        return self._fetched > 0

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
        tasks: set[asyncio.Task[None]] = set()
        try:
            for glob in self._collect.globs:
                async with aclosing(walk.find(glob)) as finds:
                    async for found in finds:
                        if self._is_to_be_fetched(keeper, found):
                            path = walk.path(found.name)
                            tasks.add(asyncio.create_task(self._take(sftp, keeper, found, path)))
                        tasks = await _at_most(WIDTH - 1, tasks)
            await _at_most(0, tasks)
        finally:
            await _call_off(tasks)
            self._flying.clear()

    def _is_to_be_fetched(self, keeper: Keeper, found: Found) -> bool:
        """Whether a file is to be fetched; one that is left out is noted. Takes of the limits."""
        attrs, fault = found.attrs, found.fault
        if found.name in self._flying or keeper.is_done(found.name):
            return False
        if fault is None and attrs.type == DIRECTORY and not found.is_named:
            return False
        if fault is None and attrs.type == SYMLINK:
            fault = None if found.is_named else LINK  # where it leads is seen once it is open
        elif fault is None:
            fault = self._fault(attrs, keeper)
        if fault is None:
            self._flying[found.name] = attrs.size or 0
            return True
        _skip(keeper, found.name, attrs, fault)
        return False

    async def _take(
        self, sftp: asyncssh.SFTPClient, keeper: Keeper, found: Found, path: bytes
    ) -> None:
        try:
            file = await self._open(sftp, path)
            await self._fetch(file, keeper, found.name)
            # Only here: what went wrong must not wait for the host once more. The session's end
            # closes what is open.
            await self._link.answer(file.close())
        except self._of_one_file as error:
            _skip(keeper, found.name, found.attrs, f"it cannot be read: {error.reason}")
        finally:
            self._flying.pop(found.name, None)

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
        count = keeper.count + len(self._flying) + 1
        size = self._collect.max_bytes - self._left(keeper) + (attrs.size or 0)
        return self._collect.excess(count, size)

    def _left(self, keeper: Keeper) -> int:
        """How many bytes may still be asked for."""
        return self._collect.max_bytes - keeper.size - sum(self._flying.values())

    async def _fetch(self, file: asyncssh.SFTPClientFile, keeper: Keeper, name: bytes) -> None:
        attrs = await self._link.answer(file.stat())
        size, mtime = _known(attrs)
        del self._flying[name]
        if (fault := self._fault(attrs, keeper)) is not None:
            _skip(keeper, name, attrs, fault)
            return
        self._flying[name] = size
        try:
            writing = keeper.begin(name, size, mtime)
        except OSError as error:
            raise _kept(error) from error
        try:
            await asyncio.to_thread(writing.read)
            self._flying[name] = max(size, writing.offset)
            if not await self._copy(file, writing, keeper, name, size):
                writing.give_up(self._collect.too_big)
                return
            is_same = _known(await self._link.answer(file.stat())) == (size, mtime)
            has_changed = not is_same or (size > 0 and writing.offset != size)
            try:
                await asyncio.to_thread(writing.sync)
                del self._flying[name]
                writing.end(has_changed=has_changed)
            except OSError as error:
                raise _kept(error) from error
            self._fetched += 1
        except self._of_one_file as error:
            writing.give_up(f"it cannot be read: {error.reason}")
        finally:
            writing.close()

    async def _copy(
        self,
        file: asyncssh.SFTPClientFile,
        writing: Writing,
        keeper: Keeper,
        name: bytes,
        size: int,
    ) -> bool:
        """
        Fetch what is missing up to *size*, several pieces at once; less if there is less. What is
        said to be empty may be one of those whose size nobody knows (proc(5)): it is read to its
        end. Returns whether that came before the limit did.
        """
        piece, at = PIECE_BYTES, writing.offset
        asked: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        try:
            while True:
                while len(asked) < (AHEAD if size else 1) and (at < size or not size):
                    count = min(piece, size - at) if size else piece
                    asked.append((count, asyncio.create_task(_read(file, count, at))))
                    at += count
                if not asked:
                    return True
                count, task = asked.popleft()
                data = (await self._link.answer(task))[:count]
                if not data:
                    return True
                if not size:
                    if len(data) > self._left(keeper):
                        return False
                    self._flying[name] += len(data)
                try:
                    writing.write(data)
                except OSError as error:
                    raise _kept(error) from error
                self._fetched += len(data)
                if len(data) < count:
                    # It gives no more at once: what was asked for behind that is asked for again.
                    await _call_off([task for _, task in asked])
                    asked.clear()
                    piece, at = max(len(data), LEAST_PIECE_BYTES), writing.offset
        finally:
            await _call_off([task for _, task in asked])


async def _read(file: asyncssh.SFTPClientFile, size: int, at: int) -> bytes:
    data: bytes = await file.read(size, at)
    return data


async def _at_most(count: int, tasks: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Return those that are not done, once they are so few. Raises what one of them has raised."""
    while len(tasks) > count:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    return tasks


async def _call_off(tasks: Several[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _skip(keeper: Keeper, name: bytes, attrs: asyncssh.SFTPAttrs, why: str) -> None:
    try:
        keeper.skip(name, *_known(attrs), why)
    except OSError as error:
        raise _kept(error) from error


def _known(attrs: asyncssh.SFTPAttrs) -> tuple[int, int]:
    """Return size and time of a file, as far as its host says them."""
    return attrs.size or 0, attrs.mtime or 0


def _kept(error: OSError) -> Kept:
    return Kept(f"the disk here: {error.strerror}")
