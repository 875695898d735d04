"""One frozen Settings. The only reader of the environment and of what a caller hands down."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from .core.limits import parse_duration, parse_size
from .errors import InvalidRequest

if TYPE_CHECKING:
    from .ports.executor import Captured

NEVER_CAPTURED: Final = frozenset({"OUTLAST_TOKEN", "OUTLAST_FAILPOINT"})
"""Ours, and nobody else's business."""

JOBS_OWN: Final = frozenset({"OUTLAST_JOB_ID", "OUTLAST_ATTEMPT", "OUTLAST_PROGRESS"})
"""Set for each command; a job that submits a job must not pass its own on."""

CLEAN: Final = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "PATH")
"""What `clean_env` keeps."""

SUPERVISORS_OWN: Final = (*CLEAN, "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PYTHONPATH")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How Outlast works for this user. Each can be set by a variable, `OUTLAST_` and its name."""

    home: str
    """The absolute folder that holds everything. Default: `$XDG_STATE_HOME/outlast`."""

    home_is_default: bool = True
    output: str | None = None
    """`json` or `text`; None decides by whether stdout is a terminal."""

    max_running: int = 8
    """How many nodes run at once on this machine. Default: cores x 4."""

    idle_exit: timedelta = timedelta(minutes=5)
    """How long a supervisor without work stays."""

    min_free_bytes: int = 1 << 30
    """Free space that jobs must leave on the disk that holds the home."""


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """
    Return the settings from *environ* (this process's own by default), overruled by *given*.

    Raises:
        InvalidRequest: Some variable makes no sense; all faults are listed.
    """
    environ = os.environ if environ is None else environ
    faults: list[str] = []

    def read(name: str, reader: Callable[[str], Any], default: Any) -> Any:
        text = environ.get(f"OUTLAST_{name}", "")
        if not text:
            return default
        try:
            return reader(text)
        except ValueError as error:
            faults.append(f"OUTLAST_{name}: {error}")
            return default

    default_home = _default_home(environ)
    home = given.pop("home", None) or environ.get("OUTLAST_HOME") or default_home
    home = os.path.abspath(os.path.expanduser(os.fspath(home)))
    values = {
        "output": read("OUTPUT", _output, None),
        "max_running": read("MAX_RUNNING", _positive, 4 * (os.cpu_count() or 1)),
        "idle_exit": read("IDLE_EXIT", parse_duration, Settings.idle_exit),
        "min_free_bytes": read("MIN_FREE", parse_size, Settings.min_free_bytes),
    }
    if faults:
        raise InvalidRequest(*faults)
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(home=home, home_is_default=home == default_home, **values)


def _default_home(environ: Mapping[str, str]) -> str:
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # The XDG base directory specification: relative ones are void.
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.abspath(os.path.join(state, "outlast"))


def _output(text: str) -> str:
    if text not in ("json", "text"):
        raise ValueError(f"{text!r} is neither json nor text")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number above 0")
    return int(text)


def capture_caller(*, clean: bool = False, env: Mapping[str, str] | None = None) -> Captured:
    """
    Return what a command started by this process would inherit from it: environment, umask,
    resource limits, working directory.

    *clean* keeps only what a command needs to find its way (`CLEAN`); *env* stands in for this
    process's own environment.
    """
    import resource

    from .ports.executor import Captured

    own = dict(os.environ if env is None else env)
    if clean:
        own = {name: own[name] for name in CLEAN if name in own}
    for name in NEVER_CAPTURED | JOBS_OWN:
        own.pop(name, None)
    rlimits = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            try:
                rlimits[name.removeprefix("RLIMIT_")] = resource.getrlimit(getattr(resource, name))
            except (OSError, ValueError):
                continue
    return Captured(env=own, umask=_umask(), rlimits=rlimits, cwd=_cwd())


def _cwd() -> str:
    """Where this process is; of a directory that was deleted, a name that is not there."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        try:
            return os.readlink("/proc/self/cwd")
        except OSError:
            return "/(a deleted directory)"


def _umask() -> int:
    """Read the umask without setting it, which another thread could notice (Linux 4.7)."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def supervisor_environment(settings: Settings) -> dict[str, str]:
    """Return what a supervisor is started with: no job's environment, no secret of the caller's."""
    env = {name: os.environ[name] for name in SUPERVISORS_OWN if name in os.environ}
    env |= {
        name: value
        for name, value in os.environ.items()
        if name.startswith("OUTLAST_") and name not in ("OUTLAST_TOKEN", *JOBS_OWN)
    }
    return env | {"OUTLAST_HOME": settings.home}
