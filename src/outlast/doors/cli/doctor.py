"""`outlast doctor`: what of all this works here, and what would help."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from ...errors import ClientError, Unavailable
from ...framework.lazy import verb

if TYPE_CHECKING:
    from ...framework.caller import Caller
    from ...settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"
MARKS: Final = {OK: "32", WARN: "33", FAIL: "31"}
ROOMY: Final = 4
"""Warn while the free space is less than so many times what jobs must leave."""


class Check(NamedTuple):
    """One thing that was looked at. *remedy* is None where there is nothing to do."""

    check: str
    status: str
    message: str
    remedy: str | None = None


@verb(
    "doctor",
    here=True,
    epilog="""
    outlast doctor
    outlast doctor --json
    outlast doctor --adopt-home
    """,
)
@click.option(
    "--adopt-home",
    is_flag=True,
    help="Make the home this machine's: for one that was moved here, or a machine renamed.",
)
def doctor(caller: Caller, adopt_home: bool) -> int:
    """
    Check this machine and say what would help.

    Each check is ok, warn (it works, with less) or fail; exit code 1 if any fails. `survives`
    says what ends a job that is started here: logout means that not even that does. Below are the
    settings, and where each comes from.
    """
    from ...wiring import survives

    warnings = []
    if adopt_home:
        from ...home import Home

        home = Home(caller.settings.home)
        if home.exists():
            home.adopt()
        else:
            warnings.append("there is nothing to adopt: no job was ever submitted here")
    checks = list(_checks(caller))
    caller.answer(
        lambda: {
            "checks": [check._asdict() for check in checks],
            "survives": survives(),
            "home": caller.settings.home,
            "settings": [
                {"setting": name, "value": value, "source": caller.settings.sources[name]}
                for name, value in caller.settings.written().items()
            ],
            "config": caller.settings.config,
        },
        lambda: "\n".join(
            [
                *map(_line, checks),
                f"survives    {survives()}: {SURVIVES[survives()]}",
                *_settings(caller.settings),
            ]
        ),
        warnings=warnings,
    )
    return 1 if any(check.status == FAIL for check in checks) else 0


SURVIVES: Final = {
    "logout": "jobs run in a systemd scope of their own",
    "session": "jobs have left this session, and nothing is known to end them",
    "container": "jobs end with this container",
}


def _line(check: Check) -> str:
    from ...framework.plain import plain
    from ...framework.text import has_colour

    mark = f"{check.status:<4}"
    if has_colour():
        mark = f"\x1b[{MARKS[check.status]}m{mark}\x1b[0m"
    line = f"{mark}  {check.check:<11} {plain(check.message)}"
    return line if check.remedy is None else f"{line}\n{'':18}{plain(check.remedy)}"


def _settings(settings: Settings) -> Iterator[str]:
    from ...framework.plain import plain

    yield f"settings    of the command line, the environment, or {plain(settings.config)}:"
    for name, value in settings.written().items():
        source = settings.sources[name]
        yield f"      {name:<11} {plain(value or '-')}  ({plain(os.path.basename(source))})"


def _checks(caller: Caller) -> Iterator[Check]:
    each: dict[str, Callable[[Caller], Check]] = {
        "home": _home,
        "database": _database,
        "python": _python,
        "containment": _containment,
        "limits": _limits,
        "kernel": _kernel,
        "containers": _containers,
        "free space": _free_space,
        "supervisor": _supervisor,
    }
    for name, look in each.items():
        try:
            yield look(caller)
        except ClientError as error:
            yield Check(name, FAIL, error.message, error.suggestion)
        except OSError as error:
            yield Check(name, FAIL, str(error))


def _home(caller: Caller) -> Check:
    from ...home import NETWORK_FILE_SYSTEMS, Home, file_system_of

    path = caller.settings.home
    home = Home(path)
    if not home.exists():
        there = path
        while not os.path.exists(there):
            there = os.path.dirname(there)
        if not os.access(there, os.W_OK | os.X_OK):
            remedy = "Name a folder that this user may write with OUTLAST_HOME"
            return Check("home", FAIL, f"{path} cannot be made", remedy)
        return Check("home", OK, f"{path}, made with the first job")
    home.check()
    kind = file_system_of(path)
    if kind in NETWORK_FILE_SYSTEMS:
        remedy = "Name a folder on a disk of this machine with OUTLAST_HOME"
        return Check("home", FAIL, f"{path} is on a network file system ({kind})", remedy)
    if os.stat(path).st_mode & 0o077:
        return Check("home", WARN, f"{path} is open to other users", f"chmod 700 {path}")
    return Check("home", OK, f"{path} ({kind or 'file system unknown'})")


def _database(caller: Caller) -> Check:
    from ...engine.verbs import List
    from ...home import Home

    path = Home(caller.settings.home).database
    if not os.path.exists(path):
        return Check("database", OK, "made with the first job")
    caller.service.list(List(limit=1))
    return Check("database", OK, f"{os.stat(path).st_size / (1 << 20):,.1f} MiB")


def _python(_: Caller) -> Check:
    import sqlite3

    told = f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {sys.executable}"
    return Check("python", OK, told)


@functools.cache
def _cgroups_of_jobs() -> tuple[bool, frozenset[str]]:
    """Return whether a job would get a cgroup, and which controllers: told from where it would run."""
    from ...shim import cgroup
    from ...wiring import scope

    if not (before := scope()):
        return cgroup.find_base() is not None, cgroup.available_controllers()
    import subprocess

    look = "from outlast.shim import cgroup; base = cgroup.find_base(); print(base is not None, *cgroup.controllers(base))"
    done = subprocess.run(
        [*before, sys.executable, "-P", "-c", look], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"no systemd scope can be made: {done.stderr.strip()}")
    has_cgroup, *controllers = done.stdout.split()
    return has_cgroup == "True", frozenset(controllers)


def _containment(_: Caller) -> Check:
    if _cgroups_of_jobs()[0]:
        return Check("containment", OK, "cgroup: every process of a job can be ended at once")
    return Check(
        "containment",
        WARN,
        "subreaper: a job's processes are found one by one",
        "For cgroups: Linux 5.14, version 2, and a delegated one (systemd does it for users)",
    )


def _limits(_: Caller) -> Check:
    from ...shim import cgroup

    there = _cgroups_of_jobs()[1]
    missing = sorted(set(cgroup.CONTROLLERS.values()) - there)
    if not missing:
        return Check("limits", OK, "--memory, --cpus and --pids can be kept")
    return Check(
        "limits",
        WARN,
        f"no cgroup v2 controller here for {', '.join(missing)}: such limits are refused",
        "Mount cgroup v2 with these controllers, if jobs are to have those limits",
    )


def _kernel(_: Caller) -> Check:
    if sys.platform != "linux":
        return Check("kernel", WARN, f"{sys.platform}: best effort", "Every promise holds on Linux")
    lacking = [name for name in ("pidfd_open", "waitid") if not hasattr(os, name)]
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        lacking.append("pidfd_open")
    release = os.uname().release
    if lacking:
        return Check("kernel", WARN, f"{release} without {', '.join(lacking)}", "Linux 5.3 has it")
    return Check("kernel", OK, f"{release}, with pidfds and subreapers")


def _containers(_: Caller) -> Check:
    from ...containers import engine

    try:
        found = engine()
    except Unavailable as error:
        helps = "" if error.suggestion is None else f". {error.suggestion}"
        return Check("containers", WARN, error.message, f"Only --container needs one{helps}")
    return Check("containers", OK, f"{found.name} {found.version} at {found.address}")


def _free_space(caller: Caller) -> Check:
    path = caller.settings.home
    while not os.path.exists(path):
        path = os.path.dirname(path)
    disk = os.statvfs(path)
    free, floor = disk.f_bavail * disk.f_frsize, caller.settings.min_free_bytes
    told = f"{free / (1 << 30):,.1f} GiB, of which jobs leave {floor / (1 << 30):,.1f}"
    if free <= floor:
        remedy = "Free some: outlast job delete --older-than 7d; or lower OUTLAST_MIN_FREE"
        return Check("free space", FAIL, f"{told}: every job fails with disk_full", remedy)
    if free < ROOMY * floor:
        return Check("free space", WARN, told, "Free some: outlast job delete --older-than 7d")
    return Check("free space", OK, told)


def _supervisor(caller: Caller) -> Check:
    from .supervisor.status import differences

    found = caller.link.status()
    if found is None:
        return Check("supervisor", OK, "none runs; the next job starts one")
    told = "pid {pid}, version {version}: {running} running, {queued} queued".format(**found)
    if others := differences(caller.settings, found):
        return Check("supervisor", WARN, told, "; ".join(others))
    return Check("supervisor", OK, told)
