"""Whether an attempt that failed is followed by another one, and when, as a caller says it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from .job import JobSpec, attempt_key
from .limits import from_ms, to_ms
from .state import Reason

if TYPE_CHECKING:
    from . import events as ev
    from .job import Job, Node
    from .reader import Reader

MOST: Final = 100
"""No job is tried again more often."""

MOST_BACKOFF: Final = 100.0
LONGEST_WAIT: Final = timedelta(days=1)
"""However often it was multiplied, a wait is no longer than this, or than `retry_delay` itself."""

EXIT: Final = "exit"
"""Any exit code but 0; `exit:75` is one, `exit:64-78` some."""

IF_LOST: Final = ("fail", "restart")
LOST: Final = frozenset({"lost", "host_rebooted"})
"""The reasons that leave it open whether the command runs, or how far it came."""

NEVER: Final = frozenset({"queue_timeout", "secret_unavailable", "cancelled", "dependency_failed"})
"""The reasons that stand for ever: what is gone, or was decided, is the same at the next try."""

DETAILS: Final = ("retry_delay", "retry_backoff", "retry_jitter", "retry_on", "if_lost")


def read_retries(reader: Reader, *, session: str | None) -> dict[str, Any]:
    """Take what says that it may be tried again from what a caller gives; None is not given."""
    said = [name for name in DETAILS if {name, f"{name}_ms"} & reader.left.keys()]
    given: dict[str, Any] = {"retry_delay": reader.duration("retry_delay")}
    for name, read in (
        ("retries", _count),
        ("retry_backoff", _backoff),
        ("retry_jitter", _fraction),
        ("retry_on", _conditions),
    ):
        value = reader.take(name)
        given[name] = None if value is None else reader.read(f"{name}: ", read, value)
    given["if_lost"] = if_lost = reader.choice("if_lost", IF_LOST)
    if said and not reader.given_as.get("retries"):
        reader.faults.append(
            f"{' and '.join(said)} {'is' if len(said) == 1 else 'are'} of no use without retries:"
            " say how often it may be tried again"
        )
    named = sorted(LOST.intersection(given["retry_on"] or ()))
    if named and if_lost != "restart":
        reader.faults.append(
            f"retry_on {named[0]}: what was lost may still run, and would then run twice;"
            " where that does no harm, say if_lost restart"
        )
    if given["retries"] and session is not None:
        reader.faults.append(
            "retries: in a session what comes next builds on what came before, so that nothing is"
            " tried again out of its turn: submit it again"
        )
    return given


def next_try(job: Job, node: Node, failed: ev.Failed) -> datetime | None:
    """
    Return when *node* is to be tried again after its current attempt *failed*; None: it is not.

    The chance in it is the job's id, which nobody can guess: a job that is planned anew waits
    for the same moment.
    """
    spec = job.spec
    if node.attempt > spec.retries or not _is_worth_it(spec, failed):
        return None
    wait = spec.retry_delay.total_seconds() * spec.retry_backoff ** (node.attempt - 1)
    wait = min(wait, max(LONGEST_WAIT, spec.retry_delay).total_seconds())
    chance = crc32(attempt_key(job.id, node.index, node.attempt).encode()) / 2**32
    return failed.at + from_ms(to_ms(timedelta(seconds=wait * (1 + spec.retry_jitter * chance))))


def may_try_again(job: Job, node: Node) -> bool:
    """Whether *node* may have an attempt after the current one."""
    return not node.is_terminal and node.attempt <= job.spec.retries


def _is_worth_it(spec: JobSpec, failed: ev.Failed) -> bool:
    if failed.reason in LOST:
        return spec.if_lost == "restart"
    if not spec.retry_on:
        return failed.reason not in NEVER
    return any(_matches(condition, failed) for condition in spec.retry_on)


def _matches(condition: str, failed: ev.Failed) -> bool:
    kind, colon, codes = condition.partition(":")
    if kind != EXIT:
        return condition == failed.reason
    if failed.reason != Reason.EXIT_NONZERO or failed.exit_code is None:
        return False
    return not colon or failed.exit_code in _range(codes)


def _range(codes: str) -> range:
    """Return the exit codes of `75` or `64-78`. Raises ValueError."""
    first, dash, last = codes.partition("-")
    if not all(each.isascii() and each.isdigit() for each in (first, *([last] if dash else []))):
        raise ValueError(codes)
    found = range(int(first), int(last if dash else first) + 1)
    if not found or found[0] < 1 or found[-1] > 255:
        raise ValueError(codes)
    return found


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ValueError(f"{value!r:.80} is not a whole number from 0 to {MOST}")
    return value


def _backoff(value: object) -> float:
    return _number(value, 1.0, MOST_BACKOFF, "a factor from 1, every wait the same, to 100")


def _fraction(value: object) -> float:
    return _number(value, 0.0, 1.0, "a part of the wait from 0, none of it, to 1")


def _number(value: object, least: float, most: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{value!r:.80} is not {what}")
    return float(value)


def _conditions(value: object) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not listed:
        raise ValueError(f"{value!r:.80} is not a list such as exit:75, timeout")
    return tuple(dict.fromkeys(map(_condition, listed)))


def _condition(value: object) -> str:
    said = str(value).strip()
    kind, colon, codes = said.partition(":")
    if said in NEVER:
        raise ValueError(f"{said} would be the same at the next try: leave it out")
    if kind == EXIT:
        try:
            if colon:
                _range(codes)
        except ValueError:
            raise ValueError(
                f"{said!r:.80} is no exit code: write exit:75 or exit:64-78, from 1 to 255"
            ) from None
        return said
    if said not in list(Reason):
        raise ValueError(
            f"{said!r:.80} is neither exit, exit:CODE nor a reason that a job fails with, such as"
            " timeout, idle_timeout, signal or connect_failed"
        )
    return said
