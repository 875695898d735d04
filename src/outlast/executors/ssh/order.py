"""What the shell shim is told of the attempt that it is to run: a piece of shell that it reads."""

from __future__ import annotations

import importlib.resources
import math
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Final

from ...core.job import JobSpec
from ...ports.executor import Launch

WHOLE: Final = b"whole=yes\n"
"""The last line: an order that was cut on its way is not obeyed."""


SHORT_BYTES: Final = 4096
"""What a shell may read of, byte for byte, in less time than a process takes to be made."""


def key_on_host(key: str) -> str:
    """Return the name of an attempt's folder on the host: one level, and no slash."""
    return key.replace("/", ".")


def order_of(launch: Launch) -> bytes:
    """Return what the shim is told of *launch*. Of what was captured, only secrets are passed on."""
    spec = launch.spec
    secrets = {
        name: launch.captured.secrets.get(reference, "")
        for name, reference in spec.secret_env.items()
    }
    lines = [
        _set("timeout", str(_seconds(spec.timeout))),
        _set("idle", "-" if spec.idle_timeout is None else str(_seconds(spec.idle_timeout))),
        _set("grace", str(_seconds(spec.grace))),
        _set("output", _optional(spec.limits.output_bytes)),
        _set("leftovers", spec.leftovers),
        _set("cwd", spec.cwd or ""),
        _set("has_stdin", "no" if spec.stdin is None else "yes"),
        _set("has_script", "no" if spec.script is None else "yes"),
        _set("session", _session_of(spec)),
        _set("has_path", "yes" if "PATH" in {*spec.env, *secrets} else "no"),
        *_environment(spec, secrets),
        *_program(spec),
    ]
    return b"\n".join(lines) + b"\n" + WHOLE


def lines_of(order: bytes) -> int:
    """
    Return how many lines the shim is to read of *order* by itself, which costs it less than a
    process; 0 where that may take long, or meet a shell that has its own way with some letters.
    """
    return order.count(b"\n") if len(order) <= SHORT_BYTES and order.isascii() else 0


def quoted(text: str) -> bytes:
    """Return *text* as one word of shell, whatever bytes are in it."""
    return b"'" + text.encode("utf-8", "surrogateescape").replace(b"'", b"'\\''") + b"'"


def _set(name: str, value: str) -> bytes:
    return name.encode() + b"=" + quoted(value)


def _optional(limit: int | None) -> str:
    return "-" if limit is None else str(limit)


def _seconds(duration: timedelta) -> int:
    """The shim counts whole seconds: a limit is never early."""
    return math.ceil(duration.total_seconds())


def _environment(spec: JobSpec, secrets: dict[str, str]) -> Iterable[bytes]:
    yield b"environment() {"
    yield b":"
    if "PATH" in spec.env:
        yield b"export PATH=" + quoted(spec.env["PATH"])
    for name, value in secrets.items():
        yield b"export " + name.encode() + b"=" + quoted(value)
    yield b"}"


def _program(spec: JobSpec) -> Iterable[bytes]:
    """Yield what becomes the command: the last thing that the shim does in that process."""
    script = b'"$script"'
    argv = [quoted(word) for word in spec.command]
    program = spec.command[0] if spec.command else "/bin/sh"
    if spec.shell is not None:
        argv = [b"/bin/sh", b"-c", quoted(spec.shell)]
    elif spec.script is not None:
        runtime = (spec.runtime or "").split()
        argv = [*map(quoted, runtime), script]
        program = runtime[0] if runtime else ""
        yield b"write_script() {"
        yield b"printf %s " + quoted(spec.script)
        yield b"}"
    if spec.session is not None:
        yield from _in_session(spec, argv)
        return
    yield _set("program", program)
    if "=" in program:
        # Which `env` would take for one more variable.
        argv = [b"/bin/sh", b"-c", b"'exec \"$@\"'", b"sh", *argv]
    yield from _become(spec, argv)


def _become(spec: JobSpec, argv: Iterable[bytes]) -> Iterable[bytes]:
    given = [quoted(f"{name}={value}") for name, value in spec.env.items() if name != "PATH"]
    yield b"become() {"
    yield b" ".join([b'exec "$env" --', *given, *argv])
    yield b"}"


def _session_of(spec: JobSpec) -> str:
    # What closes a session has its id and not its name: it runs beside what the session carries.
    return (spec.session_id or "") if spec.session is not None else ""


def _in_session(spec: JobSpec, argv: Iterable[bytes]) -> Iterable[bytes]:
    """
    Yield what becomes a command in a session: a line in a shell that has what the session
    carries, or words that this shell runs, so that `cd` and `export` are its own.
    """
    yield b"write_session() {"
    yield b"printf %s " + quoted(session_script())
    yield b"}"
    yield _set("program", "")
    own = " ".join([*spec.env, *spec.secret_env])
    begin = [b'"$sh"', b'"$dir/session"', b"begin", b'"$sh"', b'"$root/sessions/$session"']
    begin += [b'"$dir/carried"', quoted(own)]
    words = [b"words", *argv] if spec.shell is None else [b"line", quoted(spec.shell)]
    yield from _become(spec, [*begin, *words])


@cache
def session_script() -> str:
    """Return the text of the script by which a session carries on."""
    return (importlib.resources.files("outlast.shim") / "session.sh").read_text()
