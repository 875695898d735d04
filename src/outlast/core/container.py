"""The container that a job runs in: what it is made of, what it may do, and how that is written."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple

from .frozen import frozen
from .limits import parse_size

INSIDE: Final = "/in"
"""Where a container finds its files and its script."""

OUT: Final = "/out"
"""Where a container leaves what is to be collected."""

SCRIPT: Final = "script"
"""The name of the script there."""

_SIZED: Final = re.compile(r"(?P<path>/[^:,\0]*)(:(?P<size>[^:]+))?")


@frozen
class Container:
    """
    What a command's container is made of, and what it may do. Locked down: each of the defaults
    can be widened by itself.
    """

    image: str
    pull: str = "missing"
    """When the image is pulled: if it is `missing`, `always`, or `never`."""

    network: str = "none"
    """`none`, or the name of one of the engine's networks."""

    mounts: tuple[str, ...] = ()
    """Folders and files of this machine, `SOURCE:TARGET` to be read, or with `:rw` behind."""

    user: str = "65534:65534"
    """Whom the command runs as: a user, or `USER:GROUP`."""

    read_only: bool = True
    """Whether nothing can be written but below `tmpfs` and what is mounted with `:rw`."""

    tmpfs: tuple[str, ...] = ("/tmp:64m",)  # noqa: S108 a container's own, made for it
    """Folders in memory, `PATH:SIZE`."""

    cap_add: tuple[str, ...] = ()
    """Capabilities to have back: all are dropped."""

    new_privileges: bool = False
    """Whether a program may gain rights that who calls it has not, by a setuid bit, say."""

    swap_bytes: int = 0
    """What may be swapped out, on top of the memory."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that the command finds in /in, by their names; each can be executed."""


def container_to_json(container: Container) -> dict[str, Any]:
    """Return *container* as JSON, without what stands at its default."""
    plain = Container(image=container.image)
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(container).items()
        if name == "image" or value != getattr(plain, name)
    }


def container_from_json(data: Mapping[str, Any]) -> Container:
    """Return the container that `container_to_json` wrote."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
    }
    return Container(**given)


class Mount(NamedTuple):
    """A folder or file of this machine, and where the container has it."""

    source: str
    target: str
    writable: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.target}" + ":rw" * self.writable


def parse_mount(text: str) -> Mount:
    """Read `SOURCE:TARGET`, or that with `:ro` or `:rw` behind. Raises ValueError."""
    source, colon, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not colon or mode not in ("", "ro", "rw"):
        raise ValueError(f"{text!r:.80} is no mount: write SOURCE:TARGET, or SOURCE:TARGET:rw")
    if not target.startswith("/") or plain_path(target) in ("/", INSIDE):
        raise ValueError(
            f"{text!r:.80}: the target is an absolute path, and neither / nor {INSIDE}"
        )
    return Mount(source, plain_path(target), mode == "rw")


def parse_tmpfs(text: str) -> tuple[str, int]:
    """Read `PATH:SIZE`. Raises ValueError."""
    match = _SIZED.fullmatch(text)
    if match is None or match["size"] is None or match["path"] in ("/", INSIDE):
        raise ValueError(f"{text!r:.80} is no folder in memory: write PATH:SIZE, as in /tmp:64m")
    size = parse_size(match["size"])
    if not size:
        raise ValueError(f"{text!r:.80}: no room at all")
    return plain_path(match["path"]), size


def plain_path(path: str) -> str:
    """Return an absolute path of a container's in one way of all in which it may be written."""
    return posixpath.normpath(f"/{path.lstrip('/')}")
