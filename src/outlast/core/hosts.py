"""The part of a job's spec that is about hosts: how they are named, and what is theirs alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from .limits import CONNECT_TIMEOUT, DIALOGUE_IDLE_TIMEOUT, HOST_TIMEOUT, RECONNECT_TIMEOUT

HOSTS_OWN: Final = {
    "connect_timeout": CONNECT_TIMEOUT,
    "reconnect_timeout": RECONNECT_TIMEOUT,
    "max_parallel": None,
}
"""Keys that mean nothing for a job of this machine, and what is no request for them."""

NOT_IN_SESSIONS: Final = (
    *("on", "hosts", "container", "queue", "queue_width", "max_parallel"),
    *("dialogue", "connection_bound", "priority", "delay", "start_at", "after", "hold"),
)
"""Keys that a session has settled once and for all."""

MAX_NAME_BYTES: Final = 255
MAX_HOSTS: Final = 10_000

_USER: Final = r"[^\s@:,\[\]/-][^\s@:,\[\]/]*"
_NAMED: Final = (
    rf"(?:(?P<user>{_USER})@)?"
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<name>(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?))"
    r"(?::(?P<port>\d{1,5}))?"
)


EXPORTED: Final = r"[A-Z][A-Z0-9_]*"
"""
Names under which a secret can be given: by `export`, since the arguments of `env` are for all to
see. The shim's own variables are small letters.
"""

SHELLS_OWN: Final = (
    r"IFS|OPT.*|PPID|PWD|OLDPWD|E?UID|GROUPS|SHELLOPTS|BASH.*|RANDOM|SRANDOM|SECONDS|LINENO|PS\d"
    r"|ENV|HIST.*|DIRSTACK|FUNCNAME|EPOCH.*|LC_.*|LANG|LANGUAGE|PATH|PIPESTATUS|COMP_.*|OUTLAST_.*"
)
"""Names that a shell does not let everybody set, or that change how it works."""


class Named(NamedTuple):
    """A host as a caller names it. None: as the configuration of SSH has it."""

    host: str
    user: str | None
    port: int | None


def parse_host(text: str) -> Named:
    """
    Read `[user@]host[:port]`; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is none of these.
    """
    match = re.fullmatch(_NAMED, text, re.ASCII)
    port = int(match["port"]) if match and match["port"] else None
    if (
        match is None
        or len(text.encode()) > MAX_NAME_BYTES
        or (port is not None and not is_port(port))
    ):
        raise ValueError(
            f"{text!r:.80} is no host: write NAME, USER@NAME or USER@NAME:PORT"
            + (", an IPv6 address in brackets" if text.count(":") > 1 else "")
        )
    return Named(match["address"] or match["name"], match["user"], port)


def is_user(text: str) -> bool:
    """Whether *text* can be the name of a user."""
    return re.fullmatch(_USER, text) is not None


def is_port(value: object) -> bool:
    """Whether *value* is the number of a port."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 16


def read_hosts(value: object, faults: list[str]) -> tuple[str, ...]:
    """Return the hosts that a caller names: a list, or text with commas. Tells what is wrong."""
    if value is None:
        return ()
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        faults.append(f"on is a list of hosts, not {value!r:.80}")
        return ()
    if not given or len(given) > MAX_HOSTS:
        faults.append(
            f"on names {len(given) or 'no'} hosts: one is the least, {MAX_HOSTS:,} the most"
        )
        return ()
    hosts: dict[str, None] = {}
    for each in given:
        if not isinstance(each, str):
            faults.append(f"on: {each!r:.80} is no host but a value of type {type(each).__name__}")
            continue
        name = each.strip()
        try:
            parse_host(name)
        except ValueError as error:
            faults.append(f"on: {error}")
        if name in hosts:
            faults.append(f"on: {name:.80} is named twice")
        hosts[name] = None
    return tuple(hosts)


def settle_hosts(given: dict[str, Any], faults: list[str], *, said: bool) -> None:
    """Give a job for hosts the clocks that it has of its own, and tell what it cannot have."""
    if given["session"] is not None:
        faults += [
            f"{name} and session exclude each other: a session has its host, order and shell"
            for name in NOT_IN_SESSIONS
            if given[name] and not (name == "hosts" and given["on"])
        ]
    elif not given["on"]:
        if given["collect"] is not None and not said and given["container"] is None:
            faults.append(
                "collect is for hosts and containers, and there is neither: what a command leaves on"
                " this machine is there already, in its cwd"
            )
        faults += [
            f"{name} is for hosts, and on names none"
            for name, usual in HOSTS_OWN.items()
            if given[name] not in (None, usual) and not said
        ]
        if given["hosts"]:
            faults.append("hosts says what is known of hosts, and on names none")
        return
    if given["timeout"] is None:
        given["timeout"] = HOST_TIMEOUT
    if given["queue"] is not None and given["max_parallel"] is not None:
        faults.append("queue and max_parallel exclude each other: a queue has a width")
    if given["on_output_limit"] == "discard":
        faults.append("on_output_limit: a host's shell cannot discard what was printed")
    if given["clean_env"]:
        faults.append("clean_env: to a host nothing of this environment goes anyway")


def settle_bound(given: dict[str, Any], faults: list[str], *, said: Collection[str]) -> None:
    """Give a job that is bound to its connection what is its own, and tell what it cannot have."""
    asks = "dialogue" in said
    if not asks and not given["connection_bound"]:
        return
    what = "dialogue" if asks else "connection_bound"
    if asks:
        if given["connection_bound"] is False:
            faults.append("connection_bound: a dialogue always is, since it needs a terminal")
        given["connection_bound"] = True
        if not {"idle_timeout", "idle_timeout_ms"} & set(said):
            given["idle_timeout"] = DIALOGUE_IDLE_TIMEOUT
        if given["stdin"] is not None:
            faults.append("stdin: a dialogue is what its host reads")
    if not given["on"] and "on" not in said and given["session"] is None:
        faults.append(f"{what} is for hosts, and on names none")
    nobody = "a job that is bound to its connection has nothing of ours on the host that could"
    faults += [
        f"{name}: {nobody} see to it"
        for name in ("script", "cwd", "env", "secret_env", "collect")
        if given[name]
    ]
    if given["leftovers"] == "wait":
        faults.append(f"leftovers: {nobody} wait for them")


def can_be_secret(name: str) -> bool:
    """Whether a variable *name* can be given to a command without showing its value."""
    return bool(re.fullmatch(EXPORTED, name)) and not re.fullmatch(SHELLS_OWN, name)
