"""Hosts that somebody wrote down, with groups: what is said of each, and which a request means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final, NamedTuple

from .frozen import frozen
from .hostreader import HostReader, jumps_in_a_circle, unknown
from .hosts import parse_host
from .hostspec import CLOCKS, KEYS, HostSpec, host_to_json
from .near import near

ALL: Final = "all"
"""What means every host of the inventory, and so can be the name of none."""

LABEL: Final = "label:"
"""What a selection by a label begins with: `label:NAME=VALUE`, or `label:NAME` for any value."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_TABLES: Final = ("defaults", "hosts", "groups")
_OF_A_GROUP: Final = ("members", *KEYS, "labels")


class Said(NamedTuple):
    """What one table says."""

    host: HostSpec = HostSpec()
    labels: Mapping[str, str] = {}

    def each(self) -> Iterator[tuple[str, Any]]:
        """Yield every setting that it has: a label is one by itself."""
        for name, value in vars(self.host).items():
            if value is not None:
                yield name, value
        for name, value in self.labels.items():
            yield f"{LABEL}{name}", value


@frozen
class Inventory:
    """What is in force for each host: what the nearest says that says something."""

    path: str | None = None
    """The file that it was read from; None: there is none."""

    hosts: Mapping[str, HostSpec]
    labels: Mapping[str, Mapping[str, str]]
    """Of each host."""

    groups: Mapping[str, tuple[str, ...]]
    """The hosts of each group and of the groups in it, in the order of the file."""

    def groups_of(self, host: str) -> tuple[str, ...]:
        """Return the groups that *host* is in, whoever logs in at which port."""
        named = _host_of(host)
        return tuple(name for name, hosts in self.groups.items() if named in hosts)

    def labels_of(self, host: str) -> Mapping[str, str]:
        """Return the labels of *host*, as above."""
        return self.labels.get(_host_of(host), {})

    def select(self, names: Iterable[Any]) -> tuple[list[Any], list[str]]:
        """
        Return the hosts that *names* mean, and what is wrong with that.

        A name that is neither a group nor a selection stays as it is, be it known here or not; one
        that is met again by way of a group is the same host. What is no text stays, for others to
        tell.
        """
        chosen: dict[Any, None] = {}
        twice: list[Any] = []
        named: set[Any] = set()
        faults: list[str] = []
        for name in names:
            meant = self._meant(name) if isinstance(name, str) else None
            if meant is None:
                if not isinstance(name, str) or name in named:
                    twice.append(name)  # told by whoever reads the spec
                else:
                    named.add(name)
                    chosen[name] = None
            elif meant:
                chosen.update(dict.fromkeys(meant))
            else:
                faults.append(f"{name:.80} {self._why_none()}")
        return [*chosen, *twice], faults

    def _meant(self, name: str) -> tuple[str, ...] | None:
        if name == ALL:
            return tuple(self.hosts)
        if name.startswith(LABEL):
            label, equals, value = name.removeprefix(LABEL).partition("=")
            return tuple(
                host
                for host, labels in self.labels.items()
                if label in labels and (not equals or labels[label] == value)
            )
        return self.groups.get(name)

    def _why_none(self) -> str:
        if self.path is None:
            return "means hosts of an inventory, and there is none: name hosts, or an --inventory"
        return f"means no host of {self.path}"

    def known(self, names: Iterable[str]) -> dict[str, HostSpec]:
        """
        Return what is known of those of *names* that are here, whoever logs in at which port, and
        of the hosts on the way to them.
        """
        found: dict[str, HostSpec] = {}
        new = list(names)
        while new:
            name = new.pop()
            if name not in found and (host := self.hosts.get(_host_of(name))) is not None:
                found[name] = host
                new += host.jumps
        return found


NONE: Final = Inventory(hosts={}, labels={}, groups={})


def _host_of(name: str) -> str:
    try:
        return parse_host(name).host
    except ValueError:
        return name


def read_inventory(data: Mapping[str, Any], path: str) -> tuple[Inventory, list[str]]:
    """
    Return what the file at *path* says, which has *data* in it, and everything that is wrong with
    it, by its place. Paths in it are relative to its folder.
    """
    reading = _Reading(data, path.rpartition("/")[0])
    inventory = Inventory(
        path=path, groups=reading.expanded(), hosts=reading.in_force, labels=reading.labels
    )
    ways = {
        name: HostSpec(jump=",".join(map(_host_of, host.jumps)) or None)
        for name, host in reading.in_force.items()
    }
    if (circle := jumps_in_a_circle(ways)) is not None:
        reading.faults.append(f"[hosts.{circle}] jump leads back to itself")
    return inventory, [f"{path}: {fault}" for fault in reading.faults]


