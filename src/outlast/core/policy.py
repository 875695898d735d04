"""What a token may run: one section of the server's policy, and what it says of a job's spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from datetime import timedelta
from typing import Final

from .frozen import frozen
from .inventory import Inventory
from .job import CONTAINER, LOCAL, SSH, JobSpec, queue_of
from .limits import format_duration, format_size
from .near import near
from .onend import on_end_spec
from .reserved import CAGE_FREE
from .spec import CLOCKS
from .webhook import host_matches, host_of

ANY: Final = "*"
"""Alone, in a list of hosts, images or webhooks: every one."""

EXECUTORS: Final = (LOCAL, SSH, CONTAINER)

HARMLESS: Final = frozenset(
    {"name", "labels", "on_output_limit", "leftovers", "clean_env", "max_parallel", "retry_of"}
    | {"delay", "start_at", "after", "hold", "on_end_of", "retries", "retry_delay"}
    | {"retry_backoff", "retry_jitter", "retry_on", "if_lost", "resources"}
)
"""Keys of a spec that every policy leaves free. One that is in no rule here is refused."""

RULED: Final = frozenset(
    {"command", "shell", "script", "runtime", "on", "hosts", "container", "env", "secret_env"}
    | {"cwd", "stdin", "limits", "collect", "dialogue", "connection_bound", "queue", "queue_width"}
    | {"session", "session_id", "priority", "webhooks", "on_end", *CLOCKS}
)
"""Those that a rule looks at, here or among what is reserved for administrators."""


@frozen
class Policy:
    """
    One section. A tuple of what is allowed: None allows all of it, an empty one nothing.

    With *commands* in force, whatever could make another program of an allowed word is refused as
    well: a shell line, a script, a variable, a directory, a dialogue, files in a container.
    """

    name: str
    executors: tuple[str, ...]
    hosts: tuple[str, ...] | None = ()
    """As in a request: hosts, groups, `label:NAME=VALUE`. One is allowed as it is written there."""

    images: tuple[str, ...] | None = ()
    """Images as they are to be written; one may end in `/*`, `:*` or `@*`."""

    networks: tuple[str, ...] = ()
    """Networks of the engine, besides `none`."""

    commands: tuple[tuple[str, ...], ...] | None = None
    """The words that a command begins with."""

    env: tuple[str, ...] | None = None
    """Names of variables; where there are *commands*, None allows no name."""

    cwd: tuple[str, ...] | None = None
    """Directories, and those below them; where there are *commands*, None allows none."""

    collect: tuple[str, ...] | None = None
    """What may be collected, as written; where there are *commands*, None allows nothing."""

    sessions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    webhooks: tuple[str, ...] | None = ()
    """Hosts, by name, that may be told of a job's end; one may begin with `*.`."""

    secrets: frozenset[str] | None = None
    """No other name of a secret, whatever the token was given; None: as it was given."""

    clocks: Mapping[str, timedelta] = field(default_factory=dict)
    """The longest that each clock may be."""

    limits: Mapping[str, float] = field(default_factory=dict)
    """The most of each of the limits."""

    def faults(self, spec: JobSpec, inventory: Inventory) -> list[str]:
        """Return what it refuses in *spec*, each with what it allows; nothing: it allows it."""
        faults = self._faults(spec, inventory)
        if spec.on_end is not None:  # a job of this machine, wherever the one runs that asks for it
            then = self._faults(on_end_spec(spec), inventory)
            faults += [f"on_end: {fault}" for fault in then]
        return [f"policy {self.name}: {fault}" for fault in dict.fromkeys(faults)]

    def _faults(self, spec: JobSpec, inventory: Inventory) -> list[str]:
        faults = [
            *self._place_faults(spec, inventory),
            *self._command_faults(spec),
            *self._side_faults(spec),
            *self._clock_faults(spec),
            *self._limit_faults(spec),
        ]
        faults += [
            f"{each.name}: no policy knows it, and so it allows none"
            for each in fields(JobSpec)
            if each.name not in HARMLESS | RULED
            and getattr(spec, each.name) != getattr(_DEFAULT, each.name)
        ]
        return faults

    # Where ----------------------------------------------------------------------------------

    def _place_faults(self, spec: JobSpec, inventory: Inventory) -> list[str]:
        where = CONTAINER if spec.container is not None else SSH if spec.is_remote else LOCAL
        if where not in self.executors:
            return [f"a {where} job is not allowed: {_those(self.executors)}"]
        if where == CONTAINER:
            return self._image_faults(spec)
        named = () if spec.session is None else (spec.session,)
        refused = [name for name in named if name not in self.sessions]
        # Of a session's job the host is the session's; of one that is to be opened, the caller's.
        return _unlisted("session", refused, self.sessions) + self._host_faults(spec.on, inventory)

    def _host_faults(self, on: Iterable[str], inventory: Inventory) -> list[str]:
        if self.hosts is None:
            return []
        allowed: set[str] = set()
        for name in self.hosts:
            meant, nobody = inventory.select([name])
            allowed.update(() if nobody else meant)
        refused = [name for name in on if name not in allowed]
        return _unlisted("host", refused, self.hosts)

    def _image_faults(self, spec: JobSpec) -> list[str]:
        container = spec.container
        if container is None:
            return []
        faults = []
        if self.images is not None and not any(
            image_matches(container.image, pattern) for pattern in self.images
        ):
            faults += _unlisted("image", [container.image], self.images)
        if container.network != "none" and container.network not in self.networks:
            faults += _unlisted("network", [container.network], ("none", *self.networks))
        return faults

    # What -----------------------------------------------------------------------------------

    def _command_faults(self, spec: JobSpec) -> list[str]:
        if self.commands is None:
            return []
        begin = f"a command begins with {_those(' '.join(words) for words in self.commands)}"
        faults = [
            f"{name} can be any command: {begin}"
            for name in ("shell", "script", "runtime")
            if getattr(spec, name) is not None
        ]
        if spec.dialogue or spec.connection_bound:
            name = "dialogue" if spec.dialogue else "connection_bound"
            faults.append(f"{name} can be any command, typed at a shell: {begin}")
        if not faults and not any(spec.command[: len(words)] == words for words in self.commands):
            faults.append(f"command {''.join(spec.command[:1])!r:.80}... is not allowed: {begin}")
        if spec.container is not None:
            plain = type(spec.container)(image=spec.container.image)
            faults += [
                f"container.{name} can put another program in an allowed one's place: leave it out"
                for name in sorted(CAGE_FREE - {"image", "pull"})
                if getattr(spec.container, name) != getattr(plain, name)
            ]
        return faults

    def _side_faults(self, spec: JobSpec) -> list[str]:
        """Return what stands beside the command, and is none of what is allowed there."""
        faults: list[str] = []
        strict = self.commands is not None
        allowed = () if self.env is None and strict else self.env
        if allowed is not None:
            names = sorted({*spec.env, *spec.secret_env} - set(allowed))
            faults += _unlisted("variable", names, allowed)
        allowed = () if self.cwd is None and strict else self.cwd
        if allowed is not None and spec.cwd is not None:
            inside = any(is_below(spec.cwd, folder) for folder in allowed)
            faults += [] if inside else _unlisted("cwd", [spec.cwd], allowed)
        allowed = () if self.collect is None and strict else self.collect
        if allowed is not None and spec.collect is not None and spec.container is None:
            globs = [glob for glob in spec.collect.globs if glob not in allowed]
            faults += _unlisted("collect", globs, allowed)
        if (queue := queue_of(spec)) is not None and queue not in self.queues:
            faults += _unlisted("queue", [queue], self.queues)
        if spec.priority > 0:
            faults.append(
                f"priority is {spec.priority}: others would wait for it, and 0 is the most"
            )
        return faults + self._webhook_faults(spec)

    def _webhook_faults(self, spec: JobSpec) -> list[str]:
        if self.webhooks is None:
            return []
        hosts = dict.fromkeys(host_of(each.url) for each in spec.webhooks)
        refused = [
            host for host in hosts if not any(host_matches(host, each) for each in self.webhooks)
        ]
        return _unlisted("webhook to", refused, self.webhooks)

    # How long, how much ---------------------------------------------------------------------

    def _clock_faults(self, spec: JobSpec) -> list[str]:
        faults = []
        for name, most in self.clocks.items():
            said = {"": getattr(spec, name)}
            if name in ("timeout", "connect_timeout"):
                said |= {f"hosts.{host}.": getattr(spec.at(host), name) for host in spec.hosts}
            faults += [
                f"{where}{name} is {'none' if value is None else format_duration(value)}: at most"
                f" {format_duration(most)}"
                for where, value in said.items()
                if value is None or value > most
            ]
        return faults

    def _limit_faults(self, spec: JobSpec) -> list[str]:
        faults = []
        for name, most in self.limits.items():
            value = getattr(spec.limits, name)
            if value is None or value > most:
                shown = "none" if value is None else _amount(name, value)
                faults.append(f"limits.{name} is {shown}: at most {_amount(name, most)}")
        return faults


