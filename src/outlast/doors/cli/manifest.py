"""`outlast manifest`: everything that this program takes and gives, in one JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...framework.caller import SCHEMA_VERSION
from ...framework.exits import EXIT_CODES
from ...framework.lazy import Lazy, Verb, verb
from ...version import __version__
from . import schemas
from .app import cli

if TYPE_CHECKING:
    from ...framework.caller import Caller

FATES = ("run", "job status", "job wait", "job result")
"""The commands whose exit code is a job's fate."""


@verb("manifest", epilog="outlast manifest | python -m json.tool")
def manifest(caller: Caller) -> int:
    """
    Describe every command, option, exit code and answer as JSON.

    For programs that call this one. It is JSON on a terminal, too.
    """
    caller.output = "json"
    data = {
        "program": "outlast",
        "version": __version__,
        "schema_version": SCHEMA_VERSION,
        "commands": [_command(*each) for each in commands(cli, click.Context(cli, obj=caller))],
        "exit_codes": {str(code): says for code, says in EXIT_CODES.items()},
        "exit_status_codes": {
            "124": "timed out",
            "125": "anything that is not the command's own verdict",
            "128+N": "ended by signal N",
        },
        "schemas": schemas.SCHEMAS,
    }
    caller.answer(lambda: data, str)
    return 0


def commands(group: Lazy, context: click.Context) -> list[tuple[str, Verb]]:
    """Return every command of the tree by its whole name, such as `job status`."""
    found: list[tuple[str, Verb]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Lazy):
            below = commands(command, click.Context(command, info_name=name, parent=context))
            found += [(f"{name} {each}", leaf) for each, leaf in below]
        elif isinstance(command, Verb):
            found.append((name, command))
    return found


def _command(name: str, command: Verb) -> dict[str, Any]:
    codes = EXIT_CODES if name in FATES else {code: EXIT_CODES[code] for code in (0, 1, 2)}
    if name.startswith("job ") and name != "job list":
        codes = codes | {5: EXIT_CODES[5]}
    return {
        "name": name,
        "help": (command.help or "").strip(),
        "examples": [line.strip() for line in (command.epilog or "").strip().splitlines()],
        "arguments": [
            {"name": param.name, "many": param.nargs == -1, "required": param.required}
            for param in command.params
            if isinstance(param, click.Argument)
        ],
        "options": [_option(param) for param in command.params if isinstance(param, click.Option)],
        "exit_codes": sorted(codes),
        "stdout": "raw" if command.raw else "envelope",
        "data_schema": schemas.OF_COMMAND.get(name),
    }


def _option(option: click.Option) -> dict[str, Any]:
    return {
        "names": [*option.opts, *option.secondary_opts],
        "flag": option.is_flag,
        "many": option.multiple,
        "metavar": None if option.is_flag else option.metavar,
        "choices": list(option.type.choices) if isinstance(option.type, click.Choice) else None,
        "help": option.help,
    }
