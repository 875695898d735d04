"""
The artifacts of an attempt: files that were collected after its command, kept below its folder.

`artifacts/1`, `artifacts/2`, ... are their bytes: what a host calls its files names nothing here
(docs/decisions/0025-artifacts-have-numbers.md). `artifacts.json` says what each is, once all is
done; until then `artifacts.jsonl` does, a line for each file that was begun, and one for each that
is whole or given up, so that whoever goes on knows what is there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from . import jsonfile
from .core.artifact import Paths
from .shim import system

FOLDER: Final = "artifacts"
MANIFEST: Final = "artifacts.json"
JOURNAL: Final = "artifacts.jsonl"

VERSION: Final = 1
MAX_SKIPPED: Final = 1000
"""So many that were left out are told one by one; of the rest there is the number."""

PIECE_BYTES: Final = 1 << 20

BEGUN, COMPLETE, CHANGED, SKIPPED = "begun", "complete", "changed", "skipped"
INCOMPLETE, COLLECTING = "incomplete", "collecting"


class Artifact(NamedTuple):
    """One file of a node's."""

    number: int
    path: str
    """Safe everywhere: relative, downwards, unlike any other of the node."""

    name: bytes
    """What the host calls it."""

    size: int
    """Of what is here; of what is not here, as the host has it."""

    mtime: int
    """When it was last written to, by the host's word: seconds since 1970."""

    state: str
    """`complete`; `changed`: it was written to while it was fetched; `skipped`: it is not here."""

    sha256: str | None = None
    error: str | None = None
    """Why it is not here."""

    @property
    def is_here(self) -> bool:
        return self.state in (COMPLETE, CHANGED)


class Collection(NamedTuple):
    """What is known of a node's artifacts."""

    state: str
    """`complete`: every file that was asked for was looked at; `incomplete`, or `collecting`."""

    files: tuple[Artifact, ...] = ()
    error: str | None = None
    more_skipped: int = 0
    """How many were left out besides those that are told one by one."""

    @property
    def here(self) -> tuple[Artifact, ...]:
        """Return the files that can be read."""
        return tuple(each for each in self.files if each.is_here)

    @property
    def skipped(self) -> int:
        """How many were left out."""
        return self.more_skipped + sum(each.state == SKIPPED for each in self.files)

    @property
    def summary(self) -> Summary:
        """Return what came of it, in short."""
        return Summary(len(self.here), self.skipped, self.error)


@dataclass(frozen=True)
class Summary:
    """What came of a node's collecting."""

    count: int = 0
    """How many files are here."""

    skipped: int = 0
    """How many were left out."""

    error: str | None = None
    """Why not all was looked at."""

    @property
    def left_out(self) -> str | None:
        """What is to be said of files that were wanted and are not here."""
        if self.error is not None:
            return f"not all files were collected: {self.error}"
        if not self.skipped:
            return None
        return f"{self.skipped} {'file was' if self.skipped == 1 else 'files were'} left out"

    def missing(self, where: str) -> str | None:
        """What is wrong where there had to be files from *where*, and are none."""
        if self.count:
            return None
        return f"ArtifactsMissing: {self.left_out or f'no file {where} matches'}"


class DiskFull(OSError):
    """This machine's disk has no more room than others are to be left."""


def read(folder: str) -> Collection | None:
    """Return what an attempt's folder knows of its artifacts, by path; None: nothing was collected."""
    try:
        with open(f"{folder}/{MANIFEST}", "rb") as file:
            kept = json.load(file)
    except FileNotFoundError:
        known, _, _ = _read_journal(folder)
        return None if known is None else Collection(COLLECTING, _by_path(known))
    files = tuple(map(_from_json, kept["files"]))
    return Collection(kept["state"], files, kept["error"], kept["more_skipped"])


