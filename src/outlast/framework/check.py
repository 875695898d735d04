"""
How well an asynchronous command can be used by a program: any tool's, scored 0 to 3 by one rule.

1. It answers with an id, and a command that asks how things stand.
2. The answer has `job_id`, `status_command` and `poll_interval_ms`, and the exit codes differ: 3
   while it runs, 0 once it is complete, 5 for what is not there.
3. `cancel_command`, `timeout_ms`, `terminal`; each `status` is one of six words; and every tool has
   the same commands: `job status|wait|result|logs|cancel|list`.

A level counts once all that it asks for holds, and all below it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from ..clock import SystemClock
from ..core.outcome import Exit
from ..core.state import JobStatus

LEVELS: Final = (1, 2, 3)
AT_ONCE: Final = timedelta(seconds=30)
"""A command that starts something and goes should have gone by then."""

ASKING: Final = timedelta(seconds=60)
IDS: Final = ("job_id", "task_id", "run_id", "operation_id", "jobId", "taskId", "id")
STATUS_COMMANDS: Final = ("status_command", "poll_command", "check_command", "statusCommand")


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: int
    check: str
    passed: bool
    says: str


class Answer(NamedTuple):
    """What a call of the tool came to."""

    code: int | None
    """None: it did not end in time, or could not be started."""

    data: dict[str, Any]
    """The JSON object on its stdout, out of its envelope; empty where there is none."""

    text: str


class Report(NamedTuple):
    """What was found, in the order in which it was looked at."""

    job_id: str | None
    findings: tuple[Finding, ...]

    @property
    def score(self) -> int:
        """The highest level of which, and below which, nothing is missing."""
        missing = [finding.level for finding in self.findings if not finding.passed]
        return min(missing) - 1 if missing else LEVELS[-1]


def check(argv: Sequence[str], timeout: timedelta) -> Report:
    """Run *argv*, which starts something, and follow it to its end, or for *timeout*."""
    examination = Examination(argv, timeout)
    examination.run()
    return Report(examination.job_id, tuple(examination.findings))


class Examination:
    """One run of one command, and what is found on the way."""

    def __init__(self, argv: Sequence[str], timeout: timedelta) -> None:
        self.findings: list[Finding] = []
        self.job_id: str | None = None
        self._argv = list(argv)
        self._clock = SystemClock()
        self._timeout = timeout
        self._statuses: set[str] = set()

    def run(self) -> None:
        """Start it, ask at once, ask until it has ended, and ask for the rest."""
        start = call(self._argv, AT_ONCE, cwd=None)
        self.job_id, asking = _id_in(start), _status_argv_in(start, self._argv)
        returned = start.code is not None
        self._note(1, "it returns", returned, start.text)
        self._note(1, "an id", self.job_id is not None, "the answer names none")
        self._note(1, "a status command", asking is not None, "the answer has none")
        first = call(asking, ASKING) if asking else Answer(None, {}, "")
        works = first.code not in (None, 2, 126, 127)
        says = f"asked from another directory it ended with {first.code}: {first.text.strip():.200}"
        self._note(1, "the status command works", works, says)
        self._check_descriptor(start.data)
        last = self._follow(asking, first) if asking and works else first
        self._check_codes(asking, first, last)
        self._check_rest(start.data, asking, last)

    def _note(self, level: int, what: str, passed: bool, otherwise: str) -> None:
        self.findings.append(Finding(level, what, passed, "" if passed else otherwise))

    def _check_descriptor(self, data: dict[str, Any]) -> None:
        for name, kind in (("job_id", str), ("status_command", str), ("poll_interval_ms", int)):
            self._note_field(2, data, name, kind)

    def _note_field(self, level: int, data: dict[str, Any], name: str, kind: type) -> None:
        value = data.get(name)
        is_right = type(value) is kind and (kind is bool or bool(value))
        self._note(level, name, is_right, f"it is {json.dumps(value)} in the answer to the start")

    def _follow(self, asking: list[str], answer: Answer) -> Answer:
        """Ask until it has ended; as often as the answers say, where they do."""
        deadline = self._clock.monotonic() + self._timeout.total_seconds()
        while self._sees_running(answer) and self._clock.monotonic() < deadline:
            pause_ms = answer.data.get("poll_interval_ms")
            time.sleep(min(max(pause_ms, 50), 5000) / 1000 if isinstance(pause_ms, int) else 1.0)
            answer = call(asking, ASKING)
        return answer

    def _sees_running(self, answer: Answer) -> bool:
        if isinstance(status := answer.data.get("status"), str):
            self._statuses.add(status)
        return answer.code == Exit.RUNNING or answer.data.get("terminal") is False

    def _check_codes(self, asking: list[str] | None, first: Answer, last: Answer) -> None:
        says = f"it was {first.code}"
        if first.code == Exit.COMPLETE:
            says += "; does it take long enough to be seen running?"
        self._note(2, "status exits 3 while it runs", first.code == Exit.RUNNING, says)
        says = f"it was {last.code} when the last was asked; were these arguments to succeed?"
        self._note(2, "status exits 0 once complete", last.code == Exit.COMPLETE, says)
        missing = self._ask_for_nothing(asking) if asking else None
        says = f"it was {missing}"
        self._note(2, "status exits 5 for what is not there", missing == Exit.NOT_FOUND, says)

    def _ask_for_nothing(self, asking: list[str]) -> int | None:
        if not self.job_id or self.job_id not in asking:
            return None
        nothing = "0" * 6 if not self.job_id.endswith("0" * 6) else "1" * 6
        other = self.job_id[:-6] + nothing if not self.job_id.isdigit() else f"9{self.job_id}9"
        return call([other if word == self.job_id else word for word in asking], ASKING).code

    def _check_rest(self, data: dict[str, Any], asking: list[str] | None, last: Answer) -> None:
        for name, kind in (("cancel_command", str), ("timeout_ms", int)):
            self._note_field(3, data, name, kind)
        ended = (data.get("terminal"), last.data.get("terminal"))
        says = f"it is {json.dumps(ended[0])} at the start and {json.dumps(ended[1])} at the end"
        self._note(3, "terminal", ended == (False, True), says)
        odd = self._statuses - set(JobStatus)
        says = f"{', '.join(sorted(odd))} is none of {', '.join(JobStatus)}" if odd else "none seen"
        self._note(3, "status is one of six words", bool(self._statuses) and not odd, says)
        # Cancelling what has ended changes nothing, so that it can be asked of any tool.
        self._note_call("job cancel", _split(data.get("cancel_command")))
        for verb in ("wait", "result", "logs"):
            self._note_call(f"job {verb}", _sibling(asking, verb))
        listing = _sibling(asking, "list")
        self._note_call("job list", listing and [word for word in listing if word != self.job_id])

    def _note_call(self, what: str, argv: list[str] | None) -> None:
        code = call(argv, ASKING).code if argv else None
        self._note(
            3, what, code == Exit.COMPLETE, f"it ended with {code}" if argv else "no command"
        )


def call(argv: Sequence[str], patience: timedelta, *, cwd: str | None = "/") -> Answer:
    """Run a command, by default from a directory that has nothing to do with it."""
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=os.environ | {"OUTLAST_OUTPUT": "json"},  # as a program that asks would have it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience.total_seconds(),
            check=False,
        )
    except OSError as error:
        return Answer(None, {}, f"it cannot be started: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(None, {}, f"it did not within {patience.seconds} s")
    out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
    return Answer(done.returncode, _object_in(out), out + err)


def _object_in(text: str) -> dict[str, Any]:
    """Return the JSON object that *text* is, or that its last line is."""
    for candidate in (text, text.strip().rpartition("\n")[2]):
        try:
            found = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(found, dict):
            inner = found.get("data")
            return inner if isinstance(inner, dict) else found
    return {}


def _id_in(answer: Answer) -> str | None:
    for name in IDS:
        if isinstance(found := answer.data.get(name), str | int) and found is not True:
            return str(found)
    said = re.search(r"\b(?:job|task|run|id)\b[\s:#=]+([\w-]*\d[\w-]*)", answer.text, re.IGNORECASE)
    return said and said[1]


def _status_argv_in(answer: Answer, started: Sequence[str]) -> list[str] | None:
    """Return the command that asks again, from a field of the answer or from its words."""
    if isinstance(argv := answer.data.get("status_argv"), list):
        return [str(word) for word in argv]
    for name in STATUS_COMMANDS:
        if argv := _split(answer.data.get(name)):
            return argv
    if (found := _id_in(answer)) is None:
        return None
    programs = "|".join(re.escape(os.path.basename(word)) for word in started[:2])
    said = re.search(
        rf"((?:[^\s`'\"]*/)?(?:{programs})\s[^\n`'\"]*\b{re.escape(found)}\b)", answer.text
    )
    return _split(said[1]) if said else None


def _split(line: object) -> list[str] | None:
    try:
        return shlex.split(line) if isinstance(line, str) else None
    except ValueError:
        return None


def _sibling(asking: list[str] | None, verb: str) -> list[str] | None:
    """Return the command of that name beside `job status`."""
    if asking is None or "status" not in asking:
        return None
    at = len(asking) - 1 - asking[::-1].index("status")
    return [*asking[:at], verb, *asking[at + 1 :]] if asking[at - 1] == "job" else None
