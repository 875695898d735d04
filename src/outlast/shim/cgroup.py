"""
One cgroup (version 2) an attempt, where we may make one: then its processes end all at once,
and the limits on memory, processors and processes can be kept.
"""

from __future__ import annotations

import os

from . import system

PREFIX = "outlast-"
OWN = f"{PREFIX}own"
"""The leaf for ourselves, where the cgroup above must be empty to hand controllers down."""

CONTROLLERS = {"memory_bytes": "memory", "pids": "pids", "cpus": "cpu"}
"""Which controller keeps which of a job's limits."""

_CPU_PERIOD_US = 100_000


def find_base() -> str | None:
    """
    Return the folder of this process's own cgroup, if cgroups can be made below it.

    None where there is no version 2, it is not ours to write, or it cannot kill (Linux < 5.14).
    """
    mount, path = mount_point(), _own_path()
    if mount is None or path is None:
        return None
    # A launcher before us may have moved us into a leaf (`enable_controllers`).
    base = (mount + path).rstrip("/").removesuffix(f"/{OWN}")
    probe = f"{base}/{PREFIX}probe-{os.getpid()}"
    try:
        os.mkdir(probe)
    except OSError:
        return None
    try:
        return base if os.access(f"{probe}/cgroup.kill", os.W_OK) else None
    finally:
        os.rmdir(probe)


def available_controllers() -> frozenset[str]:
    """Return the version 2 controllers of this machine, delegated to us or not."""
    return controllers(mount_point())


def controllers(path: str | None) -> frozenset[str]:
    """Return the controllers that the cgroup *path* has and may hand down; none without one."""
    if path is None:
        return frozenset()
    try:
        with open(f"{path}/cgroup.controllers") as file:
            return frozenset(file.read().split())
    except OSError:
        return frozenset()


def enable_controllers(base: str) -> frozenset[str]:
    """
    Have the limits' controllers work below *base*; return those that do.

    A cgroup that has processes of its own cannot hand controllers down, so those in *base*
    move to a leaf of it first (the root cgroup is exempt from this rule).

    A systemd service's own cgroup is left as it is, delegated or not: systemd puts each new main
    process into it, and where it hands controllers down the service fails with 219/CGROUP.
    """
    if base.endswith(".service"):
        return frozenset()
    wanted = controllers(base) & frozenset(CONTROLLERS.values())
    if not wanted:
        return frozenset()
    try:
        order = " ".join(f"+{name}" for name in sorted(wanted))
        try:
            _write(f"{base}/cgroup.subtree_control", order)
        except OSError:
            own = f"{base}/{OWN}"
            os.makedirs(own, exist_ok=True)
            with open(f"{base}/cgroup.procs") as file:
                for pid in file.read().split():
                    _write(f"{own}/cgroup.procs", pid)
            _write(f"{base}/cgroup.subtree_control", order)
    except OSError:
        return frozenset()
    return wanted


def name_of(key: str) -> str:
    """Return the name of the cgroup of the attempt *key*."""
    return PREFIX + key.replace("/", "-")


def keys(base: str) -> list[str]:
    """Return the keys of the attempts that have a cgroup in *base*."""
    names = [name for name in os.listdir(base) if name.startswith(f"{PREFIX}job_")]
    return [name.removeprefix(PREFIX).replace("-", "/") for name in names]


class Cgroup:
    """The cgroup of one attempt."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def make(cls, base: str, key: str, limits: dict[str, float]) -> Cgroup:
        """Make it, with its limits. Raises OSError where a limit cannot be kept."""
        path = f"{base}/{name_of(key)}"
        try:
            os.mkdir(path)
        except FileExistsError:
            pass
        for name, value in limits.items():
            if name == "cpus":
                _write(f"{path}/cpu.max", f"{int(value * _CPU_PERIOD_US)} {_CPU_PERIOD_US}")
            elif name == "pids":
                _write(f"{path}/pids.max", str(int(value)))
            else:  # memory_bytes
                _write(f"{path}/memory.max", str(int(value)))
                if os.path.exists(f"{path}/memory.swap.max"):
                    _write(f"{path}/memory.swap.max", "0")
        return cls(path)

    def fork(self) -> int:
        """
        Fork a child into it, as `os.fork` does; what that one forks is born there too.

        Raises:
            OSError: No child could be made, or not there.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return system.fork_into(fd)
        finally:
            os.close(fd)

    def add(self, pid: int) -> None:
        """Move process *pid* into it. Takes some 20 ms: `fork` does not."""
        _write(f"{self.path}/cgroup.procs", str(pid))

    def kill(self) -> None:
        """Kill everything in it at once. Nothing escapes by forking."""
        try:
            _write(f"{self.path}/cgroup.kill", "1")
        except OSError:
            pass  # It was removed: nothing is left in it.

    def processes(self) -> list[int]:
        """Return the pids of what lives in it; not in the cgroups below it."""
        try:
            with open(f"{self.path}/cgroup.procs") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:
            return []

    def is_populated(self) -> bool:
        """
        Whether anything is in it or below it, what is about to be gone included: `processes` does
        not tell of that, and yet the cgroup cannot be removed.
        """
        try:
            with open(f"{self.path}/cgroup.events") as file:
                return "populated 1" in file.read()
        except OSError:
            return False

    def saw_oom_kill(self) -> bool:
        """Whether the kernel killed something in it for want of memory."""
        try:
            with open(f"{self.path}/memory.events") as file:
                counts = dict(line.split() for line in file)
            return int(counts.get("oom_kill", 0)) > 0
        except (OSError, ValueError):
            return False

    def remove(self) -> None:
        """Remove it, and what was made below it. Silent while it is in use, or gone."""
        try:
            os.rmdir(self.path)
            return
        except OSError:
            pass
        for path, _, _ in os.walk(self.path, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                return


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _own_path() -> str | None:
    """Read /proc/self/cgroup (cgroups(7)): version 2 is the line that begins `0::`."""
    try:
        with open("/proc/self/cgroup") as file:
            for line in file:
                if line.startswith("0::"):
                    return line[3:].rstrip("\n")
    except OSError:
        pass
    return None


def mount_point(controller: str | None = None) -> str | None:
    """
    Find where cgroup2, or that controller of version 1, is mounted, in /proc/self/mountinfo
    (proc(5)); its root only.
    """
    kind = "cgroup2" if controller is None else "cgroup"
    try:
        with open("/proc/self/mountinfo") as file:
            for line in file:
                mount, _, rest = line.rstrip("\n").partition(" - ")
                found, _, options = rest.split(" ", 2)
                if found == kind and (controller is None or controller in options.split(",")):
                    fields = mount.split()
                    return fields[4] if fields[3] == "/" else None
    except OSError:
        pass
    return None
