"""
The folder that an attempt leaves behind, and how to read it.

`record` is a file of JSON lines, appended by whoever holds its lock (flock): the shim for as long
as it lives, after its death the launcher, or a supervisor. A line without its newline counts as
absent. `stdout` and `stderr` are the command's output as it came. `progress` is the command's to
write. `stop` is a wish that anybody of the same user may leave for the shim.

The lines, by their `event`:

* `began`      the command was forked and waits: its identity, the shim's, the boot, the clocks
* `unstarted`  it was never let go: the `began` before is void, and it may be launched again
* `ended`      the command is over: code or signal, and the reason if it was ours
* `unkillable` processes are left that do not die
* `emptied`    the last process is gone, the output is final
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from typing import Any, NamedTuple

RECORD = "record"
STOP = "stop"
STDIN = "stdin"
STDOUT = "stdout"
STDERR = "stderr"
PROGRESS = "progress"
OUTCOME = "outcome"
SCRIPT = "script"
PHASE = "phase"

VERSION = 1
"""Of the record's format. A reader refuses no older one, and ignores keys that it does not know."""

PROGRESS_TAIL_BYTES = 8192
MAX_MESSAGE = 200
MAX_OUTCOME_BYTES = (1 << 20) + (1 << 10)
"""A value of 1 MiB as JSON, and what stands around it."""

MAX_RECORD_BYTES = 1 << 20

Line = dict[str, Any]

_quoted = json.encoder.encode_basestring_ascii


class Record(NamedTuple):
    """What an attempt's record says. None: it does not say (yet)."""

    began: Line | None = None
    ended: Line | None = None
    unkillable: Line | None = None
    emptied: Line | None = None
    is_damaged: bool = False
    """Whether there are whole lines in it that make no sense: then it proves nothing."""

    @property
    def never_started(self) -> bool:
        """Whether the command provably never ran, if the record's lock is free as well."""
        return self.began is None and self.ended is None and not self.is_damaged


def parse_record(data: bytes) -> Record:
    """Read a record, cut at any byte. What is damaged counts as absent; never raises."""
    found: dict[str, Line] = {}
    is_damaged = False
    for raw in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict) or not _is_sound(line):
            is_damaged = is_damaged or bool(raw.strip())
            continue
        event = line["event"]
        if event == "unstarted":
            found.pop("began", None)
        else:
            found.setdefault(event, line)
    return Record(**found, is_damaged=is_damaged)


_SOUND: dict[str, dict[str, type]] = {
    "began": {
        **dict.fromkeys(("at", "mono_ms", "pid", "start", "shim_pid", "shim_start"), int),
        **dict.fromkeys(("timeout_ms", "grace_ms"), int),
        **dict.fromkeys(("boot", "containment"), str),
    },
    "unstarted": {"at": int},
    "ended": {"at": int},
    "unkillable": {"at": int, "error": str},
    "emptied": dict.fromkeys(("at", "stdout_bytes", "stderr_bytes"), int),
}
"""What a reader relies on. Numbers are not negative, and none is beyond what a time can be."""

_OPTIONAL_WORDS = ("error", "reason", "cgroup", "survives", "image_id", "image_digest")
_MAX_NUMBER = 1 << 47


def _is_sound(line: Line) -> bool:
    """Whether all that a reader relies on is there and of its kind."""
    relied_on = _SOUND.get(str(line.get("event")))
    if relied_on is None:
        return False
    for name, kind in relied_on.items():
        if not (_is_number(line.get(name)) if kind is int else isinstance(line.get(name), kind)):
            return False
    optional_numbers = (line.get("code"), line.get("signal"))
    words = map(line.get, _OPTIONAL_WORDS)
    return all(value is None or _is_number(value) for value in optional_numbers) and all(
        value is None or isinstance(value, str) for value in words
    )


def _is_number(value: object) -> bool:
    return _is_count(value) and value < _MAX_NUMBER  # type: ignore[operator]  # it is an int


def output_limits(began: Line) -> Line:
    """
    Return what a command's output is held to, as its shim was told; whoever minds the command
    without the shim finds it here. No limit where *began* does not tell of one in its own kind.
    """
    numbers: Line = {
        name: value if _is_count(value) else None
        for name in ("output_bytes", "idle_timeout_ms")
        for value in (began.get(name),)
    }
    floor, policy = began.get("floor_bytes"), began.get("on_output_limit")
    return numbers | {
        "floor_bytes": floor if _is_count(floor) else 0,
        "on_output_limit": policy if policy in ("stop", "discard") else "stop",
    }


def pulled(began: Line) -> tuple[int, int] | None:
    """Return from when to when a container's image was pulled, in milliseconds; None: it was there."""
    times = began.get("pull_from"), began.get("pull_to")
    return times if all(map(_is_number, times)) else None  # type: ignore[return-value]  # they are ints


OUTPUT_LIMITS = ("output_bytes", "idle_timeout_ms", "floor_bytes", "on_output_limit")
"""What a `began` line tells of the limits on output, under the names that the shim was told."""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def make_folder(folder: str) -> None:
    """Make an attempt's folder, and those above it. Silent if it is there."""
    # From above, job, node, attempt: of a new job each is new, and nothing has to be tried twice.
    node = os.path.dirname(folder)
    for path in (os.path.dirname(node), node, folder):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass


def read_record(folder: str) -> Record | None:
    """Return the record in *folder*; None if nobody ever claimed the attempt."""
    try:
        with open(f"{folder}/{RECORD}", "rb") as file:
            return parse_record(file.read())
    except FileNotFoundError:
        return None


def encode(*lines: Line) -> bytes:
    """Return *lines* as they stand in a record, and go over a shim's channel."""
    return "".join([_json_of(line) + "\n" for line in lines]).encode()


