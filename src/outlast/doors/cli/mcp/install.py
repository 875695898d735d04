"""`outlast mcp install`: have an MCP client know this server."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from ....framework.lazy import verb
from ....framework.tool import program
from .clients import CLIENTS, SCOPES

if TYPE_CHECKING:
    from ....framework.caller import Caller
    from ....settings import Settings
    from .clients import Client
    from .place import Place

TOKEN: Final = "OUTLAST_TOKEN"
PATH: Final = "/mcp"


@verb(
    "install",
    epilog="""
    outlast mcp install --client claude-code
    outlast mcp install --client codex --print
    outlast mcp install --client vscode --scope project --yes
    outlast mcp install --client cursor --server https://jobs.example.org
    outlast mcp install --client gemini --uninstall
    """,
)
@click.option(
    "--client", required=True, type=click.Choice(tuple(CLIENTS)), help="Whose configuration."
)
@click.option("--scope", type=click.Choice(SCOPES), default="user", show_default=True,
              help="For all that you do with it, or for the folder you are in.")  # fmt: skip
@click.option("--name", default="outlast", show_default=True, help="What the client calls it.")
@click.option("--token-env", metavar="NAME", default=TOKEN, show_default=True,
              help="With --server: the variable that holds its token when the client runs.")  # fmt: skip
@click.option("--uninstall", is_flag=True, help="Take it out again.")
@click.option(
    "--print", "print_only", is_flag=True, help="Print what would be there, write nothing."
)
@click.option("--yes", is_flag=True, help="Write it without asking.")
def install(
    caller: Caller,
    *,
    client: str,
    scope: str,
    name: str,
    token_env: str,
    uninstall: bool,
    print_only: bool,
    yes: bool,
) -> int:
    """
    Have an MCP client know this server: that it starts one, or where one is (--server).

    Puts one entry into the client's own file and keeps the rest, with a copy beside it. Asks first;
    without a terminal it takes --yes. No token is written: the entry names a variable.
    """
    from ....errors import InvalidRequest

    one = CLIENTS[client]
    faults = _faults(one, scope, name, token_env)
    if print_only and uninstall:
        faults.append("--print and --uninstall exclude each other")
    if faults:
        raise InvalidRequest(*faults)
    from .document import Document, HasComments, alone
    from .place import Place

    path = one.path(scope, os.getcwd(), os.environ)
    entry = {} if uninstall else _entry(caller, one, scope, token_env)
    snippet = None if uninstall else alone(path, one.table, name, entry)
    told = {"client": client, "scope": scope, "path": path, "snippet": snippet}
    if print_only:
        caller.answer(lambda: _data(told), lambda: snippet or "")
        return 0
    place = Place(path)
    try:
        document = Document(place.text, path, one.table)
    except HasComments as error:
        what = f"Take {name} out by hand" if uninstall else f"Put this there by hand:\n{snippet}"
        raise HasComments(error.message, suggestion=what) from None
    if uninstall:
        document.take_out(name)
    else:
        document.put(name, entry, one.keys)
    if document.text == place.text:
        already = f"{path} has no {name}" if uninstall else f"{path} has it already"
        caller.answer(lambda: _data(told), lambda: already)
        return 0
    if not yes and not _is_agreed(caller, path, name, snippet):
        caller.answer(lambda: _data(told), lambda: "nothing was written")
        return 0
    backup = _write(place, document.text, private=scope == "user")
    caller.answer(lambda: _data(told, written=True, backup=backup), lambda: path)
    if not caller.is_json:
        if backup is not None:
            caller.say(f"what it was: {backup}")
        caller.say(f"for {one.title} to see it: {one.then}")
    return 0


def _faults(one: Client, scope: str, name: str, token_env: str) -> list[str]:
    faults = []
    if scope not in one.paths:
        faults.append(f"{one.title} has no file for a {scope}: leave --scope out")
    if not (name.isascii() and name.replace("-", "_").isidentifier() and len(name) <= 64):
        faults.append("--name is letters, digits, - and _, and begins with a letter")
    if not (token_env.isascii() and token_env.isidentifier()):
        faults.append("--token-env is the name of a variable, not what it holds")
    return faults


def _entry(caller: Caller, one: Client, scope: str, token_env: str) -> Any:
    from ....core.server import parse_server
    from ....errors import Forbidden, InvalidRequest

    settings = caller.settings
    if settings.server is None:
        argv = list(program())
        if scope == "user":
            # Clients that no shell has started have a PATH of their own. A project's file is others' too.
            import shutil

            argv[0] = shutil.which(argv[0]) or argv[0]
        return one.local([*argv, "mcp", *_home(settings, scope)])
    server = parse_server(settings.server)
    if one.remote is None:
        raise InvalidRequest(
            f"the file of {one.title} names programs that it starts, and no addresses",
            suggestion="Add it in its settings, as a connector",
        )
    if server.scheme == "unix":
        raise InvalidRequest(f"{server}: no client reaches a socket in the file system")
    if server.is_open_to_eavesdroppers and not settings.allow_plain_http:
        raise Forbidden(
            f"{server} is another machine, and plain http: who listens on the way reads the token",
            suggestion="Use https, or an SSH tunnel; if the way is safe: OUTLAST_ALLOW_PLAIN_HTTP=yes",
        )
    url = str(server)
    return one.remote(url if url.endswith(PATH) else url + PATH, token_env)


def _home(settings: Settings, scope: str) -> tuple[str, ...]:
    """Return how the home is named, where the client would not find it by itself."""
    is_needed = settings.sources["home"] == "argument" if scope == "project" else True
    return ("--home", settings.home) if is_needed and not settings.home_is_default else ()


def _is_agreed(caller: Caller, path: str, name: str, snippet: str | None) -> bool:
    from ....errors import InvalidRequest

    if caller.is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidRequest(
            "nothing was written: there is nobody to ask",
            suggestion="Say --yes to have it written, or --print to see it",
        )
    if snippet is None:
        return click.confirm(f"Take {name} out of {path}?", err=True)
    click.echo(snippet, err=True)
    return click.confirm(f"Put it into {path}?", err=True)


def _write(place: Place, text: str, *, private: bool) -> str | None:
    from ....clock import SystemClock

    stamp = SystemClock().now().strftime("%Y%m%dT%H%M%SZ")
    return place.replace(text, stamp=stamp, private=private)


def _data(
    told: dict[str, Any], *, written: bool = False, backup: str | None = None
) -> dict[str, Any]:
    return {**told, "written": written, "backup": backup}
