"""
What the shim asks of the kernel, and the only place that knows which kernel it is.

On Linux all of it works; elsewhere the functions say so by their answer (False or None), and the
shim makes do with process groups and ticks. See `docs/gotchas.md`.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from typing import Any

LINUX = sys.platform == "linux"

_PR_SET_CHILD_SUBREAPER = 36
_FALLOC_FL_KEEP_SIZE = 1
_FALLOC_FL_PUNCH_HOLE = 2

_SIGCHLD = 17
_SYS_CLONE3 = 435
"""The same on every architecture (clone3 came after system call numbers were made alike)."""
_CLONE_INTO_CGROUP = 0x200000000

_PIDFD_GET_INFO = 0xC040FF0B
"""`_IOWR(0xFF, 11, 64 bytes)` of linux/pidfd.h."""
_PIDFD_INFO_EXIT = 0x8


def become_subreaper() -> bool:
    """Have orphans below this process handed to it instead of to init. Not inherited by fork."""
    if not LINUX:  # pragma: no cover - elsewhere nothing of the kind is known
        return False
    return bool(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def fork_into(cgroup_fd: int) -> int:
    """
    Fork a child that is born in the cgroup of the open folder *cgroup_fd*; as `os.fork` else.

    To move it there afterwards waits for the whole machine, some 20 ms (a grace period of RCU);
    clone3(2) does not. For a process with one thread, whose child soon executes or exits:
    Python's own housekeeping after a fork is left out.

    Raises:
        OSError: The kernel, or whoever watches over its calls, does not let us.
    """
    arguments = struct.pack("11Q", _CLONE_INTO_CGROUP, 0, 0, 0, _SIGCHLD, 0, 0, 0, 0, 0, cgroup_fd)
    pid = int(_libc().syscall(_SYS_CLONE3, arguments, len(arguments)))
    if pid < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return pid


@functools.cache
def _libc() -> Any:
    """Return the C library, called with the interpreter's lock held: as a fork must be."""
    import ctypes

    libc = ctypes.PyDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return libc


def read_small(path: str) -> bytes:
    """
    Return what a file of the kernel's says, in one read; not more than 64 KiB of it.

    By hand, where a shim reads for each job: a Python file object touches 40 pages of memory,
    each of which is a shim's own from then on. Raises OSError.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def boot_id() -> str:
    """Name this boot of the machine. Times and pids from another one mean nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:  # pragma: no cover - Linux always has it
        return _boot_time()


def _boot_time() -> str:  # pragma: no cover - elsewhere than on Linux
    import subprocess

    answer = subprocess.run(["sysctl", "-n", "kern.boottime"], capture_output=True, check=False)
    return answer.stdout.decode().strip() or "unknown"


def pid_namespace() -> int:
    """Number the pid namespace that this process lives in; 0 where there are none."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:  # pragma: no cover - Linux always has it
        return 0


def start_time(pid: int) -> int | None:
    """
    Return when process *pid* started, in clock ticks since boot; None if there is none.

    Field 22 of /proc/PID/stat (proc(5)). With it a pid names one process for good: pids are
    used again within half a minute on a busy machine.
    """
    stat = _stat(pid)
    return None if stat is None else int(stat[19])


def is_running(pid: int, started: int | None) -> bool:
    """Whether *pid* is still the process that started at *started*, and is no zombie."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in (b"Z", b"X") and int(stat[19]) == started


def parent_of(pid: int) -> int | None:
    """Return the parent of *pid*; None if there is no such process."""
    stat = _stat(pid)
    return None if stat is None else int(stat[1])


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/PID/stat from the third on: the second may hold anything."""
    try:
        return read_small(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None if LINUX else _stat_by_ps(pid)


def _stat_by_ps(pid: int) -> list[bytes] | None:  # pragma: no cover - elsewhere than on Linux
    import subprocess

    answer = subprocess.run(
        ["ps", "-o", "state=,ppid=,lstart=", "-p", str(pid)], capture_output=True, check=False
    )
    state, _, rest = answer.stdout.strip().partition(b" ")
    if not state:
        return None
    parent, _, started = rest.strip().partition(b" ")
    import zlib

    number = b"%d" % zlib.crc32(started.strip())
    return [state[:1], parent, *[b"0"] * 17, number]


def punch_hole(fd: int, offset: int, length: int) -> bool:
    """Give the blocks of a range of a file back to the disk; the file's size stays."""
    if not LINUX:  # pragma: no cover - elsewhere files keep their blocks
        return False
    mode = _FALLOC_FL_PUNCH_HOLE | _FALLOC_FL_KEEP_SIZE
    return bool(_libc().fallocate(fd, mode, offset, length) == 0)


def wait_status_of(pidfd: int) -> int | None:
    """
    Return the wait status of an ended process from its pidfd, though it was not our child.

    Linux 6.15 keeps it there once the process has been reaped. Until then the mask lacks
    `PIDFD_INFO_EXIT` and the field reads 0, which means nothing; None then, and on older kernels.
    """
    if not LINUX:  # pragma: no cover - elsewhere only a parent is told
        return None
    import fcntl

    info = bytearray(64)
    struct.pack_into("Q", info, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    (mask,) = struct.unpack_from("Q", info, 0)
    if not mask & _PIDFD_INFO_EXIT:
        return None
    (status,) = struct.unpack_from("i", info, 60)
    return int(status)


def free_bytes(fd: int) -> int:
    """Return how much more a user may write to the file system of *fd*."""
    stat = os.fstatvfs(fd)
    return stat.f_bavail * stat.f_frsize


def tell_of_names(folder_fd: int) -> None:
    """
    Have SIGIO come whenever a name appears in the open folder, for as long as that is open.

    `F_NOTIFY`, every time and not once (fcntl(2)). Elsewhere than on Linux nothing comes.
    """
    if LINUX:
        import fcntl

        flags = fcntl.DN_CREATE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT
        fcntl.fcntl(folder_fd, fcntl.F_NOTIFY, flags)
