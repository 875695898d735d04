"""The job's spec as options: every key of it has one, under the same name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from .rules import read_dialogue

if TYPE_CHECKING:
    from ...core.job import Job
    from ...framework.caller import Caller

F = TypeVar("F", bound=Callable[..., Any])


class Row(NamedTuple):
    """One option. *key* is the spec's, with a dot where it is inside of `limits`."""

    option: str
    key: str
    metavar: str
    says: str
    many: bool = False
    flag: bool = False


ROWS: Final = (
    Row("--timeout", "timeout", "D", "End it after so long a run.  [default: 24h; on hosts 10m]"),
    Row(
        "--idle-timeout",
        "idle_timeout",
        "D",
        "End it after so long without output.  [default: none]",
    ),
    Row(
        "--queue-timeout",
        "queue_timeout",
        "D",
        "Give up if it could not start for so long.  [default: none]",
    ),
    Row("--on", "on", "HOST,..", "Run it on these hosts, side by side, over SSH."),
    Row(
        "--host",
        "hosts",
        "NAME/KEY=V",
        "What is known of one of them, such as web1/timeout=90s; may be repeated.",
        many=True,
    ),
    Row(
        "--connect-timeout",
        "connect_timeout",
        "D",
        "Each host must have let us in by then.  [default: 30s]",
    ),
    Row(
        "--reconnect-timeout",
        "reconnect_timeout",
        "D",
        "How long past its limit a host out of reach is waited for.  [default: 1h]",
    ),
    Row("--max-parallel", "max_parallel", "N", "At most so many hosts at once.  [default: 32]"),
    Row("--dialogue", "dialogue", "FILE", "What to answer to hosts that ask: rules, TOML or JSON."),
    Row("--grace", "grace", "D", "Between SIGTERM and SIGKILL when it is ended.  [default: 10s]"),
    Row("--retention", "retention", "D", "Keep record and output so long.  [default: 30d]"),
    Row("--name", "name", "TEXT", "A name for people."),
    Row("--label", "labels", "K=V", "A label to find it by; may be repeated.", many=True),
    Row("--env", "env", "K=V", "A variable to set; may be repeated. Not for secrets.", many=True),
    Row(
        "--secret-env",
        "secret_env",
        "K=REF",
        "A variable from env:NAME or file:PATH, stored nowhere; may be repeated.",
        many=True,
    ),
    Row("--cwd", "cwd", "DIR", "Where to run it.  [default: here]"),
    Row("--stdin", "stdin", "FILE|-", "What it reads; - passes our own stdin on."),
    Row("--shell", "shell", "LINE", "Run a line by /bin/sh -c instead of a command."),
    Row("--script", "script", "FILE|-", "Run a script's text as it is now, by its #! line."),
    Row("--runtime", "runtime", "PROGRAM", "What runs the script, if not its #! line."),
    Row("--output-limit", "limits.output_bytes", "SIZE", "Of each stream.  [default: 1g]"),
    Row("--on-output-limit", "on_output_limit", "stop|discard", "End it there, or keep the end."),
    Row(
        "--leftovers",
        "leftovers",
        "stop|wait",
        "Background processes that outlive the command.  [default: stop]",
    ),
    Row("--memory", "limits.memory_bytes", "SIZE", "At most so much memory."),
    Row("--cpus", "limits.cpus", "N", "At most so many processors, such as 1.5."),
    Row("--pids", "limits.pids", "N", "At most so many processes."),
    Row("--queue", "queue", "NAME", "Wait for the other jobs of this queue, first come first."),
    Row("--queue-width", "queue_width", "N", "At most so many of the queue run at once."),
    Row(
        "--collect",
        "collect.globs",
        "GLOB",
        "Fetch these files from each host afterwards; may be repeated.",
        many=True,
    ),
    Row(
        "--collect-on",
        "collect.on",
        "complete|end",
        "Where the command ended well, or however it did.  [default: complete]",
    ),
    Row("--collect-limit", "collect.max_bytes", "SIZE", "Of one host's files.  [default: 1g]"),
    Row("--collect-files", "collect.max_files", "N", "So many of one host.  [default: 10000]"),
    Row("--collect-timeout", "collect.timeout", "D", "To fetch them in.  [default: 1h]"),
    Row(
        "--require-artifacts",
        "collect.required",
        "",
        "A host of which no file was fetched has failed.",
        flag=True,
    ),
    Row("--session", "session", "NAME", "Run it in this session, after what came before."),
    Row("--key", "key", "TEXT", "Asked again with the same key, it is the same job."),
)


def spec_options(function: F) -> F:
    """Give a command every option of a job's spec, and the command to run."""
    function = ssh_options(job_options(function))
    return click.argument("command", nargs=-1, type=click.UNPROCESSED)(function)


def ssh_options(function: F) -> F:
    """Give a command the options that say where what is known of hosts is written down."""
    for option, says in (
        ("--inventory", "The file of hosts and groups.  [default: hosts.toml in the home]"),
        ("--ssh-config", "The configuration of SSH.  [default: ~/.ssh/config]"),
    ):
        function = click.option(
            option, metavar="FILE", expose_value=False, callback=_set, help=says
        )(function)
    return function


