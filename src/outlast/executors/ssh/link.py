"""One kept connection to a host, made when it is needed, and the shim called over it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.resources
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from ...core.limits import to_epoch_ms
from ...core.state import Reason
from .connection import connect
from .place import Place
from .refusal import Cut, Refused, refusal_of, timed_out
from .shell import ANSWER_S, MAX_NOISE_BYTES, Shell

if TYPE_CHECKING:
    import asyncssh

CLOSE_S: Final = 1.0
"""How long a host is given to say good-bye."""

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

    *new_nonce* gives the words by which an answer is told from what a login prints. *on_news* is
    called when something may have changed there, and when the connection is lost. By *now* the shim
    tells the time, so that no host's clock counts. Who does not have it *installs* the shim by
    itself, where it is not there, does so by `install`.
    """

    def __init__(
        self,
        place: Place,
        new_nonce: Callable[[], str],
        on_news: Callable[[], None] = lambda: None,
        *,
        now: Callable[[], datetime] | None = None,
        installs: bool = True,
    ) -> None:
        self._place = place
        self._new_nonce = new_nonce
        self._on_news = on_news
        self._now = now
        self._installs = installs
        self._shell: Shell | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._making: asyncio.Task[None] | None = None
        self._waiting = 0

    @property
    def is_watching(self) -> bool:
        """Whether the host tells its news: else it has to be asked for them."""
        return self._is_up and self._shell is not None and self._shell.is_watching

    @property
    def _is_up(self) -> bool:
        return (
            self._connection is not None
            and not self._connection.is_closed()
            and (not self._installs if self._shell is None else not self._shell.is_broken)
        )

    async def ready(self, patience_s: float) -> None:
        """
        Return once there is a connection.

        Raises:
            Refused: There is none: why, or that *patience_s* has passed.
        """
        if self._making is None or self._making.done():
            if self._is_up:
                return
            self.abort()
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

        *before* is called right before the question goes to the host, with *data* behind it.

        Raises:
            Refused: *before* could not do what it is for. Nothing was asked.

            Cut: The connection is lost. Whether it was asked, *before* knows; or done, nobody.
        """
        shell = self._shell
        if shell is None or not self._is_up:
            raise Cut("the connection is lost")
        try:
            return await shell.ask(self._new_nonce(), *words, data=data, most=most, before=before)
        except OSError as error:  # of *before*
            raise refusal_of(error, self._place.trusted_as) from None

    async def script(self, text: bytes, most: int) -> bytes:
        """Return what the host's own shell prints that is given *text*. Raises as `call`."""
        if self._connection is None or self._connection.is_closed():
            raise Refused(Reason.CONNECT_FAILED, "ConnectFailed: the connection is closed")
        try:
            async with asyncio.timeout(ANSWER_S):
                return await _said_to(self._connection, text, most)
        except TimeoutError:
            self.abort()
            raise Cut(f"no answer for {ANSWER_S:g}s") from None
        except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
            raise Cut(str(error)) from None

    async def install(self) -> None:
        """Begin the shim, and leave it on the host where it is not there yet. Raises as `call`."""
        if await self._is_there():
            return
        path, nonce = shim_path(), self._new_nonce()
        begin = f"umask 077; mkdir -p {FOLDER}/jobs && cat >{FOLDER}/{nonce} <<'{nonce}' &&\n"
        end = f"{nonce}\nmv -f {FOLDER}/{nonce} {path} && echo {nonce} ||\n"
        end += f"{{ rm -f {FOLDER}/{nonce}; echo not-{nonce}; }}\n"
        said = await self.script(begin.encode() + shim() + end.encode(), MAX_NOISE_BYTES)
        if f"not-{nonce}".encode() in said:
            words = f"SpawnFailed: {FOLDER} cannot be written in the user's home on the host"
            raise Refused(Reason.SPAWN_FAILED, words)
        if nonce.encode() not in said or not await self._is_there():
            raise Refused(Reason.SPAWN_FAILED, f"SpawnFailed: {NO_SHELL}")

    async def _is_there(self) -> bool:
        if self._connection is not None and self._shell is None:
            nonce = self._new_nonce()
            time = "" if self._now is None else str(to_epoch_ms(self._now()) // 1000)
            try:
                self._shell = await Shell.open(
                    self._connection, shim_path(), nonce, self._on_news, time=time
                )
            except Exception as error:  # noqa: BLE001 as above
                raise refusal_of(error, self._place.trusted_as) from None
        return self._shell is not None

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
        self._hang_up()
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def close(self) -> None:
        """Hang up. What runs on the host does not notice."""
        if self._making is not None and not self._making.done():
            self._making.cancel()
            await asyncio.wait([self._making])
        self._hang_up()
        if self._connection is not None:
            self._connection.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._connection.wait_closed()
            except TimeoutError:
                self._connection.abort()
            self._connection = None

    def _hang_up(self) -> None:
        if self._shell is not None:
            self._shell.close()
            self._shell = None


async def _said_to(connection: asyncssh.SSHClientConnection, text: bytes, most: int) -> bytes:
    process = await connection.create_process("cd; exec /bin/sh", encoding=None)
    try:
        with contextlib.suppress(OSError):  # it left without reading: its answer tells
            process.stdin.write(text)
            process.stdin.write_eof()
        return await _read(process.stdout, most)
    finally:
        process.close()
        # Who is mute does not say when it has closed, either.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await process.wait_closed()


async def _read(stream: asyncssh.SSHReader[bytes], most: int) -> bytes:
    """Return what comes, up to *most* bytes: a host may lie, and never end."""
    parts, size = [], 0
    while size < most and (part := await stream.read(min(1 << 16, most - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
