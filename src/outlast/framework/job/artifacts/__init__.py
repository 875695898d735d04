"""`outlast job artifacts`: what was collected from a job's hosts."""

from __future__ import annotations

from typing import Final

import click

from ...lazy import Lazy

TABLE: Final = {
    "list": (f"{__name__}.list:list_artifacts", "Tell which files there are."),
    "get": (f"{__name__}.get:get", "Take one file."),
    "zip": (f"{__name__}.zip:zip_artifacts", "Take all of them, as one zip."),
}


@click.group(
    "artifacts",
    cls=Lazy,
    table=TABLE,
    epilog="""
    outlast job artifacts list ID
    outlast job artifacts zip --to logs.zip ID
    """,
)
def artifacts() -> None:
    """Take what a job has collected from its hosts (`run --collect GLOB`)."""
