"""Takes what a caller gives apart, key by key, and gathers everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from .limits import LONGEST, from_ms, parse_duration, positive_int, read_milliseconds, to_ms

T = TypeVar("T")

POSITIVE_CLOCKS: Final = ("timeout", "idle_timeout", "connect_timeout", "pull_timeout")
OPTIONAL_CLOCKS: Final = ("idle_timeout", "queue_timeout")
NO_CLOCK: Final = "none"
"""What says that a clock which need not be there is not, as null does in JSON."""

MAX_ARGUMENT_BYTES: Final = 128 * 1024 - 1
"""Linux's limit of one argument: 32 pages with its final NUL (`MAX_ARG_STRLEN`, execve(2))."""

MAX_LABEL_BYTES: Final = 255


class Reader:
    """
    One mapping of a caller's. A reading takes its key away, so that in the end *left* has what
    nobody asked for; what is wrong goes to *faults*, and such a value is left out.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.left = {key: value for key, value in data.items() if value is not None}
        self.given_as = dict(self.left)
        self.faults: list[str] = []

    def take(self, key: str) -> Any:
        return self.left.pop(key, None)

    def argument(self, what: str, value: object, shown_as: str = "") -> None:
        if not isinstance(value, str):
            self.faults.append(f"{what} is not text but {shown_as or seen(what, value)}")
        elif fault := text_fault(value):
            self.faults.append(f"{what} {fault}")
        elif len(value.encode()) > MAX_ARGUMENT_BYTES:
            self.faults.append(
                f"{what} is {len(value.encode()):,} bytes long, and the kernel takes"
                f" {MAX_ARGUMENT_BYTES:,} at most: pass data in a file or by stdin"
            )

    def text(self, key: str) -> str | None:
        value = self.take(key)
        if value is None:
            return None
        self.argument(key, value)
        return value if isinstance(value, str) else None

    def path(self, key: str) -> str | None:
        """Read text, or what stands for a path in Python (`os.PathLike`)."""
        value = self.left.get(key)
        if value is not None and hasattr(value, "__fspath__"):
            self.left[key] = value.__fspath__()
        return self.text(key)

    def label(self, what: str, value: str | None) -> str | None:
        if value is not None:
            if size_of(value) > MAX_LABEL_BYTES:
                self.faults.append(f"{what} is longer than {MAX_LABEL_BYTES} bytes")
            if any(ord(character) < 32 or ord(character) == 127 for character in value):
                self.faults.append(f"{what} has control characters in it")
        return value

    def mapping(self, key: str) -> dict[str, str]:
        value = self.take(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.faults.append(f"{key} is a mapping of names to text, not {seen(key, value)}")
            return {}
        for name, text in value.items():
            self.argument(f"a name in {key}", name, seen(key, name))
            self.argument(f"{key} {shown(str(name))}", text, seen(key, text))
        return {
            name: text
            for name, text in value.items()
            if isinstance(name, str) and isinstance(text, str)
        }

    def flag(self, key: str) -> bool | None:
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.faults.append(f"{key} is true or false, not {value!r:.80}")
            return None
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        value = self.take(key)
        if value is not None and value not in choices:
            self.faults.append(f"{key} is {' or '.join(choices)}, not {value!r:.80}")
            return None
        return None if value is None else str(value)

    def number(self, key: str) -> int | None:
        value = self.take(key)
        return None if value is None else self.read(f"{key}: ", positive_int, value)

    def duration(self, name: str) -> timedelta | None:
        in_ms, spoken = self.take(f"{name}_ms"), self.take(name)
        if in_ms is not None and spoken is not None:
            self.faults.append(f"{name} and {name}_ms are the same clock: give one")
        if in_ms is not None:
            key, value = f"{name}_ms", self.read(f"{name}_ms: ", read_milliseconds, in_ms)
        elif spoken == NO_CLOCK:
            if name not in OPTIONAL_CLOCKS:
                self.faults.append(f"{name}: every job has one, and {LONGEST.days}d is the longest")
            return None
        elif spoken is not None:
            key, value = name, self.read(f"{name}: ", parse_duration, spoken)
        else:
            return None
        if value is None:
            return None
        value = from_ms(to_ms(value))
        if name in POSITIVE_CLOCKS and not value:
            self.faults.append(
                f"{key}: this is no time at all: 1 ms is the shortest, {LONGEST.days}d the longest"
            )
        return value

    def read(self, wrong: str, reader: Callable[[Any], T], value: Any) -> T | None:
        try:
            return reader(value)
        except ValueError as error:
            self.faults.append(f"{wrong}{error}")
            return None


def size_of(text: str) -> int:
    """Return the length of *text* in bytes, also of one that is no UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def shown(name: str) -> str:
    """Return a caller's *name* as a message can carry it: one short line, and no value behind =."""
    name, equals, _ = name.partition("=")
    text = name if name and name.isprintable() else repr(name)
    return f"{text:.80}{equals and '=...'}"


def seen(key: str, value: object) -> str:
    """Return a wrong *value* as a message may show it: not at all where it may be a secret."""
    return f"a value of type {type(value).__name__}" if key == "secret_env" else f"{value!r:.80}"


def text_fault(value: str) -> str | None:
    """Say what keeps *value* from being an argument, a variable or a name; None if nothing."""
    if "\0" in value:
        return "has a NUL byte in it, which no program can be given"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8: put such bytes in a file or into stdin"
    return None
