"""MCP clients: where each looks for its servers, and how it has one written down."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Entry = Mapping[str, Any]
"""A server, as one client writes it."""

Scope = str
"""`user`: for all that somebody does with the client. `project`: for one folder, where its file is."""

SCOPES: Final = ("user", "project")
TOOL_TIMEOUT_S: Final = 600
"""How long a call may take, where a client can be told. Ours end within 50 s, unless more is asked for."""

START_TIMEOUT_S: Final = 30


@dataclass(frozen=True)
class Client:
    """
    One client. *paths* has for each scope its file, below the home or the project; an environment
    variable of *moved* is the folder in place of the path's first part. *table* leads to the
    servers in that file.
    """

    name: str
    title: str
    paths: Mapping[Scope, str]
    table: tuple[str, ...]
    local: Callable[[list[str]], Entry]
    """From an argument list: a server that the client starts, and speaks with over stdio."""

    remote: Callable[[str, str], Entry] | None
    """From an address and the name of the variable with its token; None: the file has no such thing."""

    moved: tuple[str, str] | None = None
    then: str = "restart it"
    """What is to be done for the client to see the change."""

    def path(self, scope: Scope, folder: str, environ: Mapping[str, str]) -> str:
        """Return its file for a scope that it has. *folder* is the project's."""
        below = self.paths[scope]
        if scope == "project":
            return os.path.join(folder, below)
        home = environ.get("HOME") or os.path.expanduser("~")
        if self.moved is not None:
            variable, part = self.moved
            if value := environ.get(variable):
                return os.path.join(value, below.removeprefix(part).lstrip("/"))
        return os.path.join(home, below)

    @property
    def keys(self) -> frozenset[str]:
        """The keys that are ours in an entry of either kind; whatever else is there is the user's."""
        remote = self.remote("", "") if self.remote is not None else {}
        return frozenset({*self.local([""]), *remote})


def _plain(argv: list[str]) -> dict[str, Any]:
    return {"command": argv[0], "args": argv[1:]}


def _bearer(reference: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {reference}"}


CLIENTS: Final = {
    client.name: client
    for client in (
        Client(
            name="claude-code",
            title="Claude Code",
            paths={"user": ".claude.json", "project": ".mcp.json"},
            moved=("CLAUDE_CONFIG_DIR", ""),
            table=("mcpServers",),
            local=lambda argv: {"type": "stdio", **_plain(argv), "timeout": TOOL_TIMEOUT_S * 1000},
            remote=lambda url, name: {
                "type": "http",
                "url": url,
                "headers": _bearer(f"${{{name}}}"),
                "timeout": TOOL_TIMEOUT_S * 1000,
            },
            then="begin a new session, and look at /mcp",
        ),
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            paths={"user": ".config/Claude/claude_desktop_config.json"},
            moved=("XDG_CONFIG_HOME", ".config"),
            table=("mcpServers",),
            local=_plain,
            remote=None,
            then="quit it and start it again",
        ),
        Client(
            name="codex",
            title="Codex",
            paths={"user": ".codex/config.toml", "project": ".codex/config.toml"},
            moved=("CODEX_HOME", ".codex"),
            table=("mcp_servers",),
            local=lambda argv: {
                **_plain(argv),
                "startup_timeout_sec": START_TIMEOUT_S,
                "tool_timeout_sec": TOOL_TIMEOUT_S,
            },
            remote=lambda url, name: {
                "url": url,
                "bearer_token_env_var": name,
                "startup_timeout_sec": START_TIMEOUT_S,
                "tool_timeout_sec": TOOL_TIMEOUT_S,
            },
            then="begin a new session, and look at /mcp; a project's file is read once you trust the project",
        ),
        Client(
            name="cursor",
            title="Cursor",
            paths={"user": ".cursor/mcp.json", "project": ".cursor/mcp.json"},
            table=("mcpServers",),
            local=lambda argv: {"type": "stdio", **_plain(argv)},
            remote=lambda url, name: {"url": url, "headers": _bearer(f"${{env:{name}}}")},
        ),
        Client(
            name="gemini",
            title="Gemini CLI",
            paths={"user": ".gemini/settings.json", "project": ".gemini/settings.json"},
            table=("mcpServers",),
            local=lambda argv: {**_plain(argv), "timeout": TOOL_TIMEOUT_S * 1000},
            remote=lambda url, name: {
                "httpUrl": url,
                "headers": _bearer(f"${{{name}}}"),
                "timeout": TOOL_TIMEOUT_S * 1000,
            },
            then="restart it, and look at /mcp",
        ),
        Client(
            name="opencode",
            title="OpenCode",
            paths={"user": ".config/opencode/opencode.json", "project": "opencode.json"},
            moved=("XDG_CONFIG_HOME", ".config"),
            table=("mcp",),
            local=lambda argv: {
                "type": "local",
                "command": argv,
                "timeout": TOOL_TIMEOUT_S * 1000,
            },
            remote=lambda url, name: {
                "type": "remote",
                "url": url,
                "oauth": False,  # else it takes an answer of 401 for an invitation
                "headers": _bearer(f"{{env:{name}}}"),
                "timeout": TOOL_TIMEOUT_S * 1000,
            },
        ),
        Client(
            name="vscode",
            title="Visual Studio Code",
            paths={"user": ".config/Code/User/mcp.json", "project": ".vscode/mcp.json"},
            moved=("XDG_CONFIG_HOME", ".config"),
            table=("servers",),
            local=lambda argv: {"type": "stdio", **_plain(argv)},
            remote=lambda url, name: {
                "type": "http",
                "url": url,
                "headers": _bearer(f"${{env:{name}}}"),
            },
            then="run MCP: List Servers, and start it",
        ),
    )
}
"""
By name. Each client's own page on this is named in docs/how-to/mcp-clients.md. OpenCode 2 reads what is
written for 1, and a file that has its own form is kept in it: see `document._own_form`.
"""
