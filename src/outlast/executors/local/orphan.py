"""A command whose shim was killed: kept under its clocks, its true end found where it can be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from ...core.limits import to_epoch_ms
from ...ports.clock import Clock
from ...shim import cgroup, spool, system, tree
from ...shim.ending import end_line
from ...shim.watch import Output

Line = dict[str, Any]

LAUNCHER_PATIENCE_S = 1.0
"""How long the launcher, which inherits the command, is given to take its record."""

REAPER_PATIENCE_S = 60.0
"""
How long whoever inherited a command that has ended is given to reap it, and to write down its
end: a machine may have more to do, and what is called lost is never called anything else.
"""

LOOK_AGAIN_S = 0.05
KILL_AGAIN_S = 0.02
UNKILLABLE_S = 5.0


VOID: Line = {"event": "unstarted"}
"""Told of a command that never began."""


class Orphan:
    """
    Minds one attempt without a shim, until its tree is empty.

    Its launcher inherited the command and writes its end; where that was killed too, the
    kernel is asked (Linux 6.15 and newer); where neither knows, the end that *tell* hears has
    neither a code nor a signal.
    Whoever makes one passes SIGIO on to `look_at_output`.
    """

    def __init__(
        self,
        folder: str,
        mark: tuple[str, str],
        began: Line,
        tell: Callable[[str, Line], None],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._folder = folder
        self._mark = mark
        self._began = began
        self._cgroup = None if began.get("cgroup") is None else cgroup.Cgroup(began["cgroup"])
        self._tell = tell
        self._pidfd: int | None = None
        self._output: Output | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._unwritten: dict[str, Line] = {}
        self._ended_at: float | None = None
        self._killing_since: float | None = None
        self._over = False

    def begin(self) -> None:
        """Find the command by its identity, and take over its clocks."""
        pid, start = self._began["pid"], self._began["start"]
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self._pidfd = None
        if self._pidfd is not None and system.start_time(pid) != start:
            os.close(self._pidfd)  # another process has its number by now
            self._pidfd = None
        if self._pidfd is None or not system.is_running(pid, start):
            self._command_ended()
            return
        self._tell(self._folder, self._began | {"event": "orphaned"})
        self._loop.add_reader(self._pidfd, self._command_ended)
        left_s = (self._began["mono_ms"] + self._began["timeout_ms"]) / 1000 - self._loop.time()
        self._after(max(0.0, left_s), lambda: self._stop("timeout", self._began["grace_ms"]))
        if (wish := spool.stop_wish(self._folder)) is not None:
            self._stop(wish.reason, wish.grace_ms)
        self._watch_output()

    def stop(self, grace_ms: int) -> None:
        """End all its processes, because somebody asked."""
        self._stop("cancelled", grace_ms)

    def look(self) -> None:
        """Somebody wrote into the record."""
        if self._ended_at is not None:
            self._find_end()

    def close(self) -> None:
        """Mind it no more."""
        self._over = True
        self._forget_output()
        for timer in self._timers:
            timer.cancel()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    # Its output -----------------------------------------------------------------------------

    def _watch_output(self) -> None:
        """Hold its output to the limits that its shim held it to, what came meanwhile included."""
        try:
            limits = spool.output_limits(self._began)
            self._output = Output(self._folder, limits, self._grown_at_ms())
        except OSError:
            return  # Its folder cannot be opened: nothing can be seen of its output.
        if (fault := self._output.too_much()) is not None:
            self._stop_for(*fault)
        self.look_at_output(was_told=True)

    def look_at_output(self, *, was_told: bool = False) -> None:
        """Look whether it prints too much, or nothing; *was_told*: the kernel told of a change."""
        if self._output is None or self._ended_at is not None:
            return
        fault = self._output.look(self._now_ms(), was_told=was_told)
        if fault is not None:
            self._stop_for(*fault)
        if self._next_look is not None:
            self._next_look.cancel()
        due = self._output.next_look_ms()
        if due is not None:
            self._next_look = self._loop.call_at(due / 1000, self.look_at_output)

    def _grown_at_ms(self) -> int:
        """Return when it last printed, on the monotonic clock: its files know the time of day."""
        printed = []
        for stream in (spool.STDOUT, spool.STDERR):
            with contextlib.suppress(OSError):
                printed.append(os.stat(f"{self._folder}/{stream}").st_mtime_ns // 1_000_000)
        now_ms = self._now_ms()
        silent_ms = to_epoch_ms(self._clock.now()) - max(printed, default=0)
        # The time of day may have been set meanwhile: it was neither before its start nor is it
        # still to come.
        return min(max(int(self._began["mono_ms"]), now_ms - silent_ms), now_ms)

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1000)

    def _stop_for(self, reason: str, error: str | None) -> None:
        # As the shim does: output that must not go on gets no grace.
        grace_ms = self._began["grace_ms"] if reason == "idle_timeout" else 0
        self._stop(reason, grace_ms, error)

    def _forget_output(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        if self._output is not None:
            self._output.close()
            self._output = None

    # Stopping -------------------------------------------------------------------------------

    def _stop(self, cause: str, grace_ms: int, error: str | None = None) -> None:
        if self._over or self._killing_since is not None:
            return
        if self._ended_at is None and spool.stop_wish(self._folder) is None:
            # Whoever writes the end down finds the reason for it here.
            spool.ask_to_stop(self._folder, grace_ms, cause, error)
        if grace_ms > 0:
            self._signal_group(signal.SIGTERM)
            self._signal_group(signal.SIGCONT)
            self._after(grace_ms / 1000, self._kill)
        else:
            self._kill()

    def _signal_group(self, signum: int) -> None:
        if self._pidfd is None or self._ended_at is not None:
            tree.signal_all(self._left(), signum)
            return
        pid = self._began["pid"]
        try:
            # It is alive by its pidfd, so that its number is still its group's.
            signal.pidfd_send_signal(self._pidfd, 0)
            if os.getpgid(pid) == pid > 1:
                os.killpg(pid, signum)
        except OSError:
            pass

    def _kill(self) -> None:
        if self._over:
            return
        if self._killing_since is None:
            self._killing_since = self._loop.time()
        if self._pidfd is not None:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        if self._cgroup is not None:
            self._cgroup.kill()
        tree.signal_all(self._left(), signal.SIGKILL)
        if self._ended_at is not None:
            self._after(KILL_AGAIN_S, self._empty)

    def _left(self) -> list[int]:
        """Return what lives of it: in its cgroup, below the command, or born with its mark."""
        inside = [] if self._cgroup is None else self._cgroup.processes()
        below = tree.descendants(self._began["pid"]) if self._ended_at is None else []
        return sorted({*inside, *below, *tree.marked(*self._mark)})

    # Ending ---------------------------------------------------------------------------------

    def _command_ended(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
        self._forget_output()
        if self._ended_at is None:
            self._ended_at = self._loop.time()
            self._find_end()

    def _find_end(self) -> None:
        if self._over:
            return
        held = spool.is_held(self._folder)
        record = spool.read_record(self._folder) or spool.Record()
        if record.ended is not None:
            self._unwritten.clear()
            self._conclude(record.ended)
            return
        if record.began is None:
            # Voided since: what ended was a child that never became the command.
            self.close()
            self._remove_cgroup()
            self._tell(self._folder, VOID)
            return
        waited = self._loop.time() - (self._ended_at or 0)
        status = None if self._pidfd is None or held else system.wait_status_of(self._pidfd)
        # Held: by a launcher, which writes the end once it has it. A zombie has no status to tell
        # yet: somebody, init at last, has to reap it first.
        somebody_knows = held or self._is_zombie()
        patience_s = REAPER_PATIENCE_S if somebody_knows else LAUNCHER_PATIENCE_S
        if status is None and waited < patience_s:
            self._after(LOOK_AGAIN_S, self._find_end)
        elif status is None:
            self._conclude(self._unknown_end())
        else:
            wish = spool.stop_wish(self._folder)
            at_ms = to_epoch_ms(self._clock.now())
            ended = end_line(
                status, self._began, wish, at_ms=at_ms, mono_ms=self._now_ms(), by="kernel"
            )
            if self._write(ended) or waited >= LAUNCHER_PATIENCE_S:
                self._conclude(ended)
            else:
                self._after(LOOK_AGAIN_S, self._find_end)

    def _is_zombie(self) -> bool:
        """Whether it has ended and is still there; its number cannot be another's by now."""
        there = system.start_time(self._began["pid"]) == self._began["start"]
        return self._pidfd is not None and there

    def _unknown_end(self) -> Line:
        """Return what is told where nobody knows how it ended; it does not stand in the record."""
        at_ms = to_epoch_ms(self._clock.now())
        nothing = dict.fromkeys(("code", "signal", "reason", "error"))
        return {"event": "ended", "at": at_ms, **nothing, "by": "nobody"}

    def _conclude(self, ended: Line) -> None:
        self._tell(self._folder, ended)
        self._empty()

    def _empty(self) -> None:
        """Kill what it left until nothing is, and say so."""
        if self._over:
            return
        left = self._left()
        if self._killing_since is None:
            self._killing_since = self._loop.time()
        if left or (self._cgroup is not None and self._cgroup.is_populated()):
            tree.signal_all(left, signal.SIGKILL)
            if self._cgroup is not None:
                self._cgroup.kill()
            if self._loop.time() - self._killing_since > UNKILLABLE_S:
                below = "processes in a cgroup below its own do not die"
                error = f"{len(left)} processes do not die: {left[:10]}" if left else below
                self._tell(
                    self._folder,
                    {"event": "unkillable", "at": to_epoch_ms(self._clock.now()), "error": error},
                )
            self._after(KILL_AGAIN_S, self._empty)
            return
        self.close()
        self._remove_cgroup()
        emptied = {
            "event": "emptied",
            "at": to_epoch_ms(self._clock.now()),
            "stdout_bytes": spool.output_size(self._folder, spool.STDOUT),
            "stderr_bytes": spool.output_size(self._folder, spool.STDERR),
        }
        self._write(emptied)
        self._tell(self._folder, emptied)

    def _write(self, line: Line) -> bool:
        """
        Keep *line* in the record, behind what could not be kept before: the next supervisor reads
        it there. False: somebody else has the record just now.
        """
        self._unwritten[line["event"]] = line
        try:
            fd = spool.open_record(self._folder)
            if fd is None:
                return False
            try:
                for event in tuple(self._unwritten):
                    spool.append(fd, spool.encode(self._unwritten[event]))
                    del self._unwritten[event]
            finally:
                os.close(fd)
        except OSError:
            pass  # It is told all the same, and recorded in the store.
        return True

    def _remove_cgroup(self) -> None:
        if self._cgroup is not None:
            self._cgroup.remove()

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if not timer.cancelled()][-8:]
        self._timers.append(self._loop.call_later(seconds, call))