def open_content(folder: str, artifact: Artifact) -> int:
    """Return a descriptor of a file's bytes. Raises OSError."""
    path = f"{folder}/{FOLDER}/{artifact.number}"
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def pieces(folder: str, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
    """Yield a file's bytes from *offset* on. Raises OSError."""
    fd = open_content(folder, artifact)
    try:
        while data := os.pread(fd, PIECE_BYTES, offset):
            yield data
            offset += len(data)
    finally:
        os.close(fd)


def give_up(folder: str, error: str) -> Collection:
    """Have what is here of an attempt's artifacts be all that there ever is. Raises OSError."""
    known = read(folder)
    return known if known and known.state != COLLECTING else Keeper(folder).finish(error)


class Keeper:
    """
    Takes in the artifacts of the attempt in *folder*, whose own it is while it is open.

    What was whole before somebody was killed stays; what was half here goes on where it was.
    *floor_bytes* of the disk are left free.
    """

    def __init__(self, folder: str, floor_bytes: int = 0) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        known, size, boot = _read_journal(folder)
        self._known = known or {}
        self._numbers: dict[bytes, int] = {}
        self._paths = Paths()
        self._more_skipped: set[bytes] = set()
        self._skipped = self._last = 0
        self.count = 0
        """How many files are here."""

        self.size = 0
        """How many bytes are here."""

        for each in self._known.values():
            self._paths.keep(each.path)
            self._count(each)
        os.makedirs(f"{folder}/{FOLDER}", 0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._journal = os.open(f"{folder}/{JOURNAL}", flags, 0o600)
        os.ftruncate(self._journal, size)
        self._doubtful: set[int] = set()
        """Files of which not all that was written need have reached the disk: of another boot."""

        if boot != system.boot_id():
            self._doubtful.update(each.number for each in self._known.values())
            self._append({"boot": system.boot_id()})

    def close(self) -> None:
        """Let go of the folder. Idempotent."""
        if self._journal >= 0:
            os.close(self._journal)
            self._journal = -1

    # What is here ---------------------------------------------------------------------------

    def is_done(self, name: bytes) -> bool:
        """Whether the file that its host calls *name* is here, or was given up."""
        number = self._numbers.get(name)
        is_known = number is not None and self._known[number].state != BEGUN
        return is_known or name in self._more_skipped

    # Taking in ------------------------------------------------------------------------------

    def begin(self, name: bytes, size: int, mtime: int) -> Writing:
        """Return what takes in a file: where it was left, if it is still the same, or anew."""
        number = self._numbers.get(name)
        known = None if number is None else self._known[number]
        is_same = known is not None and (known.size, known.mtime) == (size, mtime)
        if known is None:
            number = self._last + 1
            path = self._paths.take(number, name)
        else:
            number, path = known.number, known.path
        begun = Artifact(number, path, name, size, mtime, BEGUN)
        is_anew = not is_same or number in self._doubtful
        content = f"{self._folder}/{FOLDER}/{number}"
        writing = Writing(content, begun, self._note, self._floor_bytes, is_anew=is_anew)
        self._doubtful.discard(number)
        if not is_same:
            # Now that what was there of another file is gone: else it could be gone on with.
            try:
                self._note(begun)
            except OSError:
                writing.close()
                raise
        return writing

    def skip(self, name: bytes, size: int, mtime: int, error: str) -> None:
        """Note that a file is left out, and why."""
        if self.is_done(name):
            return
        if (number := self._numbers.get(name)) is not None:
            self._drop(self._known[number]._replace(size=size, mtime=mtime), error)
            return
        if self._skipped >= MAX_SKIPPED:
            self._more_skipped.add(name)
            return
        number = self._last + 1
        path = self._paths.take(number, name)
        self._note(Artifact(number, path, name, size, mtime, SKIPPED, error=error))

    def finish(self, error: str | None = None) -> Collection:
        """
        Write the manifest, after which nothing more comes. *error*: why not all was looked at.

        Raises OSError.
        """
        for each in list(self._known.values()):
            if each.state == BEGUN:
                self._drop(each, error or "it is not there any more")
        state = COMPLETE if error is None else INCOMPLETE
        files = _by_path(self._known)
        collection = Collection(state, files, error, len(self._more_skipped))
        manifest = {
            "version": VERSION,
            "state": state,
            "error": error,
            "more_skipped": collection.more_skipped,
            "files": list(map(_to_json, files)),
        }
        jsonfile.write(f"{self._folder}/{MANIFEST}", manifest)
        self.close()
        os.unlink(f"{self._folder}/{JOURNAL}")
        return collection

    def _drop(self, artifact: Artifact, error: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._folder}/{FOLDER}/{artifact.number}")
        self._note(artifact._replace(state=SKIPPED, error=error))

    def _note(self, artifact: Artifact) -> None:
        self._append(_to_json(artifact))
        self._known[artifact.number] = artifact
        self._count(artifact)

    def _append(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        before = os.fstat(self._journal).st_size
        if os.write(self._journal, data) < len(data):
            os.ftruncate(self._journal, before)  # half a line would spoil the next one
            raise DiskFull(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _count(self, artifact: Artifact) -> None:
        self._numbers[artifact.name] = artifact.number
        self._last = max(self._last, artifact.number)
        self._skipped += artifact.state == SKIPPED
        if artifact.is_here:
            self.count += 1
            self.size += artifact.size


class Writing:
    """One file that is being taken in. *note* keeps what becomes of it."""

    def __init__(
        self, path: str, artifact: Artifact, note: Any, floor_bytes: int, *, is_anew: bool
    ) -> None:
        self._path = path
        self._artifact = artifact
        self._note = note
        self._floor_bytes = floor_bytes
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags | (os.O_TRUNC if is_anew else 0), 0o600)
        self._digest = hashlib.sha256()
        self.offset = 0
        """How many bytes of it are here, as far as they were read."""

    def read(self) -> None:
        """Read what is here of it, so that the rest can follow. To be done first."""
        while data := os.pread(self._fd, PIECE_BYTES, self.offset):
            self._digest.update(data)
            self.offset += len(data)

    def write(self, data: bytes) -> None:
        """
        Add what comes next.

        Raises:
            DiskFull: Others would be left without room.
        """
        if self._floor_bytes:
            disk = os.fstatvfs(self._fd)
            if disk.f_bavail * disk.f_frsize - len(data) < self._floor_bytes:
                raise DiskFull(errno.ENOSPC, os.strerror(errno.ENOSPC))
        at = 0
        while at < len(data):
            at += os.pwrite(self._fd, memoryview(data)[at:], self.offset + at)
        self._digest.update(data)
        self.offset += len(data)

    def sync(self) -> None:
        """Return once what was written is on disk."""
        os.fsync(self._fd)

    def end(self, *, has_changed: bool = False) -> None:
        """The file is whole, and on disk."""
        self.close()
        state = CHANGED if has_changed else COMPLETE
        digest = self._digest.hexdigest()
        self._note(self._artifact._replace(size=self.offset, state=state, sha256=digest))

    def give_up(self, error: str) -> None:
        """The file is not to be had, or not wanted: nothing of it is kept."""
        self.close()
        os.unlink(self._path)
        self._note(self._artifact._replace(state=SKIPPED, error=error))

    def close(self) -> None:
        """Let go of it. What is here stays, to be gone on with. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _read_journal(folder: str) -> tuple[dict[int, Artifact] | None, int, str | None]:
    """
    Return what the journal says of each file, its size without a line that was cut, and the boot
    under which it was last written to.
    """
    try:
        with open(f"{folder}/{JOURNAL}", "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None, 0, None
    boot: str | None = None
    known: dict[int, Artifact] = {}
    size = data.rfind(b"\n") + 1
    for line in data[:size].splitlines():
        try:
            said = json.loads(line)
            boot = said.get("boot", boot)
            each = _from_json(said)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # of the boot; or torn by a power cut: then the file is fetched again
        known[each.number] = each
    return known, size, boot


def _by_path(known: dict[int, Artifact]) -> tuple[Artifact, ...]:
    return tuple(sorted(known.values(), key=lambda each: each.path))


def _to_json(artifact: Artifact) -> dict[str, Any]:
    return artifact._asdict() | {"name": artifact.name.decode("utf-8", "surrogateescape")}


def _from_json(line: dict[str, Any]) -> Artifact:
    return Artifact(**line | {"name": line["name"].encode("utf-8", "surrogateescape")})
