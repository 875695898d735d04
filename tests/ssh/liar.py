"""A host that lies: a real SSH server whose SFTP says whatever a test wants it to say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from outlast.executors.ssh.link import Link
from outlast.executors.ssh.place import Place

REGULAR, DIRECTORY, SYMLINK, FIFO = 0o100644, 0o040755, 0o120777, 0o010644


def attrs(mode: int = REGULAR, size: int = 0, mtime: int = 1_000_000_000) -> asyncssh.SFTPAttrs:
    """What a host says of a file."""
    return asyncssh.SFTPAttrs(permissions=mode, size=size, atime=mtime, mtime=mtime)


@dataclass
class File:
    """A file as it is said to be in its folder and once it is open, and what reading it gives."""

    data: bytes | Callable[[int, int], bytes] = b""
    size: int | None = None
    """What is said of its size; None: the truth."""

    mode: int = REGULAR
    open_mode: int | None = None
    refusal: Exception | None = None
    is_mute: bool = False

    def said(self, mode: int | None = None) -> asyncssh.SFTPAttrs:
        size = self.size
        if size is None:
            size = len(self.data) if isinstance(self.data, bytes) else 0
        return attrs(mode or self.mode, size)

    def read(self, offset: int, size: int) -> bytes:
        if isinstance(self.data, bytes):
            return self.data[offset : offset + size]
        return self.data(offset, size)


@dataclass
class World:
    """All that a host says there is: files by their paths, and what stands in folders."""

    files: dict[bytes, File] = field(default_factory=dict)
    folders: dict[bytes, Callable[[], Iterator[tuple[bytes, asyncssh.SFTPAttrs]]]] = field(
        default_factory=dict
    )
    opened: list[bytes] = field(default_factory=list)
    read: int = 0
    """How many bytes were asked for and given."""

    most_reads: int | None = None
    """After so many the connection is cut, once."""

    def entries(self, folder: bytes) -> Iterator[tuple[bytes, asyncssh.SFTPAttrs]]:
        if folder in self.folders:
            yield from self.folders[folder]()
            return
        start = b"" if folder == b"." else folder + b"/"
        for path, file in self.files.items():
            if path.startswith(start):
                yield path[len(start) :], file.said()


class Liar(asyncssh.SFTPServer):
    """Serves a `World`."""

    def __init__(self, chan: Any, world: World) -> None:
        super().__init__(chan)
        self._world = world

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name, said in self._world.entries(path):
            yield asyncssh.SFTPName(name, b"-", said)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._world.opened.append(path)
        file = self._world.files.get(path)
        if file is None:
            raise asyncssh.SFTPNoSuchFile("no such file")
        if file.refusal is not None:
            raise file.refusal
        return file

    def close(self, file_obj: object) -> None:
        """Nothing is held."""

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        assert isinstance(file_obj, File)
        if file_obj.is_mute:
            await asyncio.Event().wait()
        if self._world.most_reads is not None:
            self._world.most_reads -= 1
            if self._world.most_reads < 0:
                self._world.most_reads = None
                self.connection.abort()
        data = file_obj.read(offset, size)
        self._world.read += len(data)
        return data

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        assert isinstance(file_obj, File)
        return file_obj.said(file_obj.open_mode)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        if path not in self._world.files:
            raise asyncssh.SFTPNoSuchFile("no such file")
        return self._world.files[path].said()

    stat = lstat

    def realpath(self, path: bytes) -> bytes:
        return path


class Door(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


@asynccontextmanager
async def linked(world: World) -> AsyncIterator[Callable[[], Any]]:
    """Serve *world*, and give what makes a link to it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    numbers = itertools.count()
    links: list[Link] = []
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Door,
        server_host_keys=[key],
        sftp_factory=lambda chan: Liar(chan, world),
    )

    async def link() -> Link:
        made = Link(Place(node="liar"), lambda: f"nonce{next(numbers)}")
        made._connection = await asyncssh.connect(
            "127.0.0.1", server.get_port(), known_hosts=None, username="u", config=None
        )
        links.append(made)
        return made

    try:
        yield link
    finally:
        for each in links:
            await each.close()
        server.close()
        await server.wait_closed()


def folder_of(path: Path) -> str:
    """A new attempt's folder."""
    path.mkdir()
    return str(path)
