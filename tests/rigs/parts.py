"""
What others wrote to test an MCP server with: the official conformance suite and inspector, and a Node to
run them.

From npm, as `npm/package-lock.json` has them by their hashes, into a folder of the user's caches: 330 MB
and a minute the first time, nothing after that. To take newer ones: edit `npm/package.json`, and in that
folder `npm install --package-lock-only`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent / "npm"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_S = 200
SUITE = "@modelcontextprotocol/conformance/dist/index.js"
INSPECTOR = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"


class Parts:
    """The parts, in a *folder*."""

    def __init__(self, folder: Path) -> None:
        self._modules = folder / "node_modules"

    @property
    def node(self) -> str:
        """The program; Debian's own is older than these parts take."""
        (found,) = self._modules.glob("node-linux-*/bin/node")
        return str(found)

    @property
    def conformance(self) -> list[str]:
        """The suite, as the beginning of a command line."""
        return [self.node, str(self._modules / SUITE)]

    @property
    def inspector(self) -> list[str]:
        """The inspector, as the beginning of a command line."""
        return [self.node, str(self._modules / INSPECTOR), "--cli"]


def install() -> Parts:
    """
    Return the parts, fetched if they are not here yet. Two at once wait for each other.

    Raises:
        OSError: They cannot be had here; it says why.
    """
    named = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outlast-tests"
    folder = caches / f"npm-{named}"
    if folder.exists():
        return Parts(folder)
    if (npm := shutil.which("npm")) is None:
        raise OSError("there is no npm: apt-get install npm")
    caches.mkdir(parents=True, exist_ok=True)
    with (caches / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(npm, folder)
    return Parts(folder)


def _fetch(npm: str, folder: Path) -> None:
    """Fetch everything beside where it is to be, so that a *folder* that is there is whole."""
    begun = folder.with_suffix(".new")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir()
    for name in FILES:
        shutil.copy(HERE / name, begun)
    try:
        done = subprocess.run(
            [npm, "ci"],
            cwd=begun,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"npm ci took longer than {INSTALL_S} s") from None
    if done.returncode:
        raise OSError(f"npm ci: {done.stderr.strip()[-2000:]}")
    begun.rename(folder)
