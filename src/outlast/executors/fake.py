"""
Commands that nobody runs: for tests of what is built on an executor, in no time at all.

Offered to no job (`available`); `outlast.testing` gives it to whoever asks for it by name.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from ..core.job import JobSpec
from ..core.sight import Alive, Emptied, Exited, Gone, Sight
from ..core.state import Reason
from ..ports.clock import Clock
from ..ports.executor import Handle, Launch
from ..ports.news import News

AT_ONCE: Final = timedelta()
TERM, KILL = 15, 9


class DrivenClock(Clock, Protocol):
    """A clock that calls when it gets there: `outlast.testing.FakeClock`."""

    def call_later(self, after: timedelta, call: Callable[[], None]) -> None:
        """Make *call* once *after* has passed."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a command does. By default it ends at once, with code 0, and prints nothing."""

    after: timedelta | None = AT_ONCE
    """How long it runs; None: until it is stopped, or a limit of its job's passes."""

    exit_code: int = 0
    signal: int | None = None
    """Ends it, in place of a code."""

    stdout: bytes = b""
    """Printed as it starts, and then no more. Only its size is kept."""

    stderr: bytes = b""
    heeds_term: bool = True
    """False: only the kill after the grace ends it before its time."""

    unstartable: str | None = None
    """Why it cannot start, in words."""

    is_lost: bool = False
    """Its end leaves no record, as if everybody who knew of it had been killed."""


class FakeHost:
    """
    The machine of fake commands: what is left of them when an executor is gone.

    *lives* says what a command does, by its words: its line of shell, its script, or its
    arguments with a space between them. What is not in there lives *otherwise*.
    """

    def __init__(
        self,
        clock: DrivenClock,
        lives: Mapping[str, Life] = MappingProxyType({}),
        *,
        otherwise: Life = Life(),
    ) -> None:
        self.started: list[str] = []
        """The keys of the attempts whose commands began, in that order."""

        self._clock = clock
        self._lives = lives
        self._otherwise = otherwise
        self._attempts: dict[str, _Attempt] = {}
        self._unwanted: set[str] = set()
        self._hearers: list[Hearer] = []

    def launch(self, launch: Launch) -> None:
        """Begin an attempt, unless there was one of its key before."""
        key, spec = launch.key, launch.spec
        if key in self._attempts:
            return
        words = spec.shell or spec.script or " ".join(spec.command)
        life = self._lives.get(words, self._otherwise)
        self._attempts[key] = attempt = _Attempt(
            spec, life, self._clock, lambda sight: self._tell(key, sight)
        )
        if attempt.begin(is_wanted=key not in self._unwanted):
            self.started.append(key)

    def stop(self, key: str, grace: timedelta) -> None:
        """Ask an attempt's command to end. One that has not begun never will."""
        if key in self._attempts:
            self._attempts[key].stop(Reason.CANCELLED, grace)
        else:
            self._unwanted.add(key)

    def sights(self, key: str) -> tuple[Sight, ...]:
        """Return all that was ever to be seen of an attempt, in order."""
        return tuple(self._attempts[key].sights) if key in self._attempts else ()

    def subscribe(self, hearer: Hearer) -> None:
        """Have *hearer* called with all that is to be seen from now on, by key."""
        self._hearers.append(hearer)

    def unsubscribe(self, hearer: Hearer) -> None:
        """Call *hearer* no more."""
        self._hearers.remove(hearer)

    def _tell(self, key: str, sight: Sight) -> None:
        for hearer in self._hearers:
            hearer(key, sight)


Hearer = Callable[[str, Sight], None]


