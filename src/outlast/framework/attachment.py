"""Giving a Click or Typer program its job commands."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, TypeVar

from ..errors import ClientError, InvalidRequest
from .asyncjob import AsyncJob
from .caller import Caller
from .tool import Tool

App = TypeVar("App")
Params = Callable[[], Sequence[Any]]

OURS: Final = {
    "job": "Ask about jobs, read them, end them.",
    "manifest": "Describe every command, option and answer as JSON.",
}

RAW: Final[dict[str, Any]] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "allow_interspersed_args": False,
}
"""What stands behind the name of a command of ours is ours to take apart."""

WAIT: Final = "Stay so long for the end, or none: to the end. By default, not at all."
JSON: Final = "Answer with one line of JSON, as it does where stdout is no terminal."
KEY: Final = "Asked again with the same key, it is the same job."

MARK: Final = "_outlast_asynchronous"
"""Whether a command that was found in an attached program returns a job."""


def attach(app: App, *, name: str | None = None) -> App:
    """
    Give *app*, a Click group or a Typer program, what its asynchronous commands need.

    Adds `job status|wait|result|logs|cancel|list` and `manifest`, and has each command that
    returns an `AsyncJob` start it, answer at once, and take `--wait`, `--json` and `--key`; those
    of groups below, and those that are added later, too. *name* is the tool's, and marks its
    jobs; by default that of the program. Returns *app*.

    Raises:
        TypeError: *app* is neither.

        ValueError: It has a command `job` of its own. One called `manifest` stays.
    """
    if hasattr(app, "registered_commands"):
        _attach_typer(app, name)
        return app
    import click

    if not isinstance(app, click.Group):
        raise TypeError(f"attach takes a click.Group or a typer.Typer, not {app!r:.80}")
    _adopt(app, _click_params, lambda below: Tool.running(name, below))
    for ours, says in _free(app.commands):
        app.add_command(
            click.Command(
                ours,
                callback=click.pass_context(_command(ours, name)),
                context_settings=RAW,
                add_help_option=False,
                help=says,
            )
        )
    return app


def _attach_typer(app: Any, name: str | None) -> None:
    # Newer Typers have a Click of their own inside: only what is public of Typer is relied on.
    import typer
    from typer.core import TyperGroup

    named = [*app.registered_commands, *app.registered_groups]
    free = list(_free({info.name or getattr(info.callback, "__name__", "") for info in named}))
    above = [info for info in (app.registered_callback, app.info) if info is not None]
    base = next((info.cls for info in above if isinstance(info.cls, type)), TyperGroup)

    class Attached(base):  # type: ignore[misc, valid-type]  # Typer's own, or the author's
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            _adopt(self, _typer_params, lambda below: Tool.running(name, below))

    for info in above:
        if info is app.info or isinstance(info.cls, type):
            info.cls = Attached
    for ours, says in free:
        call = _command(ours, name)
        call.__annotations__ = {"context": typer.Context}
        app.command(ours, help=says, context_settings=RAW, add_help_option=False)(call)


def _free(taken: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield our commands that the program has no other of."""
    if "job" in taken:
        raise ValueError("the program has a command called job already: was it attached before?")
    return ((ours, says) for ours, says in OURS.items() if ours not in taken)


def _command(ours: str, name: str | None) -> Callable[[Any], None]:
    """Return the function of a command of ours, for either framework: both give it the context."""

    def command(context: Any) -> None:
        tool = Tool.running(name, _below(context.parent))
        if ours == "job":
            context.exit(job_commands(context.args, tool=tool))
        from .manifest import show_manifest

        context.exit(show_manifest(context.parent, context.args, tool))

    return command


def job_commands(arguments: Sequence[str], *, tool: Tool | None = None) -> int:
    """Do what *arguments* say, such as `["status", "job_01K9..."]`, and return the exit code."""
    from .call import run
    from .job import job_group_of_a_tool

    return run(job_group_of_a_tool(), arguments, tool or Tool.running())


# What is found in the program -----------------------------------------------------------------


def _adopt(group: Any, params: Params, tool_of: Callable[[tuple[str, ...]], Tool]) -> None:
    """Have every command that is found in *group* start the job that it returns."""
    find = group.get_command

    def get_command(context: Any, word: str) -> Any:
        command = find(context, word)
        if command is None or hasattr(command, MARK):
            return command
        # Everything below this group is of the tool that its first group is of.
        setattr(command, MARK, False)
        below = _below(context)
        if hasattr(command, "list_commands"):
            _adopt(command, params, lambda _: tool_of(below))
        else:
            _make_asynchronous(command, params, lambda: tool_of(below))
        return command

    group.get_command = get_command


