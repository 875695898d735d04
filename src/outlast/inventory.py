"""The user's inventory, and what a request for hosts means by it: settled at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .errors import InvalidRequest
from .settings import Settings

if TYPE_CHECKING:
    from .core.inventory import Inventory
    from .engine import verbs
    from .engine.preflight import Ask
    from .ports.executor import Captured


def load_inventory(settings: Settings) -> Inventory:
    """
    Return the inventory that *settings* name, or find; an empty one where there is none.

    Raises:
        InvalidRequest: It cannot be read, or makes no sense; all faults are listed.
    """
    from . import tomlfile
    from .core.inventory import NONE, read_inventory

    path = settings.inventory_file()
    if path is None:
        return NONE
    inventory, faults = read_inventory(tomlfile.read(path), path)
    if faults:
        raise InvalidRequest(*faults)
    return inventory


def for_hosts(
    specs: Sequence[Mapping[str, Any]], captured: Captured, settings: Settings
) -> tuple[list[Mapping[str, Any]], Captured]:
    """
    Return what a caller asks for, with plain hosts where it names groups, and with what the
    inventory and the settings say of hosts where it says nothing.

    Raises:
        InvalidRequest: The inventory makes no sense, or a selection of it is empty.
    """
    if not any(spec.get("on") or spec.get("session") for spec in specs):
        return list(specs), captured
    faults: list[str] = []
    if any(spec.get("on") for spec in specs):
        inventory = load_inventory(settings)
        specs = [
            _for_hosts(spec, inventory, settings, faults) if spec.get("on") else spec
            for spec in specs
        ]
    if faults:
        raise InvalidRequest(*dict.fromkeys(faults))
    specs = [_clocked(spec, settings)[0] if spec.get("session") else spec for spec in specs]
    return list(specs), with_ssh_config(captured, settings)


def with_ssh_config(captured: Captured, settings: Settings) -> Captured:
    """
    Return *captured* with the configuration of SSH that is in force, if one is named.

    Raises:
        InvalidRequest: It cannot be read.
    """
    if settings.ssh_config is None:
        return captured
    try:
        with open(settings.ssh_config, "rb"):
            pass
    except OSError as error:
        words = f"ssh_config: {settings.ssh_config} cannot be read: {error.strerror}"
        raise InvalidRequest(words) from None
    return replace(captured, env={**captured.env, "OUTLAST_SSH_CONFIG": settings.ssh_config})


def select(settings: Settings, names: Sequence[str]) -> tuple[list[str], Inventory]:
    """
    Return the hosts that *names* mean, all of the inventory if there are none, and that.

    Raises:
        InvalidRequest: As `for_hosts`.
    """
    from .core.inventory import ALL

    inventory = load_inventory(settings)
    hosts, faults = inventory.select(names or [ALL])
    if faults:
        raise InvalidRequest(*faults)
    return list(dict.fromkeys(hosts)), inventory


def for_session(
    settings: Settings,
    capabilities: Ask,
    *,
    name: str,
    on: str,
    hosts: Mapping[str, Any] | None,
    faults: Sequence[str] = (),
) -> verbs.OpenSession:
    """
    Return the request for a session: its one host, and what is known by now of the way there.

    *faults* are those that the caller found itself.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.
    """
    from .core.session import name_fault
    from .engine.preflight import anchored, read_request
    from .engine.verbs import OpenSession
    from .settings import capture_caller

    found = [*faults, *filter(None, [name_fault(name)])]
    asked: Mapping[str, Any] = {"on": on or [], "hosts": hosts or {}, "command": ["true"]}
    try:
        (asked,), captured = for_hosts([asked], capture_caller(), settings)
    except InvalidRequest as error:
        raise InvalidRequest(*found, *error.faults) from None
    if isinstance(asked["on"], list) and len(asked["on"]) > 1:
        found.append(f"on: a session has one host, and {on!r:.80} names {len(asked['on'])}")
    (spec,), _ = read_request([asked], captured, capabilities, found)
    known = {each: host.without_clocks() for each, host in anchored(spec, captured).hosts.items()}
    return OpenSession(name=name, on=spec.on[0], hosts=known)


def _for_hosts(
    spec: Mapping[str, Any], inventory: Inventory, settings: Settings, faults: list[str]
) -> dict[str, Any]:
    from .core.inventory import merged

    asked = {key: value for key, value in spec.items() if value is not None}
    names = asked["on"].split(",") if isinstance(asked["on"], str) else asked["on"]
    if isinstance(names, Sequence) and not isinstance(names, bytes):
        names = [name.strip() if isinstance(name, str) else name for name in names]
        asked["on"], wrong = inventory.select(names)
        faults += [f"on: {fault}" for fault in wrong]
    given = asked.get("hosts", {})
    if not isinstance(given, Mapping) or not isinstance(asked["on"], list):
        return asked  # told by whoever reads the spec
    ways = [each["jump"] for each in given.values() if isinstance(each, Mapping) and "jump" in each]
    hops = [hop.strip() for way in ways if isinstance(way, str) for hop in way.split(",")]
    known = inventory.known([name for name in (*asked["on"], *hops) if isinstance(name, str)])
    asked, said_clocks = _clocked(asked, settings)
    # What a request says of all comes before what was written down of one.
    known = {name: replace(host, **dict.fromkeys(said_clocks)) for name, host in known.items()}
    hosts: dict[str, Any] = {
        name: merged(known[name], said) if name in known and isinstance(said, Mapping) else said
        for name, said in given.items()
    }
    if hosts := {**known, **hosts}:
        asked["hosts"] = hosts
    return asked


def _clocked(spec: Mapping[str, Any], settings: Settings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return *spec* with the settings' clocks for hosts, and the clocks that it has of its own."""
    asked = {key: value for key, value in spec.items() if value is not None}
    clocks = {
        "timeout": timedelta(seconds=settings.command_timeout_s),
        "connect_timeout": timedelta(seconds=settings.connect_timeout_s),
    }
    own = tuple(name for name in clocks if name in asked or f"{name}_ms" in asked)
    return {**{name: of for name, of in clocks.items() if name not in own}, **asked}, own
