"""Which files of a host's a glob stands for, found over SFTP within bounds of time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from ...core.artifact import ANY_DEPTH, is_pattern, matches, parts_of
from ...core.collect import MOST_NAMES, MOST_NAMES_BYTES

if TYPE_CHECKING:
    import asyncssh

    from .link import Link

CLOSE_S: Final = 5.0

MAX_PATH_BYTES: Final = 4096
"""Linux's own limit (PATH_MAX)."""

REGULAR, DIRECTORY, SYMLINK, UNKNOWN = 1, 2, 3, 5
"""Kinds of files, as `SFTPAttrs.type` has them (draft-ietf-secsh-filexfer-13, 7.2)."""


class TooMany(Exception):
    """The host has more names than are looked at."""


class Found(NamedTuple):
    """What a glob stands for. *fault*: why it is not to be fetched, whatever it is."""

    name: bytes
    """Below the command's directory, or absolute."""

    attrs: asyncssh.SFTPAttrs
    is_named: bool = False
    """It stands in the glob as it is: then it may be a link."""

    fault: str | None = None


class Walk:
    """Looks for files below *base*. Links are followed where a glob names them, else never."""

    def __init__(
        self, link: Link, sftp: asyncssh.SFTPClient, base: bytes, *, most_names: int = MOST_NAMES
    ) -> None:
        import asyncssh

        self._library = asyncssh
        self._link = link
        self._sftp = sftp
        self._base = base
        self._most_names = most_names
        self._names = self._bytes = 0

    def path(self, name: bytes) -> bytes:
        """Return where the host has *name*."""
        if name.startswith(b"/") or not self._base:
            return name or b"."
        return self._base.rstrip(b"/") + b"/" + name if name else self._base

    async def find(self, glob: str) -> AsyncGenerator[Found, None]:
        """
        Yield what *glob* stands for, each folder's in the order of their names.

        Raises:
            TooMany: Not all was looked at.
        """
        parts = parts_of(glob)
        root = b"/" if parts[:1] == ("/",) else b""
        ahead = [(root, 1 if root else 0)]
        while ahead:
            folder, at = ahead.pop()
            part, is_last = parts[at], at == len(parts) - 1
            if not is_pattern(part):
                name = _join(folder, part.encode())
                if not is_last:
                    ahead.append((name, at + 1))
                elif (found := await self._named(name)) is not None:
                    yield found
                continue
            if part == ANY_DEPTH:
                ahead.append((folder, at + 1))
            folders = []
            for found in await self._list(folder, "*" if part == ANY_DEPTH else part):
                is_folder = found.attrs.type == DIRECTORY and found.fault is None
                if part == ANY_DEPTH and is_folder:
                    folders.append((found.name, at))
                elif is_last:
                    yield found
                elif part != ANY_DEPTH and is_folder:
                    folders.append((found.name, at + 1))
            ahead += reversed(folders)

    async def _named(self, name: bytes) -> Found | None:
        try:
            return Found(name, await self._attrs(name), is_named=True)
        except (self._library.SFTPNoSuchFile, self._library.SFTPNoSuchPath):
            return None
        except self._library.SFTPPermissionDenied as error:
            return Found(name, self._library.SFTPAttrs(), fault=error.reason)

    async def _attrs(self, name: bytes) -> asyncssh.SFTPAttrs:
        return await self._link.answer(self._sftp.lstat(self.path(name)))

    async def _list(self, folder: bytes, part: str) -> list[Found]:
        """Return what there is in *folder* that *part* of a glob stands for."""
        found: list[Found] = []
        try:
            async with _closing(self._sftp.scandir(self.path(folder))) as entries:
                while (entry := await self._link.answer(anext(entries, None))) is not None:
                    name = bytes(entry.filename)  # type: ignore[arg-type]  # asked for as bytes
                    self._count(name)
                    if name in (b"", b".", b"..") or not matches(part, name):
                        continue
                    found.append(await self._entry(_join(folder, name), name, entry.attrs))
        except (self._library.SFTPNoSuchFile, self._library.SFTPNoSuchPath):
            return []
        except (self._library.SFTPPermissionDenied, self._library.SFTPFailure) as error:
            words = f"the directory cannot be listed: {error.reason}"
            found.append(Found(folder, self._library.SFTPAttrs(), fault=words))
        return sorted(found, key=lambda each: each.name)

    async def _entry(self, whole: bytes, name: bytes, attrs: asyncssh.SFTPAttrs) -> Found:
        if b"/" in name or b"\0" in name or len(whole) > MAX_PATH_BYTES:
            return Found(whole[:MAX_PATH_BYTES], attrs, fault="this is no name for a file")
        if attrs.type == UNKNOWN:
            attrs = await self._attrs(whole)
        return Found(whole, attrs)

    def _count(self, name: bytes) -> None:
        self._names += 1
        self._bytes += len(name)
        if self._names > self._most_names or self._bytes > MOST_NAMES_BYTES:
            raise TooMany


@asynccontextmanager
async def _closing(
    entries: AsyncIterator[asyncssh.SFTPName],
) -> AsyncIterator[AsyncIterator[asyncssh.SFTPName]]:
    """Close a listing at the end, which asks the host once more: but not one that does not answer."""
    try:
        yield entries
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await cast("AsyncGenerator[asyncssh.SFTPName, None]", entries).aclose()


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + name if folder in (b"", b"/") else folder + b"/" + name
