"""
The command line. A module here is a verb: parse, call, render; `app` lists them.

stdout is the result, stderr the talk. This process is only a viewer: ending it ends no job.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Be the `outlast` command: do what the arguments say, and exit with what came of it."""
    import gc

    # Nearly all that a short command makes lives until its end: looking for garbage costs a tenth.
    gc.disable()
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_the_three()
    from ...framework.call import run
    from .app import cli

    code = run(cli, sys.argv[1:])
    # Everything is written and flushed; taking the interpreter apart would only take time.
    os._exit(code)


def _open_the_three() -> None:
    """Put /dev/null where the caller closed one of them, before a file of ours gets its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
