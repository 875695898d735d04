"""A connection to a place, made as `ssh` would make it from the user's own configuration."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ...core.hosts import parse_host
from ...core.hostspec import DIRECT
from ...core.state import Reason
from .keys import open_key
from .known import read_known
from .place import Place
from .refusal import LOCKED, MISSING, Refused, refusal_of, trust_hint

if TYPE_CHECKING:
    import asyncssh

KEEPALIVE_S: Final = 15
KEEPALIVES: Final = 3
"""So many go unanswered before the connection is taken for dead, if it is not configured."""

CONFIGS: Final = ("~/.ssh/config", "/etc/ssh/ssh_config")
"""Where nothing else is named; of two that say something, the first (ssh_config(5))."""

CALLERS_AGENT: Final = "SSH_AUTH_SOCK"
"""What `IdentityAgent` says for the agent that is the caller's anyway."""

USER_KNOWN_HOSTS: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS: Final = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
"""Where nothing else is configured (ssh_config(5))."""

SSH_PORT: Final = 22
CHANGED: Final = (
    "the host is known by another key than the one it shows: it was set up anew, or somebody"
    " stands in between"
)
ON_THE_WAY: Final = ", on the way: "
PASSWORD_FIRST: Final = ("keyboard-interactive", "password", "publickey")

KNOWN_KINDS_FIRST: Final = (
    "+ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
    ",rsa-sha2-512,rsa-sha2-256"
)
"""
Which kinds of key a host may show: those by which it is known, and then the others, so that one
that has another kind is told as what it is. The library alone would ask for the first only, and the
host hang up.
"""

MAX_JUMPS: Final = 16
"""More hosts on the way are a circle, such as a configuration may have."""


async def options_of(place: Place) -> tuple[dict[str, Any], Any]:
    """
    Return what the library is to be given for a connection to *place*, and what it makes of that
    with the user's configuration.

    Raises:
        Refused: The library, the configuration or a secret is not there.
    """
    try:
        if "asyncssh" not in sys.modules:
            await asyncio.to_thread(importlib.import_module, "asyncssh")
        library = importlib.import_module("asyncssh")
    except ImportError:
        raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {MISSING}") from None
    library.set_log_level("WARNING")  # else it tells every channel of every look
    if place.config and not os.access(place.config, os.R_OK):
        raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {place.config} cannot be read")
    given: dict[str, Any] = {
        "host": place.host,
        "config": [place.config] if place.config else _readable(CONFIGS),
        "send_env": [],  # a command on a host has nothing of whoever started the supervisor
        "agent_forwarding": False,  # root there could use it, and commands outlive the connection
        "password": place.secret(place.known.password),
        "passphrase": place.secret(place.known.passphrase),
    }
    if place.user is not None:
        given["username"] = place.user
    if place.port:
        given["port"] = place.port
    if place.known.key is not None:
        given |= await _this_key_alone(place.known.key, given["passphrase"])
    # What the configuration says is asked for, and no key read or opened yet.
    options = await library.SSHClientConnectionOptions.construct(**given | {"client_keys": None})
    if options.config.get("IdentityAgent", CALLERS_AGENT) == CALLERS_AGENT:
        given["agent_path"] = place.agent or ""  # never the supervisor's own
    if place.known.password is not None and place.known.key is None:
        # First, since a host counts the keys that it does not take.
        given.setdefault("preferred_auth", options.preferred_auth or PASSWORD_FIRST)
    return given, options


async def _this_key_alone(path: str, passphrase: str | None) -> dict[str, Any]:
    """
    Return what has the library show the key in the file *path* and no other: from the agent, where
    that has it, as `IdentitiesOnly` does.
    """
    if not os.access(path, os.R_OK):
        raise Refused(Reason.AUTH_FAILED, f"AuthFailed: the key {path} cannot be read")
    library = importlib.import_module("asyncssh")
    if passphrase is not None:
        certificates = [each for each in (f"{path}-cert.pub",) if os.access(each, os.R_OK)]
        opened = await open_key(path, passphrase)
        # Nothing of the agent's: it would know the key without our opening it.
        return {
            "client_keys": [opened],
            "client_certs": certificates,
            "agent_identities": [b"none"],
        }
    identities = []
    for read, public in (
        (library.read_certificate, f"{path}-cert.pub"),
        (library.read_public_key, f"{path}.pub"),
        (library.read_public_key, path),  # where a private key says its public one, locked or not
    ):
        with contextlib.suppress(OSError, library.KeyImportError):
            identities.append(read(public).public_data)
    # Without one, the agent is not asked at all: by no identities the library means all.
    return {
        "client_keys": [path],
        "ignore_encrypted": bool(identities),
        "agent_identities": identities or [b"none"],
    }


def _readable(paths: Iterable[str]) -> list[str]:
    """Return those of *paths* that are there, `~` being this user's home."""
    files = map(os.path.expanduser, paths)
    return [path for path in files if os.access(path, os.R_OK)]


