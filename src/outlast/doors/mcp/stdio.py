"""
Standard input and output as the protocol's two streams: read and written by the loop itself, since a
thread that waits at a pipe cannot be made to leave.
"""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TextIO, cast

import anyio
from mcp.server.stdio import stdio_server

LINE_BYTES: Final = 16 << 20
"""The longest message that is read."""


def take_over() -> tuple[int, int]:
    """
    Return stdin and stdout by numbers of their own. What is written to stdout from now on, by
    whatever there is in this process, goes to stderr, and there is nothing to be read any more.
    """
    own = tuple(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (0, 1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout.flush()
    os.dup2(2, 1)
    return own[0], own[1]


@asynccontextmanager
async def streams(given: int, answers: int) -> AsyncIterator[Any]:
    """Have the protocol's two streams over these descriptors."""
    with _waited_for(given, answers) as (can_read, can_write):
        lines = await _Lines.of(given) if can_read else anyio.wrap_file(_text(given, "r"))
        out = await _Out.of(answers) if can_write else anyio.wrap_file(_text(answers, "w"))
        # Of a file it takes no more than these have: lines to go through, `write`, and `flush`.
        async with stdio_server(
            cast("anyio.AsyncFile[str]", lines), cast("anyio.AsyncFile[str]", out)
        ) as both:
            yield both


@contextmanager
def _waited_for(*fds: int) -> Iterator[tuple[bool, ...]]:
    """
    Tell for which of them a loop can wait; files and /dev/null are always ready.

    A terminal waits for nobody when this is over: the shell has the same one.
    """
    modes = [os.fstat(fd).st_mode for fd in fds]
    try:
        yield tuple(
            stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)
            for fd, mode in zip(fds, modes, strict=True)
        )
    finally:
        for fd in fds:
            with suppress(OSError):
                os.set_blocking(fd, True)


def _text(fd: int, mode: str) -> TextIO:
    return cast("TextIO", os.fdopen(fd, mode, encoding="utf-8", errors="replace"))


class _Lines:
    """The lines of a pipe. One that is too long is answered as one that makes no sense."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def of(cls, fd: int) -> _Lines:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), io.FileIO(fd, closefd=False)
        )
        return cls(reader)

    async def __aiter__(self) -> AsyncIterator[str]:
        with suppress(OSError):
            while True:
                try:
                    line = await self._reader.readline()
                except ValueError:
                    yield "too long"
                    continue
                if not line:
                    return
                yield line.decode("utf-8", "replace")


class _Out:
    """What is written goes to a pipe, as it is taken from there."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @classmethod
    async def of(cls, fd: int) -> _Out:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, io.FileIO(fd, "w", closefd=False)
        )
        return cls(asyncio.StreamWriter(transport, protocol, None, loop))

    async def write(self, text: str) -> None:
        self._writer.write(text.encode())

    async def flush(self) -> None:
        with suppress(ConnectionError):  # nobody reads any more: the end of what is given tells so
            await self._writer.drain()
