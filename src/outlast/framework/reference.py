"""How a function is found again in another process: by its module, or by its script's path."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from ..errors import InvalidRequest


def reference_to(function: Callable[..., Any]) -> str:
    """
    Return `module:qualname`, or `/path/of/script.py:qualname`.

    Raises:
        InvalidRequest: No other process could find it, and why.
    """
    name = getattr(function, "__qualname__", None)
    if inspect.ismethod(function):
        raise _refused(name or repr(function), "is a method, bound to an object of this process")
    if not inspect.isroutine(function) or name is None:
        raise _refused(repr(function), f"is no function, but of type {type(function).__name__}")
    if "<lambda>" in name:
        raise _refused("a lambda", "has no name to find it by")
    if "<locals>" in name:
        raise _refused(name.replace(".<locals>", ""), "was defined inside another function")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise _refused(name, "returns before it has run: pass a plain function, which runs it")
    module = sys.modules.get(function.__module__)
    if _look_up(module, name) is not function:
        raise _refused(
            name, f"is not what {function.__module__} has by that name: was it wrapped or renamed?"
        )
    place = _place_of_main(name) if function.__module__ == "__main__" else function.__module__
    return f"{place}:{name}"


def _refused(what: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{what} cannot run as a job: it {why}",
        suggestion="A job is a process of its own: define the function at the top level of a"
        " module or script, and pass what it needs as arguments",
    )


def _look_up(module: object, qualname: str) -> object:
    found = module
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _place_of_main(name: str) -> str:
    """Return where what now is `__main__` can be imported from."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    path: str | None = getattr(main, "__file__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name)  # python -m tool
    if path is None or path.startswith("<") or sys.flags.interactive or hasattr(sys, "ps1"):
        raise _refused(name, "was typed in, by -c, stdin or a REPL, and is in no file")
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise _refused(name, f"was defined in {path}, which is no file of its own")
    if _runs_at_import(main, path):
        raise InvalidRequest(
            f"{path} would run its command line again when {name} is imported from it",
            suggestion='Put the call below `if __name__ == "__main__":`',
        )
    return path


def _runs_at_import(main: object, path: str) -> bool:
    """Whether the line of the script that led here is one that importing it runs, too."""
    import ast

    line = None
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is vars(main) and frame.f_code.co_name == "<module>":
            line = frame.f_lineno
        frame = frame.f_back
    if line is None:
        return False
    with open(path, "rb") as file:
        body = ast.parse(file.read()).body
    for statement in body:
        if statement.lineno <= line <= (statement.end_lineno or line):
            return not (isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test))
    return False
