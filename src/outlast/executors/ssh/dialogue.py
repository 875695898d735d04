"""What to answer a host: the rules of a job, held against what stands in the host's last line."""

from __future__ import annotations

import codecs
import re
import signal
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ...core.dialogue import Rule

TAIL_CHARACTERS: Final = 4096
"""No prompt reaches further back."""

SEARCH_S: Final = 0.05
"""Of processor time for a look: Python's own matching knows no bound, and a host may lie."""

MAX_SHOWN: Final = 200
"""Characters of a line in an error."""

_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>]|[()#][0-9A-Z])"
)
"""What moves a cursor or colours text (ECMA-48), and titles of windows."""

_UNFINISHED: Final = re.compile(r"(?:\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[()#])?|\r)\Z")
"""The beginning of such at the end of what has come, or of a line's end."""


class Reply(NamedTuple):
    """What to send now."""

    text: str
    is_secret: bool
    enter: bool


class TooSlow(Exception):
    """A pattern took longer than it may. The argument is the pattern."""


class Dialogue:
    """
    One conversation. Rules are tried in their order; the first one answers that fits the last
    line and has answers left. *answers* has the values of references.

    What was printed since the last answer counts, and a match must reach into the last line that
    is not empty: what scrolled by is no question any more.
    """

    def __init__(self, rules: Sequence[Rule], answers: Mapping[str, str]) -> None:
        self._rules = rules
        self._patterns = [re.compile(rule.prompt) for rule in rules]
        self._answers = answers
        self._left = [rule.times for rule in rules]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._pending = ""
        self.took_s = 0.0
        """Of processor time: the last look."""

        self.worn_out: Rule | None = None
        """After `reply` had none: the rule that would fit, had it not answered as often as it may."""

    def hear(self, data: bytes) -> None:
        """Take in what the host has printed."""
        text = self._pending + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished and len(text) < TAIL_CHARACTERS else len(text)
        text, self._pending = text[:cut], text[cut:]
        text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        self._text = (self._text + text)[-TAIL_CHARACTERS:]

    def reply(self) -> Reply | None:
        """
        Return the answer to what stands there; None if no rule has one.

        Raises:
            TooSlow: Nobody can say.
        """
        line_end = self._text.find("\n", len(self._text.rstrip("\n \t")))
        asked = self._text if line_end < 0 else self._text[:line_end]
        fitting, self.took_s = _fitting(self._patterns, asked)
        for number in fitting:
            if not self._left[number]:
                continue
            rule = self._rules[number]
            self._left[number] -= 1
            self._text, self.worn_out = "", None
            if rule.answer_from is None:
                return Reply(rule.answer or "", is_secret=False, enter=rule.enter)
            return Reply(self._answers[rule.answer_from], is_secret=True, enter=rule.enter)
        self.worn_out = self._rules[fitting[0]] if fitting else None
        return None

    @property
    def is_asked(self) -> bool:
        """Whether the cursor stands behind something, as it does behind a prompt."""
        return bool(self._text.rpartition("\n")[2].strip())

    @property
    def last_line(self) -> str:
        """The last line that is not empty, as it came: secrets are the caller's to hide."""
        return self._text.rstrip("\n \t").rpartition("\n")[2]


def as_error(line: str) -> str:
    """Return a host's line as an error can carry it."""
    printable = "".join(each if each.isprintable() else " " for each in line).strip()
    return printable if len(printable) <= MAX_SHOWN else f"...{printable[-MAX_SHOWN:]}"


def _fitting(patterns: Sequence[re.Pattern[str]], text: str) -> tuple[list[int], float]:
    """
    Return which of *patterns* have a match in *text*, not an empty one, that reaches into its last
    line, and how many seconds of processor time it took to find out.
    """
    last = text.rfind("\n") + 1
    tried = ""

    def too_slow(*_: object) -> None:
        raise TooSlow(tried)

    found = []
    before = signal.signal(signal.SIGVTALRM, too_slow)  # which matching lets through, in its loops
    signal.setitimer(signal.ITIMER_VIRTUAL, SEARCH_S)
    try:
        for number, pattern in enumerate(patterns):
            tried = pattern.pattern
            if any(each[0] and each.end() > last for each in pattern.finditer(text)):
                found.append(number)
    finally:
        left_s, _ = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return found, SEARCH_S - left_s
