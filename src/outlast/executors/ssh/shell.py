"""The shell shim on a host, kept on one channel: asked one thing after another, and telling news."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .refusal import Cut

if TYPE_CHECKING:
    import asyncssh

MAX_NOISE_BYTES: Final = 1 << 16
"""What a login may print before the shim speaks."""

NEWS_GAP_S: Final = 0.05
"""Between two pieces of news: a host may lie, and never stop."""

PIECE_BYTES: Final = 1 << 16

ANSWER_S: Final = 60.0
"""An answer that takes longer is taken for lost, and the connection for dead."""


class Shell:
    """
    One question is answered before the next is asked; whoever asks waits for its turn.

    Of no further use once anything has gone wrong with it: then nobody knows where it stands.
    """

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], on_news: Callable[[], None]):
        self._process = process
        self._on_news = on_news
        self._turn = asyncio.Lock()
        self._telling = asyncio.create_task(self._tell())
        self.is_broken = False
        self.is_watching = False
        """Whether it surely tells news."""

    @classmethod
    async def open(
        cls,
        connection: asyncssh.SSHClientConnection,
        path: str,
        nonce: str,
        on_news: Callable[[], None],
        *,
        time: str = "",
    ) -> Shell | None:
        """
        Return the shim that lies at *path* on the host; None if there is none. It is told the
        *time*, in seconds, or asks its host. Raises what the library raises.
        """
        # `cd` and `exec` are the same in every login shell, csh and fish included.
        command = f"cd; exec /bin/sh {path} {nonce} serve {time}"
        process = await connection.create_process(command, encoding=None)
        said = b""
        mark = f"{nonce}\n".encode()
        while not said.endswith(mark):
            part = await process.stdout.read(PIECE_BYTES)
            said += part
            if not part or len(said) > MAX_NOISE_BYTES:
                process.close()
                return None
        return cls(process, on_news)

    async def ask(
        self, nonce: str, *words: str, data: bytes, most: int, before: Callable[[], None]
    ) -> bytes:
        """
        Return what the shim answers to *words*, followed by *data*: at most *most* bytes.

        *before* is called right before anything is sent; what it raises is passed on, and then
        nothing was.

        Raises:
            Cut: Whether it was asked, or done, is not known.
        """
        question = b" ".join(word.encode() for word in (nonce, *words)) + b"\n"
        end = f"\n{nonce}\n".encode()
        async with self._turn:
            if self.is_broken:
                raise Cut("the connection is lost")
            before()
            try:
                answer = await self._exchange(question + data, end, most)
            except BaseException:
                self.is_broken = True  # cancelled, too: whose answer comes next, nobody knows
                raise
            if words[0] in ("watch", "remove", "retire"):
                self.is_watching = words[0] == "watch"  # it rests when nothing is left there
            return answer

    async def _exchange(self, question: bytes, end: bytes, most: int) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_S):
                self._process.stdin.write(question)
                return await self._read(end, most)
        except TimeoutError:
            raise Cut(f"no answer for {ANSWER_S:g}s") from None
        except Cut:
            raise
        except Exception as error:  # noqa: BLE001 the library raises what it likes
            raise Cut(str(error)) from None

    async def _read(self, end: bytes, most: int) -> bytes:
        said = bytearray()
        while not said.endswith(end):
            part = await self._process.stdout.read(PIECE_BYTES)
            said += part
            if not part:
                raise Cut("the connection is lost")
            if len(said) > most + len(end):
                self.is_broken = True  # it may never end
                return bytes(said[:most])
        return bytes(said[: -len(end)])

    async def _tell(self) -> None:
        """Pass the news on; that there will be none any more is the last of it."""
        with contextlib.suppress(Exception):  # the library raises what it likes
            while await self._process.stderr.read(PIECE_BYTES):
                self._on_news()
                await asyncio.sleep(NEWS_GAP_S)
        self.is_broken = True
        self._on_news()

    def close(self) -> None:
        """Listen no more."""
        self._telling.cancel()
        self._process.close()
