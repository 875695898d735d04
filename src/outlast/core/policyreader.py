"""Reads the server's policy: a table for each kind of token, and everything that is wrong with it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from .hosts import SHELLS_OWN
from .job import CONTAINER, SSH
from .limits import parse_duration, parse_size, positive_int, positive_number
from .near import near
from .policy import ANY, EXECUTORS, Policy
from .reader import Reader
from .spec import CLOCKS
from .webhook import is_host

DEFAULT: Final = "default"
"""The section of tokens that run jobs and name none. Where it is not there, they are under none."""

LISTS: Final = (
    *("executors", "hosts", "images", "networks", "commands", "env", "cwd", "collect"),
    *("sessions", "queues", "secrets", "webhooks"),
)
MOST: Final = "most"
"""The table of upper limits in a section."""

_AMOUNTS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "memory": ("memory_bytes", parse_size),
    "output": ("output_bytes", parse_size),
    "cpus": ("cpus", positive_number),
    "pids": ("pids", positive_int),
}


def read_policies(data: Mapping[str, Any], path: str) -> tuple[dict[str, Policy], list[str]]:
    """
    Return the policies of the file at *path*, which has *data* in it, by the names of their
    sections, and everything that is wrong with it.
    """
    policies: dict[str, Policy] = {}
    faults: list[str] = []
    for name, table in data.items():
        if not isinstance(table, Mapping):
            faults.append(f"{name:.80} is not a section: write [NAME], and what it allows below")
            continue
        section = _Section(name, table)
        policies[name] = section.policy()
        faults += [f"[{name:.80}] {fault}" for fault in section.faults]
    return policies, [f"{path}: {fault}" for fault in faults]


class _Section(Reader):
    """One table of the file."""

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        super().__init__(table)
        self._name = name

    def policy(self) -> Policy:
        given: dict[str, Any] = {name: self.list_of(name) for name in LISTS if name != "commands"}
        given["commands"] = self.commands()
        given |= self.most()
        self.faults += [
            f"{key!r:.80} is nothing that a policy restricts: "
            + (f"did you mean {meant}?" if meant else f"there are {', '.join((*LISTS, MOST))}")
            for key in self.left
            for meant in [near(str(key), (*LISTS, MOST))]
        ]
        self.check_places(given)
        if given["commands"] is not None:
            self.check_commands(given)
        if given["secrets"] is not None:
            given["secrets"] = frozenset(given["secrets"])
        for name in ("hosts", "images"):
            given[name] = None if given[name] == (ANY,) else given[name] or ()
        self.check_webhooks(given)
        return Policy(
            name=self._name,
            **{key: value for key, value in given.items() if self.is_said(key, value)},
        )

    def is_said(self, key: str, value: object) -> bool:
        return value is not None or key in ("hosts", "images", "webhooks")

    def check_webhooks(self, given: dict[str, Any]) -> None:
        said = given["webhooks"] or ()
        self.faults += [
            f"webhooks: {each!r:.80} is no host's name, *.NAME, or {ANY!r} alone"
            for each in said
            if each != ANY and not is_host(each.removeprefix("*."))
        ]
        given["webhooks"] = None if said == (ANY,) else said

    def list_of(self, name: str) -> tuple[str, ...] | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            self.faults.append(f'{name} is a list of texts, such as ["..."], not {value!r:.80}')
            return ()
        return tuple(value)

    def commands(self) -> tuple[tuple[str, ...], ...] | None:
        """Read beginnings of commands: each a list of words, or a text that is split into them."""
        value = self.take("commands")
        if value is None:
            return None
        if not isinstance(value, list):
            self.faults.append('commands is a list, such as ["git pull", ["make", "-C", "my dir"]]')
            return ()
        found = []
        for each in value:
            try:
                words = shlex.split(each) if isinstance(each, str) else each
            except ValueError as error:
                self.faults.append(f"commands: {each!r:.80}: {error}")
                continue
            if (
                not isinstance(words, list)
                or not words
                or not all(isinstance(w, str) for w in words)
            ):
                self.faults.append(f"commands: {each!r:.80} is neither words nor a list of them")
            elif "/" in words[0] and not words[0].startswith("/"):
                self.faults.append(
                    f"commands: {words[0]!r:.80} is another program in each directory: write its"
                    " absolute path"
                )
            else:
                found.append(tuple(words))
        return tuple(found)

    def most(self) -> dict[str, Any]:
        value = self.take(MOST)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.faults.append(f"{MOST} is a table, such as [{self._name}.{MOST}]")
            return {}
        clocks: dict[str, Any] = {}
        limits: dict[str, Any] = {}
        for name, said in value.items():
            if name in CLOCKS:
                clocks[name] = self.read(f"{MOST}.{name}: ", parse_duration, said)
            elif name in _AMOUNTS:
                key, reader = _AMOUNTS[name]
                limits[key] = self.read(f"{MOST}.{name}: ", reader, said)
            else:
                names = (*CLOCKS, *_AMOUNTS)
                meant = near(name, names)
                self.faults.append(
                    f"{MOST}.{name:.80} is no clock and no limit: "
                    + (f"did you mean {meant}?" if meant else f"there are {', '.join(names)}")
                )
        return {"clocks": clocks, "limits": limits}

    def check_places(self, given: dict[str, Any]) -> None:
        executors = given["executors"]
        if executors is None:
            self.faults.append(
                f"executors is missing: name those allowed of {', '.join(EXECUTORS)}"
            )
            given["executors"] = ()
            return
        self.faults += [
            f"executors: {each!r:.80} is not one of {', '.join(EXECUTORS)}"
            for each in executors
            if each not in EXECUTORS
        ]
        for executor, key, example in (
            (SSH, "hosts", "web1"),
            (CONTAINER, "images", "python:3.12"),
        ):
            there = given[key]
            if (
                executor in executors
                and there is None
                and not (key == "hosts" and given["sessions"])
            ):
                self.faults.append(
                    f'{key} is missing, and executors names {executor}: {key} = ["{example}"], or'
                    f' ["{ANY}"] for any'
                )
            if executor not in executors and there is not None:
                self.faults.append(f"{key} is for the executor {executor}, which is not allowed")
            if there is not None and len(there) > 1 and ANY in there:
                self.faults.append(f"{key}: {ANY!r} is any, and needs nothing beside it")
        for image in given["images"] or ():
            stem = image.removesuffix(ANY)
            if ANY in stem or (stem != image and stem and stem[-1] not in "/:@"):
                self.faults.append(
                    f"images: {image!r:.80}: a star stands at the end, behind one of / : @, or alone"
                )

    def check_commands(self, given: dict[str, Any]) -> None:
        """See that nothing else in the section undoes what the commands say."""
        self.faults += [
            f"env: {name:.80} decides which program runs, or what it loads: commands would not hold"
            for name in given["env"] or ()
            if re.fullmatch(SHELLS_OWN, name) or name.startswith(("LD_", "DYLD_", "PYTHON", "PERL"))
        ]
        if given["sessions"]:
            self.faults.append(
                "sessions carry directories and variables, with which commands would not hold: leave"
                " one of the two out"
            )
        if CONTAINER in given["executors"] and given["images"] == (ANY,):
            self.faults.append(
                "images: in an image of anybody's any program has an allowed one's name: name"
                " images, where commands are named"
            )
        self.faults += [
            f"cwd: {folder!r:.80} is not absolute, or has a way up in it"
            for folder in given["cwd"] or ()
            if not folder.startswith("/") or ".." in folder.split("/")
        ]