def nothing(name: str) -> Policy:
    """Return the policy of a section that is there no more: it allows no job."""
    return Policy(name=name, executors=())


def image_matches(image: str, pattern: str) -> bool:
    """
    Whether *pattern* allows *image*: the same text, or the same up to the star at its end.

    A tag and a digest have no slash: behind `python:` one would make a registry of `python`.
    """
    if pattern == ANY:
        return not _ODD.search(image)
    if not pattern.endswith(ANY):
        return image == pattern
    stem = pattern.removesuffix(ANY)
    rest = image.removeprefix(stem)
    return (
        image.startswith(stem)
        and bool(rest)
        and (stem.endswith("/") or "/" not in rest)
        and not _ODD.search(rest)
    )


_ODD: Final = re.compile(r"(^|/)\.*(/|$)")
"""A part of a path that is empty, or dots alone: no image has one, and an address may resolve it."""


def is_below(path: str, folder: str) -> bool:
    """Whether *path*, absolute and without a way up in it, is *folder* or below it, as written."""
    parts = path.split("/")
    if not path.startswith("/") or ".." in parts:
        return False
    inside = [part for part in parts if part not in ("", ".")]
    outside = [part for part in folder.split("/") if part]
    return inside[: len(outside)] == outside


def _unlisted(what: str, names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    allowed = tuple(allowed)
    faults = []
    for name in names:
        meant = near(name, allowed)
        faults.append(
            f"{what} {name!r:.80} is not allowed: {_those(allowed)}"
            + (f"; did you mean {meant}?" if meant else "")
        )
    return faults


def _amount(name: str, value: float) -> str:
    return format_size(int(value)) if name.endswith("_bytes") else f"{value:g}"


def _those(allowed: Iterable[str]) -> str:
    """Return what is allowed, for the end of a sentence."""
    listed = list(allowed)
    return ", ".join(listed) if listed else "none is"


_DEFAULT: Final = JobSpec()
