"""
A job's spec as JSON, and everything that can be wrong with one.

The keys are the spec's public names: durations are whole milliseconds (`timeout_ms`). The
library and the CLI also give `timeout`, `"5m"` or a `timedelta`; both spellings mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from ..errors import InvalidRequest
from .job import JobId, JobSpec, Limits
from .limits import (
    LONGEST,
    from_ms,
    parse_duration,
    parse_size,
    positive_int,
    positive_number,
    read_milliseconds,
    to_ms,
)

T = TypeVar("T")

RUN_BY: Final = {"command": "command", "shell": "line for the shell", "script": "script"}
"""What there is to run, and its name in a sentence."""

CLOCKS: Final = (
    "timeout",
    "idle_timeout",
    "queue_timeout",
    "connect_timeout",
    "reconnect_timeout",
    "grace",
    "retention",
)
POSITIVE_CLOCKS: Final = ("timeout", "idle_timeout", "connect_timeout")
OPTIONAL_CLOCKS: Final = ("idle_timeout", "queue_timeout")
NO_CLOCK: Final = "none"
"""What says that a clock which need not be there is not, as null does in JSON."""

ON_OUTPUT_LIMIT: Final = ("stop", "discard")
LEFTOVERS: Final = ("stop", "wait")
REFERENCES: Final = ("env:", "file:", "secret:")

MAX_ARGUMENT_BYTES: Final = 128 * 1024 - 1
"""Linux's limit of one argument: 32 pages with its final NUL (`MAX_ARG_STRLEN`, execve(2))."""

MAX_COMMAND_BYTES: Final = 1024 * 1024
"""Of all arguments together; the kernel's own limit is a quarter of the stack's."""

MAX_LABELS: Final = 64
MAX_LABEL_BYTES: Final = 255


_PLAIN: Final = (
    "shell",
    "script",
    "runtime",
    "name",
    "cwd",
    "stdin",
    "queue",
    "queue_width",
    "max_parallel",
    "retry_of",
)
"""Keys that JSON has as the spec has them."""


def spec_to_json(spec: JobSpec) -> dict[str, Any]:
    """Return *spec* as its public JSON, without what stands at its default."""
    out: dict[str, Any] = {}
    for name in _PLAIN:
        if (value := getattr(spec, name)) is not None:
            out[name] = value
    if spec.command:
        out["command"] = list(spec.command)
    if spec.on:
        out["on"] = list(spec.on)
    for name in ("labels", "env", "secret_env"):
        if value := getattr(spec, name):
            out[name] = dict(value)
    for name in CLOCKS:
        if (value := getattr(spec, name)) != getattr(_DEFAULT, name):
            out[f"{name}_ms"] = None if value is None else to_ms(value)
    for name in ("clean_env", "on_output_limit", "leftovers"):
        if (value := getattr(spec, name)) != getattr(_DEFAULT, name):
            out[name] = value
    if spec.limits != _DEFAULT.limits:
        out["limits"] = dict(vars(spec.limits))
    return out


def spec_from_json(data: Mapping[str, Any]) -> JobSpec:
    """Return the spec that `spec_to_json` wrote. Trusts *data*: it was checked when it came in."""
    given: dict[str, Any] = dict(data)
    for name in CLOCKS:
        if (milliseconds := given.pop(f"{name}_ms", None)) is not None:
            given[name] = from_ms(milliseconds)
    if "command" in given:
        given["command"] = tuple(given["command"])
    if "on" in given:
        given["on"] = tuple(given["on"])
    if "limits" in given:
        given["limits"] = Limits(**given["limits"])
    return JobSpec(**given)


def parse_spec(data: Mapping[str, Any]) -> JobSpec:
    """
    Return the spec that a caller asks for.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.
    """
    spec, faults = read_spec(data)
    if faults:
        raise InvalidRequest(*faults)
    return spec


def read_spec(data: Mapping[str, Any]) -> tuple[JobSpec, list[str]]:
    """Return the sound part of what a caller asks for, and everything that is wrong with the rest."""
    reader = _Reader(data)
    return reader.spec(), reader.faults


