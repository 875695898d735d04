"""Takes apart what somebody says of hosts: a caller's `hosts`, or an inventory's tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from .hosts import is_port, is_user, parse_host
from .hostspec import CLOCKS, DIRECT, KEYS, HostSpec
from .near import near
from .reader import Reader

REFERENCES: Final = ("env:", "file:")
"""What a password is given by: a variable of the caller's, or a file's text."""

_LITERAL: Final = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\w+)?"


class HostReader(Reader):
    """A mapping of what is known of one host, or of many."""

    def host(self) -> HostSpec:
        """Return what is sound of it. What is left was not asked for."""
        given: dict[str, Any] = {
            "address": self.address(),
            "user": self.user(),
            "port": self.port(),
            "key": self.path("key"),
            "jump": self.jump(),
            **{name: self.reference(name) for name in ("password", "passphrase")},
            **{name: self.duration(name) for name in CLOCKS},
        }
        return HostSpec(**given)

    def address(self) -> str | None:
        value = self.text("address")
        if value is None or re.fullmatch(_LITERAL, value, re.ASCII):
            return value
        try:
            named = parse_host(value)
        except ValueError:
            named = None
        if named is None or named.user is not None or named.port is not None:
            self.faults.append(
                f"address: {value!r:.80} is no address: write a name or an IP address, and give"
                " user and port by themselves"
            )
            return None
        return named.host

    def user(self) -> str | None:
        value = self.text("user")
        if value is None or is_user(value):
            return value
        self.faults.append(f"user: {value!r:.80} is no user's name")
        return None

    def port(self) -> int | None:
        value = self.take("port")
        if value is not None and not is_port(value):
            self.faults.append(f"port: {value!r:.80} is no port: a whole number from 1 to 65535")
            return None
        return None if value is None else int(value)

    def jump(self) -> str | None:
        """Read hosts with commas, or a list of them."""
        value = self.take("jump")
        if value is None or value == DIRECT:
            return None if value is None else DIRECT
        hops = value.split(",") if isinstance(value, str) else value
        if not isinstance(hops, Sequence) or not all(isinstance(hop, str) for hop in hops):
            self.faults.append(f"jump is a host, or hosts with commas, not {value!r:.80}")
            return None
        hops = [hop.strip() for hop in hops]
        try:
            for hop in hops or [""]:
                parse_host(hop)
        except ValueError as error:
            self.faults.append(f"jump: {error}; {DIRECT!r} is no jump")
            return None
        return ",".join(hops)

    def reference(self, key: str) -> str | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.startswith(REFERENCES) or value in REFERENCES:
            # Not shown: it may be the secret itself.
            self.faults.append(f"{key} is not a reference: write env:NAME or file:PATH")
            return None
        self.argument(key, value)
        return value


def read_known(value: object, on: Collection[str], faults: list[str]) -> dict[str, HostSpec]:
    """Return what a caller says of hosts, by their names; tells what is wrong with it."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults.append(f"hosts is a mapping of hosts to what is known of them, not {value!r:.80}")
        return {}
    known: dict[str, HostSpec] = {}
    for name, given in value.items():
        what = f"hosts.{name:.80}" if isinstance(name, str) else f"hosts.{name!r:.80}"
        if isinstance(given, HostSpec):
            known[name] = given
        elif not isinstance(name, str) or not isinstance(given, Mapping):
            faults.append(f"{what} is not the name of a host and a mapping of its settings")
        else:
            reader = HostReader(given)
            known[name] = reader.host()
            faults += [f"{what}: {fault}" for fault in (*reader.faults, *unknown(reader.left))]
    needed = _needed(on, known)
    faults += [
        f"hosts.{name:.80}: on does not name it, nor is it on the way to one"
        for name in known
        if name not in needed
    ]
    if (circle := jumps_in_a_circle(known)) is not None:
        faults.append(f"hosts.{circle:.80}: its jump leads back to itself")
    return known


def unknown(left: Iterable[str], keys: Iterable[str] = KEYS, what: str = "a host") -> list[str]:
    """Tell of each key that nobody asked for; with the one that may have been meant."""
    keys = list(keys)
    told = []
    for key in left:
        meant = near(str(key), keys)
        told.append(
            f"{key!r:.80} is no setting of {what}: "
            + (f"did you mean {meant}?" if meant else f"there are {', '.join(keys)}")
        )
    return told


def jumps_in_a_circle(known: Mapping[str, HostSpec]) -> str | None:
    """Return the name of a host that is on the way to itself; None if there is none."""
    for name in known:
        if name in _needed(known[name].jumps, known):
            return name
    return None


def _needed(names: Iterable[str], known: Mapping[str, HostSpec]) -> set[str]:
    """Return *names* and all hosts on the way to them."""
    found: set[str] = set()
    new = list(names)
    while new:
        name = new.pop()
        if name not in found:
            found.add(name)
            new += known[name].jumps if name in known else ()
    return found
