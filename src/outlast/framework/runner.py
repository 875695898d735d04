"""
The process in which a job's function runs: `python -P runner.py REFERENCE PAYLOAD`.

Run by its path, and stands alone: what it may import is known only once `sys.path` is that of the
program which started the job. REFERENCE is `module:qualname`, or `path:qualname` for what was
defined in a script; PAYLOAD is JSON with `path` (sys.path), `args`, `kwargs` and `cleanup` (a
reference, or null).

How the function ended goes to the file named by OUTLAST_OUTCOME, on disk before the process ends,
so that it is known whoever dies in between: `{"value": ...}`, or `{"error": "ValueError: text"}`.
The exit code says which of the two it was.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import types
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, NoReturn

MAX_VALUE_BYTES = 1 << 20
MAX_ERROR = 2000

SCRIPT = "__outlast_main__"
"""What a script is imported as: not `__main__`, so that it does not run its command line again."""


class Terminated(SystemExit):
    """SIGTERM came. Unwinds the function: `finally` blocks and context managers do their part."""


def main(reference: str, payload: str) -> None:
    """Call the function, and write down what came of it."""
    given = json.loads(payload)
    sys.path[:] = given["path"]
    sys.argv = [reference.rpartition(":")[0]]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # both are files here
    signal.signal(signal.SIGTERM, _terminate)
    cleanup = None
    try:
        cleanup = given["cleanup"] and find(given["cleanup"])
        value = find(reference)(*given["args"], **given["kwargs"])
        write_outcome({"value": checked(value)})
    except Terminated:
        _clean_up(cleanup, given)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it raised is how the job ended
        tell(error)
        write_outcome({"error": described(error)})
        sys.exit(1)


def find(reference: str) -> Any:
    """
    Return what *reference* names.

    Raises:
        ImportError: The module, or the script, is not there any more, or names no such thing.
    """
    place, _, qualname = reference.rpartition(":")
    found: Any = _import_script(place) if os.sep in place else importlib.import_module(place)
    for name in qualname.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ImportError(f"{place} has no {qualname} any more") from None
    return found


def _import_script(path: str) -> types.ModuleType:
    if SCRIPT in sys.modules:
        return sys.modules[SCRIPT]
    loader = SourceFileLoader(SCRIPT, path)
    spec = spec_from_file_location(SCRIPT, path, loader=loader)
    if spec is None or not os.path.isfile(path):
        raise ImportError(f"the script {path} is not there any more")
    module = module_from_spec(spec)
    # Both names lead to it, so that what is pickled within the job is found again.
    sys.modules[SCRIPT] = sys.modules["__main__"] = module
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]  # it is the one given above
    except SystemExit as error:
        raise ImportError(
            f"{path} ran its command line when it was imported:"
            ' put the call below `if __name__ == "__main__":`'
        ) from error
    return module


def checked(value: Any) -> Any:
    """
    Return *value*, if it is what JSON can hold and not too much.

    Raises:
        TypeError: It is not.

        ValueError: It is too long.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the return value is not JSON: {error}") from None
    if len(text) > MAX_VALUE_BYTES:
        raise ValueError(
            f"the return value is {len(text):,} bytes of JSON, and {MAX_VALUE_BYTES:,} is the most:"
            " write it to a file, and return its path"
        )
    return value


def write_outcome(outcome: dict[str, Any]) -> None:
    """Put *outcome* on disk: all of it, or none."""
    path = os.environ["OUTLAST_OUTCOME"]
    with open(f"{path}.new", "w", encoding="ascii") as file:
        json.dump(outcome, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def described(error: BaseException) -> str:
    """Return an exception as one line would tell it: type and message."""
    name = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is the author's own, and may raise whatever it likes
        text = "<exception str() failed>"  # as in a traceback
    if type(error).__module__ not in ("builtins", "__main__", SCRIPT):
        name = f"{type(error).__module__}.{name}"
    return (f"{name}: {text}" if text else name)[:MAX_ERROR]


def tell(error: BaseException) -> None:
    """Print the traceback, without our own part of it."""
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _terminate(_signum: int, _frame: object) -> NoReturn:
    # Once is enough. Not ignored: what the hook starts would inherit that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    raise Terminated(128 + signal.SIGTERM)


def _clean_up(cleanup: Any, given: dict[str, Any]) -> NoReturn:
    """Call the hook, and end by the signal that was sent, as any program does."""
    try:
        if cleanup is not None:
            cleanup(*given["args"], **given["kwargs"])
    except BaseException as error:  # noqa: BLE001 - told; the job is ended all the same
        tell(error)
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