class _Reader:
    """Takes a caller's mapping apart, key by key, and gathers what is wrong."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.left = {key: value for key, value in data.items() if value is not None}
        self.given_as = dict(self.left)
        self.faults: list[str] = []

    def spec(self) -> JobSpec:
        from .hosts import read_hosts, settle_hosts

        given: dict[str, Any] = {
            "command": self.command(),
            "on": read_hosts(self.take("on"), self.faults),
            **{name: self.text(name) for name in ("shell", "script", "runtime")},
            "name": self.label("name", self.text("name")),
            "labels": self.labels(),
            "env": self.variables("env"),
            "secret_env": self.secrets(),
            "clean_env": self.flag("clean_env"),
            "cwd": self.path("cwd"),
            "stdin": self.path("stdin"),
            "limits": self.limits(),
            "on_output_limit": self.choice("on_output_limit", ON_OUTPUT_LIMIT),
            "leftovers": self.choice("leftovers", LEFTOVERS),
            "queue": self.label("queue", self.text("queue")),
            "queue_width": self.number("queue_width"),
            "max_parallel": self.number("max_parallel"),
            **{name: self.duration(name) for name in CLOCKS},
        }
        if (retry_of := self.text("retry_of")) is not None:
            given["retry_of"] = JobId(retry_of)
        self.one_of_three(given)
        if given["queue"] == "":
            self.faults.append("queue is a name, and this one is empty")
        if given["queue_width"] is not None and not given["queue"]:
            self.faults.append("queue_width is a queue's, and none is named")
        settle_hosts(given, self.faults, said="on" in self.given_as)
        both = sorted(set(given["env"]) & set(given["secret_env"]))
        twice = "is in both env and secret_env: name it once"
        self.faults += [f"{shown(name)} {twice}" for name in both]
        self.faults += [f"{key!r:.80} is not a key of a job's spec" for key in self.left]
        return JobSpec(**{key: value for key, value in given.items() if value is not None})

    def one_of_three(self, given: dict[str, Any]) -> None:
        set_ones = [name for name in RUN_BY if given[name]]
        asked = [name for name in RUN_BY if name in self.given_as]
        if not set_ones and not any(self.given_as.get(name) for name in RUN_BY):
            empty = RUN_BY[next(iter(asked), "command")]
            self.faults.append(f"there is nothing to run: the {empty} is empty")
        if len(asked) > 1:
            self.faults.append(f"{' and '.join(asked)} exclude each other: give one")
        script = given["script"]
        if script and not given["runtime"] and not script.startswith("#!"):
            self.faults.append("script has no #! line: add one, or say which runtime runs it")
        if given["runtime"] and not script:
            self.faults.append("runtime is for a script, and there is none")

    def take(self, key: str) -> Any:
        return self.left.pop(key, None)

    def command(self) -> tuple[str, ...]:
        value = self.take("command")
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.faults.append(
                f"command is a list of arguments, not {value!r:.80}: split it,"
                " or give a line for the shell as shell"
            )
            return ()
        for position, argument in enumerate(value):
            self.argument(f"argument {position}", argument)
        whole = [argument for argument in value if isinstance(argument, str)]
        size = sum(size_of(argument) + 1 for argument in whole)
        if size > MAX_COMMAND_BYTES:
            self.faults.append(
                f"the command is {size:,} bytes long, and {MAX_COMMAND_BYTES:,} is the most:"
                " pass data in a file or by stdin"
            )
        if value and value[0] == "":
            self.faults.append("the command's first argument, the program, is empty")
        return tuple(whole)

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

    def labels(self) -> dict[str, str]:
        labels = self.mapping("labels")
        if len(labels) > MAX_LABELS:
            self.faults.append(f"{len(labels)} labels are too many: {MAX_LABELS} is the most")
        for name, value in labels.items():
            self.label(f"the name of label {shown(name)}", name)
            self.label(f"label {shown(name)}", value)
            if not name or "=" in name:
                self.faults.append(f"label name {name!r:.80} is empty or has = in it")
        return labels

    def variables(self, key: str) -> dict[str, str]:
        variables = self.mapping(key)
        for name, value in variables.items():
            size = size_of(value)
            if size <= MAX_ARGUMENT_BYTES < size + size_of(f"{name}="):
                self.faults.append(f"{key} {shown(name)} and its value are too long together")
            if not name or "=" in name:
                self.faults.append(f"{key}: {shown(name)} is no name for a variable")
        return variables

    def secrets(self) -> dict[str, str]:
        secrets = self.variables("secret_env")
        for name, reference in secrets.items():
            if not reference.startswith(REFERENCES) or reference in REFERENCES:
                # The value is not shown: it may be the secret itself.
                self.faults.append(
                    f"secret_env {shown(name)} is not a reference: write env:NAME, file:PATH"
                    " or secret:NAME"
                )
        return secrets

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

    def limits(self) -> Limits | None:
        value = self.take("limits")
        if value is None:
            return None
        if isinstance(value, Limits):
            value = dict(vars(value))
        if not isinstance(value, Mapping):
            self.faults.append(f"limits is a mapping, not {value!r:.80}")
            return None
        given: dict[str, Any] = {}
        readers: dict[str, Callable[[Any], Any]] = {
            "output_bytes": parse_size,
            "memory_bytes": parse_size,
            "cpus": positive_number,
            "pids": positive_int,
        }
        for key, limit in value.items():
            if key not in readers:
                self.faults.append(f"limits: {key!r} is not one of {', '.join(sorted(readers))}")
            elif limit is None:
                given[key] = None
            else:
                given[key] = self.read(f"limits.{key}: ", readers[key], limit)
        return Limits(**given)

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


_DEFAULT: Final = JobSpec()