class _Reading:
    """The tables of one file, taken apart."""

    def __init__(self, data: Mapping[str, Any], folder: str) -> None:
        self._folder = folder
        self.faults = unknown([key for key in data if key not in _TABLES], _TABLES, "an inventory")
        self.defaults = self._said("defaults", data.get("defaults", {}))[0]
        self.members: dict[str, list[str]] = {}
        self.hosts = {
            name: self._said(f"hosts.{name}", table)[0]
            for name, table in self._tables("hosts", data)
        }
        self.groups: dict[str, Said] = {}
        for name, table in self._tables("groups", data):
            self.groups[name], members = self._said(f"groups.{name}", table, is_group=True)
            self.members[name] = self._read_members(name, members)
        self.faults += [
            f"{name} is a host and a group: give one of them another name"
            for name in self.hosts
            if name in self.groups
        ]
        self._inside = {group: self._all_in(group) for group in self.members}
        self._groups_of: dict[str, list[str]] = {}
        for group, members in self.members.items():
            for member in dict.fromkeys(members):
                self._groups_of.setdefault(member, []).append(group)
        self.in_force: dict[str, HostSpec] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self._check_members()
        for name in self.hosts:
            self._settle(name)

    def _tables(self, kind: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        tables = data.get(kind, {})
        if not isinstance(tables, Mapping):
            self.faults.append(f"[{kind}] is a table of tables, such as [{kind}.web]")
            return
        for name, table in tables.items():
            if not _NAME.fullmatch(name) or name == ALL:
                self.faults.append(
                    f"[{kind}.{name:.80}] is no name for a "
                    + ("host" if kind == "hosts" else "group")
                    + (": it means all hosts" if name == ALL else ": letters, digits, . _ and -")
                )
            else:
                yield name, table

    def _said(self, where: str, table: object, *, is_group: bool = False) -> tuple[Said, Any]:
        """Return what a table says, and the members that it has."""
        if not isinstance(table, Mapping):
            self.faults.append(f"[{where}] is a table, not {table!r:.80}")
            return Said(), None
        reader = HostReader(table)
        members = reader.take("members") if is_group else None
        labels = reader.mapping("labels")
        host = self._anchored(reader.host())
        keys = _OF_A_GROUP if is_group else _OF_A_GROUP[1:]
        faults = (*reader.faults, *unknown(reader.left, keys, where.partition(".")[0]))
        self.faults += [f"[{where}] {fault}" for fault in faults]
        return Said(host, labels), members

    def _anchored(self, host: HostSpec) -> HostSpec:
        def from_here(path: str) -> str:
            return path if path.startswith(("/", "~")) else f"{self._folder}/{path}"

        def reference(text: str | None) -> str | None:
            kind, _, path = (text or "").partition(":")
            return f"file:{from_here(path)}" if kind == "file" else text

        return replace(
            host,
            key=None if host.key is None else from_here(host.key),
            password=reference(host.password),
            passphrase=reference(host.passphrase),
        )

    # Groups -----------------------------------------------------------------------------------

    def _read_members(self, name: str, members: Any) -> list[str]:
        is_list = isinstance(members, Sequence) and not isinstance(members, str)
        if is_list and all(isinstance(each, str) for each in members):
            return list(members)
        self.faults.append(f"[groups.{name}] members is a list of hosts and groups")
        return []

    def _check_members(self) -> None:
        there = {**self.hosts, **self.groups}
        for group, members in self.members.items():
            for member in members:
                if member not in there:
                    meant = near(member, there)
                    self.faults.append(
                        f"[groups.{group}] {member!r:.80} is neither a host nor a group of this"
                        f" file" + (f": did you mean {meant}?" if meant else "")
                    )
            if group in self._inside[group]:
                self.faults.append(f"[groups.{group}] is a member of itself, by way of its members")

    def _all_in(self, group: str) -> set[str]:
        """Return the groups in *group*, and those in them."""
        found: set[str] = set()
        new = [group]
        while new:
            for member in self.members.get(new.pop(), ()):
                if member in self.members and member not in found:
                    found.add(member)
                    new.append(member)
        return found

    def expanded(self) -> dict[str, tuple[str, ...]]:
        """Return the hosts of each group."""
        return {group: tuple(self._hosts_of(group, set())) for group in self.members}

    def _hosts_of(self, group: str, seen: set[str]) -> list[str]:
        hosts: dict[str, None] = {}
        for member in self.members[group]:
            if member in self.hosts:
                hosts[member] = None
            elif member in self.members and member not in seen:
                seen.add(member)
                hosts.update(dict.fromkeys(self._hosts_of(member, seen)))
        return list(hosts)

    # What is in force -------------------------------------------------------------------------

    def _settle(self, name: str) -> None:
        """Take each setting from the nearest that has it: the host, its groups, theirs, defaults."""
        found: dict[str, Any] = dict(self.hosts[name].each())
        ring, seen = self._parents([name]), set[str]()
        while ring:
            said: dict[str, tuple[str, Any]] = {}
            for group in ring:
                for key, value in self.groups[group].each():
                    if key in found:
                        continue
                    other, before = said.setdefault(key, (group, value))
                    if before != value:
                        self.faults.append(
                            f"[hosts.{name}] {key}: its groups {other} and {group} say different"
                            " things: say it of the host"
                        )
            found |= {key: value for key, (_, value) in said.items()}
            seen.update(ring)
            ring = [group for group in self._parents(ring) if group not in seen]
        found = dict(self.defaults.each()) | found
        self.labels[name] = {
            key.removeprefix(LABEL): value for key, value in found.items() if key.startswith(LABEL)
        }
        settings = {key: value for key, value in found.items() if not key.startswith(LABEL)}
        hops = HostSpec(jump=settings.get("jump")).jumps
        before = list(takewhile(lambda hop: _host_of(hop) != name, hops))
        if len(before) < len(hops) and self.hosts[name].host.jump is None:
            # What is said of all is meant for those behind it: its own way ends before itself.
            settings["jump"] = ",".join(before) or None
        self.in_force[name] = HostSpec(**settings)

    def _parents(self, names: Iterable[str]) -> list[str]:
        """Return the groups of *names*, save those that others of them are in: theirs come later."""
        groups = {group: None for name in names for group in self._groups_of.get(name, ())}
        return [
            group for group in groups if self._inside[group].isdisjoint(groups.keys() - {group})
        ]


def merged(known: HostSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a caller gives of a host, as JSON, and of what is *known* what it does not give."""
    base = host_to_json(known)
    for clock in CLOCKS:
        if given.get(clock) is not None:
            base.pop(f"{clock}_ms", None)
    return base | {key: value for key, value in given.items() if value is not None}
