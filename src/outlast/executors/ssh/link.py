"""One kept connection to a host, made when it is needed, and the shim called over it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.resources
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from ...core.state import Reason
from .connection import connect
from .order import quoted
from .place import Place
from .refusal import Cut, Refused, refusal_of, timed_out

if TYPE_CHECKING:
    import asyncssh

CHANNELS: Final = 4
"""At once on a connection; sshd's own limit is 10 (MaxSessions, sshd_config(5))."""

ANSWER_S: Final = 60.0
"""A call that takes longer is taken for lost, and the connection for dead."""

MAX_NOISE_BYTES: Final = 1 << 16
"""What a login may print before the shim's answer."""

FOLDER: Final = ".outlast"
NO_SHELL: Final = (
    "the host gives us no POSIX shell: it does not do what a shell is asked;"
    " such a host takes a dialogue, or a command that is --connection-bound"
)

T = TypeVar("T")


@cache
def shim() -> bytes:
    """Return the text of the shell shim."""
    return (importlib.resources.files("outlast.shim") / "shim.sh").read_bytes()


@cache
def shim_path() -> str:
    """Return where the shim of this version lies on a host, from the user's home."""
    return f"{FOLDER}/shim-{hashlib.sha256(shim()).hexdigest()[:16]}.sh"


