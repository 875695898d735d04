"""Everything that a program takes and gives, in one JSON: ours, or that of a tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from . import schemas
from .attachment import MARK, OURS
from .caller import SCHEMA_VERSION
from .exits import EXIT_CODES
from .job import job_group_of_a_tool
from .lazy import Verb, verb
from .tool import OUTLAST, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .caller import Caller

FATES: Final = ("run", "job status", "job wait", "job result")
"""The commands whose exit code is a job's fate."""

VERDICTS: Final = ("framework check", "hosts check")
"""The commands that end with 4 where what they look at is not as it should be."""

ASYNCHRONOUS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8)
"""The exit codes of a command that starts a job, and may be asked to wait for it."""


def codes_of(name: str) -> list[int]:
    """Return the exit codes of a command about jobs, such as `job status`."""
    codes = set(EXIT_CODES) if name in FATES else {0, 1, 2}
    if name in VERDICTS:
        codes.add(4)
    return sorted(codes | {5} if name.startswith("job ") and name != "job list" else codes)


def described(name: str, command: Any, **more: Any) -> dict[str, Any]:
    """Return what *command* takes, be it Click's or Typer's; *more* is what it gives."""
    params = [param for param in command.params if not getattr(param, "hidden", False)]
    return {
        "name": name,
        "help": (command.help or "").strip(),
        "arguments": [
            {"name": param.name, "many": param.nargs == -1, "required": param.required}
            for param in params
            if param.param_type_name == "argument"
        ],
        "options": [_option(param) for param in params if param.param_type_name == "option"],
        **more,
    }


def _option(option: Any) -> dict[str, Any]:
    choices = getattr(getattr(option, "type", None), "choices", None)
    return {
        "names": [*option.opts, *option.secondary_opts],
        "flag": option.is_flag,
        "many": option.multiple,
        "metavar": None if option.is_flag else option.metavar,
        "choices": None if choices is None else [str(each) for each in choices],
        "help": option.help,
    }


def described_verb(
    name: str, command: Verb, schema: str | None, program: str = OUTLAST
) -> dict[str, Any]:
    """Return what a command of ours takes and gives, as *program* has it."""
    examples = (command.epilog or "").replace(f"{OUTLAST} job", f"{program} job")
    return described(
        name,
        command,
        examples=[line.strip() for line in examples.strip().splitlines()],
        asynchronous=command.asynchronous,
        exit_codes=codes_of(name),
        stdout="raw" if command.raw else "envelope",
        data_schema=schema,
    )


def leaves(group: Any, context: Any) -> Iterator[tuple[str, Any]]:
    """Yield every command below *group* by its whole name, such as `job status`."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            inside = type(context)(command, info_name=name, parent=context, obj=context.obj)
            yield from ((f"{name} {each}", leaf) for each, leaf in leaves(command, inside))
        elif command is not None:
            yield name, command


def envelope_data(
    program: str, commands: Iterable[Mapping[str, Any]], all_schemas: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the manifest of *program*."""
    return {
        "program": program,
        "schema_version": SCHEMA_VERSION,
        "commands": list(commands),
        "exit_codes": {str(code): says for code, says in EXIT_CODES.items()},
        "schemas": all_schemas,
    }


def show_manifest(context: Any, arguments: Sequence[str], tool: Tool) -> int:
    """Print the manifest of the program whose attached group *context* is of."""
    from .call import run

    @verb("manifest", epilog=f"{tool.name} manifest")
    def manifest(caller: Caller) -> int:
        """Describe every command, option, exit code and answer of this program as JSON."""
        caller.output = "json"
        caller.answer(
            lambda: envelope_data(tool.name, _of_a_tool(context, tool), TOOLS_SCHEMAS), str
        )
        return 0

    return run(manifest, arguments, tool)


TOOLS_SCHEMAS: Final = {
    **schemas.SCHEMAS,
    "descriptor": schemas.DESCRIPTOR,
    "started": {"anyOf": [schemas.ref("descriptor"), schemas.ref("job")]},
}


def _of_a_tool(context: Any, tool: Tool) -> Iterator[dict[str, Any]]:
    for name, command in leaves(context.command, context):
        if name in OURS:
            continue
        if getattr(command, MARK, False):
            gives: dict[str, Any] = {
                "asynchronous": True,
                "exit_codes": list(ASYNCHRONOUS),
                "stdout": "envelope",
                "data_schema": "started",
            }
        else:
            gives = {"asynchronous": False, "exit_codes": None, "stdout": None, "data_schema": None}
        yield described(name, command, **gives)
    jobs = job_group_of_a_tool()
    for verb_name, command in leaves(jobs, click.Context(jobs)):
        name = f"job {verb_name}"
        yield described_verb(name, command, schemas.OF_COMMAND[name], tool.name)
