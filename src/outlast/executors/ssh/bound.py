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
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ...core.job import JobSpec
from ...core.state import Reason
from ...ports.clock import Clock
from ...shim import spool
from .answer import Told
from .attempt import Attempt
from .connection import connect
from .dialogue import Dialogue, Reply, TooSlow, as_error
from .refusal import Refused, refusal_of, timed_out
from .transcript import HIDDEN, Echo, Mask

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger("outlast.ssh")

TERMINAL: Final = {"request_pty": "force", "term_type": "vt100", "term_size": (511, 1000)}
"""So wide that no answer is broken over lines, so high that nothing is shown page by page."""

SETTLE_S: Final = 0.05
"""A prompt is looked for once the host has been quiet for so long,"""

SETTLE_AT_MOST_S: Final = 1.0
"""or so long after the first that has come since the last look, where it is never quiet."""

WORN_OUT_S: Final = 1.0
"""A prompt that stands for so long, and whose rule has no answers left, is not answered any more."""

REST: Final = 10
"""Times what a look took: so long until the next one, and the other hosts have their turn."""

CLOSE_S: Final = 2.0
"""How long a host may take to close what we close."""

PIECE_BYTES: Final = 1 << 16

LEFT: Final = (
    "it was bound to its connection, and the supervisor that held that is gone:"
    " how it ended is not known, and it is not begun a second time"
)
BROKEN: Final = (
    "it was bound to its connection, and that broke ({why}):"
    " how it ended is not known, and it is not begun a second time"
)
SILENT: Final = "the host closed its channel and did not say how it ended"
UNCONFIRMED: Final = (
    "its connection is gone, and the host did not say whether what it ran there has ended"
)


