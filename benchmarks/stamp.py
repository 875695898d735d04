"""
A command that writes down when it ran: a tiny compiled program where there is a C compiler,
a bare interpreter (some 7 ms later) where there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_IN_PYTHON = """
import sys, time, os
at = time.monotonic_ns()
if len(sys.argv) > 2:
    time.sleep(int(sys.argv[2]) / 1000)
    at = time.monotonic_ns()
with open(sys.argv[1] + ".draft", "w") as file:
    file.write(str(at))
os.rename(sys.argv[1] + ".draft", sys.argv[1])
"""


@dataclass(frozen=True)
class Stamp:
    """The command, and what it was made of."""

    argv: tuple[str, ...]
    made_of: str

    def at_once(self, file: Path) -> list[str]:
        """Return a command that writes the time of its first instruction to *file*."""
        return [*self.argv, str(file)]

    def after(self, milliseconds: int, file: Path) -> list[str]:
        """Return a command that sleeps, then writes the time to *file* as its last act."""
        return [*self.argv, str(file), str(milliseconds)]


@cache
def stamp(work: Path) -> Stamp:
    """Return the command, compiled into *work* if that can be."""
    if compiler := shutil.which("cc") or shutil.which("gcc"):
        program = work / "stamp"
        source = Path(__file__).with_name("stamp.c")
        for linking in (["-static"], []):  # no dynamic linker before the first instruction
            built = subprocess.run(
                [compiler, "-O2", *linking, "-o", str(program), str(source)],
                capture_output=True,
                check=False,
            )
            if built.returncode == 0:
                return Stamp((str(program),), " ".join(["C", *linking]))
    return Stamp((sys.executable, "-I", "-S", "-c", _IN_PYTHON), "python -I -S: no C compiler")


def read_stamp(file: Path, *, timeout_s: float = 30) -> int:
    """Return the nanoseconds that were written to *file*, once they are there."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if text := file.read_text():
                return int(text)
        except FileNotFoundError:
            pass
        time.sleep(0.001)
    raise TimeoutError(f"nothing was written to {file.name} in {timeout_s} s")
