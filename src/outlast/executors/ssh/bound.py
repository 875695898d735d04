"""
A command on a channel of its own connection, without our shim: for hosts that have no POSIX shell,
and for such as ask. All its clocks are kept here, and it is never begun a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ...core.job import JobSpec
from ...core.state import Reason
from ...ports.clock import Clock
from ...shim import spool
from ...shim.failpoint import reach
from .answer import Told
from .attempt import Attempt
from .connection import connect
from .conversation import Conversation
from .dialogue import as_error
from .login import drop_login
from .refusal import Refused, refusal_of, timed_out

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger("outlast.ssh")

TERMINAL: Final = {"request_pty": "force", "term_type": "vt100", "term_size": (511, 1000)}
"""So wide that no answer is broken over lines, so high that nothing is shown page by page."""

AGAIN_S: Final = 1.0
"""Between two tries to write down how it ended, where the disk does not take it."""

CLOSE_S: Final = 2.0
"""How long a host may take to close what we close."""

PIECE_BYTES: Final = 1 << 16

LEFT: Final = (
    "it was bound to its connection, and the supervisor that held that is gone:"
    " how it ended is not known, and this attempt is not begun a second time"
)
BROKEN: Final = (
    "it was bound to its connection, and that broke ({why}):"
    " how it ended is not known, and this attempt is not begun a second time"
)
SILENT: Final = "the host closed its channel and did not say how it ended"
UNCONFIRMED: Final = (
    "its connection is gone, and the host did not say whether what it ran there has ended"
)


class Bound:
    """
    Lives as long as its attempt, from its making on. *secrets* has what the spec's references
    stand for. *floor_bytes* of this machine's disk stay free.
    """

    def __init__(
        self,
        attempt: Attempt,
        spec: JobSpec,
        secrets: Mapping[str, str],
        clock: Clock,
        floor_bytes: int,
    ) -> None:
        self._attempt = attempt
        self._spec = spec
        self._clock = clock
        self._floor_bytes = floor_bytes
        self._secrets = secrets
        self._wish: Reason | None = None
        self._error: str | None = None
        self._grace = spec.grace
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self._kill_at: float | None = None
        self.task = asyncio.create_task(self._run())

    def stop(self, grace: timedelta) -> None:
        """Have it end; at once, where its host has not been asked to begin it."""
        if self._attempt.is_sent:
            self._grace = grace
            self._want(Reason.CANCELLED)
        else:
            self._attempt.end_unstarted(Reason.CANCELLED, None)
            self.task.cancel()

    async def close(self) -> None:
        """Let go of it. What was begun ends with its connection, and that is recorded."""
        self.task.cancel()
        await asyncio.wait([self.task])

    # Its life -------------------------------------------------------------------------------

    async def _run(self) -> None:
        attempt = self._attempt
        connection = None
        try:
            async with asyncio.timeout(attempt.connect_s):
                attempt.set_phase("connecting")
                connection = await connect(attempt.place)
                data = await self._input()
                reach("bound.before_sent")
                attempt.note_sent()
                reach("bound.after_sent")
                process = await connection.create_process(**self._request())
        except asyncio.CancelledError:
            self._is_left()
            raise
        except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
            is_up = connection is not None and not connection.is_closed()
            await self._record(partial(self._not_begun, error, is_up=is_up))
        else:
            try:
                await self._live(process, data)
            except Exception as error:
                log.exception("%s could not be minded", attempt.key)
                words = f"{type(error).__name__}: {error}"
                await self._record(partial(self._is_lost, words))
            finally:
                self._is_left()
        finally:
            if connection is not None:
                await _hang_up(connection)

    def _request(self) -> dict[str, Any]:
        spec = self._spec
        line = shlex.join(spec.command) if spec.command else spec.shell
        terminal = TERMINAL if spec.dialogue else {}
        return {"command": line, "encoding": None, **terminal}

    async def _input(self) -> bytes:
        path = self._spec.stdin
        if path is None:
            return b""
        try:
            return await asyncio.to_thread(_read_file, path)
        except OSError as error:
            raise Refused(Reason.SPAWN_FAILED, f"{path}: {error.strerror}") from None

    def _not_begun(self, error: Exception, *, is_up: bool) -> None:
        attempt = self._attempt
        refused = refusal_of(error, attempt.place.trusted_as)
        if isinstance(error, TimeoutError):
            refused = timed_out(attempt.connect_s)
        if not attempt.is_sent:
            attempt.end_unstarted(refused.reason, refused.error)
        elif is_up and not isinstance(error, TimeoutError):
            # Said by the host itself: it has opened nothing.
            words = refused.error.partition(": ")[2]
            attempt.end_unstarted(Reason.SPAWN_FAILED, f"SpawnFailed: the host refuses: {words}")
        else:
            self._is_lost(BROKEN.format(why=refused.error))

    async def _record(self, write: Callable[[], None]) -> None:
        """Write down what has become of it, as soon as this machine's disk takes it."""
        while True:
            try:
                return write()
            except OSError as error:
                log.warning("%s: its end cannot be kept yet: %s", self._attempt.key, error)
                await asyncio.sleep(AGAIN_S)

    def _is_left(self) -> None:
        if self._attempt.is_sent and not self._attempt.is_emptied:
            with contextlib.suppress(OSError):  # then the next supervisor finds out by itself
                self._is_lost(LEFT)

    def _is_lost(self, error: str) -> None:
        self._attempt.finished(reason=Reason.LOST, error=error, left=UNCONFIRMED)

    async def _live(self, process: asyncssh.SSHClientProcess[bytes], data: bytes) -> None:
        reach("bound.after_request")
        attempt, self._began = self._attempt, self._loop.time()
        room = self._floor_bytes
        talk = Conversation(attempt, self._spec, self._secrets, floor_bytes=room, now=self._began)
        told = Told("began", containment="connection", is_running=True, has_parent=True)
        attempt.set_phase(None)
        attempt.begun(told, self._clock.now())
        drop_login(attempt.folder)  # it is not connected a second time
        if not self._spec.dialogue:
            with contextlib.suppress(OSError):  # it has ended without reading
                process.stdin.write(data)
                process.stdin.write_eof()
        pump = asyncio.create_task(self._pump(process, talk))
        pump.add_done_callback(lambda _: self._wake.set())
        try:
            while not pump.done() and not self._is_given_up():
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._deadline(talk)):
                        await self._wake.wait()
                if not pump.done():
                    self._act(process, talk)
            await self._end(process, pump, talk)
        finally:
            pump.cancel()
            await asyncio.wait([pump])

    async def _pump(self, process: asyncssh.SSHClientProcess[bytes], talk: Conversation) -> None:
        """Take in what comes until the host has closed the channel. Raises why, if it broke."""

        async def read(reader: asyncssh.SSHReader[bytes], stream: str) -> None:
            while data := await reader.read(PIECE_BYTES):
                was_at = talk.deadline()
                talk.take(stream, data, self._loop.time())
                if (at := talk.deadline()) is not None and (was_at is None or at < was_at):
                    self._wake.set()

        await asyncio.gather(read(process.stdout, spool.STDOUT), read(process.stderr, spool.STDERR))
        await process.wait_closed()

    async def _end(
        self,
        process: asyncssh.SSHClientProcess[bytes],
        pump: asyncio.Task[None],
        talk: Conversation,
    ) -> None:
        """Record how it ended, as far as the host has said."""
        if not pump.done():
            with contextlib.suppress(OSError):
                process.kill()
            process.close()
            await asyncio.wait([pump], timeout=CLOSE_S)
        talk.end()
        if talk.trouble is not None:
            self._want(*talk.trouble)
        broke = pump.exception() if pump.done() else None
        ended, by = process.exit_signal, None
        code = None if ended is not None else process.exit_status
        if ended is not None:
            by = _number(ended[0])
            self._error = self._error or (None if by else f"ended by SIG{as_error(ended[0])}")
        reason, error = self._wish, self._error
        left = UNCONFIRMED if code is None and ended is None else None
        if reason is None and code is None and by is None:
            reason, error = Reason.LOST, error or SILENT
            if broke is None:
                left = None  # it has let go of it
            else:
                error = BROKEN.format(why=as_error(str(broke)))
        reach("bound.before_end")
        how = {"code": code, "signal": by, "reason": reason, "error": error}
        await self._record(partial(self._attempt.finished, left=left, **how))

    # Clocks ---------------------------------------------------------------------------------

    def _deadline(self, talk: Conversation) -> float:
        """Return when there is something to do, even if nothing comes."""
        if self._kill_at is not None:
            return self._kill_at
        ends_at = self._began + self._spec.timeout.total_seconds()
        at = talk.deadline()
        return ends_at if at is None else min(ends_at, at)

    def _is_given_up(self) -> bool:
        return self._kill_at is not None and self._loop.time() >= self._kill_at

    def _want(self, reason: Reason, error: str | None = None) -> None:
        """Have it end, and say why. What was said first holds."""
        if self._wish is None:
            self._wish, self._error = reason, error
        self._wake.set()

    def _act(self, process: asyncssh.SSHClientProcess[bytes], talk: Conversation) -> None:
        now = self._loop.time()
        with contextlib.suppress(OSError):  # it has just been closed
            if self._wish is None and (keys := talk.keys(now)):
                process.stdin.write(keys)
            if talk.trouble is not None:
                self._want(*talk.trouble)
            elif now - self._began >= self._spec.timeout.total_seconds():
                self._want(Reason.TIMEOUT)
            if self._wish is not None and self._kill_at is None:
                self._kill_at = now + self._grace.total_seconds()
                process.terminate()


async def _hang_up(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


def _number(name: str) -> int | None:
    """Return the number that a signal of this name (RFC 4254, 6.10) has here."""
    found = getattr(signal, f"SIG{name}", None)
    return int(found) if isinstance(found, signal.Signals) else None


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
