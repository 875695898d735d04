"""The job's spec as options: every key of it has one, under the same name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ...framework.completion import offer_files, offer_needs, offer_queues
from ...framework.lazy import Option
from .receivers import read_receivers
from .rows import AFTERWARDS, LISTS, ON_HOSTS, ROWS, SECTIONS, YES_NO, Row, by_option
from .rules import read_dialogue

if TYPE_CHECKING:
    from ...core.job import Job
    from ...framework.caller import Caller

F = TypeVar("F", bound=Callable[..., Any])

WHOLE: Final = (
    *("limits.pids", "queue_width", "priority", "max_parallel", "port", "retries"),
    *("collect.max_files", "resources"),
)
"""Keys whose values are whole numbers."""


def spec_options(function: F) -> F:
    """Give a command every option of a job's spec, and the command to run."""
    function = job_options(ssh_options(function))
    return click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=offer_files)(
        function
    )


def ssh_options(function: F) -> F:
    """Give a command the options that say where what is known of hosts is written down."""
    for option, says in (
        ("--inventory", "The file of hosts and groups.  [default: hosts.toml in the home]"),
        ("--ssh-config", "The configuration of SSH.  [default: ~/.ssh/config]"),
    ):
        function = click.option(
            option,
            cls=Option,
            section=ON_HOSTS,
            metavar="FILE",
            expose_value=False,
            callback=_set,
            help=says,
        )(function)
    return function


def _set(context: click.Context, param: click.Parameter, value: str | None) -> None:
    caller: Caller = context.obj
    if value is not None:
        caller.overrides[str(param.name)] = value


def job_options(function: F, *, but: Collection[str] = ()) -> F:
    """Give a command the options of a job's spec, all *but* those of some keys."""
    if "dialogue" not in but:
        function = click.option(
            "--answer",
            "answers",
            cls=Option,
            section=ON_HOSTS,
            metavar="PROMPT=REF",
            multiple=True,
            help="One more rule: a regular expression, and env:NAME, file:PATH or plain text.",
        )(function)
    if "webhooks" not in but:
        for option, name, metavar, many, says in (
            ("--webhook-event", "webhook_events", "TYPE", True,
             "Tell only of such ends, job.failed say; may be repeated.  [default: all]"),
            ("--webhook-secret", "webhook_secret", "REF", False,
             "The key to sign with: file:PATH, env:NAME, or a server's secret:NAME."),
        ):  # fmt: skip
            function = click.option(
                option, name, cls=Option, section=AFTERWARDS, metavar=metavar, multiple=many, help=says
            )(function)  # fmt: skip
    for section, rows in reversed(SECTIONS.items()):
        for row in reversed([row for row in rows if row.key not in but]):
            function = click.option(
                row.option,
                row.key.replace(".", "_"),
                cls=Option,
                section=section,
                metavar=row.metavar or None,
                multiple=row.many,
                is_flag=row.flag or None,  # False is something else to Click
                help=row.says,
                shell_complete=_offer(row),
            )(function)
    return function


def _offer(row: Row) -> Any:
    """Return what offers values of an option to a shell; None: nothing does."""
    if row.metavar in ("FILE", "FILE|-", "DIR"):
        return offer_files
    return {"queue": offer_queues, "after": offer_needs}.get(row.key)


REFER: Final = "write env:NAME or file:PATH"
SETTINGS: Final = {"allow_interspersed_args": False}
"""What follows the command is the command's."""


def submit(caller: Caller, given: dict[str, Any]) -> Job:
    """
    Submit what the options say.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.
    """
    from ...core.dialogue import unhidden
    from ...core.parse import RUN_BY
    from ...errors import InvalidRequest
    from ...shim.failpoint import reach

    spec, key, stdin, faults = read(given)
    reach("cli.before_submit")
    try:
        with named_by_options():
            (job,) = caller.intake.submit([spec], keys=[key], stdin=stdin, faults=faults)
    except InvalidRequest as error:
        if not {*RUN_BY, "dialogue"} & spec.keys():
            here = click.get_current_context().command_path
            error.suggestion = f"Put it behind --, as in: {here} -- make -j8"
        raise
    reach("cli.after_submit")
    for rule in unhidden(job.spec.dialogue):
        caller.say(f"the answer to {rule.prompt!r} is text for all to see: for a secret, {REFER}")
    return job