class Link:
    """
    The way to one host. Made by the first who needs it; each waits for it as long as it likes.

    *new_nonce* gives the words by which an answer is told from what a login prints. Who does not
    have it *installs* the shim by itself, where it is not there, does so by `install`.
    """

    def __init__(
        self, place: Place, new_nonce: Callable[[], str], *, installs: bool = True
    ) -> None:
        self._place = place
        self._new_nonce = new_nonce
        self._installs = installs
        self._connection: asyncssh.SSHClientConnection | None = None
        self._making: asyncio.Task[None] | None = None
        self._waiting = 0
        self._channels = asyncio.Semaphore(CHANNELS)

    async def ready(self, patience_s: float) -> None:
        """
        Return once there is a connection.

        Raises:
            Refused: There is none: why, or that *patience_s* has passed.
        """
        if self._making is None or self._making.done():
            if self._connection is not None and not self._connection.is_closed():
                return
            self._making = asyncio.create_task(self._make())
        making = self._making
        self._waiting += 1
        try:
            async with asyncio.timeout(patience_s):
                await asyncio.shield(making)
        except TimeoutError:
            raise timed_out(patience_s) from None
        finally:
            self._waiting -= 1
            if not self._waiting and not making.done():
                making.cancel()  # nobody wants it any more, and who comes now begins anew
                self._making = None

    async def _make(self) -> None:
        try:
            self._connection = await connect(self._place)
            if self._installs:
                await self.install()
        except Cut as cut:
            self.abort()
            raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {cut}") from None
        except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
            self.abort()
            raise refusal_of(error, self._place.trusted_as) from None

    async def call(
        self,
        *words: str,
        data: bytes = b"",
        most: int = 1 << 20,
        before: Callable[[], None] = lambda: None,
    ) -> bytes:
        """
        Return what the shim answers to *words*, at most *most* bytes. There must be a connection.

        *before* is called when the host listens, right before *data* goes to it.

        Raises:
            Refused: The host does not listen. Nothing was asked.

            Cut: Whether it was asked, or done, is not known.
        """
        answer = await self._call(words, data, most, before)
        if answer is None:
            self.abort()  # who connects anew finds out whether the shim is gone
            raise Cut("the host does not answer as its shell should")
        return answer

    async def script(self, text: bytes, most: int) -> bytes:
        """Return what the host's own shell prints that is given *text*. Raises as `call`."""
        return await self._run("cd; exec /bin/sh", text, most, lambda: None)

    async def _call(
        self, words: tuple[str, ...], data: bytes, most: int, before: Callable[[], None]
    ) -> bytes | None:
        """Return the answer; None if nobody answered."""
        nonce = self._new_nonce()
        argv = b" ".join(quoted(word) for word in (nonce, *words)).decode()
        # `cd` and `exec` are the same in every login shell, csh and fish included.
        command = f"cd; exec /bin/sh {shim_path()} {argv}"
        said = await self._run(command, data, most + MAX_NOISE_BYTES, before)
        _, mark, answer = said.partition(f"{nonce}\n".encode())
        return answer[:most] if mark else None

    async def install(self) -> None:
        """Leave the shim on the host, where it is not there yet. Raises as `call`."""
        if await self._is_there():
            return
        path, nonce = shim_path(), self._new_nonce()
        begin = f"umask 077; mkdir -p {FOLDER}/jobs && cat >{FOLDER}/{nonce} <<'{nonce}' &&\n"
        end = f"{nonce}\nmv -f {FOLDER}/{nonce} {path} && echo {nonce} ||\n"
        end += f"{{ rm -f {FOLDER}/{nonce}; echo not-{nonce}; }}\n"
        script = begin.encode() + shim() + end.encode()
        said = await self.script(script, MAX_NOISE_BYTES)
        if f"not-{nonce}".encode() in said:
            words = f"SpawnFailed: {FOLDER} cannot be written in the user's home on the host"
            raise Refused(Reason.SPAWN_FAILED, words)
        if nonce.encode() not in said or not await self._is_there():
            raise Refused(Reason.SPAWN_FAILED, f"SpawnFailed: {NO_SHELL}")

    async def _is_there(self) -> bool:
        return await self._call(("status",), b"", MAX_NOISE_BYTES, lambda: None) is not None

    async def _run(self, command: str, data: bytes, most: int, before: Callable[[], None]) -> bytes:
        connection = self._connection
        if connection is None:
            raise Refused(Reason.CONNECT_FAILED, "ConnectFailed: the connection is closed")
        async with self._channels:
            asked = False
            try:
                async with asyncio.timeout(ANSWER_S):
                    process = await connection.create_process(command, encoding=None)
                    try:
                        before()
                        asked = True
                        with contextlib.suppress(
                            OSError
                        ):  # it left without reading: its answer tells
                            process.stdin.write(data)
                            process.stdin.write_eof()
                        return await _read(process.stdout, most)
                    finally:
                        process.close()
                        await process.wait_closed()
            except TimeoutError:
                self.abort()
                raise Cut(f"no answer for {ANSWER_S:g}s") from None
            except Exception as error:  # noqa: BLE001 as above
                if asked:
                    raise Cut(str(error)) from None
                raise refusal_of(error, self._place.node) from None

    @contextlib.asynccontextmanager
    async def files(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """
        Open a session of SFTP, whose paths are bytes. There must be a connection.

        Raises:
            Cut: The connection is no more.

            Exception: What the library raises where the host has no such service, or it fails.
        """
        connection = self._connection
        if connection is None or connection.is_closed():
            raise Cut("the connection is closed")
        sftp = await self.answer(connection.start_sftp_client(path_encoding=None))
        try:
            yield sftp
        finally:
            sftp.exit()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await sftp.wait_closed()

    async def answer(self, said: Awaitable[T]) -> T:
        """
        Return what the host says, in a session of `files`.

        Raises:
            Cut: It says nothing for so long that the connection is taken for dead.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                return await said
        except TimeoutError:
            self.abort()
            raise Cut(f"no answer for {ANSWER_S:g}s") from None

    def abort(self) -> None:
        """Give the connection up at once: the host is not to be waited for."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def close(self) -> None:
        """Hang up. What runs on the host does not notice."""
        if self._making is not None and not self._making.done():
            self._making.cancel()
            await asyncio.wait([self._making])
        if self._connection is not None:
            self._connection.close()
            try:
                async with asyncio.timeout(1):
                    await self._connection.wait_closed()
            except TimeoutError:
                self._connection.abort()
            self._connection = None


async def _read(stream: asyncssh.SSHReader[bytes], most: int) -> bytes:
    """Return what comes, up to *most* bytes: a host may lie, and never end."""
    parts, size = [], 0
    while size < most and (part := await stream.read(min(1 << 16, most - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
