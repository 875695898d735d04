"""One host and all that we have there: begun, looked at in one round trip, stopped, fetched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ...core.state import Reason
from ...ports.clock import Clock
from ...shim import spool
from ...shim.failpoint import reach
from .absence import Absence
from .answer import Report, Told, parse_start, parse_status, reason_of
from .attempt import Attempt
from .collecting import Collecting
from .fetch import Fetcher
from .link import Link
from .order import key_on_host, lines_of
from .place import Place
from .refusal import Cut, Refused
from .words import (
    AWAY,
    FORGOTTEN,
    GIVEN_UP,
    NEVER_OVER,
    OVERDUE,
    PARENT_KILLED,
    REBOOTED,
    UNKILLABLE,
)

log = logging.getLogger("outlast.ssh")

LATE_S: Final = 60.0
"""Between two looks at a host that has told no news in between: in case that it cannot."""

AGAIN_S: Final = 5.0
"""Between two looks where more than news is waited for: what was to begin or to end there."""

AWAY_S: Final = 30.0
"""At most, between two tries to reach a host that is away."""

GIVEN_UP_AWAY_S: Final = 300.0
"""The same where nobody waits for anything there any more."""

UNKILLABLE_S: Final = 30.0
"""How long past its grace something may still be there before that is told."""

OVERDUE_S: Final = 60.0
"""How long past its last deadline a host may say that something runs before it is not believed."""

TRIES: Final = 5
"""As often a start is tried whose connection breaks before it was sent."""

LINGER_S: Final = 30.0
"""How long a connection is kept that nobody uses."""

BATCH: Final = 200
"""Attempts in one question."""


class Host:
    """
    Works by itself as long as something is there, from `take` on. What goes wrong with one host
    touches no other: each has its own.
    """

    def __init__(
        self, place: Place, clock: Clock, on_idle: Callable[[Place], None], floor_bytes: int
    ) -> None:
        self._place = place
        self._clock = clock
        self._work = asyncio.Event()
        self._link = Link(place, clock.new_token, self._work.set, now=clock.now)
        self._fetcher = Fetcher(self._link, floor_bytes)
        self._on_idle = on_idle
        self._attempts: dict[str, Attempt] = {}
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._collecting = Collecting(self._link, clock, self._work.set, floor_bytes)
        self._absence = Absence()
        self._asked_to_stop: dict[str, float] = {}
        """Until when what was stopped has to be gone."""

        self._sent: dict[str, float] = {}
        """When each was, by the loop's clock."""

        self._unanswered: Counter[str] = Counter()
        """Starts that may be on their way yet, by attempt: a host may read one when all is over."""

        self._is_early = False
        self._reports: dict[str, Report] = {}
        self._task = asyncio.create_task(self._go_on())

    def take(self, attempt: Attempt) -> None:
        """Care for an attempt until it is over: begin it if it has an order, and look at it."""
        self._attempts[attempt.key] = attempt
        self._unanswered[attempt.key] += attempt.is_sent  # by whoever cared for it before
        if attempt.order is not None:
            task = asyncio.create_task(self._begin(attempt))
            self._starts[attempt.key] = task
            task.add_done_callback(lambda _: self._has_begun(attempt.key))
        self._work.set()

    def _has_begun(self, key: str) -> None:
        self._starts.pop(key, None)
        self._work.set()

    def look(self) -> None:
        """Look at the host soon."""
        self._work.set()

    def stop(self, attempt: Attempt) -> None:
        """Have an attempt end as it says: on the host, or here, where the host knows nothing."""
        task = self._starts.get(attempt.key)
        if not attempt.is_sent and not attempt.has_ended:
            if task is not None:
                task.cancel()
            attempt.end_unstarted(Reason.CANCELLED, None)
        self._collecting.stop(attempt, "it was stopped")
        self._work.set()

    async def close(self) -> None:
        """Let go of the host. What runs there goes on."""
        tasks = [self._task, *self._starts.values()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._collecting.close()
        await self._link.close()

    # Beginning ------------------------------------------------------------------------------

    async def _begin(self, attempt: Attempt) -> None:
        if not attempt.is_sent:
            attempt.set_phase("connecting")
        try:
            await self._reach_and_send(attempt)
            if attempt.key not in self._reports or not self._reports[attempt.key].has_begun:
                attempt.set_phase("starting")
        except Refused as refused:
            if not attempt.is_sent:
                attempt.end_unstarted(refused.reason, refused.error)
        except Cut as cut:
            log.info("%s: whether it began is not known yet: %s", attempt.key, cut)
            if not attempt.is_sent:
                attempt.end_unstarted(Reason.CONNECT_FAILED, f"ConnectFailed: {cut}")
        except OSError as error:  # what it is to read cannot be read
            attempt.end_unstarted(Reason.SPAWN_FAILED, f"{attempt.stdin}: {error.strerror}")
        except Exception as error:
            log.exception("%s could not be begun", attempt.key)
            if not attempt.is_sent:
                words = f"{type(error).__name__}: {error}"
                attempt.end_unstarted(Reason.CONNECT_FAILED, words)

    async def _reach_and_send(self, attempt: Attempt) -> None:
        """Before anything of it was sent, that a connection breaks is no reason to give it up."""
        for _ in range(TRIES - 1):
            await self._link.ready(attempt.connect_s)
            try:
                await self._send(attempt)
            except Cut:
                if attempt.is_sent:
                    raise
            else:
                return
        await self._link.ready(attempt.connect_s)
        await self._send(attempt)

    async def _send(self, attempt: Attempt) -> None:
        key = key_on_host(attempt.key)
        if attempt.stdin is not None:
            data = await asyncio.to_thread(_read_file, attempt.stdin)
            # From here on something of it may lie there.
            said = await self._link.call(
                "put", key, spool.STDIN, str(len(data)), data=data, before=attempt.note_sent
            )
            if said.strip() != b"kept":
                await self._link.call("remove", key)
                attempt.end_unstarted(Reason.DISK_FULL, "what it is to read cannot be kept there")
                return
        if attempt.has_ended:
            return
        order = attempt.order or b""
        is_patient = "no" if len(self._starts) > 1 else "yes"  # others wait for their turn
        words = ("start", key, str(len(order)), str(lines_of(order)), is_patient)
        self._sent[attempt.key] = self._clock.monotonic()

        def about_to_be_sent() -> None:
            reach("ssh.before_sent")
            attempt.note_sent()
            self._unanswered[attempt.key] += 1
            reach("ssh.after_sent")

        said = await self._link.call(*words, data=order, before=about_to_be_sent)
        self._unanswered[attempt.key] -= 1
        reach("ssh.after_start")
        if (report := parse_start(said)) is None:
            await self._link.call("remove", key)
            attempt.end_unstarted(Reason.DISK_FULL, "the host's disk is full, or cannot be written")
        else:
            self._reports[attempt.key] = report

    # Looking --------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Look at the host as often as it makes sense, until nothing is left there."""
        while True:
            self._work.clear()
            for key in [key for key, attempt in self._attempts.items() if attempt.is_over]:
                del self._attempts[key]
                self._reports.pop(key, None)
                self._sent.pop(key, None)
                self._unanswered.pop(key, None)
                self._asked_to_stop.pop(key, None)
            sent = [
                attempt
                for key, attempt in self._attempts.items()
                if attempt.is_sent and key not in self._starts
            ]
            if sent:
                try:
                    await self._look_at(sent)
                except OSError as error:  # this machine's disk
                    log.warning("%s: what is there cannot be kept: %s", self._place.node, error)
                    self._absence.note(self._clock.monotonic(), longest_s=AWAY_S)
            if not any(attempt.is_over for attempt in self._attempts.values()):
                await self._rest()
            if not self._attempts and not self._work.is_set():
                break
        self._on_idle(self._place)  # first: whoever comes while it hangs up finds another
        await self._link.close()

    async def _rest(self) -> None:
        """Wait until there is news of the host, or somebody asks for a look, or it is time."""
        pause = LATE_S if self._attempts else LINGER_S
        if self._is_early or self._asked_to_stop:
            pause = AGAIN_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._absence.pause_s or pause):
                await self._work.wait()

    async def _look_at(self, attempts: list[Attempt]) -> None:
        self._fetcher.is_lively = self._fetcher.has_more = False
        try:
            await self._link.ready(min(attempt.connect_s for attempt in attempts))
            self._is_early = False
            for first in range(0, len(attempts), BATCH):
                await self._look_at_some(attempts[first : first + BATCH])
            self._absence.end()
            if self._fetcher.has_more:
                self._work.set()
            if not (self._link.is_watching or all(each.is_emptied for each in attempts)):
                await self._link.call("watch")
        except (Refused, Cut) as error:
            self._is_away(attempts, str(error))
        except OSError:
            raise
        except Exception as error:
            # A fault of ours with one host must neither stop the others nor leave this one alone.
            log.exception("%s could not be looked at, and is looked at again", self._place.node)
            self._is_away(attempts, f"{type(error).__name__}: {error}")

    def _is_away(self, attempts: list[Attempt], error: str) -> None:
        now = self._clock.now()
        waited_for = any(not each.has_ended or each.files.is_under_way for each in attempts)
        if self._fetcher.is_lively:
            self._absence.end()  # it is there, and gone again and again
        self._absence.note(
            self._clock.monotonic(), longest_s=AWAY_S if waited_for else GIVEN_UP_AWAY_S
        )
        for attempt in attempts:
            self._collecting.is_away(attempt, AWAY)
            if _is_past(attempt.expires_at(), now):
                attempt.emptied(now, GIVEN_UP)
            is_sure = self._absence.is_sure(self._clock.monotonic(), attempt.reconnect_s)
            if attempt.is_emptied:
                if is_sure:  # till then its folder there may still be removed
                    attempt.tell_over()
                continue
            attempt.set_phase("unreachable")
            if is_sure and _is_past(attempt.lost_at(), now):
                attempt.lost(Reason.LOST, AWAY)
                attempt.end_what_is_left()
            attempt.out_of_reach(error)

    async def _look_at_some(self, attempts: list[Attempt]) -> None:
        there = [attempt for attempt in attempts if not attempt.is_emptied]
        for attempt in there:
            if attempt.grace is not None:
                await self._stop(attempt)
        reports = {each.key: self._reports.pop(each.key, None) for each in there}
        if asked := [key_on_host(key) for key, report in reports.items() if report is None]:
            answer = parse_status(await self._link.call("status", *asked))
        for attempt in there:
            report = reports[attempt.key] or answer
            told = report.attempts.get(key_on_host(attempt.key))
            if told is None:
                raise Cut("the host's answer leaves something out")
            await self._take_in(attempt, told, report)
        if over := [attempt for attempt in attempts if attempt.is_emptied]:
            # All is here, and noted: nothing of it needs to stay there. Told only afterwards, so
            # that whoever takes over from here knows what is still to be removed.
            reach("ssh.before_remove")
            for verb, is_doubted in (("remove", False), ("retire", True)):
                keys = [a.key for a in over if bool(self._unanswered[a.key]) == is_doubted]
                if keys:
                    await self._link.call(verb, *map(key_on_host, keys))
            reach("ssh.after_remove")
            for attempt in over:
                attempt.tell_over()

    async def _stop(self, attempt: Attempt) -> None:
        grace = -(-(attempt.grace or timedelta()) // timedelta(seconds=1))
        key = key_on_host(attempt.key)
        reach("ssh.before_stop")
        await self._link.call("stop", key, str(grace), attempt.reason)
        reach("ssh.after_stop")
        attempt.grace = None
        self._asked_to_stop[attempt.key] = self._clock.monotonic() + grace + UNKILLABLE_S

    async def _take_in(self, attempt: Attempt, told: Told, report: Report) -> None:
        now = self._clock.now()
        if told.state == "none":
            await self._is_unknown(attempt)
            return
        if told.state == "void":
            reason, missing = told.detail
            # Told to be over once its folder is removed there.
            attempt.never_began(reason_of(reason), attempt.detail(missing))
            return
        attempt.set_phase("collecting" if attempt.files.is_under_way else None)
        attempt.begun(told, now - report.ago(told.at))
        self._fetcher.keep(attempt, told, report.output)
        is_whole = await self._fetcher.fetch(attempt, told)
        self._take_in_end(attempt, told, report, now)
        if attempt.has_ended:
            reach("ssh.after_end")
        is_gone = told.emptied_at is not None or told.boot != report.boot
        if is_gone and is_whole:
            at = report.now if told.emptied_at is None else told.emptied_at
            attempt.emptied(now - report.ago(at))
        elif not (is_gone or told.has_parent or told.is_running):
            attempt.end_what_is_left()  # nobody else clears away what it may have left
        if attempt.grace is not None:
            self._work.set()
        if not is_gone and self._clock.monotonic() > self._asked_to_stop.get(attempt.key, math.inf):
            attempt.not_over(UNKILLABLE)
        if _is_past(attempt.expires_at(), now):
            attempt.emptied(now, NEVER_OVER)
        self._collecting.take(attempt)

    def _take_in_end(self, attempt: Attempt, told: Told, report: Report, now: datetime) -> None:
        if told.ended_at is not None:
            attempt.ended(told, now - report.ago(told.ended_at))
        elif told.boot != report.boot:
            attempt.lost(Reason.HOST_REBOOTED, REBOOTED)
        elif told.emptied_at is not None or not (told.has_parent or told.is_running):
            # Its parent was killed: why it ended may be known, how is not.
            if told.wish is None:
                attempt.lost(Reason.LOST, PARENT_KILLED)
            else:
                attempt.ended(told, now)
        elif _is_past(attempt.lost_at(), now - timedelta(seconds=OVERDUE_S)):
            attempt.lost(Reason.LOST, OVERDUE)
            attempt.end_what_is_left()

    async def _is_unknown(self, attempt: Attempt) -> None:
        """The host has nothing of it: it is begun if that is ours to do, else it is gone."""
        sent = self._sent.get(attempt.key)
        if sent is not None and self._clock.monotonic() < sent + AGAIN_S:
            self._is_early = True  # it may just be slow
            return
        is_late = _is_past(attempt.lost_at(), self._clock.now())
        if attempt.order is not None and attempt.sight() is None and not is_late:
            await self._send(attempt)
        else:
            # Whoever may still be on the way there finds that it must not.
            await self._link.call("stop", key_on_host(attempt.key), "0", "lost")
            self._collecting.stop(attempt, FORGOTTEN)
            attempt.lost(Reason.LOST, FORGOTTEN)
            attempt.emptied(self._clock.now())


def _is_past(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and now >= deadline


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
