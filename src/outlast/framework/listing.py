"""How a list is printed: as a table, as JSON, or as nothing but what its lines are called by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .caller import Caller


def output_option(function: Any) -> Any:
    """Give a command `--output`."""
    return click.option(
        "--output", type=click.Choice(("id", "json", "table")), help="How to print them."
    )(function)


def printed(caller: Caller, output: str | None, ids: Iterable[str]) -> bool:
    """
    Print the ids alone, a line each, if *output* is that. Returns whether it did; if not, what is
    answered next is as *output* says.
    """
    if output == "id":
        for each in ids:
            click.echo(each)
        return True
    if output is not None:
        caller.output = "json" if output == "json" else "text"
    return False
