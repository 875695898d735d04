"""Files of known hosts, read once for all the connections that are checked by them."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncssh

KEPT_S: Final = 60.0
"""How long what was read is at hand: to read it takes long where there are many hosts."""

_Name = tuple[tuple[str, int, int, int, int], ...]
_read: Final[dict[_Name, asyncssh.SSHKnownHosts]] = {}
"""By file, its number, times and size: one that was written since is read anew."""


def read_known(paths: Sequence[str]) -> asyncssh.SSHKnownHosts:
    """
    Return what stands in the files at *paths*; without any, no host is known. In a running loop.

    Raises what the library raises for one that makes no sense, and OSError.
    """
    name = tuple(_version(path) for path in paths)
    if (known := _read.get(name)) is None:
        library = importlib.import_module("asyncssh")
        known = _read[name] = library.read_known_hosts(list(paths))
        asyncio.get_running_loop().call_later(KEPT_S, _read.pop, name, None)
    return known


def _version(path: str) -> tuple[str, int, int, int, int]:
    stat = os.stat(path)
    return path, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size