@contextmanager
def named_by_options() -> Iterator[None]:
    """Have what is refused inside of it name options where it names keys of a spec."""
    from ...errors import InvalidRequest

    try:
        yield
    except InvalidRequest as error:
        error.faults = tuple(map(by_option, error.faults))
        error.message = by_option(error.message)
        error.args = (error.message,)
        raise


def read(given: dict[str, Any]) -> tuple[dict[str, Any], str | None, bytes | None, list[str]]:
    """Return the spec, the key, what is to be read, and what is wrong with the options."""
    faults: list[str] = []
    spec: dict[str, Any] = {}
    stdin: bytes | None = None
    for row in ROWS:
        value = given[row.key.replace(".", "_")]
        if value in (None, (), False) or row.key in ("key", "dialogue", "webhooks"):
            continue
        group, _, key = row.key.rpartition(".")
        if row.key == "stdin" and value == "-":
            stdin = sys.stdin.buffer.read()
        else:
            value = _value(row, value, faults)
            (spec.setdefault(group, {}) if group else spec)[key] = value
    if given["stdin"] == given["script"] == "-":
        faults.append("--stdin - and --script - both want our stdin: give one as a file")
    if given["command"]:
        spec["command"] = tuple(given["command"])
    spec |= read_dialogue(given, faults) | read_receivers(given, faults)
    return spec, given["key"], stdin, faults


def _value(row: Row, value: Any, faults: list[str]) -> Any:
    """Return what an option says, as the spec takes it."""
    if row.key in LISTS:
        return list(value)
    if row.key in ("on", "retry_on"):
        return ",".join(value)
    if row.key == "resources":
        whole = [each if "=" in each else f"{each}=1" for each in value]
        return {name: _number(row.key, n) for name, n in _pairs(row.option, whole, faults).items()}
    if row.many:
        if row.key == "hosts":
            return said_of_hosts(value, faults)
        pairs = _pairs(row.option, value, faults)
        if row.key == "container.files":
            return {name: _text_of(row.option, path, faults) for name, path in pairs.items()}
        return pairs
    if row.key == "stdin":
        return os.path.expanduser(value)
    if row.key == "script":
        return _text_of(row.option, value, faults)
    if row.metavar == YES_NO:
        return {"yes": True, "no": False}.get(value, value)
    return value if row.flag else _number(row.key, value)


def _pairs(option: str, given: Sequence[str], faults: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            # Not shown: what stands there may be a secret.
            faults.append(f"{option} is NAME=VALUE, and one has no = in it")
            continue
        if name in pairs:
            faults.append(f"{option} {name:.80} is given twice")
        pairs[name] = value
    return pairs


def said_of_hosts(given: Sequence[str], faults: list[str]) -> dict[str, dict[str, Any]]:
    """Return what `--host` says of each host, and tell what is wrong with it."""
    return _hosts(_pairs("--host", given, faults), faults)


def _hosts(pairs: dict[str, str], faults: list[str]) -> dict[str, dict[str, Any]]:
    """Return what is said of each host: `NAME/KEY`, neither of which has a slash in it."""
    hosts: dict[str, dict[str, Any]] = {}
    for place, value in pairs.items():
        name, slash, key = place.partition("/")
        if not slash or not name:
            faults.append(f"--host is NAME/KEY=VALUE, and {place:.80} has no host and key")
            continue
        hosts.setdefault(name, {})[key] = _number(key, value)
    return hosts


def _number(key: str, value: str) -> Any:
    """Return a number as a number; what is none is told by whoever checks the spec."""
    if key in ("limits.output_bytes", "limits.memory_bytes", "limits.pids") and value == "none":
        return None
    try:
        if key in WHOLE:
            return int(value)
        if key in ("limits.cpus", "retry_backoff", "retry_jitter"):
            return float(value)
    except ValueError:
        pass
    return value


def _text_of(option: str, path: str, faults: list[str]) -> str:
    """Read a script, say; one that cannot be read is told, and not as an empty one besides."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(os.path.expanduser(path), "rb") as file:
                data = file.read()
    except OSError as error:
        faults.append(f"{option} {path}: {error.strerror}")
        return "#!"
    return data.decode("utf-8", "surrogateescape")
