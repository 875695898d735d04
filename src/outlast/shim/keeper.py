"""
The shim of a container: keeps the clocks, the output and the record of one attempt of which the
container engine has the processes.

A fork of the fork server's, which gives it its order. It holds the record's lock for as long as it
lives. Whoever comes after goes on where it was: what matters is in the folder, or with the engine.

A container is started only after `began` is in the record, while the engine that may have been asked
before says of it that it never was, and by a name that no start on its way can have. So a crash
anywhere in between, ours or the engine's, starts nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from . import spool, stray, system
from .asked import Asked
from .container import ENDED, Container, NotBegun, Removed, epoch_ms
from .engine import EngineError, Stream
from .failpoint import reach
from .feed import CUT, Feed
from .init import failed_start
from .journal import Journal
from .memory import Memory
from .nudge import nudge
from .outbox import Outbox
from .prepare import ORDER, began_line, prepare
from .pull import Pull
from .removal import remove
from .running import Running
from .sleep import Backoff, Sleeper, mono_ms, now_ms

T = TypeVar("T")

ENGINE_PATIENCE_MS = 10_000
"""For how long an engine that does not answer is tried again before anything was started."""

REMOVAL_MS = 1000
"""How long after a KILL that is not ours a removal may take to show."""

KILLED_CODE = 137
UNKNOWN_CODE = 255
"""What an engine that has lost a container's end says of it; a program's own verdict as well."""

STARTS = 15
"""How often an engine is asked that goes away each time, or gives no other name: some ten seconds."""

REMOVED = "its container was removed by somebody else, and nobody saw how it ended"
REBOOTED = "The machine was started anew while this ran"
UNTOLD = "the engine went away while it started this, and nobody knows whether it had"
RUNS_ON = ", or still has: a process of it is there that is not ours to kill"
AWAY = "the engine was started anew, and no longer knows how this ended"


class Keeper:
    """Drives one attempt from its claim to its last line."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._folder: str = order["folder"]
        self._container = Container(order)
        self._container.may_exist = os.path.exists(f"{self._folder}/{ORDER}")
        self._outbox = Outbox.of(order, self._container.engine)
        self._feed = Feed.of(order)
        self._asked = Asked(self._folder, self._container.engine)
        self._sleeper = Sleeper()
        self._boot = system.boot_id()
        self._pulled: dict[str, int] = {}
        """From when to when the image was, as the record says it."""

        self._journal: Journal

    def run(self) -> None:
        """Claim the attempt, and return when all is over; at once if somebody else has it."""
        journal = Journal.claim(self._folder, lambda _: None)
        if journal is None:
            return
        self._journal = journal
        reach("keeper.after_claim")
        system.tell_of_names(os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY))
        record = journal.read()
        if record.emptied is None:
            self._container.may_come = self._container.may_exist and record.began is None
            if record.began is not None and record.began.get("container"):
                self._container.is_known(record.began["container"])
            if record.ended is None:
                self._carry(record.began)
                record = journal.read()
            if self._is_needed_no_more(record.ended or {}):
                self._remove()
        journal.close()

    def _is_needed_no_more(self, ended: spool.Line) -> bool:
        """Whether all is fetched that is to be fetched: whoever does that starts another of us."""
        is_fetched = self._outbox is None or "fetched" in self._order
        return is_fetched or "unstarted" in ended

    def _carry(self, began: spool.Line | None) -> None:
        """Bring it from where it stands to its end."""
        try:
            if began is None:
                self._begin()
            else:
                self._adopt(began)
        except NotBegun as refusal:
            self._end(None, refusal.reason, refusal.error, unstarted=True)

    # Starting -------------------------------------------------------------------------------

    def _begin(self) -> None:
        if "body" not in self._order:
            raise NotBegun("cancelled", None)  # nobody will launch it any more
        self._refuse_if_unwanted()
        if (words := self._order["no_engine"]) is not None:
            raise NotBegun("engine_unavailable", words)
        prepare(self._order, self._journal.fd)
        self._make()
        reach("keeper.after_make")
        image = self._patiently(self._container.image)
        self._refuse_if_unwanted()
        began = began_line(self._order, self._container.id, *image) | self._pulled
        try:
            self._journal.begin(began)
        except OSError as error:
            raise NotBegun("disk_full", f"could not write the record: {error}") from None
        reach("keeper.after_began")
        if not self._start():
            self._adopt(began)

    def _make(self) -> None:
        """Have the engine make the container, and pull its image first if that is to be."""
        policy = self._order["pull"]
        if policy == "always":
            self._pull()
        if self._outbox is not None:
            self._patiently(self._outbox.make)
        missing = self._patiently(self._container.make)
        if missing is not None and policy == "missing":
            self._pull()
            missing = self._patiently(self._container.make)
        if missing is not None:
            raise NotBegun("image_unavailable", missing)
        if self._outbox is not None:
            self._patiently(self._outbox.open)

    def _pull(self) -> None:
        limit_ms, began, backoff = self._order["pull_timeout_ms"], now_ms(), Backoff()
        deadline = mono_ms() + limit_ms
        while not self._is_pulled(deadline):
            if mono_ms() >= deadline:
                words = f"TimeoutError: The image was not pulled in {limit_ms / 1000:.12g}s"
                raise NotBegun("pull_timeout", words)
            self._sleeper.sleep(min(deadline, backoff.next_ms()))
        self._pulled = {"pull_from": began, "pull_to": now_ms()}

    def _is_pulled(self, deadline: int) -> bool:
        pull = Pull(self._folder, self._order["image"], self._order.get("login_env", {}))
        stream = self._patiently(lambda: self._container.pull(pull.login()))
        return pull.follow(stream, self._sleeper, deadline, self._refuse_if_unwanted)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return what *call* does; an engine that does not answer is tried for a while."""
        deadline, backoff = mono_ms() + ENGINE_PATIENCE_MS, Backoff()
        while True:
            self._refuse_if_unwanted()
            try:
                return call()
            except OSError as error:
                self._refuse_if_unwanted()  # an answer may take a minute not to come
                if mono_ms() >= deadline:
                    where = self._container.engine.address
                    words = f"no container engine answers at {where}: {error.strerror or error}"
                    raise NotBegun("engine_unavailable", words) from None
            self._sleeper.sleep(backoff.next_ms())

    def _refuse_if_unwanted(self) -> None:
        if (wish := spool.stop_wish(self._folder)) is not None:
            raise NotBegun(wish.reason, wish.error)

    def _start(self) -> bool:
        """
        Start it, which it never was, and follow it. Return False where the engine went away:
        whether it was started, that knows.
        """
        output: Stream | None = None
        memory: Memory | None = None
        try:
            # Before it starts: its log has all of it as well, but that takes the engine longer.
            output = self._container.attach()
            if self._feed is not None:
                self._feed.attach(self._container)
            if self._container.engine.is_podman:  # which has a cgroup for it by then
                memory = self._container.memory()
            self._asked.mark()
            is_ours = self._container.start()
        except (OSError, NotBegun) as error:
            for each in (output, memory):
                if each is not None:
                    each.close()
            if self._feed is not None:
                self._feed.lose_engine(is_started=False)
            if isinstance(error, NotBegun):
                raise
            return False
        reach("keeper.after_start")
        if not is_ours:  # what it printed before we listened is in its log
            output.close()
            output = None
        since = mono_ms()
        self._nudge()
        self._follow(since, output, memory or self._container.memory())
        return True

    # Going on -------------------------------------------------------------------------------

    def _adopt(self, began: spool.Line) -> None:
        """Go on with a container of which the record says that it was about to start."""
        tries, backoff = STARTS, Backoff()
        while (state := self._state()) is not None and state["Status"] == "created":
            if began["boot"] != self._boot:
                break
            if not self._outwait(
                lambda: self._asked.is_answerable(self._was_never_started, self._sleeper)
            ):
                self._lose()
                return
            if self._start_anew():
                return
            tries -= 1
            if not tries:
                self._lose()
                return
            self._sleeper.sleep(backoff.next_ms())
        if began["boot"] != self._boot:
            self._end(None, "host_rebooted", REBOOTED)
        elif state is None:
            self._end(None, "lost", REMOVED)
        else:
            started = epoch_ms(state["StartedAt"]) or began["at"]
            since = began["mono_ms"] + max(0, started - began["at"])
            has_missed = state["Status"] in ENDED and self._outwait(self._asked.was_another)
            self._follow(since, memory=self._container.memory(), was_away=has_missed)

    def _lose(self) -> None:
        """Nobody knows whether it was started: nothing of it may run on, and it is not begun again."""
        is_gone = self._container.id is None or stray.kill(self._container.id)
        self._end(None, "lost", UNTOLD if is_gone else UNTOLD + RUNS_ON)

    def _start_anew(self) -> bool:
        """
        Start it, though a start of before may be on its way to a slow engine still: by a name that
        this one does not know. Return False where it is to be looked at again.
        """
        if not self._outwait(self._container.rename) or not self._was_never_started():
            return False
        self._refuse_if_unwanted()
        try:
            return self._start()
        except NotBegun:
            if self._was_never_started():
                raise
            return False

    def _was_never_started(self) -> bool:
        state = self._state()
        return state is not None and state["Status"] == "created"

    def _state(self) -> dict[str, Any] | None:
        """Return how the container stands; None if it is gone. Waits for the engine."""
        try:
            return self._outwait(self._container.state)
        except Removed:
            return None

    def _outwait(self, call: Callable[[], T]) -> T:
        """Return what *call* does, however long the engine is away."""
        backoff = Backoff()
        while True:
            try:
                return call()
            except (OSError, EngineError):
                self._sleeper.sleep(backoff.next_ms())

    def _follow(
        self,
        since_ms: int,
        output: Stream | None = None,
        memory: Memory | None = None,
        *,
        was_away: bool = False,
    ) -> None:
        """
        Keep it, started at *since_ms*, to its end, and say how that was. *was_away*: its engine may
        have missed that.

        *output* is all that it prints; without it, what is not here yet is taken from its log.
        """
        if self._outbox is not None:
            self._outbox.find()
        running = Running(
            self._order,
            self._container,
            self._sleeper,
            memory=memory,
            outbox=self._outbox,
            feed=self._feed,
        )
        running.was_away = was_away
        try:
            running.follow(since_ms, output)
            backoff = Backoff()
            while (state := self._state()) is not None and state["Status"] not in ENDED:
                self._sleeper.sleep(backoff.next_ms())
                running.follow(since_ms)  # the engine was started anew under us
            running.check_output()
            if state is not None and running.was_short_of_memory:
                state["OOMKilled"] = True
            elif state is not None and running.cause(state["ExitCode"]) is None:
                state = self._last_state()
            self._conclude(running, state)
        finally:
            running.close()

    def _last_state(self) -> dict[str, Any] | None:
        """Return how it ended. Whoever removes a container kills it first: that is waited for."""
        deadline, backoff = mono_ms() + REMOVAL_MS, Backoff()
        while True:
            state = self._state()
            if state is None or state["ExitCode"] != KILLED_CODE or state.get("OOMKilled"):
                return state
            if mono_ms() >= deadline and state["Status"] != "removing":
                return state
            self._sleeper.sleep(backoff.next_ms())

    def _conclude(self, running: Running, state: dict[str, Any] | None) -> None:
        code: int | None = None if state is None else state["ExitCode"]
        if (words := running.complaint) is not None:
            with suppress(OSError):
                running.say(words)
        if (cause := running.cause(code)) is not None:
            reason, error = cause
            if reason == "timeout" and error is not None:
                with suppress(OSError):  # of a full disk: the record says it, too
                    running.say(error)
            # What a command makes of a part of its input is no result, whatever its code.
            is_no_result = code == KILLED_CODE or reason == "lost"
            self._end(None if is_no_result else code, reason, error)
        elif self._feed is not None and self._feed.is_cut:
            self._end(None, "lost", CUT)
        elif state is None:
            self._end(None, "lost", REMOVED)
        elif state.get("OOMKilled") and code == KILLED_CODE:
            self._end(code, "oom_killed", "killed by the kernel for want of memory")
        elif (words := failed_start(self._folder, code)) is not None:
            self._end(None, "spawn_failed", f"{self._order['program']}: {words}")
        elif code == UNKNOWN_CODE and running.was_away:
            self._end(None, "lost", AWAY)
        else:
            self._end(code, None, state.get("Error") or running.log_refusal)

    # Ending ---------------------------------------------------------------------------------

    def _end(
        self, code: int | None, reason: str | None, error: str | None, *, unstarted: bool = False
    ) -> None:
        ended = {"code": code, "signal": None, "reason": reason, "error": error, "by": "shim"}
        void = {"unstarted": True} if unstarted else {}
        self._publish({"event": "ended", "at": now_ms(), **ended, **void})
        reach("keeper.after_end")

    def _publish(self, line: spool.Line) -> None:
        """Write a line down, however long the disk is full, and tell that there is news."""
        self._journal.publish(line)
        self._nudge()
        backoff = Backoff()
        while not self._journal.is_saved:
            self._sleeper.sleep(backoff.next_ms())
            self._journal.save()

    def _remove(self) -> None:
        """Once the record is safe: leave nothing of it with the engine, and say so."""
        remove(
            self._container,
            self._outbox,
            self._sleeper,
            lambda words: self._publish({"event": "unkillable", "at": now_ms(), "error": words}),
        )
        reach("keeper.after_remove")
        sizes = {
            f"{stream}_bytes": spool.output_size(self._folder, stream)
            for stream in (spool.STDOUT, spool.STDERR)
        }
        self._publish({"event": "emptied", "at": now_ms(), **sizes, "leftovers": 0})

    def _nudge(self) -> None:
        nudge(self._order["home"], self._order["key"])
