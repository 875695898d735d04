"""
Some seconds of real work: hash and byte-compile every module below a folder.

    python inventory.py FOLDER

Knows nothing of Outlast, but for one thing: where the variable OUTLAST_PROGRESS names a file, it
writes there how far it is, a line of JSON at a time. Prints one line at its beginning and one at
its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import py_compile
import sys
from pathlib import Path

FEW = 1000
"""Distributions that leave their standard library's own tests out have fewer modules than this."""


def modules(folder: Path) -> list[Path]:
    """Return every module below *folder*, in an order that is the same everywhere."""
    return sorted(folder.rglob("*.py"))


def digest(files: list[Path], folder: Path) -> str:
    """Return one digest of the names and contents of *files*."""
    whole = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{content}  {path.relative_to(folder)}\n".encode())
    return whole.hexdigest()


def tell(percent: float, message: str) -> None:
    """Say how far we are, if anybody wants to know."""
    if name := os.environ.get("OUTLAST_PROGRESS"):
        with open(name, "a", encoding="utf-8") as file:
            file.write(json.dumps({"progress_pct": round(percent, 1), "message": message}) + "\n")


def main() -> None:
    """Hash and compile what the arguments name."""
    folder = Path(sys.argv[1])
    files = modules(folder)
    print(f"process {os.getpid()} begins with {len(files)} modules", flush=True)
    # As `python`, `python -O` and `python -OO` want them; two of these are enough where much is.
    levels = (0, 2) if len(files) > FEW else (0, 1, 2)
    compiled = 0
    for number, path in enumerate(files):
        if number % 10 == 0:
            tell(100 * number / len(files), f"compiling {path.relative_to(folder)}")
        for level in levels:
            if py_compile.compile(str(path), optimize=level, quiet=2) is not None:
                compiled += 1
    tell(100, "done")
    print(f"{compiled} files compiled from {len(files)} modules, digest {digest(files, folder)}")


if __name__ == "__main__":
    main()
