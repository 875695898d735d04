"""`outlast manifest`: everything that this program takes and gives, in one JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...framework.lazy import Lazy, Verb, verb
from ...framework.manifest import described_verb, envelope_data, leaves
from ...version import __version__
from . import schemas
from .app import cli

if TYPE_CHECKING:
    from ...framework.caller import Caller


@verb("manifest", epilog="outlast manifest | python -m json.tool")
def manifest(caller: Caller) -> int:
    """
    Describe every command, option, exit code and answer as JSON.

    For programs that call this one. It is JSON on a terminal, too.
    """
    caller.output = "json"
    there = commands(cli, click.Context(cli, obj=caller))
    told = [described_verb(*each, schemas.OF_COMMAND.get(each[0])) for each in there]
    more: dict[str, Any] = {
        "version": __version__,
        "exit_status_codes": {
            "124": "timed out",
            "125": "anything that is not the command's own verdict",
            "128+N": "ended by signal N",
        },
    }
    caller.answer(lambda: envelope_data("outlast", told, schemas.SCHEMAS) | more, str)
    return 0


def commands(group: Lazy, context: click.Context) -> list[tuple[str, Verb]]:
    """Return every command of the tree by its whole name, such as `job status`."""
    return list(leaves(group, context))
