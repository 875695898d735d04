"""What the shell shim says of attempts, taken apart. A host may lie: nothing is believed unread."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, NamedTuple

from ...core.state import Reason
from .refusal import Cut

MAX_NUMBER: Final = 1 << 47
"""No number of a host's is larger: beyond what a time in milliseconds can be."""

OLDEST_S: Final = 10**9

_NUMBER: Final = re.compile(r"\d{1,15}", re.ASCII)


class Told(NamedTuple):
    """How one attempt stands on its host. Times are seconds, of a clock that `Report.now` is of."""

    state: str
    """`none`, `void` (it never ran and never will) or `began`."""

    at: int = 0
    """When it began, or was given up."""

    detail: tuple[str, str] = ("", "")
    """Of a void one: the reason, and what was missing."""

    boot: str = ""
    containment: str = ""
    is_running: bool = False
    has_parent: bool = False
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    progress_bytes: int = 0
    wish: str | None = None
    """Why somebody wanted it to end."""

    ended_at: int | None = None
    status: int = 0
    """As the shell has it, once it has ended: 128 and more may be a signal."""

    is_signalled: bool = False
    emptied_at: int | None = None


class Report(NamedTuple):
    """An answer to `status`."""

    now: int
    boot: str
    attempts: dict[str, Told]
    output: bytes = b""
    """Both streams of an attempt that is over, one behind the other; or nothing."""

    @property
    def has_begun(self) -> bool:
        """Whether all attempts that it tells of have."""
        return all(told.state == "began" for told in self.attempts.values())

    def ago(self, at: int) -> timedelta:
        """Return how long ago *at* was; nothing is to come, and nothing older than a lifetime."""
        return timedelta(seconds=min(max(self.now - at, 0), OLDEST_S))


STARTS: Final = (b"started", b"known", b"unwritable")


def parse_start(answer: bytes) -> Report | None:
    """
    Read an answer to `start`; None if the host could not keep the order.

    Raises:
        Cut: It is not whole, or makes no sense.
    """
    word, _, rest = answer.partition(b"\n")
    if word not in STARTS:
        raise Cut("the host's answer makes no sense")
    return None if word == b"unwritable" else parse_status(rest)


def parse_status(answer: bytes) -> Report:
    """
    Read an answer to `status`, or what comes behind the first word of one to `start`.

    Raises:
        Cut: It is not whole, or makes no sense.
    """
    head, end, output = answer.partition(b"\nend\n")
    if not end:
        raise Cut("the host's answer is not whole")
    lines = head.decode("utf-8", "replace").splitlines()
    try:
        word, now, boot = lines[0].split()
        report = Report(_number(now) if word == "now" else _number(word), boot, {}, output)
        for line in lines[1:]:
            key, told = _told(line.split())
            report.attempts[key] = told
    except (ValueError, IndexError) as error:
        raise Cut(f"the host's answer makes no sense: {error}") from None
    if output and len(output) != sum(map(_printed_bytes, report.attempts.values())):
        raise Cut("the host's answer has no end")
    return report


def reason_of(word: str) -> Reason:
    """Return the reason that a host names; of a word that is none, it is not certain what it was."""
    try:
        return Reason(word)
    except ValueError:
        return Reason.LOST


def _printed_bytes(told: Told) -> int:
    return told.stdout_bytes + told.stderr_bytes


def _told(words: list[str]) -> tuple[str, Told]:
    if words[0] != "job":
        raise ValueError(words[0])
    key, state, rest = words[1], words[2], words[3:]
    if state == "none":
        return key, Told("none")
    if state == "void":
        return key, Told("void", at=_number(rest[0]), detail=(rest[1], rest[2]))
    if state != "began":
        raise ValueError(state)
    ended, emptied = rest[9], rest[12]
    return key, Told(
        "began",
        at=_number(rest[0]),
        boot=rest[1],
        containment=rest[2],
        is_running=rest[3] == "alive",
        has_parent=rest[4] == "alive",
        stdout_bytes=_number(rest[5]),
        stderr_bytes=_number(rest[6]),
        progress_bytes=_number(rest[7]),
        wish=None if rest[8] == "-" else rest[8],
        ended_at=None if ended == "-" else _number(ended),
        status=0 if ended == "-" else _number(rest[10]),
        is_signalled=rest[11] == "yes",
        emptied_at=None if emptied == "-" else _number(emptied),
    )


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word) or int(word) >= MAX_NUMBER:
        raise ValueError(f"{word!r:.40} is no number")
    return int(word)
