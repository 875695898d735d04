"""The part of a job's spec that is about files: which are fetched after its command, and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from .frozen import frozen
from .limits import format_size, from_ms, parse_size, to_ms
from .reader import Reader, text_fault
from .state import Reason

WHEN: Final = ("complete", "end")
MAX_BYTES: Final = 1 << 30
MAX_FILES: Final = 10_000
TIMEOUT: Final = timedelta(hours=1)

MOST_FILES: Final = 100_000
MOST_NAMES: Final = 200_000
MOST_NAMES_BYTES: Final = 32 << 20
"""Of all the names that are looked at for one node."""

FOLDER: Final = "a directory: with /** behind its name it stands for all files below it"
SPECIAL: Final = "no regular file"
"""Why what is no file is left out."""

MAX_GLOBS: Final = 100
MAX_GLOB_BYTES: Final = 4096


@frozen
class Collect:
    """Which files of a node become its artifacts. What is over a limit is left out, and told."""

    globs: tuple[str, ...]
    """
    Absolute, or below the command's directory; of a container below `/out`, which by itself
    stands for all that is in it. `**` stands for any number of directories.
    """

    on: str = "complete"
    """`complete`: where the command ended as asked; `end`: however it ended, but by a cancel."""

    max_bytes: int = MAX_BYTES
    """Of one node's files together."""

    max_files: int = MAX_FILES
    """Of one node."""

    timeout: timedelta = TIMEOUT
    """For the fetching, once the command has ended: a part of no other clock."""

    required: bool = False
    """Whether a node of which nothing was collected has failed."""

    def is_due(self, code: int | None, reason: str | None) -> bool:
        """Whether anything is collected after a command that ended so."""
        is_complete = reason is None and code == 0
        return is_complete or (self.on == "end" and reason != Reason.CANCELLED)

    def excess(self, count: int, size: int) -> str | None:
        """Say which limit *count* files of *size* bytes together are over; None if neither."""
        if count > self.max_files:
            return f"over the limit of {self.max_files:,} files"
        return self.too_big if size > self.max_bytes else None

    @property
    def too_big(self) -> str:
        """What is said of a file that passes the limit of bytes."""
        return f"over the limit of {format_size(self.max_bytes)} in all"


def read_collect(value: object, faults: list[str]) -> Collect | None:
    """Return what a caller wants collected: a mapping, or the globs alone. Tells what is wrong."""
    if value is None:
        return None
    if isinstance(value, Collect):
        value = dict(vars(value))
    if isinstance(value, str) or (isinstance(value, Sequence) and not isinstance(value, bytes)):
        value = {"globs": value}
    if not isinstance(value, Mapping):
        faults.append(
            f"collect is a list of globs, or a mapping with globs in it, not {value!r:.80}"
        )
        return None
    reader = Reader(value)
    given: dict[str, Any] = {
        "on": reader.choice("on", WHEN),
        "max_bytes": _size(reader),
        "max_files": reader.number("max_files"),
        "timeout": reader.duration("timeout"),
        "required": reader.flag("required"),
    }
    globs = _globs(reader.take("globs"), reader.faults)
    if (given["max_files"] or 0) > MOST_FILES:
        reader.faults.append(f"max_files: {MOST_FILES:,} is the most")
    reader.faults += [f"{key!r:.80} is not a key of it" for key in reader.left]
    faults += [f"collect: {fault}" for fault in reader.faults]
    return Collect(globs=globs, **{key: each for key, each in given.items() if each is not None})


def _size(reader: Reader) -> int | None:
    value = reader.take("max_bytes")
    return None if value is None else reader.read("max_bytes: ", parse_size, value)


def _globs(value: object, faults: list[str]) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Sequence) or isinstance(given, bytes) or not given:
        faults.append("globs is a list of patterns, and names none")
        return ()
    if len(given) > MAX_GLOBS:
        faults.append(f"{len(given)} globs are too many: {MAX_GLOBS} is the most")
    wrong = ((glob, _glob_fault(glob)) for glob in given)
    faults += [f"{glob!r:.80} {fault}" for glob, fault in wrong if fault]
    return tuple(glob for glob in given if isinstance(glob, str))


def _glob_fault(glob: object) -> str | None:
    if not isinstance(glob, str):
        return f"is no pattern but a value of type {type(glob).__name__}"
    if fault := text_fault(glob):
        return fault
    if not glob or glob.endswith("/"):
        return "names no file: a pattern ends with a file's name, such as logs/*.log or logs/**"
    if glob.startswith("~"):
        return "begins with ~, which nobody expands: leave it out, or write an absolute path"
    if ".." in glob.split("/"):
        return "leads upwards: write an absolute path"
    if len(glob.encode()) > MAX_GLOB_BYTES:
        return f"is longer than {MAX_GLOB_BYTES:,} bytes"
    return None


def collect_to_json(collect: Collect) -> dict[str, Any]:
    """Return *collect* as its public JSON, without what stands at its default."""
    out: dict[str, Any] = {"globs": list(collect.globs)}
    usual = Collect(globs=())
    for name in ("on", "max_bytes", "max_files", "required"):
        if (value := getattr(collect, name)) != getattr(usual, name):
            out[name] = value
    if collect.timeout != usual.timeout:
        out["timeout_ms"] = to_ms(collect.timeout)
    return out


def collect_from_json(data: Mapping[str, Any]) -> Collect:
    """Return what `collect_to_json` wrote. Trusts *data*."""
    given = dict(data)
    if (milliseconds := given.pop("timeout_ms", None)) is not None:
        given["timeout"] = from_ms(milliseconds)
    return Collect(**given | {"globs": tuple(given["globs"])})
