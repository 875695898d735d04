"""`outlast mcp`, and what stands below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ...framework.lazy import Lazy, verb

if TYPE_CHECKING:
    from ...framework.caller import Caller

MISSING: Final = "mcp needs an extra that is not installed: pip install 'outlast[mcp]'"


@verb(
    "serve",
    here=True,
    raw=True,
    epilog="""
    outlast mcp serve
    outlast mcp serve --home /srv/outlast
    """,
)
def serve(caller: Caller) -> int:
    """
    Serve the jobs to one agent's host over stdin and stdout, until its end or SIGTERM.

    No job is touched by that. Stdout belongs to the protocol; what there is to say goes to stderr.
    """
    import gc
    import importlib.util

    from ...errors import Unavailable

    if importlib.util.find_spec("mcp") is None:
        raise Unavailable(MISSING)
    gc.enable()  # off for short commands; this is none
    from .standing import stand

    stand(caller.settings)
    return 0


@click.group(
    "mcp",
    cls=Lazy,
    table={
        "serve": ("outlast.doors.mcp.command:serve", "Serve over stdin and stdout; the default."),
        "install": (
            "outlast.doors.cli.mcp.install:install",
            "Have an agent's host know this server.",
        ),
    },
    invoke_without_command=True,
    epilog="""
    outlast mcp
    outlast mcp install --client claude-code
    """,
)
@click.pass_context
def mcp(context: click.Context) -> int:
    """Serve the jobs to agents, over the Model Context Protocol: without a command, by stdio."""
    if context.invoked_subcommand is not None:
        return 0
    with serve.make_context("serve", [], parent=context) as inner:
        return int(serve.invoke(inner))
