"""
The job that a caller asks for, and everything that can be wrong with it.

The keys are those of the spec's JSON (`timeout_ms`). The library and the CLI also give `timeout`,
`"5m"` or a `timedelta`; both spellings mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidRequest
from .collect import read_collect
from .containerreader import read_container, settle_container
from .dialogue import REFERENCES, read_rules
from .hosts import read_hosts, settle_bound, settle_hosts
from .job import DEFAULT_QUEUE, JobId, JobSpec, Limits
from .limits import parse_size, positive_int, read_cpus_limit, read_memory_limit
from .onend import read_on_end
from .order import read_order
from .reader import MAX_ARGUMENT_BYTES, Reader, shown, size_of
from .spec import CLOCKS

if TYPE_CHECKING:
    from .hostspec import HostSpec
    from .needs import Need
    from .webhook import Webhook

RUN_BY: Final = {"command": "command", "shell": "line for the shell", "script": "script"}
"""What there is to run, and its name in a sentence."""

ON_OUTPUT_LIMIT: Final = ("stop", "discard")
LEFTOVERS: Final = ("stop", "wait")

RETRIES: Final = frozenset(
    {"retries", "retry_delay", "retry_delay_ms", "retry_backoff", "retry_jitter", "retry_on"}
    | {"if_lost"}
)
"""The keys of which `retries` knows what they mean."""

MAX_COMMAND_BYTES: Final = 1024 * 1024
"""Of all arguments together; the kernel's own limit is a quarter of the stack's."""

MAX_LABELS: Final = 64


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
    reader = _Spec(data)
    return reader.spec(), reader.faults


def script_fault(script: str) -> str | None:
    """Tell why nothing can run a script by its first line alone; None if something may."""
    first, _, _ = script.partition("\n")
    if not first.startswith("#!"):
        return "script has no #! line: add one, or say which runtime runs it"
    if first.endswith("\r"):
        return (
            "script has a carriage return at the end of its #! line, and no program is named so:"
            " save it with the line ends of Unix"
        )
    return None


class _Spec(Reader):
    """A caller's mapping, read as a job's spec."""

    def spec(self) -> JobSpec:
        given: dict[str, Any] = {
            "command": self.command(),
            "on": (on := read_hosts(self.take("on"), self.faults)),
            "hosts": self.hosts(on),
            "container": read_container(self.take("container"), self.faults),
            **{name: self.text(name) for name in ("shell", "script", "runtime")},
            "name": self.label("name", self.text("name")),
            "labels": self.labels(),
            "env": self.variables("env"),
            "secret_env": self.secrets(),
            "clean_env": self.flag("clean_env"),
            "cwd": self.path("cwd"),
            "stdin": self.path("stdin"),
            "limits": self.limits(),
            "resources": self.resources(),
            "collect": read_collect(self.take("collect"), self.faults),
            "on_output_limit": self.choice("on_output_limit", ON_OUTPUT_LIMIT),
            "leftovers": self.choice("leftovers", LEFTOVERS),
            "queue": self.queue(),
            "queue_width": self.number("queue_width"),
            **read_order(self),
            "after": self.needs() or None,
            "hold": self.flag("hold"),
            "max_parallel": self.number("max_parallel"),
            "dialogue": read_rules(self.take("dialogue"), self.faults),
            "connection_bound": self.flag("connection_bound"),
            "session": (session := self.session()),
            **self.retries(session),
            "webhooks": self.webhooks() or None,
            "on_end": read_on_end(self),
            **{name: self.duration(name) for name in CLOCKS},
        }
        if (retry_of := self.text("retry_of")) is not None:
            given["retry_of"] = JobId(retry_of)
        self.one_of_three(given)
        if given["queue_width"] is not None and not given["queue"]:
            self.faults.append("queue_width is for a queue, and none is named: say queue as well")
        elif given["queue_width"] is not None and given["queue"] == DEFAULT_QUEUE:
            self.faults.append(
                f"queue_width: {DEFAULT_QUEUE} is as wide as it was set to be: outlast queue set"
                f" {DEFAULT_QUEUE} --width N"
            )
        settle_hosts(given, self.faults, said="on" in self.given_as)
        settle_bound(given, self.faults, said=self.given_as)
        settle_container(given, self.faults, self.given_as)
        both = sorted(set(given["env"]) & set(given["secret_env"]))
        twice = "is in both env and secret_env: name it once"
        self.faults += [f"{shown(name)} {twice}" for name in both]
        self.faults += [f"{key!r:.80} is not a key of a job's spec" for key in self.left]
        return JobSpec(**{key: value for key, value in given.items() if value is not None})

    def queue(self) -> str | None:
        if (queue := self.text("queue")) is not None:
            from .queue import queue_fault  # here: few jobs name one

            self.faults += filter(None, [queue_fault(queue)])
        return queue

    def one_of_three(self, given: dict[str, Any]) -> None:
        set_ones = [name for name in RUN_BY if given[name]]
        asked = [name for name in RUN_BY if name in self.given_as]
        if "dialogue" in self.given_as and not asked:
            return  # it drives the shell that the host opens for whoever logs in
        if not set_ones and not any(self.given_as.get(name) for name in RUN_BY):
            empty = RUN_BY[next(iter(asked), "command")]
            self.faults.append(f"there is nothing to run: the {empty} is empty")
        # What is in a container may have both: the command is the script's arguments then.
        takes_arguments = given["container"] is not None and {*asked} == {"command", "script"}
        if len(asked) > 1 and not takes_arguments:
            self.faults.append(f"{' and '.join(asked)} exclude each other: give one")
        script = given["script"]
        if script and not given["runtime"] and (fault := script_fault(script)) is not None:
            self.faults.append(fault)
        if given["runtime"] and not script:
            self.faults.append("runtime is for a script, and there is none")

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

    def hosts(self, on: tuple[str, ...]) -> dict[str, HostSpec] | None:
        value = self.take("hosts")
        if value is None:
            return None
        from .hostreader import read_known  # here: of most jobs' hosts nothing is said

        return read_known(value, on, self.faults) or None

    def session(self) -> str | None:
        name = self.take("session")
        if name is None:
            return None
        from .session import name_fault  # here: few jobs are in a session

        if fault := name_fault(name):
            self.faults.append(f"session: {fault}")
        return str(name)

    def needs(self) -> tuple[Need, ...]:
        if (value := self.take("after")) is None:
            return ()
        from .needs import read_needs  # here: most jobs wait for none

        return read_needs(value, self.faults)

    def resources(self) -> dict[str, int] | None:
        if "resources" not in self.left:
            return None
        from .resources import read_needs  # here: most jobs need none

        return read_needs(self)

    def retries(self, session: str | None) -> dict[str, Any]:
        if RETRIES.isdisjoint(self.left):
            return {}
        from .retries import read_retries  # here: most jobs are tried once

        return read_retries(self, session=session)

    def webhooks(self) -> tuple[Webhook, ...]:
        if (value := self.take("webhooks")) is None:
            return ()
        from .webhook import read_webhooks  # here: most jobs have none

        return read_webhooks(value, self.faults)

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
            "memory_bytes": read_memory_limit,
            "cpus": read_cpus_limit,
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
