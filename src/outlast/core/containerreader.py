"""What a caller says of a job's container, and everything that can be wrong with it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .artifact import below
from .collect import Collect
from .container import INSIDE, OUT, SCRIPT, Container, parse_mount, parse_tmpfs
from .job import Limits
from .limits import (
    CONTAINER_GRACE,
    CONTAINER_LEAST_BYTES,
    CONTAINER_MEMORY_BYTES,
    CONTAINER_PIDS,
    CONTAINER_TIMEOUT,
    PULL_TIMEOUT,
    format_size,
    parse_size,
)
from .reader import Reader, shown, size_of

PULL: Final = ("missing", "always", "never")
MAX_FILES_BYTES: Final = 1 << 20
MAX_IMAGE_BYTES: Final = 255

_PART: Final = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
_IMAGE: Final = (
    rf"([a-zA-Z0-9.-]+(:[0-9]+)?/)?{_PART}(/{_PART})*"
    r"(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
"""`[REGISTRY/]NAME[:TAG][@DIGEST]`, as the engines read it (distribution/reference)."""

_NETWORK: Final = r"[a-zA-Z0-9][a-zA-Z0-9_.-]*"
_USER: Final = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?"
_CAPABILITY: Final = r"(CAP_)?[A-Z][A-Z_]*"
_FILE: Final = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,199}"


def read_container(value: object, faults: list[str]) -> Container | None:
    """Return the container that a caller asks for: an image, or a mapping. Tells what is wrong."""
    if value is None:
        return None
    if isinstance(value, Container):
        value = vars(value)
    if isinstance(value, str):
        value = {"image": value}
    if not isinstance(value, Mapping):
        faults.append(f"container is an image or a mapping, not {value!r:.80}")
        return Container(image="")  # a container all the same: what is asked of it is not a host's
    reader = _Container({str(key): each for key, each in value.items()})
    container = reader.container()
    faults += [f"container.{fault}" for fault in reader.faults]
    return container


class _Container(Reader):
    """A caller's mapping, read as a container."""

    def container(self) -> Container:
        image = self.image()
        given: dict[str, Any] = {
            "pull": self.choice("pull", PULL),
            "network": self.matching("network", _NETWORK, "the name of a network"),
            "user": self.matching("user", _USER, "a user: write NAME, or UID:GID"),
            "read_only": self.flag("read_only"),
            "new_privileges": self.flag("new_privileges"),
            "mounts": self.several("mounts", _checked_mount),
            "tmpfs": self.several("tmpfs", _checked_tmpfs),
            "cap_add": self.several("cap_add", _capability),
            "swap_bytes": self.size("swap_bytes"),
            "files": self.files(),
        }
        self.faults += [f"{key!r:.80} is not a key of a container" for key in self.left]
        given = {key: each for key, each in given.items() if each is not None}
        return Container(image=image, **given)

    def image(self) -> str:
        image = self.text("image")
        if image is None:
            self.faults.append("image: which image is it made of?")
        elif not re.fullmatch(_IMAGE, image) or size_of(image) > MAX_IMAGE_BYTES:
            self.faults.append(f"image: {image!r:.80} is no image: write NAME, or NAME:TAG")
        return image or ""

    def matching(self, key: str, pattern: str, what: str) -> str | None:
        value = self.text(key)
        if value is not None and not re.fullmatch(pattern, value):
            self.faults.append(f"{key}: {value!r:.80} is not {what}")
            return None
        return value

    def size(self, key: str) -> int | None:
        value = self.take(key)
        return None if value is None else self.read(f"{key}: ", parse_size, value)

    def several(self, key: str, reader: Any) -> tuple[str, ...] | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.faults.append(f"{key} is a list, not {value!r:.80}")
            return None
        found = []
        for each in value:
            if not isinstance(each, str) or "\0" in each:
                self.faults.append(f"{key}: {each!r:.80} is not text")
            elif (read := self.read(f"{key}: ", reader, each)) is not None:
                found.append(read)
        return tuple(found)

    def files(self) -> dict[str, str] | None:
        if self.left.get("files") is None:
            return None
        files = self.take("files")
        if not isinstance(files, Mapping):
            self.faults.append(f"files is a mapping of names to text, not {files!r:.80}")
            return None
        for name, text in files.items():
            if not isinstance(name, str) or not re.fullmatch(_FILE, name) or name == SCRIPT:
                self.faults.append(
                    f"files: {shown(str(name))} is no name for a file: 200 letters, digits, _ ."
                    f" and - at most, and not {SCRIPT!r}"
                )
            if not isinstance(text, str):
                self.faults.append(f"files {shown(str(name))} is not text")
        sound = {name: text for name, text in files.items() if isinstance(text, str)}
        if sum(map(size_of, sound.values())) > MAX_FILES_BYTES:
            self.faults.append(f"files are over {MAX_FILES_BYTES:,} bytes together: mount a folder")
        return sound


