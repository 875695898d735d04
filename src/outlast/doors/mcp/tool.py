"""
What a tool is: what it takes and answers, who may call it, and the function that does it.

To add tools: a module in `tools/` with a tuple of them, named in `tools/__init__.py`, whose order is
that of `tools/list`. A function returns the answer as JSON in the form of its schema. What it raises
of `ClientError` becomes an error that the model can act on; `Refusal` is one whose words are its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.principal import Principal, Scope
from ...core.reader import Reader
from ...errors import InvalidRequest

if TYPE_CHECKING:
    from ...core.job import Job
    from .served import Served

Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a tool."""

    there: Served
    asker: Principal
    arguments: Mapping[str, Any]
    tell: Callable[[str], Awaitable[None]]
    """Sends a line of progress, at once; nobody hears it who did not ask to."""

    facts: dict[str, Any]
    """What the audit log is to say of it, as `event` and others; never a secret."""

    traceparent: str | None = None
    """The span that what it begins belongs to."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool, of a name that is never given to another."""

    name: str
    description: str
    """For the model: what it does, when to call it, what comes back. Each word costs."""

    takes: Mapping[str, Schema] = field(default_factory=dict)
    """The schema of each argument, by name. Functions check what they are given all the same."""

    required: tuple[str, ...] = ()
    answers: Schema
    """The schema of its answer; that of an error is always the same."""

    do: Callable[[Call], Awaitable[dict[str, Any]]]
    begin: Callable[[Call], Awaitable[Job]] | None = None
    """For a tool that starts a job and then waits for it: the first half, which makes a task of it."""

    scope: Scope = Scope.RUN
    """What a token must have for it. What takes no more than `READ` changes nothing."""

    destructive: bool = False
    """Whether it may end or undo something. Told to the client, who may ask a person first."""

    idempotent: bool = False
    """Whether calling it twice is the same as once."""

    open_world: bool = False
    """Whether it reaches beyond this machine's jobs: runs what it is given, or tells what that printed."""


class Arguments(Reader):
    """The arguments of a call, taken apart; all that is wrong with them is told at once."""

    def seconds(self, name: str, default: float, most: float) -> float:
        """Read a time to wait, from 0 to *most*."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            self.faults.append(f"{name} is a number from 0 to {most:g}, not {value!r:.80}")
            return default
        return float(value)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number from *least* to *most*."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.faults.append(
                f"{name} is a whole number from {least} to {most}, not {value!r:.80}"
            )
            return default
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of texts; a single text is a list of one."""
        value = self.take(name)
        given = [value] if isinstance(value, str) else [] if value is None else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            self.faults.append(f"{name} is a list of texts, not {value!r:.80}")
            return ()
        return tuple(given)

    def indices(self, name: str) -> frozenset[int]:
        """Read a list of indices."""
        value = self.take(name)
        given = [] if value is None else value
        if not isinstance(given, list) or any(
            isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in given
        ):
            self.faults.append(f"{name} is a list of indices, not {value!r:.80}")
            return frozenset()
        return frozenset(given)

    def needed(self, name: str) -> str:
        """Read a text that must be there."""
        if name not in self.left:
            self.faults.append(f"{name} is missing")
        return self.text(name) or ""

    def check(self) -> None:
        """Raise `InvalidRequest` with all that was found, and for what nobody asked for."""
        self.faults += [f"{name!r:.80} is not an argument of this tool" for name in self.left]
        if self.faults:
            raise InvalidRequest(*self.faults)


class Refusal(Exception):
    """An answer that is an error on purpose; *data* is what the model is told."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(str(data.get("message", "")))
        self.data = data
