"""The composition root: Settings in, a service or a supervisor out. Alone knows every part."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from .clock import SystemClock
from .engine import wire
from .engine.link import Link
from .engine.public import Address
from .engine.service import Service
from .errors import HomeRefused, SchemaOlder, Unavailable
from .home import Home, Lock, Owned, raise_limits, refuse_small_files
from .settings import Settings, load_settings, supervisor_environment
from .store import (
    open_completions,
    open_deliveries,
    open_queues,
    open_schedules,
    open_sessions,
    open_store,
)
from .version import __version__

if TYPE_CHECKING:
    from .engine.hub import Hub
    from .engine.timed import Told
    from .ports.executor import Capabilities, Executor
    from .ports.store import Store, Version
    from .ports.supervision import Supervision

TAKE_OVER: Final = timedelta(seconds=15)
"""How long an older supervisor is given to leave, before a migration."""

READY_VARIABLE: Final = "OUTLAST_TELLS_STARTER"
READY_FD: Final = 3
STARTING_FD: Final = 4

SCOPE: Final = (
    *("systemd-run", "--user", "--scope", "--quiet", "--collect"),
    *("--property=Delegate=yes", "--"),
)
"""
What runs a command in a scope of its own, below the user manager. Delegated, it is ours to make
cgroups in, and has all controllers that the user manager was given; else it lacks `cpu`
(systemd.resource-control(5)).
"""


def make_service(settings: Settings, address: Address | None = None) -> Service:
    """
    Return the verbs over the home of *settings*.

    Raises:
        HomeRefused: The home or its database cannot be used from here, and why.
    """
    home = Home(settings.home)
    home.check()
    link = make_link(settings)
    store = open_for_use(home, link)
    link.has_work = partial(_has_work, store, home)
    return _service(store, link, link, home, address or make_address(settings))


def make_hub(
    settings: Settings,
    address: Address,
    *,
    timed: Told | None = None,
    version: Version | None = None,
) -> tuple[Service, Hub]:
    """
    Return the verbs for a process that serves many from an event loop, and the hub by which they wait
    there. *timed* is told how long the store takes; *version* as `open_store`. Raises `HomeRefused`.
    """
    from .engine.hub import Hub, Supervised
    from .engine.timed import TimedStore

    home = Home(settings.home)
    home.check()
    link = make_link(settings)
    store = open_for_use(home, link, version)
    if timed is not None:
        store = TimedStore(store, SystemClock(), timed)
    hub = Hub(link, home.path, partial(_has_work, store, home))
    return _service(store, Supervised(link, hub), link, home, address), hub


def _has_work(store: Store, home: Home) -> bool:
    from .engine.work import has_work  # not for `job status`

    also = partial(open_deliveries, home.database), partial(open_schedules, home.database)
    return has_work(store, *also)


def _service(
    store: Store, supervision: Supervision, link: Link, home: Home, address: Address
) -> Service:
    return Service(
        store,
        supervision,
        SystemClock(),
        home,
        address,
        capabilities=capabilities,
        open_sessions=partial(open_sessions, home.database),
        open_deliveries=partial(open_deliveries, home.database),
        open_completions=partial(open_completions, home.database),
        open_schedules=partial(open_schedules, home.database),
        open_queues=partial(open_queues, home.database),
        arranging=link,
    )


def capabilities(executor: str, env: Mapping[str, str]) -> Capabilities:
    """Return what the executor of that name can do on this machine, for the caller with *env*."""
    from . import executors

    return executors.capabilities(executor, env)


def make_link(settings: Settings) -> Link:
    """Return the way to the supervisor of the home, which starts one where there is none."""
    return Link(
        settings.home, __version__, lambda tells: start_supervisor(settings, tells), SystemClock()
    )


def make_address(
    settings: Settings, argv: tuple[str, ...] = ("outlast",), options: tuple[str, ...] = ()
) -> Address:
    """Return how a caller asks again: with `--home`, where it is not the default."""
    home = () if settings.home_is_default else ("--home", settings.home)
    return Address(argv, options + home)


def open_for_use(home: Home, link: Link, version: Version | None = None) -> Store:
    """Open the store; one of an older Outlast is brought up to date first, if nobody uses it."""
    try:
        return open_store(home.database, version=version)
    except SchemaOlder:
        link.leave(TAKE_OVER)
        with _patient_lock(home):
            return open_store(home.database, migrate=True, version=version)


def _patient_lock(home: Home) -> Lock:
    clock = SystemClock()
    deadline = clock.monotonic() + TAKE_OVER.total_seconds()
    while True:
        try:
            return Lock(home)
        except Unavailable:
            if clock.monotonic() > deadline:
                raise
            import select

            select.select([], [], [], 0.02)


# The supervisor ---------------------------------------------------------------------------------


def start_supervisor(settings: Settings, tells: int) -> bool:
    """
    Start a supervisor that outlives this process, its group, its session and its terminal.
    False where one is on its way up, or has come up since the caller looked: two would compete,
    and the loser serve later, for nothing.

    *tells* is a descriptor to which it writes a byte once it is ready; it is closed without one
    where another supervisor owns the home already.

    Raises:
        Unavailable: It would have a limit of this process's, under which it cannot work.
    """
    refuse_small_files()
    home = Home(settings.home)
    home.prepare()
    starting = home.claim_start()
    if starting is None:
        return False
    try:
        # Whoever was on its way up when the caller looked may listen by now.
        if wire.listens(settings.home):
            return False
        _spawn_supervisor(settings, tells, starting)
    finally:
        os.close(starting)
    return True


def _spawn_supervisor(settings: Settings, tells: int, starting: int) -> None:
    import signal

    env = supervisor_environment(settings)
    # By way of a shell that leaves at once, so that it is nobody's child here: no zombie, and
    # no surprise for a caller that waits for its own children. The scope comes first: once that
    # shell has left, the caller may log out, and what had not reached its scope would be killed.
    argv = [*scope(), "/bin/sh", "-c", '"$@" & ', "sh", *supervisor_argv(settings)]
    opened = [
        os.open(os.devnull, os.O_RDWR),
        os.open(Home(settings.home).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        # Above those that they are put at: what is not there yet cannot be overwritten.
        fcntl.fcntl(tells, fcntl.F_DUPFD_CLOEXEC, STARTING_FD + 1),
        fcntl.fcntl(starting, fcntl.F_DUPFD_CLOEXEC, STARTING_FD + 1),
    ]
    null, log, ready, starts = opened
    targets = [(null, 0), (log, 1), (log, 2), (ready, READY_FD), (starts, STARTING_FD)]
    try:
        pid = os.posix_spawnp(
            argv[0],
            argv,
            env | {READY_VARIABLE: "1"},
            file_actions=[
                *((os.POSIX_SPAWN_DUP2, source, target) for source, target in targets),
                # What is beyond the limit is refused here, and closed by the supervisor itself.
                *(
                    (os.POSIX_SPAWN_CLOSE, fd)
                    for fd in _inheritable_above(STARTING_FD)
                    if fd < os.sysconf("SC_OPEN_MAX")
                ),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}),
        )
        with contextlib.suppress(ChildProcessError):  # a caller that ignores SIGCHLD has no dead
            os.waitpid(pid, 0)
    finally:
        for fd in opened:
            os.close(fd)


def _inheritable_above(limit: int) -> list[int]:
    """Return what a child would have open besides the first few: locks of the caller's, say."""
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return []
    there = []
    for fd in numbers:
        with contextlib.suppress(OSError):
            if fd > limit and os.get_inheritable(fd):
                there.append(fd)
    return there


