"""One frozen Settings. The only reader of the environment, and of the home's file of settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .core.frozen import frozen
from .core.limits import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
    read_output,
    read_positive,
    read_yes_or_no,
    to_ms,
)
from .errors import InvalidRequest

if TYPE_CHECKING:
    from .core.machine import Machine
    from .core.webhooksettings import WebhookSettings
    from .ports.executor import Captured

NEVER_CAPTURED: Final = frozenset({"OUTLAST_TOKEN", "OUTLAST_FAILPOINT"})
"""Ours, and nobody else's business."""

JOBS_OWN: Final = frozenset(
    {"OUTLAST_JOB_ID", "OUTLAST_ATTEMPT", "OUTLAST_PROGRESS", "OUTLAST_OUTCOME"}
    | {f"OUTLAST_ENDED_{each}" for each in ("JOB_ID", "NAME", "STATUS", "REASON", "EXIT_CODE")}
)
"""Set for each command; a job that submits a job must not pass its own on."""

CLEAN: Final = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "PATH")
"""What `clean_env` keeps."""

REACHES: Final = (
    *("SSH_AUTH_SOCK", "OUTLAST_SSH_CONFIG"),
    *("OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"),
)
"""How hosts and engines are reached from here."""

ELSEWHERE: Final = ("on", "session", "container")
"""Keys of a job that runs there."""

SUPERVISORS_OWN: Final = (*CLEAN, "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PYTHONPATH")


CONFIG: Final = "config.toml"
"""The file of settings, in the home and nowhere else: it holds for whoever uses that home."""

INVENTORY: Final = "hosts.toml"
"""The file of hosts, in the home or in `$XDG_CONFIG_HOME/outlast`."""

TABLES: Final = frozenset({"secrets", "webhooks"})
"""In the file of settings: where a server finds which secret, and who is told of ends."""


