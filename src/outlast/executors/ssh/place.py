"""Where an attempt runs, and how to get there: what is stored of it, and what makes a connection."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...core.hosts import parse_host
from ...core.state import Reason
from .refusal import MISSING, Refused

if TYPE_CHECKING:
    import asyncssh

KEEPALIVE_S: Final = 15
KEEPALIVES: Final = 3
"""So many go unanswered before the connection is taken for dead."""


class Place(NamedTuple):
    """A host as it was named, and its caller's SSH: the same for two is the same connection."""

    node: str
    config: str | None = None
    """The configuration file; None: `~/.ssh/config`, if it is there."""

    agent: str | None = None
    """The socket of the caller's agent."""

    @property
    def host(self) -> str:
        """The name of the host alone."""
        return parse_host(self.node).host


async def options_of(place: Place) -> tuple[dict[str, Any], Any]:
    """
    Return what the library is to be given for a connection to *place*, and what it makes of that
    with the user's configuration.

    Raises:
        Refused: The library or the configuration is not there.
    """
    try:
        library = await asyncio.to_thread(importlib.import_module, "asyncssh")
    except ImportError:
        raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {MISSING}") from None
    library.set_log_level("WARNING")  # else it tells every channel of every look
    if place.config and not os.access(place.config, os.R_OK):
        raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {place.config} cannot be read")
    named = parse_host(place.node)
    given: dict[str, Any] = {
        "host": named.host,
        "config": [place.config] if place.config else (),
    }
    if named.user:
        given["username"] = named.user
    if named.port:
        given["port"] = named.port
    return given, await library.SSHClientConnectionOptions.construct(**given)


async def connect(place: Place) -> asyncssh.SSHClientConnection:
    """
    Connect as `ssh` would, save that a host whose key is not known is never let pass.

    Raises what the library raises, and `Refused`; takes as long as it takes.
    """
    given, options = await options_of(place)
    given |= {
        "agent_path": place.agent or (),
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES,
        "login_timeout": 0,
        "password": None,
    }
    if options.known_hosts is None:
        # `UserKnownHostsFile none` asks for no check at all: then no host is known.
        given["known_hosts"] = b""
    library = importlib.import_module("asyncssh")
    connection: asyncssh.SSHClientConnection = await library.connect(**given)
    return connection