def supervisor_argv(settings: Settings) -> list[str]:
    """Return the command that runs a supervisor of this installation in the foreground."""
    return [
        sys.executable,
        "-P",
        "-c",
        "from outlast.wiring import main; main()",
        settings.home,
        str(settings.max_running),
        str(settings.idle_exit.total_seconds()),
        str(settings.min_free_bytes),
    ]


def scope() -> tuple[str, ...]:
    """
    Return what to put before the command so that it leaves the caller's systemd scope.

    A session's scope is killed with all that is in it (`KillUserProcesses`, systemd.kill(5)),
    whatever session and group a process has made for itself.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.exists(f"{runtime}/systemd/private") or not _find("systemd-run"):
        return ()
    return SCOPE


def survives() -> str:
    """
    Return what a job would survive whose supervisor is started from here: as `shim.survival` says.

    What a job that runs survives, its own node tells: its supervisor may have come from elsewhere.
    """
    from .shim import survival

    return "logout" if scope() else survival.survives()


def _find(program: str) -> bool:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders)


def supervise(settings: Settings) -> bool:
    """
    Be the supervisor of the home until idle or asked to leave. False if there is one already.

    Raises:
        Unavailable: This process has a limit under which it cannot.
    """
    import asyncio
    import gc
    import logging

    from .engine.reign import Reign
    from .engine.traced import traced_executors, traced_store
    from .recurring import make_almanac
    from .tracing import open_tracing
    from .webhooks import make_tidings

    refuse_small_files()
    home = Home(settings.home)
    home.prepare()
    home.cut_log()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO
    )
    # Connections make much that lives for long: looked through as often as is usual, it would be
    # a tenth of what a job on a host costs here.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    raise_limits()
    os.chdir("/")
    os.umask(0o077)
    tells_starter = os.environ.pop(READY_VARIABLE, None) is not None
    clock = SystemClock()
    if tells_starter:
        for fd in (READY_FD, STARTING_FD):
            os.set_inheritable(fd, False)

    def ready() -> None:
        nonlocal tells_starter
        if tells_starter:
            tells_starter = False
            with contextlib.suppress(OSError):
                os.write(READY_FD, b"r")
            os.close(READY_FD)
            os.close(STARTING_FD)

    tracing = open_tracing(home)
    reign = Reign(
        home,
        lambda: Lock(home),
        lambda: traced_store(open_store(home.database, migrate=True), tracing),
        lambda held: traced_executors(_executors(settings, clock, held), tracing),
        clock,
        open_deliveries=partial(open_deliveries, home.database),
        open_queues=partial(open_queues, home.database),
        make_tidings=partial(make_tidings, home, settings),
        open_schedules=partial(open_schedules, home.database),
        make_almanac=partial(make_almanac, home, capabilities),
        version=__version__,
        max_running=settings.max_running,
        machine=settings.machine,
        idle_exit=settings.idle_exit,
        in_force=settings.supervisors(),
    )
    try:
        asyncio.run(reign.run(ready))
    except HomeRefused as error:
        logging.getLogger("outlast").error("%s", error)  # noqa: TRY400 the words say it all
        return False
    except Owned as owned:
        home.nudge(owned.owner)
        return False
    except Unavailable:
        return False
    finally:
        if tracing is not None:
            tracing.close()
    return True


def _executors(
    settings: Settings, clock: SystemClock, held: Mapping[str, str]
) -> Mapping[str, Executor]:
    from . import executors

    floor = settings.min_free_bytes
    options = {"home": settings.home, "floor_bytes": floor, "clock": clock, "held": held}
    return {name: executors.load(name, **options) for name in executors.available()}


def main() -> None:
    """Be a supervisor; the arguments are those of `supervisor_argv`."""
    for fd in _inheritable_above(STARTING_FD):
        os.close(fd)
    home, max_running, idle_exit, min_free = sys.argv[1:5]
    supervise(
        load_settings(
            home=home,
            max_running=int(max_running),
            idle_exit=timedelta(seconds=float(idle_exit)),
            min_free_bytes=int(min_free),
        )
    )