class _Attempt:
    """One command's life on the clock, which keeps the limits of its job."""

    def __init__(
        self, spec: JobSpec, life: Life, clock: DrivenClock, tell: Callable[[Sight], None]
    ) -> None:
        self.sights: list[Sight] = []
        self._spec = spec
        self._life = life
        self._clock = clock
        self._tell = tell
        self._started_at: datetime | None = None
        self._cause: Reason | None = None
        self._is_over = False

    def begin(self, *, is_wanted: bool) -> bool:
        """Start, and return whether that is so."""
        life, spec = self._life, self._spec
        if life.unstartable is not None or not is_wanted:
            self._cause = Reason.SPAWN_FAILED if is_wanted else Reason.CANCELLED
            self._end(error=life.unstartable if is_wanted else None)
            return False
        self._started_at = self._clock.now()
        self._see(Alive(started_at=self._started_at, containment="group", survives="session"))
        if self._prints_too_much():
            self.stop(Reason.OUTPUT_LIMIT, AT_ONCE)
        if life.after is not None:
            self._after(life.after, self._end_by_itself)
        self._after(spec.timeout, lambda: self.stop(Reason.TIMEOUT, spec.grace))
        if spec.idle_timeout is not None:
            self._after(spec.idle_timeout, lambda: self.stop(Reason.IDLE_TIMEOUT, spec.grace))
        return True

    def stop(self, cause: Reason, grace: timedelta) -> None:
        """End it because of *cause*, unless that has happened or was asked for another one."""
        if self._is_over:
            return
        self._cause = self._cause or cause
        if grace == AT_ONCE:
            self._end(signal=KILL)
        elif self._life.heeds_term:
            self._end(signal=TERM)
        else:
            self._after(grace, lambda: self._end(signal=KILL))

    def _prints_too_much(self) -> bool:
        limit = self._spec.limits.output_bytes
        printed = max(len(self._life.stdout), len(self._life.stderr))
        return limit is not None and printed > limit and self._spec.on_output_limit == "stop"

    def _end_by_itself(self) -> None:
        life = self._life
        if life.signal is None:
            self._end(exit_code=life.exit_code)
        else:
            self._end(signal=life.signal)

    def _end(
        self, *, exit_code: int | None = None, signal: int | None = None, error: str | None = None
    ) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._life.is_lost and self._cause is None:
            self._see(Gone())
            return
        now, life = self._clock.now(), self._life
        has_run = self._started_at is not None
        self._see(
            Exited(
                at=now,
                started_at=self._started_at,
                containment="group" if has_run else None,
                survives="session" if has_run else None,
                exit_code=exit_code,
                signal=signal,
                reason=self._cause,
                error=error,
            )
        )
        stdout, stderr = (len(life.stdout), len(life.stderr)) if has_run else (0, 0)
        self._see(Emptied(at=now, stdout_bytes=stdout, stderr_bytes=stderr))

    def _after(self, after: timedelta, call: Callable[[], None]) -> None:
        if after > AT_ONCE:
            self._clock.call_later(after, call)
        else:
            call()

    def _see(self, sight: Sight) -> None:
        self.sights.append(sight)
        self._tell(sight)


class FakeExecutor:
    """An `Executor` of the commands of *host*; another one for the same host sees the same."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._watched: set[str] = set()
        self._over: set[str] = set()
        self._news = News()
        host.subscribe(self._hear)

    async def launch(self, launch: Launch) -> None:
        """Begin it, and watch it."""
        self._host.launch(launch)
        self._watch(launch.key)

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """Tell what was to be seen by now of each attempt, and then what comes."""
        return self._news.flow(handles, self._watch, self._watched, self._close)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Ask for its end; it comes when the clock says so."""
        self._host.stop(handle.key, grace)

    async def look(self, handle: Handle) -> Sight | None:
        """Say what was last to be seen of its command."""
        sights = [each for each in self._host.sights(handle.key) if not isinstance(each, Emptied)]
        return sights[-1] if sights else None

    async def release(self, handle: Handle) -> None:
        """Forget that it was told."""
        self._over.discard(handle.key)

    def _watch(self, key: str) -> None:
        if key not in self._watched | self._over:
            self._watched.add(key)
            for sight in self._host.sights(key) or (Gone(),):
                self._hear(key, sight)

    def _hear(self, key: str, sight: Sight) -> None:
        if key in self._watched:
            self._news.put(key, sight)
            if isinstance(sight, Emptied | Gone):
                self._watched.discard(key)
            if isinstance(sight, Emptied):
                self._over.add(key)

    async def _close(self) -> None:
        self._host.unsubscribe(self._hear)
