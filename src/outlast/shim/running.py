"""A container while it runs: its clocks, its output as it comes, and how it is stopped."""

from __future__ import annotations

import signal
from typing import Any

from . import spool, verdict
from .container import CONFLICT, NOT_FOUND, Container
from .engine import EngineError, Stream
from .feed import CUT, Feed
from .memory import Memory
from .muxed import Muxed
from .outbox import Outbox
from .recheck import recheck
from .sleep import Backoff, Sleeper, mono_ms
from .watch import Output

DRAIN_MS = 10_000
"""How long the log of a container that has ended may be silent without having ended itself."""

KILL_AGAIN_MS = 1000
"""Between two KILLs, should the engine have been started anew and the first been lost."""

KILLED_CODES = (137, 143, None)
"""What an engine says of one that was killed, or asked to end; or nothing any more."""

ANSWER_MS = 1000
"""How long the answer to a TERM is waited for where it has ended before."""


class Running:
    """
    Follows one container to its end. What the engine says is copied while the clocks are kept:
    they are looked at before each piece of output.
    """

    def __init__(
        self,
        order: dict[str, Any],
        container: Container,
        sleeper: Sleeper,
        *,
        memory: Memory | None = None,
        outbox: Outbox | None = None,
        feed: Feed | None = None,
    ) -> None:
        self._order = order
        self._outbox = outbox
        self._feed = feed
        self._container = container
        self._sleeper = sleeper
        self._folder: str = order["folder"]
        self._memory = memory
        self._muxed = Muxed(self._folder)
        self._output: Output
        self._deadlines: dict[str, int] = {}
        self._log: Stream | None = None
        self._end: Stream | None = None
        self._backoff = Backoff()
        self._is_gone = False
        self._cause: str | None = None
        self._error: str | None = None
        self._asked: Stream | None = None
        """The answer to a signal of ours, on its way."""

        self._is_killed = False
        """That answer is one to KILL."""

        self._is_unheard = False
        """The answer to some signal never came."""

        self._is_reached: bool | None = False
        """The engine has passed a signal on: what ends then, ends by it. None: nobody knows."""

        self.was_away = False
        """Whether the engine was out of reach, and has not said since that it runs."""

        self._was_followed = False
        """Some of its output was taken from its log as it grew."""

        self.log_refusal: str | None = None
        """The engine's words where it has a log, and does not give it away."""

        self._verdict = verdict.kept(self._folder)
        if self._verdict is not None:
            # Somebody was killed at it: whether its signals were passed on, nobody knows.
            self._cause, self._error = self._verdict["reason"], self._verdict["error"]
            self._is_reached, self._is_unheard = self._verdict["is_heard"] or None, True

    def cause(self, code: int | None) -> tuple[str, str | None] | None:
        """Return why we ended it, and words; None where it ended by itself, with *code*."""
        is_ours = code in KILLED_CODES if self._is_reached is None else self._is_reached
        return (self._cause, self._error) if self._cause and is_ours else None

    def follow(self, since_ms: int, output: Stream | None = None) -> None:
        """
        Return once it has ended, or is gone. It was started at *since_ms*.

        *output* is all that it prints; without it, what is not here yet is taken from its log.
        When that was printed nobody knows, so that silence counts from now.
        """
        self._log = output
        self._deadlines["timeout"] = since_ms + self._order["timeout_ms"]
        self._deadlines["connect"] = 0
        self._deadlines.pop("drain", None)
        if self._verdict is not None:
            self._deadlines.setdefault("kill", self._verdict["kill_ms"])
        grown_at = mono_ms() if output is None else since_ms
        self._output = Output(self._folder, self._order, grown_at)
        signals = bytes([signal.SIGIO])  # a wish may have been left before we listened
        try:
            while True:
                self._obey(signals)
                if self._is_due("connect"):
                    self._connect()
                signals, ready = self._rest()
                self._take_in(ready)
                if self._is_over(ready):
                    self._hear_out()
                    return
        finally:
            self._hang_up()
            self._output.close()

    def _rest(self) -> tuple[bytes, list[Any]]:
        """Sleep until there is something to do; return what the signals were, and what is ready."""
        streams: list[Any] = [self._log, self._asked]
        if self._end is not None and not self._end.is_over:
            streams.append(self._end)
        if self._memory is not None and self._memory.is_open:
            streams.append(self._memory)
        writer = None
        if self._feed is not None and self._feed.has_more:
            writer = self._feed
        elif self._feed is not None and self._feed.is_open:
            streams.append(self._feed)
        there = [each for each in streams if each is not None]
        return self._sleeper.sleep(self._next_ms(), *there, writer=writer)

    @property
    def was_short_of_memory(self) -> bool:
        """Whether the kernel was seen to have killed something in it for want of memory."""
        return self._memory is not None and self._memory.was_short

    @property
    def complaint(self) -> str | None:
        """Why its output is not whole, for people; None if it is."""
        return self._muxed.complaint

    def say(self, words: str) -> None:
        """End its standard error with a line of ours."""
        self._muxed.say(words)

    def check_output(self) -> None:
        """Have all of its output here, once it has ended: what was taken as its log grew need not be."""
        if self._was_followed:
            recheck(self._container, self._muxed, self._sleeper)

    def close(self) -> None:
        """Write no more of its output."""
        self._muxed.close()
        if self._feed is not None:
            self._feed.close()
        if self._memory is not None:
            self._memory.close()

    # The engine -----------------------------------------------------------------------------

    def _connect(self) -> None:
        """Have the engine tell log and end."""
        try:
            if self._log is None:
                self._muxed.begin_anew()
                self._log = self._container.log()
                self._was_followed = True
            if self._end is None:
                self._end = self._container.end()
            if "kill" in self._deadlines and not self._is_due("kill") and self._asked is None:
                self._ask_to_end()  # somebody may have, who was killed, or the engine at it
            if self.was_away:
                # One that it knows to run by now it will know the end of, too.
                self.was_away = not self._container.is_running()
        except OSError:
            self._lose()
        else:
            del self._deadlines["connect"]

    def _take_in(self, ready: list[Any]) -> None:
        if self._memory is not None and self._memory in ready:
            self._memory.look_last()
        if self._feed is not None and self._feed in ready:
            self._feed.go_on()
        if self._asked is not None and self._asked in ready:
            self._hear(self._asked)
        is_told = bool(ready)
        try:
            if self._log is not None and self._log in ready:
                is_told = self._read(self._log)
            if self._end is not None and self._end in ready:
                self._end.read()
        except EngineError as error:
            self._is_gone = error.status == NOT_FOUND
            self._lose()
        except OSError:
            self._lose()
        else:
            if is_told:
                self._backoff.start_over()

    def _read(self, log: Stream) -> bool:
        """Take in what has come of its output; False where it is refused: it is asked for again."""
        try:
            data = log.read()
        except EngineError as error:
            if error.status == NOT_FOUND:
                raise
            self.log_refusal = f"the engine does not give its output away: {error}"
            log.close()
            self._log = None
            self._deadlines["connect"] = self._backoff.next_ms()
            return False
        self.log_refusal = None
        self._write(data)
        return True

    def _lose(self) -> None:
        """The engine went away, or speaks in riddles: it is asked again."""
        self._hang_up()
        self._deadlines.pop("drain", None)
        self.was_away = True
        self._deadlines["connect"] = self._backoff.next_ms()
        if self._feed is not None:
            self._feed.lose_engine()

    def _hang_up(self) -> None:
        self._drop_answer()
        for stream in (self._log, self._end):
            if stream is not None:
                stream.close()
        self._log = self._end = None

    def _is_over(self, ready: list[Any]) -> bool:
        """Whether it is gone, or has ended and its log as well, or that says nothing more."""
        if self._is_gone:
            return True
        if self._log is not None and self._log.is_over:
            if self._memory is not None:
                self._memory.look()
            if self._end is not None and self._end.is_over:
                return True
            if self._container.engine.is_podman and self._container.has_stopped():
                return True
            self._log.close()
            self._log = None
        if self._end is None or not self._end.is_over:
            return False
        if self._log is None or self._is_due("drain"):
            return True
        if self._log in ready or "drain" not in self._deadlines:
            self._deadlines["drain"] = mono_ms() + DRAIN_MS
        return False

    def _write(self, data: bytes) -> None:
        try:
            self._muxed.take(data)
        except OSError as error:
            self._stop("disk_full", 0, f"output could not be written: {error.strerror}")

    # Clocks ---------------------------------------------------------------------------------

    def _next_ms(self) -> int:
        times = list(self._deadlines.values())
        looks = [self._output.next_look_ms()]
        if self._outbox is not None:
            looks.append(self._outbox.next_look_ms())
        times += [look for look in looks if look is not None]
        return min(times, default=mono_ms() + DRAIN_MS)

    def _is_due(self, name: str) -> bool:
        return name in self._deadlines and self._deadlines[name] <= mono_ms()

    def _obey(self, signals: bytes) -> None:
        if self._is_due("timeout"):
            del self._deadlines["timeout"]
            seconds = self._order["timeout_ms"] / 1000
            words = f"Execution timeout ({seconds:.12g}s)"
            self._stop("timeout", self._order["grace_ms"], words)
        if self._feed is not None and self._feed.is_cut and self._cause is None:
            self._stop("lost", 0, CUT)
        if self._is_due("kill"):
            self._kill()
        was_told = signal.SIGIO in signals
        if was_told and (wish := spool.stop_wish(self._folder)) is not None:
            self._stop(wish.reason, wish.grace_ms, wish.error)
        if (fault := self._output.look(mono_ms(), was_told=was_told)) is not None:
            reason, error = fault
            # Output that must not go on gets no grace: a flood fills the disk in that time.
            grace = self._order["grace_ms"] if reason == "idle_timeout" else 0
            self._stop(reason, grace, error)
        if self._outbox is not None and (fault := self._outbox.look()) is not None:
            self._stop(fault[0], 0, fault[1])

    def _stop(self, cause: str, grace_ms: int, error: str | None = None) -> None:
        """End it: TERM, and KILL after the grace. Who asks first names the cause."""
        if self._cause is None:
            self._cause, self._error = cause, error
            self._verdict = {
                "reason": cause,
                "error": error,
                "is_heard": False,
                "kill_ms": mono_ms() + max(0, grace_ms),
            }
            verdict.keep(self._folder, self._verdict)
        if grace_ms <= 0:
            self._kill()
        elif "kill" in self._deadlines:
            # Asked once already: a second wish can only make it sooner.
            self._deadlines["kill"] = min(mono_ms() + grace_ms, self._deadlines["kill"])
        else:
            self._deadlines["kill"] = mono_ms() + grace_ms
            self._ask_to_end()

    def _ask_to_end(self) -> None:
        self._signal("TERM")
        self._container.go_on()

    def _kill(self) -> None:
        if self._asked is None or not self._is_killed:
            self._signal("KILL")
            self._is_killed = self._asked is not None
        # Once more then, should the engine have been started anew in between.
        wait_ms = Backoff.FIRST_MS if self._asked is None else KILL_AGAIN_MS
        self._deadlines["kill"] = mono_ms() + wait_ms

    def _signal(self, name: str) -> None:
        """
        Have the engine pass a signal on. Its answer is not waited for: to KILL it comes once all
        output is taken, and that is for us to take.
        """
        self._drop_answer()
        try:
            self._asked = self._container.signal(name)
        except OSError:
            self.was_away = True
        else:
            self._is_reached = self._is_reached or None

    def _hear(self, answer: Stream) -> None:
        """Take in what the engine says to a signal."""
        try:
            answer.read()
        except EngineError as error:
            if not self._is_unheard and error.status in (NOT_FOUND, CONFLICT):
                self._is_reached = self._is_reached or False  # it had ended by itself
        except OSError:
            self.was_away = True
            self._drop_answer()
            return
        else:
            if not self._is_reached and self._verdict is not None:
                verdict.keep(self._folder, self._verdict | {"is_heard": True})
            self._is_reached = True
            if not answer.is_over:
                return
        answer.close()
        self._asked = None

    def _hear_out(self) -> None:
        """It has ended: if it was asked to, the answer to that comes now, and says whether it was."""
        if self._asked is not None and not self._is_killed:
            _, ready = self._sleeper.sleep(mono_ms() + ANSWER_MS, self._asked)
            if ready:
                self._hear(self._asked)

    def _drop_answer(self) -> None:
        """Wait no more for an answer: whether that signal was passed on, nobody knows."""
        if self._asked is not None:
            self._asked.close()
            self._asked = None
            self._is_unheard = True