def _on_the_way(place: Place, options: Any) -> Place | None:
    """Return the host by which *place* is reached: what was said, or what is configured."""
    if place.via is not None or place.known.jump == DIRECT:
        return place.via
    jump = options.tunnel
    if not isinstance(jump, str) or not jump or jump == DIRECT:
        return None
    via: Place | None = None
    for hop in jump.split(","):
        node = hop.strip().removeprefix("ssh://")
        try:
            named = parse_host(node)
        except ValueError as error:
            raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: ProxyJump: {error}") from None
        if named.host == place.host and named.port in (None, options.port):
            return None  # of `Host *` it is the host on the way itself
        via = Place(node=node, config=place.config, agent=place.agent, via=via)
    return via


def known_hosts_of(options: Any) -> list[str]:
    """Return the files of known hosts that *options* name, as ssh_config(5) has them."""
    named = options.config.get("UserKnownHostsFile", USER_KNOWN_HOSTS)
    of_all = options.config.get("GlobalKnownHostsFile", GLOBAL_KNOWN_HOSTS)
    return [*named, *of_all]


def user_known_hosts_of(options: Any) -> list[str]:
    """Return those of them that are the user's own; where there are to be none, the usual ones."""
    named = options.config.get("UserKnownHostsFile", USER_KNOWN_HOSTS) or USER_KNOWN_HOSTS
    return [os.path.expanduser(path) for path in named]


def known_as(options: Any) -> tuple[str, int | None]:
    """Return the name and the port under which a host stands in files of known ones."""
    port = None if options.port in ((), None, SSH_PORT) else options.port
    return options.host_key_alias or options.host, port


async def connect(place: Place, *, jumps: int = 0) -> asyncssh.SSHClientConnection:
    """
    Connect as `ssh` would, save that a host whose key is not known is never let pass: neither this
    one nor one on the way.

    Raises what the library raises, and `Refused`; takes as long as it takes.
    """
    given, options = await options_of(place)
    given |= {
        "keepalive_interval": options.keepalive_interval or KEEPALIVE_S,
        "keepalive_count_max": options.keepalive_count_max or KEEPALIVES,
        "login_timeout": 0,
    }
    # Without any, no host is known: to the library it would mean that none is checked.
    given["known_hosts"] = read_known(_readable(known_hosts_of(options)))
    if options.config.get("HostKeyAlgorithms") is None:
        given["server_host_key_algs"] = KNOWN_KINDS_FIRST
    tunnel = await connect_on_the_way(place, options, jumps=jumps)
    library = importlib.import_module("asyncssh")
    try:
        connection: asyncssh.SSHClientConnection = await library.connect(**given, tunnel=tunnel)
    except BaseException as error:
        if tunnel is not None:
            tunnel.abort()
        if isinstance(error, library.PermissionDenied) and (fault := _fault_of_key(place)):
            raise Refused(Reason.AUTH_FAILED, f"AuthFailed: {fault}") from None
        if isinstance(error, library.HostKeyNotVerifiable) and _is_known(options):
            words = f"{CHANGED}{trust_hint(place.trusted_as)}"
            raise Refused(Reason.HOST_KEY_REJECTED, f"HostKeyRejected: {words}") from None
        raise
    if tunnel is not None:
        connection.set_tunnel(tunnel)  # which is closed with it
    return connection


def _is_known(options: Any) -> bool:
    """Whether some key of the host is known."""
    import asyncssh

    name, port = known_as(options)
    files = _readable(known_hosts_of(options))
    return bool(asyncssh.match_known_hosts(read_known(files), name, "", port)[0])


def _fault_of_key(place: Place) -> str | None:
    """Return why the key that is to be shown could not be, if that is so."""
    key = place.known.key
    if key is None or place.known.passphrase is not None:
        return None
    library = importlib.import_module("asyncssh")
    try:
        library.read_private_key(key)
    except library.KeyImportError as error:
        if str(error).startswith("Passphrase"):
            return LOCKED
        if not os.access(f"{key}.pub", os.R_OK):  # else the agent may have been asked for it
            return f"{key} is no private key"
    except OSError:
        pass
    return None


async def connect_on_the_way(
    place: Place, options: Any, *, jumps: int = 0
) -> asyncssh.SSHClientConnection | None:
    """
    Connect to the host by which *place* is reached, if there is one. What goes wrong there is told
    as its own.
    """
    via = _on_the_way(place, options)
    if via is None:
        return None
    if jumps == MAX_JUMPS:
        raise Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {via.node} is on the way to itself")
    try:
        return await connect(via, jumps=jumps + 1)
    except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
        refused = refusal_of(error, via.trusted_as)
        if ON_THE_WAY not in refused.error:
            kind, _, words = refused.error.partition(": ")
            refused = Refused(refused.reason, f"{kind}: {via.node}{ON_THE_WAY}{words}")
        raise refused from None