def _checked_mount(text: str) -> str:
    mount = parse_mount(text)
    _refuse_taken(text, mount.target)
    return str(mount)


def _refuse_taken(text: str, path: str) -> None:
    """Refuse what would be at or in the folder of the job's own files, or all there is."""
    if path in ("/", INSIDE) or path.startswith(f"{INSIDE}/"):
        raise ValueError(f"{text!r:.80}: neither / nor {INSIDE} can be had, nor what is in that")


def _checked_tmpfs(text: str) -> str:
    _refuse_taken(text, parse_tmpfs(text)[0])
    return text


def _capability(text: str) -> str:
    name = text.upper().removeprefix("CAP_")
    if not re.fullmatch(_CAPABILITY, name):
        raise ValueError(f"{text!r:.80} is no capability: write a name such as NET_BIND_SERVICE")
    return name


def settle_container(given: dict[str, Any], faults: list[str], asked: Mapping[str, Any]) -> None:
    """Give a job in a container the limits that it has of its own, and tell what it cannot have."""
    if "container" not in asked:
        if given["pull_timeout"] not in (None, PULL_TIMEOUT):
            faults.append("pull_timeout is a container's, and there is none")
        return
    if given["timeout"] is None:
        given["timeout"] = CONTAINER_TIMEOUT
    if given["grace"] is None:
        given["grace"] = CONTAINER_GRACE
    if not given["on"]:  # Of hosts, which it is not for, these would be faults that nobody made.
        given["limits"] = _limits(given["limits"], asked.get("limits"))
        memory = given["limits"].memory_bytes
        if memory is not None and memory < CONTAINER_LEAST_BYTES:
            faults.append(
                f"limits.memory_bytes: {format_size(memory)} is less than a container begins with:"
                f" {format_size(CONTAINER_LEAST_BYTES)} is the least"
            )
    faults += [
        f"{name}: {why}" for name, why in NOT_INSIDE.items() if given[name] not in (None, (), False)
    ]
    faults += _outbox_faults(given["collect"], given["container"])
    if given["on_output_limit"] == "discard":
        faults.append(
            "on_output_limit: the engine keeps all that a container prints, and can discard none of"
            " it: raise limits.output_bytes, or have it print less"
        )
    if given["leftovers"] == "wait":
        faults.append("leftovers: a container ends with its command, and all that is in it")
    if given["cwd"] is not None and not given["cwd"].startswith("/"):
        faults.append(f"cwd {given['cwd']:.80} is not absolute: it is the container's")


NOT_INSIDE: Final = {
    "on": "a container is on this machine, and not on hosts: leave one of the two out",
    "clean_env": "to a container nothing of this environment goes anyway",
}


def _outbox_faults(collect: Collect | None, container: Container | None) -> Iterator[str]:
    """Tell what of a container's cannot be collected, or keeps what is from being written."""
    if collect is None:
        return
    for glob in collect.globs:
        if below(OUT, glob) is None:
            yield f"collect: {glob!r:.80} is not below {OUT}: of a container nothing else is fetched"
    if container is None:
        return
    targets = [parse_mount(each).target for each in container.mounts]
    targets += [posixpath.normpath(parse_tmpfs(each)[0]) for each in container.tmpfs]
    for target in targets:
        if f"{target}/".startswith(f"{OUT}/"):
            yield f"container: {target:.80} is mounted over {OUT}, of which files are to be collected"


def _limits(limits: Limits | None, asked: object) -> Limits:
    """Return *limits* with a container's own where nothing was said; `null` says that none is."""
    if isinstance(asked, Limits):
        asked = {name: value for name, value in vars(asked).items() if value is not None}
    said = asked if isinstance(asked, Mapping) else {}
    own = {"memory_bytes": CONTAINER_MEMORY_BYTES, "pids": CONTAINER_PIDS}
    usual = {name: value for name, value in own.items() if name not in said}
    return Limits(**{**vars(limits or Limits()), **usual})