def _set(context: click.Context, param: click.Parameter, value: str | None) -> None:
    caller: Caller = context.obj
    if value is not None:
        caller.overrides[str(param.name)] = value


_CONNECTION_BOUND: Final = click.option(
    "--connection-bound",
    is_flag=True,
    help="For hosts without a POSIX shell: it ends with its connection.",
)
_ANSWER: Final = click.option(
    "--answer",
    "answers",
    metavar="PROMPT=REF",
    multiple=True,
    help="One more rule: a regular expression, and env:NAME, file:PATH or plain text.",
)


def job_options(function: F, *, but: Collection[str] = ()) -> F:
    """Give a command the options of a job's spec, all *but* those of some keys."""
    function = click.option(
        "--clean-env", is_flag=True, help="Do not pass this environment on, but for PATH and such."
    )(function)
    if "connection_bound" not in but:
        for option in (_CONNECTION_BOUND, _ANSWER):
            function = option(function)
    for row in reversed([row for row in ROWS if row.key not in but]):
        function = click.option(
            row.option,
            row.key.replace(".", "_"),
            metavar=row.metavar or None,
            multiple=row.many,
            is_flag=row.flag or None,  # False is something else to Click
            help=row.says,
        )(function)
    return function


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
    from ...engine import verbs
    from ...engine.preflight import read_request
    from ...errors import InvalidRequest
    from ...inventory import for_hosts
    from ...settings import capture_caller
    from ...shim.failpoint import reach
    from ...wiring import capabilities

    spec, key, stdin, faults = read(given)
    captured = capture_caller(clean=bool(given["clean_env"]))
    try:
        given_specs, captured = for_hosts([spec], captured, caller.settings)
        specs, secrets = read_request(given_specs, captured, capabilities, faults)
    except InvalidRequest as error:
        if not RUN_BY.keys() & spec.keys():
            here = click.get_current_context().command_path
            error.suggestion = f"Put it behind --, as in: {here} -- make -j8"
        raise
    request = verbs.Submit(
        specs=specs, captured=captured, secrets=secrets, stdin=stdin, keys=(key,)
    )
    for rule in (rule for each in specs for rule in unhidden(each.dialogue)):
        caller.say(f"the answer to {rule.prompt!r} is text for all to see: for a secret, {REFER}")
    reach("cli.before_submit")
    (job,) = caller.service.submit(request)
    reach("cli.after_submit")
    return job


def read(given: dict[str, Any]) -> tuple[dict[str, Any], str | None, bytes | None, list[str]]:
    """Return the spec, the key, what is to be read, and what is wrong with the options."""
    faults: list[str] = []
    spec: dict[str, Any] = {}
    stdin: bytes | None = None
    for row in ROWS:
        value = given[row.key.replace(".", "_")]
        if value in (None, (), False) or row.key in ("key", "dialogue"):
            continue
        value = _value(row, value, faults)
        group, _, key = row.key.rpartition(".")
        if row.key == "stdin" and value == "-":
            stdin = sys.stdin.buffer.read()
        elif row.key == "stdin":
            spec["stdin"] = os.path.expanduser(value)
        elif row.key == "script":
            spec["script"] = _text_of(value, faults)
        else:
            (spec.setdefault(group, {}) if group else spec)[key] = value
    if given["stdin"] == given["script"] == "-":
        faults.append("--stdin - and --script - both want our stdin: give one as a file")
    if given["command"]:
        spec["command"] = tuple(given["command"])
    flags = {name: True for name in ("clean_env", "connection_bound") if given.get(name)}
    spec |= flags | read_dialogue(given, faults)
    return spec, given["key"], stdin, faults


def _value(row: Row, value: Any, faults: list[str]) -> Any:
    """Return what an option says, as the spec takes it."""
    if row.key == "collect.globs":
        return list(value)
    if row.many:
        pairs = _pairs(row.option, value, faults)
        return _hosts(pairs, faults) if row.key == "hosts" else pairs
    return value if row.flag else _number(row.key, value)


def _pairs(option: str, given: Sequence[str], faults: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            # Not shown: what stands there may be a secret.
            faults.append(f"{option} is NAME=VALUE, and one has no = in it")
        elif name in pairs:
            faults.append(f"{option} {name:.80} is given twice")
        pairs[name] = value
    return pairs


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
    if key == "limits.output_bytes" and value == "none":
        return None
    try:
        if key in ("limits.pids", "queue_width", "max_parallel", "port", "collect.max_files"):
            return int(value)
        if key == "limits.cpus":
            return float(value)
    except ValueError:
        pass
    return value


def _text_of(path: str, faults: list[str]) -> str:
    """Read a script; one that cannot be read is told, and not as an empty one besides."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(os.path.expanduser(path), "rb") as file:
                data = file.read()
    except OSError as error:
        faults.append(f"--script {path}: {error.strerror}")
        return "#!"
    return data.decode("utf-8", "surrogateescape")
