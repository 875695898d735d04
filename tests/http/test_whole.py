"""Answers in one piece, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from outlast.doors.http.whole import Whole

from ..rigs.loops import LOOPS

Told = Callable[[Whole], Awaitable[None]]
NewLoop = Callable[[], asyncio.AbstractEventLoop]


class Counting(asyncio.Transport):
    """A transport that does what another one does, and counts what it is given."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self.writes: list[bytes] = []
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]  # the very same
        self.is_closing = transport.is_closing  # type: ignore[method-assign]  # the very same

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        self._transport.write(data)

    def writelines(self, data: object) -> None:
        pieces = list(cast(Iterable[bytes], data))
        self.writes.append(b"".join(pieces))
        self._transport.writelines(pieces)

    def close(self) -> None:
        self._transport.close()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)


def written(loop_factory: NewLoop, tell: Told) -> tuple[list[bytes], bytes]:
    """Have *tell* write to one; returns what its transport was given, and what the peer was."""

    async def main() -> tuple[list[bytes], bytes]:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        counting = Counting(transport)
        whole = Whole(counting, loop)
        with theirs:
            await tell(whole)
            whole.close()
            said = await asyncio.to_thread(
                lambda: b"".join(iter(lambda: theirs.recv(1 << 16), b""))
            )
        return counting.writes, said

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main())


@LOOPS
def test_a_head_and_its_body_are_one_write(loop_factory: NewLoop) -> None:
    """And the next answer another, whichever way it comes."""

    async def tell(whole: Whole) -> None:
        whole.write(b"head ")
        whole.write(b"body ")
        await asyncio.sleep(0)
        whole.write(b"another ")
        whole.write(b"one")

    writes, said = written(loop_factory, tell)

    assert [b"head body ", b"another one"] == writes
    assert b"head body another one" == said


@LOOPS
def test_a_piece_of_a_stream_waits_for_no_other(loop_factory: NewLoop) -> None:
    """It is written once the loop's turn is over."""

    async def tell(whole: Whole) -> None:
        for piece in (b"a", b"b", b"c"):
            whole.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    writes, said = written(loop_factory, tell)

    assert [b"a", b"b", b"c"] == writes
    assert b"abc" == said


@LOOPS
def test_what_was_written_before_the_end_is_not_lost(loop_factory: NewLoop) -> None:
    """A transport that is closed at once has sent it."""

    async def tell(whole: Whole) -> None:
        whole.write(b"good ")
        whole.write(b"bye")
        whole.write(b".")

    writes, said = written(loop_factory, tell)

    assert [b"good bye", b"."] == writes
    assert b"good bye." == said