def _below(context: Any) -> tuple[str, ...]:
    """Return the names of the groups from below the root to *context*."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return tuple(names)


def _make_asynchronous(command: Any, params: Params, tool: Callable[[], Tool]) -> None:
    """Have *command* start the job that it returns."""
    if returns_a_job(command.callback):
        setattr(command, MARK, True)
        taken = {option for param in command.params for option in param.opts}
        command.params = [
            *command.params,
            *(param for param in params() if not taken & set(param.opts)),
        ]
        _tell_faults_as_json(command, tool)
    invoke = command.invoke

    def invoke_and_start(context: Any) -> Any:
        given = {name: context.params.pop(f"outlast_{name}", None) for name in _OPTIONS}
        try:
            result = invoke(context)
        except ClientError as error:
            context.exit(_refuse(error, tool(), json=bool(given["json"])))
        if getattr(command, MARK) and inspect.iscoroutine(result):
            result.close()
            fault = InvalidRequest(f"{command.name} is async, and nothing awaits it: use plain def")
            context.exit(_refuse(fault, tool(), json=bool(given["json"])))
        if not isinstance(result, AsyncJob):
            return result
        from .submission import start

        return context.exit(start(result, tool=tool(), **given))

    command.invoke = invoke_and_start


def _tell_faults_as_json(command: Any, tool: Callable[[], Tool]) -> None:
    """Have a wrong call of *command* answered in an envelope, where a program is calling."""
    make_context = command.make_context

    def make_or_refuse(word: str, args: list[str], parent: Any = None, **extra: Any) -> Any:
        given = list(args)
        try:
            return make_context(word, args, parent=parent, **extra)
        except Exception as error:
            # By its manner: newer Typers have a class of their own for it.
            if getattr(error, "exit_code", None) != 2 or not hasattr(error, "format_message"):
                raise
            caller = Caller(tool())
            caller.glance(given)
            caller.output = caller.guess
            if not caller.is_json or parent is None:
                raise
            see = f"See: {parent.command_path} {word} --help"
            caller.refuse(InvalidRequest(error.format_message(), suggestion=see))
            return parent.exit(2)

    command.make_context = make_or_refuse


def returns_a_job(callback: Callable[..., Any] | None) -> bool:
    """Whether a function says that it returns an `AsyncJob`, or may: `AsyncJob | None`."""
    if callback is None:
        return False
    function = inspect.unwrap(callback)
    hint = getattr(function, "__annotations__", {}).get("return")
    if isinstance(hint, str):
        # Only this one: the others may name what is imported for a type checker alone.
        alone = types.SimpleNamespace(__annotations__={"return": hint})
        try:
            hint = typing.get_type_hints(alone, getattr(function, "__globals__", {}))["return"]
        except Exception:  # noqa: BLE001 - whatever it names, it cannot be found: told by its name
            return re.search(r"\bAsyncJob\b", str(hint)) is not None
    kinds = (hint, *typing.get_args(hint))
    return any(isinstance(kind, type) and issubclass(kind, AsyncJob) for kind in kinds)


def _refuse(error: ClientError, tool: Tool, *, json: bool) -> int:
    caller = Caller(tool)
    caller.output = "json" if json else None
    caller.refuse(error)
    return error.exit_code


# The options ----------------------------------------------------------------------------------

_OPTIONS: Final = ("wait", "json", "key")


def _click_params() -> Sequence[Any]:
    import click

    return [
        click.Option(["outlast_wait", "--wait"], metavar="D", help=WAIT),
        click.Option(["outlast_json", "--json"], is_flag=True, help=JSON),
        click.Option(["outlast_key", "--key"], metavar="TEXT", help=KEY),
    ]


def _typer_params() -> Sequence[Any]:
    """Return Typer's own kind of options: those of a program that is made only for them."""
    import typer
    from typer.main import get_command

    def options(outlast_wait: Any, outlast_json: Any, outlast_key: Any) -> None: ...

    options.__annotations__ = {
        "outlast_wait": typing.Annotated[
            str | None, typer.Option("--wait", metavar="D", help=WAIT, show_default=False)
        ],
        "outlast_json": typing.Annotated[bool, typer.Option("--json", help=JSON)],
        "outlast_key": typing.Annotated[
            str | None, typer.Option("--key", metavar="TEXT", help=KEY, show_default=False)
        ],
    }
    options.__defaults__ = (None, False, None)
    program = typer.Typer(add_completion=False)
    program.command()(options)
    params: Sequence[Any] = get_command(program).params
    return params