@frozen
class Settings:
    """
    How Outlast works for this user.

    What an argument says wins over the environment (`OUTLAST_` and the setting's name), that over
    the home's `config.toml`, and that over the default.
    """

    home: str
    """The absolute folder that holds everything. Default: `$XDG_STATE_HOME/outlast`."""

    home_is_default: bool = True
    output: str | None = None
    """`json` or `text`; None decides by whether stdout is a terminal."""

    max_running: int = 8
    """How many nodes run at once on this machine. Default: cores x 4."""

    resources: Mapping[str, int] = field(default_factory=dict)
    """What this machine has so many of, for jobs that need some: `{"gpu": 2}`."""

    max_cpus: float | None = None
    """What `limits.cpus` of all that runs on this machine may add up to; None: no limit."""

    max_memory_bytes: int | None = None
    """Likewise of `limits.memory_bytes`."""

    idle_exit: timedelta = timedelta(minutes=5)
    """How long a supervisor without work stays."""

    min_free_bytes: int = 1 << 30
    """Free space that jobs must leave on the disk that holds the home."""

    command_timeout_s: int = 600
    """The run limit on each host of a job that gives none."""

    connect_timeout_s: int = 30
    """How long a host may take to let us in, for a job that does not say; not above the former."""

    ssh_config: str | None = None
    """The configuration of SSH; None: `~/.ssh/config`, if it is there."""

    inventory: str | None = None
    """The file that says what is known of hosts; None: where `inventory_file` finds one."""

    server: str | None = None
    """The server whose jobs these are; None: those of the home."""

    token_file: str | None = None
    """The file that holds the token for it, where `OUTLAST_TOKEN` does not."""

    allow_plain_http: bool = False
    """Whether a token may go to another machine for all to read."""

    policy: str | None = None
    """The file that says what tokens may run; None: `policy.toml` in the home."""

    max_schedules: int = 1000
    """How many schedules each token may have that is no administrator's."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    """A server's own: to each name a reference, `file:/PATH` or `env:NAME`. Never a value."""

    webhooks: WebhookSettings | None = None
    """What the file says of webhooks, if it says anything."""

    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where each came from: `argument`, a variable's name, the file's path, or `default`."""

    @property
    def config(self) -> str:
        """The file that these settings may stand in. It need not be there."""
        return f"{self.home}/{CONFIG}"

    @property
    def machine(self) -> Machine:
        """What this machine has for all that runs on it together."""
        from .core.machine import Machine

        return Machine(
            resources=self.resources,
            max_cpus=self.max_cpus,
            max_memory_bytes=self.max_memory_bytes,
        )

    def inventory_file(self) -> str | None:
        """Return the inventory that is named; else the home's, else the user's, if there is one."""
        if self.inventory is not None:
            return self.inventory
        user = os.environ.get("XDG_CONFIG_HOME", "")
        if not os.path.isabs(user):
            user = os.path.expanduser("~/.config")
        places = (f"{self.home}/{INVENTORY}", f"{user}/outlast/{INVENTORY}")
        return next((path for path in places if os.path.exists(path)), None)

    def written(self) -> dict[str, str | None]:
        """Return each by its name, as it would be written in the file; None: it is not set."""
        return {
            "home": self.home,
            "output": self.output,
            "max_running": str(self.max_running),
            **self.machine.written(),
            "idle_exit": format_duration(self.idle_exit).replace(" ", ""),
            "min_free": format_size(self.min_free_bytes),
            "job_command_timeout_sec": str(self.command_timeout_s),
            "job_connect_timeout_sec": str(self.connect_timeout_s),
            "ssh_config": self.ssh_config,
            "inventory": self.inventory,
            "server": self.server,
            "token_file": self.token_file,
            "allow_plain_http": "yes" if self.allow_plain_http else "no",
            "policy": self.policy,
            "max_schedules": str(self.max_schedules),
        }

    def supervisors(self) -> dict[str, Any]:
        """Return those that a supervisor takes with it when it is started, as JSON has them."""
        return {
            "max_running": self.max_running,
            **self.machine.public(),
            "idle_exit_ms": to_ms(self.idle_exit),
            "min_free_bytes": self.min_free_bytes,
        }


def _path(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"{value!r:.80} is no path")  # noqa: TRY004 told with all that is wrong
    return os.path.abspath(os.path.expanduser(os.fspath(value)))


def _server(value: object) -> str:
    from .core.server import parse_server

    return str(parse_server(str(value)))


def _resources(value: object) -> dict[str, int]:
    from .core.resources import read_stock

    return read_stock(value)


def _cpus(value: object) -> float:
    from .core.machine import read_cpus

    return read_cpus(value)


def _memory(value: object) -> int:
    from .core.machine import read_memory

    return read_memory(value)


class _Row(NamedTuple):
    """
    One setting. *name* is its key in the file and, behind `OUTLAST_`, its variable; *variable* is
    another name of that one.
    """

    name: str
    field: str
    read: Callable[[object], Any]
    default: Any
    variable: str | None = None


_ROWS: Final = (
    _Row("output", "output", read_output, None),
    _Row("max_running", "max_running", read_positive, 4 * (os.cpu_count() or 1)),
    _Row("resources", "resources", _resources, {}),
    _Row("max_cpus", "max_cpus", _cpus, None),
    _Row("max_memory", "max_memory_bytes", _memory, None),
    _Row("idle_exit", "idle_exit", parse_duration, Settings.idle_exit),
    _Row("min_free", "min_free_bytes", parse_size, Settings.min_free_bytes),
    _Row(
        "job_command_timeout_sec",
        "command_timeout_s",
        read_positive,
        600,
        "JOB_COMMAND_TIMEOUT_SEC",
    ),
    _Row(
        "job_connect_timeout_sec", "connect_timeout_s", read_positive, 30, "JOB_CONNECT_TIMEOUT_SEC"
    ),
    _Row("ssh_config", "ssh_config", _path, None),
    _Row("inventory", "inventory", _path, None),
    _Row("server", "server", _server, None),
    _Row("token_file", "token_file", _path, None),
    _Row("allow_plain_http", "allow_plain_http", read_yes_or_no, False),
    _Row("policy", "policy", _path, None),
    _Row("max_schedules", "max_schedules", read_positive, Settings.max_schedules),
)


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """
    Return the settings: from *given*, else from *environ* (this process's own by default), else
    from the home's file, else the defaults.

    Raises:
        InvalidRequest: Some variable or key of the file makes no sense, be it overruled or not;
            all faults are listed.
    """
    environ = os.environ if environ is None else environ
    home, where_from = _home(given.pop("home", None), environ)
    path = f"{home}/{CONFIG}"
    faults: list[str] = []
    if where_from == "argument" and given.get("server"):
        faults.append("home and server exclude each other: jobs are here, or there")
    filed = _read_file(path, faults)
    values: dict[str, Any] = {}
    if filed.keys() & TABLES:
        from .core.tables import read_tables

        values |= read_tables({key: filed.pop(key) for key in TABLES & filed.keys()}, path, faults)
    sources = {"home": where_from}
    for row in _ROWS:
        variable = f"OUTLAST_{row.name.upper()}"
        values[row.field], sources[row.name] = row.default, "default"
        for source, said, wrong in (
            (path, filed.pop(row.name, None), f"{path}: {row.name}"),
            *((name, environ.get(name) or None, name) for name in (row.variable, variable) if name),
            ("argument", given.get(row.field), row.field),
        ):
            if said is not None:
                try:
                    values[row.field], sources[row.name] = row.read(said), source
                except ValueError as error:
                    faults.append(f"{wrong}: {error}")
    names = ", ".join(row.name for row in _ROWS)
    faults += [f"{path}: {key!r:.80} is no setting: there are {names}" for key in filed]
    if not faults and values["command_timeout_s"] < values["connect_timeout_s"]:
        faults.append(
            f"job_command_timeout_sec ({values['command_timeout_s']}) is below"
            f" job_connect_timeout_sec ({values['connect_timeout_s']})"
        )
    if faults:
        raise InvalidRequest(*faults)
    if where_from == "argument" and values["server"]:
        # Whoever names a home means its jobs, whatever server the environment names.
        values["server"], sources["server"] = None, "argument"
    is_default = home == _default_home(environ)
    return Settings(home=home, home_is_default=is_default, sources=sources, **values)


def _read_file(path: str, faults: list[str]) -> dict[str, Any]:
    """Return what the file at *path* says; nothing where there is none."""
    if not os.path.lexists(path):  # or the home is not for us: told by itself
        return {}
    from . import tomlfile

    try:
        return tomlfile.read(path)
    except InvalidRequest as error:
        faults += error.faults
    return {}


def _home(given: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the home, and where its name came from."""
    named, source = given, "argument"
    if not named:
        named, source = environ.get("OUTLAST_HOME"), "OUTLAST_HOME"
    if not named:
        named, source = _default_home(environ), "default"
    return os.path.abspath(os.path.expanduser(os.fspath(named))), source


def _default_home(environ: Mapping[str, str]) -> str:
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # The XDG base directory specification: relative ones are void.
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.abspath(os.path.join(state, "outlast"))


def capture_caller(*, clean: bool = False, env: Mapping[str, str] | None = None) -> Captured:
    """
    Return what a command started by this process would inherit from it: environment, umask,
    resource limits, working directory.

    *clean* keeps only what a command needs to find its way (`CLEAN`); *env* stands in for this
    process's own environment.
    """
    import resource

    from .ports.executor import Captured
    from .surroundings import current_folder, current_umask

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
    return Captured(env=own, umask=current_umask(), rlimits=rlimits, cwd=current_folder())


class ServersOwn:
    """
    What commands inherit that were asked for over a network: nothing of who asked. They start in
    this user's home, or *here*, with the little that a command needs to find its way (`CLEAN`).
    """

    def __init__(self, *, here: bool = False) -> None:
        from dataclasses import replace

        own = capture_caller(clean=True)
        self._captured = own if here else replace(own, cwd=os.path.expanduser("~"))

    def for_jobs(self, specs: Iterable[Mapping[str, Any]]) -> Captured:
        """Return what these jobs inherit: also how hosts and engines are reached, if any is meant."""
        from dataclasses import replace

        if all(not spec.get(place) for spec in specs for place in ELSEWHERE):
            return self._captured
        reaches = {name: os.environ[name] for name in REACHES if name in os.environ}
        return replace(self._captured, env={**self._captured.env, **reaches})


def supervisor_environment(settings: Settings) -> dict[str, str]:
    """Return what a supervisor is started with: no job's environment, no secret of a job's."""
    env = {name: os.environ[name] for name in SUPERVISORS_OWN if name in os.environ}
    env |= {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("OUTLAST_", "OTEL_")) and name not in ("OUTLAST_TOKEN", *JOBS_OWN)
    }
    return env | {"OUTLAST_HOME": settings.home}
