"""What a batch reads from the disk and writes to it: contents by digest, and its manifest."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from typing import Final

from ..errors import InvalidRequest, Unavailable
from .manifest import Manifest, read_manifest

MAX_MANIFEST_BYTES: Final = 1 << 30


def content_digest(path: str) -> str:
    """Return the digest of a file's content. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_there(path: str) -> bool:
    """Whether an output stands at *path*: a file or a folder, and no link to nothing."""
    return os.path.exists(path)


def load_manifest(path: str) -> Manifest:
    """
    Return the manifest at *path*.

    Raises:
        InvalidRequest: There is none, or it is something else.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_MANIFEST_BYTES)
    except OSError as error:
        raise InvalidRequest(f"manifest {path} cannot be read: {error.strerror}") from None
    return read_manifest(data, path)


def check_manifest_place(path: str) -> None:
    """
    See that a manifest may be written to *path*: nothing of somebody else's stands there.

    Raises:
        InvalidRequest: Something does, or the folder is not there.
    """
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise InvalidRequest(f"the folder of the manifest, {folder}, is not there")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequest(f"the folder of the manifest, {folder}, may not be written")
    if os.path.lexists(path):
        load_manifest(path)


def save_manifest(path: str, manifest: Manifest) -> None:
    """
    Write *manifest* to *path*: wholly, on disk when this returns, or not at all.

    Nothing is written where these bytes stand there already.

    Raises:
        Unavailable: The disk does not take it.
    """
    data = manifest.to_bytes()
    folder, name = os.path.split(path)
    try:
        if _is_already(path, data):
            return
        # One name, and no random one: what a killed run leaves behind, the next one takes.
        beside = os.path.join(folder, f".{name}.new")
        with os.fdopen(_open_alone(beside), "wb") as file:
            file.truncate()
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(beside, path)
        _sync(folder)
    except OSError as error:
        raise Unavailable(
            f"the manifest {path} cannot be written: {error.strerror}",
            suggestion="The jobs go on. Make room, and run the same again: it attaches to them",
        ) from error


def _open_alone(path: str) -> int:
    """Return a descriptor of the file at *path* that nobody else writes, until it is closed."""
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Another run may have made it the manifest meanwhile: that one is not for us to write.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        os.close(fd)


def _is_already(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(data) + 1) == data
    except FileNotFoundError:
        return False


def _sync(folder: str) -> None:
    fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
