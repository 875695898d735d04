"""One attempt's life under its shim: claim, start, clocks, stop, and the record of the end."""

from __future__ import annotations

import os
import signal
import time

from . import spool, system, tree
from .command import Child, Message, reason_of
from .containment import Containment
from .failpoint import reach
from .journal import Journal, Tell
from .watch import Output

LINGER_MS = 2000
"""How long background processes may outlive the command before they are stopped."""

KILL_AGAIN_MS = 20
"""Between two rounds of killing, for what was forked or came out of the kernel meanwhile."""

OTHERS_FIRST_S = 0.03
"""
How long a shim whose deadline has passed leaves the processor to others, once it has killed:
hundreds may have the same one, and each one's paperwork would make the next one's KILL late.
"""

LOOK_AGAIN_MS = 100
"""Between two looks at a process group whose members are no children of ours."""

UNKILLABLE_MS = 5000
"""After so long of being killed, what is left is told as unkillable."""

SAVE_AGAIN_MS = 1000


class Attempt:
    """
    Drives one command. `start` begins it; then `on_wake` at every signal and whenever
    `timeout_ms` has passed, until `is_over`.
    """

    def __init__(self, message: Message, tell: Tell) -> None:
        self.message = message
        self.folder: str = message["folder"]
        self.is_over = False
        self._tell = tell
        self._journal: Journal
        self._containment = Containment(message)
        self._output: Output | None = None
        self._child: Child | None = None
        self._deadlines: dict[str, int] = {}
        self._cause: str | None = None
        """Why it is being ended, or could not begin: the reason, unless it ends by itself first."""
        self._error: str | None = None
        self._never_became = False
        self._ended = False
        self._finished = False
        self._killing_since: int | None = None
        self._told_unkillable = False
        self._leftovers = 0

    # Starting -------------------------------------------------------------------------------

    def start(self) -> str | None:
        """
        Claim the attempt and start its command. Returns None once it is ours; else why it is
        not: `held` (somebody has its lock) or `known` (it was started before).
        """
        try:
            journal = Journal.claim(self.folder, self._tell)
        except OSError as error:
            not_begun = self._not_begun(*_failure(error, "claim its folder"))
            self._tell(spool.encode(not_begun, self._emptied()))
            self.is_over = True
            return None
        if journal is None:
            return "held"
        self._journal = journal
        reach("shim.after_claim")
        if not journal.read().never_started:
            self._close()
            return "known"

        if (wish := spool.stop_wish(self.folder)) is not None:
            self._never_ran(wish.reason, None)
        elif (free := system.free_bytes(journal.fd)) < self.message["floor_bytes"]:
            floor = self.message["floor_bytes"]
            words = f"only {free >> 20} MiB are free where output goes; {floor >> 20} must stay so"
            self._never_ran("disk_full", words)
        else:
            self._spawn()
        return None

    def _spawn(self) -> None:
        try:
            self._write_script()
            child = self._containment.start(self.folder, self._journal.fd)
        except OSError as error:
            self._never_ran(*_failure(error, "prepare the start"))
            return
        reach("shim.after_fork")
        began = self._began(child)
        try:
            self._output = Output(self.folder, self.message, began["mono_ms"])
            tell_began = self._journal.begin(began)
        except OSError as error:
            child.dismiss()
            os.waitpid(child.pid, 0)
            self._never_ran(*_failure(error, "write the attempt's record"))
            return
        self._child = child
        reach("shim.after_began")
        failure = child.go()
        reach("shim.after_go")
        if failure is not None:
            self._cause, self._error = failure
            self._never_became = True
            return
        tell_began()
        self._arm("timeout", began["mono_ms"], self.message["timeout_ms"])
        self._obey_wish()
        self._watch_output(was_told=False)

    def _began(self, child: Child) -> spool.Line:
        return {
            "event": "began",
            "at": _now_ms(),
            "mono_ms": _mono_ms(),
            "pid": child.pid,
            "start": child.start,
            "shim_pid": os.getpid(),
            "shim_start": self.message["shim_start"],
            "boot": self.message["boot"],
            "containment": self._containment.name,
            "cgroup": self._containment.path,
            "survives": self.message["survives"],
            "timeout_ms": self.message["timeout_ms"],
            "grace_ms": self.message["grace_ms"],
            **{name: self.message[name] for name in spool.OUTPUT_LIMITS},
            "v": spool.VERSION,
        }

    def _write_script(self) -> None:
        if (text := self.message.get("script")) is not None:
            path = f"{self.folder}/{spool.SCRIPT}"
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)

    # Living ---------------------------------------------------------------------------------

    def timeout_ms(self) -> int | None:
        """How long to sleep at most, in milliseconds; None: until a signal."""
        times = list(self._deadlines.values())
        if self._output is not None and (look := self._output.next_look_ms()) is not None:
            times.append(look)
        return max(0, min(times) - _mono_ms()) if times else None

    def on_wake(self, signals: bytes) -> None:
        """Look at what has happened: *signals* are the numbers of those that came."""
        self._reap()
        if self._finished:
            self._save()
            return
        if signal.SIGUSR1 in signals:
            self._obey_wish()
        # The clocks first: hundreds of shims may have the same deadline, and few processors.
        for name, at in sorted(self._deadlines.items(), key=lambda item: item[1]):
            if at <= _mono_ms() and self._deadlines.pop(name, None) is not None:
                self._passed(name)
        self._watch_output(was_told=signal.SIGIO in signals)

    def _arm(self, name: str, since_ms: int, after_ms: int) -> None:
        self._deadlines[name] = since_ms + after_ms

    def _passed(self, name: str) -> None:
        if name == "kill":
            self._kill()
        else:
            self._stop("timeout", self.message["grace_ms"])

    def _obey_wish(self) -> None:
        if (wish := spool.stop_wish(self.folder)) is not None:
            self._stop(wish.reason, wish.grace_ms)

    def _watch_output(self, *, was_told: bool) -> None:
        if self._output is None:
            return
        fault = self._output.look(_mono_ms(), was_told=was_told)
        if fault is None:
            return
        reason, error = fault
        # Output that must not go on gets no grace: a flood fills the disk in that time.
        grace = self.message["grace_ms"] if reason == "idle_timeout" else 0
        self._stop(reason, grace, error)
        if self._cause == reason and not self._ended:
            # Should we be killed before its end, whoever writes that finds the reason.
            try:
                spool.ask_to_stop(self.folder, grace, reason, error)
            except OSError:
                pass  # A full disk: then it is not found.

    def _watch_no_more(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    # Stopping -------------------------------------------------------------------------------

    def _stop(self, cause: str, grace_ms: int, error: str | None = None) -> None:
        """End everything: TERM and CONT, and KILL after the grace. A natural end comes first."""
        self._reap()
        if self._finished:
            return
        if not self._ended and self._cause is None:
            self._cause, self._error = cause, error
        # The limit of time stays: no grace, however long, is one beyond it.
        self._deadlines.pop("linger", None)
        if grace_ms <= 0 or self._killing_since is not None:
            self._kill()
        elif "kill" in self._deadlines:
            # Asked once already: a second wish can only make it sooner.
            self._deadlines["kill"] = min(_mono_ms() + grace_ms, self._deadlines["kill"])
        else:
            self._arm("kill", _mono_ms(), grace_ms)
            self._containment.ask(leader_is_there=not self._ended)

    def _kill(self) -> None:
        now = _mono_ms()
        self._containment.kill_at_once(leader_is_there=not self._ended)
        if self._killing_since is None:
            self._killing_since = now
            if self._cause == "timeout":
                time.sleep(OTHERS_FIRST_S)
        self._containment.kill_rest()
        self._arm("kill", now, KILL_AGAIN_MS)
        if not self._told_unkillable and now - self._killing_since > UNKILLABLE_MS:
            self._told_unkillable = True
            left = self._containment.below()
            error = f"{len(left)} processes do not die: {left[:10]}"
            self._journal.publish({"event": "unkillable", "at": _now_ms(), "error": error})
        self._reap()

    # Ending ---------------------------------------------------------------------------------

    def _reap(self) -> None:
        """
        Take in every child that has ended. Only the command itself decides the outcome.

        Its end is written down before it is reaped: should we be killed in between, the launcher
        inherits a zombie that still has the true code.
        """
        if self._finished or self._child is None:
            return
        has_ended_now = False
        try:
            while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if dead.si_pid == self._child.pid:
                    has_ended_now = True
                    reach("shim.after_end")
                    self._command_ended(self._verdict(dead.si_code, dead.si_status))
                os.waitpid(dead.si_pid, 0)
        except ChildProcessError:
            self._has_no_child()
        if has_ended_now and not self._finished:
            self._care_for_leftovers()

    def _has_no_child(self) -> None:
        if self._ended and not self._finished:
            if self._containment.is_empty():
                self._finish([self._emptied()])
            else:
                self._arm("look", _mono_ms(), LOOK_AGAIN_MS)
        if self._finished:
            self._leave_nothing()

    def _command_ended(self, ended: spool.Line) -> None:
        self._ended = True
        if self._is_alone():
            self._finish([ended, self._emptied()])
        else:
            self._journal.publish(ended)

    def _is_alone(self) -> bool:
        """Whether the command, ended and not reaped yet, is provably all that is left."""
        return (
            self._containment.keeps_orphans
            and self._child is not None
            and tree.own_children() == [self._child.pid]
        )

    def _verdict(self, how: int, status: int) -> spool.Line:
        """Return the line for an end as waitid(2) tells it: *status* is a code, or a signal."""
        has_exited = how == os.CLD_EXITED
        cause, error = self._cause, self._error
        killed_by_others = not has_exited and status == signal.SIGKILL and cause is None
        if killed_by_others and self._containment.saw_oom_kill():
            cause, error = "oom_killed", "killed by the kernel for want of memory"
        if self._never_became and cause is not None:
            return self._not_begun(cause, error)
        return {
            "event": "ended",
            "at": _now_ms(),
            "code": status if has_exited else None,
            "signal": None if has_exited else status,
            "reason": cause,
            "error": error,
            "by": "shim",
        }

    def _care_for_leftovers(self) -> None:
        """The command is over, and processes of it are not: wait for them, or not for long."""
        self._leftovers = len(self._containment.below())
        if self._killing_since is not None:
            self._kill()
        elif "kill" in self._deadlines:
            pass  # It was being stopped: they have what is left of the grace.
        elif self.message["leftovers"] != "wait":
            self._deadlines.pop("timeout", None)
            self._arm("linger", _mono_ms(), LINGER_MS)

    def _emptied(self) -> spool.Line:
        return {
            "event": "emptied",
            "at": _now_ms(),
            "stdout_bytes": spool.output_size(self.folder, spool.STDOUT),
            "stderr_bytes": spool.output_size(self.folder, spool.STDERR),
            "leftovers": self._leftovers,
        }

    def _never_ran(self, reason: str, error: str | None) -> None:
        self._finish([self._not_begun(reason, error), self._emptied()])
        self._leave_nothing()

    def _not_begun(self, reason: str, error: str | None) -> spool.Line:
        return {
            "event": "ended",
            "at": _now_ms(),
            "code": None,
            "signal": None,
            "reason": reason,
            "error": error,
            "by": "shim",
            "unstarted": True,
        }

    def _finish(self, lines: list[spool.Line]) -> None:
        self._finished = True
        self._deadlines.clear()
        self._watch_no_more()
        self._journal.publish(*lines)
        reach("shim.after_record_end")

    def _leave_nothing(self) -> None:
        """Once the last child is reaped: give back what was held for the attempt."""
        self._containment.remove()
        self._save()

    def _save(self) -> None:
        """Once all is written down, it is over; until then that is tried again."""
        self._journal.save()
        if self._journal.is_saved:
            self._close()
        else:
            self._arm("save", _mono_ms(), SAVE_AGAIN_MS)

    def _close(self) -> None:
        self.is_over = True
        self._journal.close()


def _failure(error: OSError, what: str) -> tuple[str, str]:
    """Return the reason and the words for a start that failed with *error*."""
    words = error.strerror or str(error)
    if isinstance(error.filename, str) or not words.startswith(
        ("could not", "no cgroup", "the lim")
    ):
        words = f"could not {what}: {words}"
    return reason_of(error.errno), words


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
