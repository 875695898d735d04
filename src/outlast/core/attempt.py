"""An attempt that ended and was followed by another one: what is kept of it in its node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from .frozen import frozen
from .limits import from_epoch_ms, to_epoch_ms
from .state import Reason


@frozen
class Attempt:
    """How one attempt failed. The last one of a node is the node itself."""

    number: int
    """Counted from 1, as its folder is."""

    reason: str
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    started_at: datetime | None = None
    """When its command was; None: it never came to that."""

    completed_at: datetime
    stopped_at: datetime | None = None
    """When every process of it was seen to be gone: the next one does not begin before."""

    stop_error: str | None = None
    may_run: bool = False
    """It was given up because nobody can see whether it runs: the next one does not wait for it."""

    stdout_bytes: int = 0
    stderr_bytes: int = 0

    @property
    def lets_go(self) -> bool:
        """Whether another attempt may begin."""
        return self.stopped_at is not None or (self.may_run and self.reason == Reason.LOST)


_TIMES: Final = ("started_at", "completed_at", "stopped_at")
_DEFAULTS: Final[Mapping[str, Any]] = {
    "exit_code": None,
    "signal": None,
    "error": None,
    "started_at": None,
    "stopped_at": None,
    "stop_error": None,
    "may_run": False,
    "stdout_bytes": 0,
    "stderr_bytes": 0,
}


def attempts_to_json(attempts: Iterable[Attempt]) -> list[dict[str, Any]]:
    """Return *attempts* as they are stored: times in milliseconds, and nothing that says nothing."""
    out = []
    for attempt in attempts:
        fields = {
            name: value
            for name, value in vars(attempt).items()
            if name not in _DEFAULTS or value != _DEFAULTS[name]
        }
        for name in _TIMES:
            if name in fields:
                fields[name] = to_epoch_ms(fields[name])
        out.append(fields)
    return out


def attempts_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Attempt, ...]:
    """Return the attempts that `attempts_to_json` wrote."""
    attempts = []
    for each in data:
        fields = dict(each)
        for name in _TIMES:
            if name in fields:
                fields[name] = from_epoch_ms(fields[name])
        attempts.append(Attempt(**fields))
    return tuple(attempts)