def _json_of(line: Line) -> str:
    """
    Return *line*, a flat one, as `json.dumps` writes it; but that touches 40 pages of memory
    more, each of which is a shim's own from then on.
    """
    return "{" + ", ".join([f"{_quoted(key)}: {_scalar(line[key])}" for key in line]) + "}"


def _scalar(value: str | int | bool | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def append(fd: int, data: bytes) -> None:
    """Add whole lines to the open record *fd*, in one write. Raises OSError on a full disk."""
    written = os.write(fd, data)
    if written < len(data):
        # Half a line would spoil the next one. Nobody else writes: the lock is held.
        os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise OSError(errno.ENOSPC, "the record could not be written whole")


def open_record(folder: str) -> int | None:
    """
    Open the record in *folder* for writing, made if need be, and lock it for as long as the
    descriptor is open. None if somebody else has the lock.
    """
    fd = os.open(f"{folder}/{RECORD}", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _mend(fd)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return fd


def _mend(fd: int) -> None:
    """End a line that somebody was killed in the middle of, so that the next one is whole."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        os.write(fd, b"\n")


def is_held(folder: str) -> bool:
    """Whether somebody lives who will write the rest of this record."""
    try:
        fd = os.open(f"{folder}/{RECORD}", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Wish(NamedTuple):
    """That everything of an attempt ends: why, and after how long by force."""

    grace_ms: int = 0
    reason: str = "cancelled"
    error: str | None = None
    """More words about the reason."""


def ask_to_stop(
    folder: str, grace_ms: int, reason: str = "cancelled", error: str | None = None
) -> None:
    """Leave the wish that everything of this attempt ends. The shim is nudged apart from it."""
    make_folder(folder)
    path = f"{folder}/{STOP}"
    with open(f"{path}.new", "w") as file:
        json.dump({"grace_ms": grace_ms, "reason": reason, "error": error}, file)
    os.rename(f"{path}.new", path)


def stop_wish(folder: str) -> Wish | None:
    """Return the wish that was left for the attempt; None if it may go on."""
    path = f"{folder}/{STOP}"
    if not os.access(path, os.F_OK):
        return None
    try:
        with open(path, "rb") as file:
            wish = json.load(file)
    except (ValueError, RecursionError, OSError):
        return Wish()
    if not isinstance(wish, dict):
        return Wish()
    grace, reason, error = map(wish.get, ("grace_ms", "reason", "error"))
    return Wish(
        grace if isinstance(grace, int) and _is_number(grace) else 0,
        reason if isinstance(reason, str) else "cancelled",
        error if isinstance(error, str) else None,
    )


def read_output(folder: str, stream: str, offset: int, limit: int) -> bytes:
    """Return at most *limit* bytes of *stream* from byte *offset*; b"" at the end so far."""
    fd = _open_regular(f"{folder}/{stream}")
    if fd is None:
        return b""
    try:
        return os.pread(fd, limit, offset)
    finally:
        os.close(fd)


def _open_regular(path: str) -> int | None:
    """
    Open a file that a command may have replaced, by a pipe that would block us for ever, say.
    None if it is not there, or no file any more.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return fd


def output_size(folder: str, stream: str) -> int:
    """Return how many bytes *stream* has by now."""
    try:
        return os.stat(f"{folder}/{stream}").st_size
    except OSError:
        return 0


def read_progress(folder: str) -> tuple[float | None, str | None]:
    """Return the last percentage and message that the command told; None for what it did not."""
    fd = _open_regular(f"{folder}/{PROGRESS}")
    if fd is None:
        return None, None
    try:
        start = max(0, os.fstat(fd).st_size - PROGRESS_TAIL_BYTES)
        return parse_progress(os.pread(fd, PROGRESS_TAIL_BYTES, start))
    finally:
        os.close(fd)


def parse_progress(data: bytes) -> tuple[float | None, str | None]:
    """
    Read progress lines, cut anywhere: the newest sound value of each key wins.

    Percentages are held between 0 and 100; messages lose control characters and what is over
    200 characters. Never raises, whatever a command writes.
    """
    percent: float | None = None
    message: str | None = None
    for raw in reversed(data.splitlines()):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if not isinstance(line, dict):
            continue
        told = line.get("progress_pct")
        if percent is None and isinstance(told, int | float) and not isinstance(told, bool):
            percent = min(max(told, 0), 100) if told == told else None  # noqa: PLR0124 NaN is unlike itself
        said = line.get("message")
        if message is None and isinstance(said, str):
            message = "".join(c if c.isprintable() else " " for c in said[:MAX_MESSAGE])
        if percent is not None and message is not None:
            break
    return percent, message


def write_phase(folder: str, phase: str | None, words: str = "") -> None:
    """
    Leave word, for people, of what is going on with an attempt, and more *words* about that;
    None: nothing special.
    """
    path = f"{folder}/{PHASE}"
    if phase is None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        return
    with open(f"{path}.new", "w") as file:
        file.write(f"{phase}\n{words}")
    os.rename(f"{path}.new", path)


def read_phase(folder: str) -> tuple[str | None, str | None]:
    """Return what is going on with an attempt, in a word, and in more; None if nothing special."""
    try:
        with open(f"{folder}/{PHASE}", errors="replace") as file:
            phase, _, words = file.read(2 * MAX_MESSAGE).partition("\n")
    except OSError:
        return None, None
    return phase or None, words[:MAX_MESSAGE] or None


def read_outcome(folder: str) -> Line:
    """Return what the command said of its own end; nothing where that is not sound. Never raises."""
    fd = _open_regular(f"{folder}/{OUTCOME}")
    if fd is None:
        return {}
    try:
        told = json.loads(os.pread(fd, MAX_OUTCOME_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(fd)
    return told if isinstance(told, dict) else {}
