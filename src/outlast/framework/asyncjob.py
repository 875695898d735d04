"""What a command returns instead of doing it: a function, or a command, that is to run as a job."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Final, Self

from ..core.job import JobSpec
from ..core.parse import parse_spec
from ..core.reader import MAX_ARGUMENT_BYTES
from ..errors import InvalidRequest
from .reference import reference_to

RUNNER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner.py")

PLAIN: Final = (str, int, float, bool, type(None))


class AsyncJob:
    """
    Work for a process of its own, returned by a command of a program that `attach` was given.

    *function* is called there with *args* and *kwargs*, which must be JSON; what it returns is the
    job's `result.value`, and what it raises is how the job failed. It runs with this interpreter,
    environment and directory. *cleanup* is called with the same arguments when the job is ended
    from outside, and has the job's grace for it. *spec* takes the keys of a job's spec
    (`timeout="10m"`, `grace`, `labels`, ...), and *key* makes the same call the same job.

    Raises:
        InvalidRequest: It could not run, or not be told from another; every fault is listed.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        cleanup: Callable[..., Any] | None = None,
        key: str | None = None,
        **spec: Any,
    ) -> None:
        if {"command", "shell", "script", "runtime"} & set(spec):
            raise InvalidRequest("a job runs a function or a command: see AsyncJob.command")
        command = _command_of(function, args, dict(kwargs or {}), cleanup)
        self.given: dict[str, Any] = {"name": function.__qualname__, **spec, "command": command}
        """What was asked for, as it was."""

        self.spec, self.key = _checked(self.given), key

    @classmethod
    def command(cls, command: Sequence[str], *, key: str | None = None, **spec: Any) -> Self:
        """
        Return a job that runs a command: a list of arguments.

        Raises:
            InvalidRequest: Something is wrong with it; every fault is listed.
        """
        job = cls.__new__(cls)
        job.given = {**spec, "command": command}
        job.spec, job.key = _checked(job.given), key
        return job

    def __repr__(self) -> str:
        return f"AsyncJob({self.spec.name or self.spec.command[0]})"


def _checked(given: dict[str, Any]) -> JobSpec:
    """Read what is asked for. Which hosts a group means is known where it is submitted: till then, one."""
    return parse_spec(given | {"on": "host", "hosts": None} if given.get("on") else given)


def _command_of(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    cleanup: Callable[..., Any] | None,
) -> list[str]:
    """Return the command that calls *function* in a process of its own."""
    from json import dumps

    reference = reference_to(function)
    undo = None if cleanup is None else reference_to(cleanup)
    if faults := _call_faults(function, args, kwargs):
        raise InvalidRequest(*faults)
    path = [os.path.abspath(each) for each in sys.path]
    payload = dumps({"path": path, "args": args, "kwargs": kwargs, "cleanup": undo})
    if len(payload) > MAX_ARGUMENT_BYTES:
        raise InvalidRequest(
            f"the arguments are {len(payload):,} bytes as JSON, and {MAX_ARGUMENT_BYTES:,} is the"
            " most: write them to a file, and pass its path"
        )
    return [*_interpreter(), RUNNER, reference, payload]


def _interpreter() -> list[str]:
    """Return how this interpreter was started, its options included."""
    from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]  # see below

    # As multiprocessing does. -P: nothing beside the runner may be imported in place of another.
    flags: list[str] = _args_from_interpreter_flags()
    return [sys.executable, *flags, *(() if "-P" in flags or "-I" in flags else ("-P",))]


def _call_faults(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """Say what is wrong with a call that is to happen elsewhere, and later."""
    import inspect

    faults = []
    for position, value in enumerate(args, 1):
        faults += _json_faults(f"argument {position}", value)
    for name, value in kwargs.items():
        faults += _json_faults(f"argument {name}", value)
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        faults.append(f"{function.__qualname__} cannot be called so: {error}")
    except ValueError:
        pass  # a function written in C, which has no signature to ask
    return faults


def _json_faults(what: str, value: Any) -> list[str]:
    """Say what of *value* JSON would not give back as it was; a tuple may come back as a list."""
    if isinstance(value, float) and not isfinite(value):
        return [f"{what} is {value}, which JSON does not know"]
    if type(value) in PLAIN:
        return []
    if type(value) in (list, tuple):
        return [
            fault
            for index, each in enumerate(value)
            for fault in _json_faults(f"{what}[{index}]", each)
        ]
    if type(value) is dict:
        names = [
            f"{what} has the key {key!r:.40}, which is no text"
            for key in value
            if type(key) is not str
        ]
        values = [
            fault for key, each in value.items() for fault in _json_faults(f"{what}[{key!r}]", each)
        ]
        return names + values
    hint = "str() of it" if isinstance(value, os.PathLike) else "text, numbers or lists"
    return [f"{what} is a {type(value).__name__}, which is not JSON: pass {hint}"]