class Bound:
    """
    Lives as long as its attempt, from its making on. *secrets* has what the spec's references
    stand for.
    """

    def __init__(
        self, attempt: Attempt, spec: JobSpec, secrets: Mapping[str, str], clock: Clock
    ) -> None:
        self._attempt = attempt
        self._spec = spec
        self._clock = clock
        self._dialogue = Dialogue(spec.dialogue, secrets) if spec.dialogue else None
        self._echo = Echo()
        hidden = [secrets[rule.answer_from] for rule in spec.dialogue if rule.answer_from]
        self._masks = {name: Mask(hidden) for name in (spool.STDOUT, spool.STDERR)}
        self._sizes = dict.fromkeys(self._masks, 0)
        self._wish: Reason | None = None
        self._error: str | None = None
        self._grace = spec.grace
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._began = self._heard_at = 0.0
        self._unseen_since: float | None = None
        self._next_look = 0.0
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
                attempt.note_sent()
                process = await connection.create_process(**self._request())
        except asyncio.CancelledError:
            self._is_left()
            raise
        except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
            self._not_begun(error, is_up=connection is not None and not connection.is_closed())
        else:
            try:
                await self._live(process, data)
            except Exception as error:
                log.exception("%s could not be minded", attempt.key)
                self._is_lost(f"{type(error).__name__}: {error}")
            finally:
                self._is_left()
        finally:
            if connection is not None:
                await _hang_up(connection)

    def _request(self) -> dict[str, Any]:
        spec = self._spec
        line = shlex.join(spec.command) if spec.command else spec.shell
        terminal = TERMINAL if self._dialogue is not None else {}
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

    def _is_left(self) -> None:
        if self._attempt.is_sent and not self._attempt.is_emptied:
            self._is_lost(LEFT)

    def _is_lost(self, error: str) -> None:
        self._attempt.finished(reason=Reason.LOST, error=error, left=UNCONFIRMED)

    async def _live(self, process: asyncssh.SSHClientProcess[bytes], data: bytes) -> None:
        self._began = self._heard_at = self._loop.time()
        told = Told("began", containment="connection", is_running=True, has_parent=True)
        self._attempt.set_phase(None)
        self._attempt.begun(told, self._clock.now())
        if self._dialogue is None:
            with contextlib.suppress(OSError):  # it has ended without reading
                process.stdin.write(data)
                process.stdin.write_eof()
        pump = asyncio.create_task(self._pump(process))
        pump.add_done_callback(lambda _: self._wake.set())
        try:
            while not pump.done() and not self._is_given_up():
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._deadline()):
                        await self._wake.wait()
                if not pump.done():
                    self._act(process)
            await self._end(process, pump)
        finally:
            pump.cancel()
            await asyncio.wait([pump])

    async def _pump(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        """Take in what comes until the host has closed the channel. Raises why, if it broke."""
        await asyncio.gather(
            self._read(process.stdout, spool.STDOUT), self._read(process.stderr, spool.STDERR)
        )
        await process.wait_closed()

    async def _read(self, reader: asyncssh.SSHReader[bytes], stream: str) -> None:
        while data := await reader.read(PIECE_BYTES):
            self._take(stream, data)

    async def _end(
        self, process: asyncssh.SSHClientProcess[bytes], pump: asyncio.Task[None]
    ) -> None:
        """Record how it ended, as far as the host has said."""
        if not pump.done():
            with contextlib.suppress(OSError):
                process.kill()
            process.close()
            await asyncio.wait([pump], timeout=CLOSE_S)
        for stream, mask in self._masks.items():
            held = self._echo.end() if stream == spool.STDOUT else b""
            self._keep(stream, mask.take(held) + mask.end())
        broke = pump.exception() if pump.done() else None
        ended, by = process.exit_signal, None
        code = None if ended is not None else process.exit_status
        if ended is not None:
            by = _number(ended[0])
            self._error = self._error or (None if by else f"ended by SIG{as_error(ended[0])}")
        if self._wish is None and code is None and by is None:
            if broke is not None:
                self._is_lost(BROKEN.format(why=as_error(str(broke))))
            else:
                self._attempt.finished(reason=Reason.LOST, error=self._error or SILENT)
            return
        left = UNCONFIRMED if code is None and ended is None else None
        reason, error = self._wish, self._error
        self._attempt.finished(code=code, signal=by, reason=reason, error=error, left=left)

    # Clocks ---------------------------------------------------------------------------------

    def _deadline(self) -> float:
        """Return when there is something to do, even if nothing comes."""
        if self._kill_at is not None:
            return self._kill_at
        found = [self._began + self._spec.timeout.total_seconds()]
        if self._spec.idle_timeout is not None:
            found.append(self._heard_at + self._spec.idle_timeout.total_seconds())
        if self._unseen_since is not None:
            found.append(self._look_at())
        elif self._dialogue is not None and self._dialogue.worn_out is not None:
            found.append(self._heard_at + WORN_OUT_S)
        return min(found)

    def _look_at(self) -> float:
        settled = self._heard_at + SETTLE_S
        since = self._unseen_since or 0.0
        return max(min(settled, since + SETTLE_AT_MOST_S), self._next_look)

    def _is_given_up(self) -> bool:
        return self._kill_at is not None and self._loop.time() >= self._kill_at

    def _want(self, reason: Reason, error: str | None = None) -> None:
        """Have it end, and say why. What was said first holds."""
        if self._wish is None:
            self._wish, self._error = reason, error
        self._wake.set()

    def _act(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        now = self._loop.time()
        if self._wish is None:
            self._look_at_clocks(now)
        if self._wish is None and self._unseen_since is not None and now >= self._look_at():
            self._converse(process)
        if self._wish is not None and self._kill_at is None:
            with contextlib.suppress(OSError):  # it has just been closed
                process.terminate()
            self._kill_at = now + self._grace.total_seconds()

    def _look_at_clocks(self, now: float) -> None:
        spec, dialogue = self._spec, self._dialogue
        quiet = now - self._heard_at
        if now - self._began >= spec.timeout.total_seconds():
            self._want(Reason.TIMEOUT)
        elif spec.idle_timeout is not None and quiet >= spec.idle_timeout.total_seconds():
            if dialogue is not None and dialogue.is_asked:
                seconds = f"{spec.idle_timeout.total_seconds():.12g}"
                words = f"no rule answers {self._last_line()}: asked for {seconds}s"
                self._want(Reason.PROMPT_UNANSWERED, words)
            else:
                self._want(Reason.IDLE_TIMEOUT)
        elif dialogue is None or dialogue.worn_out is None or self._unseen_since is not None:
            return
        elif quiet >= WORN_OUT_S:
            rule = dialogue.worn_out
            words = f"{rule.prompt!r} was answered {rule.times} times, and it asks again:"
            self._want(Reason.PROMPT_UNANSWERED, f"{words} {self._last_line()}")

    # Talking --------------------------------------------------------------------------------

    def _take(self, stream: str, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._dialogue is not None and stream == spool.STDOUT:
            data = self._echo.take(data)
            self._dialogue.hear(data)
            if self._unseen_since is None:
                self._unseen_since = self._heard_at
                self._wake.set()
        self._keep(stream, self._masks[stream].take(data))

    def _converse(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        """Answer what is asked, if a rule says how."""
        assert self._dialogue is not None  # noqa: S101 - nothing is unseen without one
        self._unseen_since = None
        began = self._loop.time()
        try:
            reply = self._dialogue.reply()
        except TooSlow as slow:
            words = f"{slow.args[0]!r} takes too long to be searched for: make it simpler"
            self._want(Reason.PROMPT_UNANSWERED, words)
            return
        now = self._loop.time()
        self._next_look = now + REST * (now - began)
        if reply is not None:
            self._answer(process, reply)

    def _answer(self, process: asyncssh.SSHClientProcess[bytes], reply: Reply) -> None:
        keys = reply.text.replace("\r\n", "\r").replace("\n", "\r")
        data = keys.encode("utf-8", "surrogateescape")
        mask = self._masks[spool.STDOUT]
        before = mask.take(self._echo.end()) + mask.end()
        if reply.enter:
            self._echo.expect(data)
            self._keep(spool.STDOUT, before + (HIDDEN if reply.is_secret else mask.whole(data)))
        else:
            self._keep(spool.STDOUT, before)
        with contextlib.suppress(OSError):  # it has just been closed
            process.stdin.write(data + b"\r" * reply.enter)

    def _last_line(self) -> str:
        assert self._dialogue is not None  # noqa: S101 - only asked of one
        line = self._dialogue.last_line.encode("utf-8", "surrogateescape")
        shown = self._masks[spool.STDOUT].whole(line).decode("utf-8", "replace")
        return repr(as_error(shown))

    def _keep(self, stream: str, data: bytes) -> None:
        """Write down what was printed, up to the limit."""
        limit = self._attempt.output_bytes
        if limit is not None and self._sizes[stream] + len(data) > limit:
            data = data[: limit - self._sizes[stream]]
            self._want(Reason.OUTPUT_LIMIT)
        self._sizes[stream] += len(data)
        if data:
            try:
                self._attempt.append(stream, data)
            except OSError as error:
                words = f"what it prints cannot be kept: {error.strerror}"
                self._want(Reason.DISK_FULL, words)


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
