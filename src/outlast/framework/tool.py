"""The program that is speaking: what it is called, how it is called again, and which jobs are its."""

from __future__ import annotations

import os
import sys
from typing import Final, Self

LABEL: Final = "outlast.tool"
"""Every job of a tool has this label; its value is the tool's name."""

OUTLAST: Final = "outlast"


class Tool:
    """
    A program with job commands.

    *argv* is how it is called from any directory, up to where `job` comes. *labels* are what its
    jobs have, and no others; `outlast` itself has all jobs.
    """

    def __init__(self, name: str, argv: tuple[str, ...], labels: dict[str, str]) -> None:
        self.name = name
        self.argv = argv
        self.labels = labels

    @classmethod
    def outlast(cls) -> Self:
        """Return our own command line."""
        return cls(OUTLAST, program(), {})

    @classmethod
    def running(cls, name: str | None = None, below: tuple[str, ...] = ()) -> Self:
        """Return the program that this process is; *below* are the groups above its `job`."""
        name = name or _own_name()
        return cls(name, (*own_argv(), *below), {LABEL: name})


def program() -> tuple[str, ...]:
    """Return how `outlast` is called again: by its name, where PATH leads to it."""
    own = sys.argv[0]
    if os.path.basename(own) != OUTLAST:  # python -m outlast
        own = os.path.join(os.path.dirname(sys.executable), OUTLAST)
    own = os.path.abspath(own)
    if _is_on_path(own):
        return (OUTLAST,)
    return (own,) if os.access(own, os.X_OK) else (sys.executable, "-m", "outlast")


def own_argv() -> tuple[str, ...]:
    """
    Return how this very program is called again, from any directory and shell, on any day.

    By its absolute path, since the PATH of today's shell need not be that of tomorrow's; behind its
    interpreter where its file does not name that itself; as a module where it was started as one.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return _as_module(spec.name.removesuffix(".__main__"), spec.origin or "")
    own = os.path.abspath(sys.argv[0])
    if sys.argv[0] and os.path.isfile(os.path.join(own, "__main__.py")):  # python FOLDER
        return (sys.executable, own)
    if not os.path.isfile(own):  # python -c, say: `outlast` can be asked in its stead
        return program()
    return (own,) if _names_this_interpreter(own) else (sys.executable, own)


def _own_name() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name.removesuffix(".__main__"))
    return os.path.basename(sys.argv[0]).removesuffix(".py").strip("-") or "python"


def _as_module(name: str, origin: str) -> tuple[str, ...]:
    """`python -m` finds what is in the current directory first; elsewhere, it must be told where."""
    depth = name.count(".") + (os.path.basename(origin) == "__main__.py")
    folder = os.path.abspath(origin)
    for _ in range(depth + 1):
        folder = os.path.dirname(folder)
    where = (f"PYTHONPATH={folder}",) if folder == os.path.abspath(sys.path[0]) else ()
    return (*(("env", *where) if where else ()), sys.executable, "-m", name)


def _is_on_path(own: str) -> bool:
    """Whether the shell, asked for the name of the file *own*, runs that file."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = os.path.join(folder, os.path.basename(own))
        if os.path.isabs(folder) and os.access(found, os.X_OK) and not os.path.isdir(found):
            return found == own or (os.path.exists(own) and os.path.samefile(found, own))
    return False


def _names_this_interpreter(own: str) -> bool:
    """Whether *own* can be run as it is, and its first lines say: by this interpreter."""
    try:
        with open(own, "rb") as file:
            head = file.read(1024)
    except OSError:
        return False
    # Where the path is too long for a #! line, installers write one of sh and name it below.
    return (
        os.access(own, os.X_OK)
        and head.startswith(b"#!")
        and os.fsencode(sys.executable) in b"".join(head.splitlines()[:2])
    )
