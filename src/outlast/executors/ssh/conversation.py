"""What is said on one channel: kept in the attempt's folder without its secrets, and answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from ...core.job import JobSpec
from ...core.state import Reason
from ...shim import spool
from .attempt import Attempt
from .dialogue import Dialogue, TooSlow, as_error
from .fetch import lack_of_room
from .transcript import HIDDEN, Echo, Mask

SETTLE_S: Final = 0.05
"""A prompt is looked for once the host has been quiet for so long,"""

SETTLE_AT_MOST_S: Final = 1.0
"""or so long after the first that has come since the last look, where it is never quiet."""

WORN_OUT_S: Final = 1.0
"""A prompt that stands for so long, and whose rule has no answers left, is not answered any more."""

REST: Final = 10
"""Times what a look took: so long until the next one, and the other hosts have their turn."""

SECOND: Final = timedelta(seconds=1)


class Conversation:
    """
    One attempt's, from *now* on. Times are seconds of one clock that never jumps.

    *secrets* has what the spec's references stand for; *floor_bytes* of this machine's disk stay
    free.
    """

    def __init__(
        self,
        attempt: Attempt,
        spec: JobSpec,
        secrets: Mapping[str, str],
        *,
        floor_bytes: int,
        now: float,
    ) -> None:
        self._attempt = attempt
        self._idle_s = None if spec.idle_timeout is None else spec.idle_timeout / SECOND
        self._floor_bytes = floor_bytes
        self._dialogue = Dialogue(spec.dialogue, secrets)
        self._echo = Echo()
        hidden = [secrets[rule.answer_from] for rule in spec.dialogue if rule.answer_from]
        self._masks = {name: Mask(hidden) for name in (spool.STDOUT, spool.STDERR)}
        self._sizes = dict.fromkeys(self._masks, 0)
        self._is_answered = bool(spec.dialogue)
        self._heard_at = now
        self._unseen_since: float | None = None
        self._next_look = now
        self.trouble: tuple[Reason, str | None] | None = None
        """Why it cannot go on."""

    def take(self, stream: str, data: bytes, now: float) -> None:
        """Take in what the host has printed."""
        self._heard_at = now
        if self._is_answered and stream == spool.STDOUT:
            data = self._echo.take(data)
            self._dialogue.hear(data)
            if self._unseen_since is None:
                self._unseen_since = now
        self._keep(stream, self._masks[stream].take(data))

    def end(self) -> None:
        """No more will come: keep what was held back."""
        for stream, mask in self._masks.items():
            held = self._echo.end() if stream == spool.STDOUT else b""
            self._keep(stream, mask.take(held) + mask.end())

    def deadline(self) -> float | None:
        """Return when there is something to do, even if nothing comes."""
        if self.trouble is not None:
            return self._heard_at  # it is there already
        found = [] if self._idle_s is None else [self._heard_at + self._idle_s]
        if self._unseen_since is not None:
            found.append(self._look_at(self._unseen_since))
        elif self._dialogue.worn_out is not None:
            found.append(self._heard_at + WORN_OUT_S)
        return min(found, default=None)

    def keys(self, now: float) -> bytes:
        """Return what is to be typed now, if anything is."""
        if self._unseen_since is not None and now >= self._look_at(self._unseen_since):
            self._unseen_since = None
            return self._keys(now)
        quiet = now - self._heard_at
        if self._idle_s is not None and quiet >= self._idle_s:
            words = f"no rule answers {self._last_line()}: asked for {self._idle_s:.12g}s"
            if self._dialogue.is_asked:
                self._cannot_go_on(Reason.PROMPT_UNANSWERED, words)
            else:
                self._cannot_go_on(Reason.IDLE_TIMEOUT)
        elif self._unseen_since is None and (rule := self._dialogue.worn_out) is not None:
            words = f"{rule.prompt!r} was answered {rule.times} times, and it asks again:"
            if quiet >= WORN_OUT_S:
                self._cannot_go_on(Reason.PROMPT_UNANSWERED, f"{words} {self._last_line()}")
        return b""

    def _look_at(self, unseen_since: float) -> float:
        settled = min(self._heard_at + SETTLE_S, unseen_since + SETTLE_AT_MOST_S)
        return max(settled, self._next_look)

    def _cannot_go_on(self, reason: Reason, error: str | None = None) -> None:
        self.trouble = self.trouble or (reason, error)

    def _keys(self, now: float) -> bytes:
        try:
            reply = self._dialogue.reply()
        except TooSlow as slow:
            words = f"{slow.args[0]!r} takes too long to be searched for: make it simpler"
            self._cannot_go_on(Reason.PROMPT_UNANSWERED, words)
            return b""
        self._next_look = now + REST * self._dialogue.took_s
        if reply is None:
            return b""
        typed = reply.text.replace("\r\n", "\r").replace("\n", "\r")
        data = typed.encode("utf-8", "surrogateescape")
        mask = self._masks[spool.STDOUT]
        shown = mask.take(self._echo.end()) + mask.end()
        if reply.enter:
            self._echo.expect(data)
            shown += HIDDEN if reply.is_secret else mask.whole(data)
        self._keep(spool.STDOUT, shown)
        return data + b"\r" * reply.enter

    def _last_line(self) -> str:
        line = self._dialogue.last_line.encode("utf-8", "surrogateescape")
        shown = self._masks[spool.STDOUT].whole(line).decode("utf-8", "replace")
        return repr(as_error(shown))

    def _keep(self, stream: str, data: bytes) -> None:
        """Write down what was printed, up to the limit."""
        limit, size = self._attempt.output_bytes, self._sizes[stream]
        if limit is not None and size + len(data) > limit:
            data = data[: limit - size]
            self._cannot_go_on(Reason.OUTPUT_LIMIT)
        if not data or (self.trouble and self.trouble[0] == Reason.DISK_FULL):
            return
        folder = self._attempt.folder
        try:
            if (words := lack_of_room(folder, len(data), self._floor_bytes)) is None:
                self._attempt.append(stream, data)
                self._sizes[stream] += len(data)
        except OSError as error:
            words = f"what it prints cannot be kept: {error.strerror}"
        if words is not None:
            self._cannot_go_on(Reason.DISK_FULL, words)
