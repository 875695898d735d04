"""
The home: the one folder of a user that holds everything, and who may use it.

It belongs to one machine and one pid namespace, since pids and locks mean nothing elsewhere,
and must not be on a network file system, where SQLite's WAL does not work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import sys
from threading import get_ident
from types import TracebackType
from typing import Final, Self

from .errors import HomeRefused, Unavailable
from .shim import system

DATABASE: Final = "outlast.db"
LOCK: Final = "supervisor.lock"
STARTING: Final = "supervisor.starting"
LOG: Final = "supervisor.log"
IDENTITY: Final = "home.json"
MAX_LOG_BYTES: Final = 1 << 20
JOBS: Final = "jobs"
CAPTURES: Final = "captures"
SIGNING: Final = "signing"

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "ncpfs"}
    | {"lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)


class Home:
    """The folder at *path*, an absolute path. It need not exist."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.database = f"{path}/{DATABASE}"
        self.log = f"{path}/{LOG}"
        self.signing = f"{path}/{SIGNING}"

    def exists(self) -> bool:
        """Whether anything was ever submitted here."""
        return os.path.exists(f"{self.path}/{IDENTITY}")

    def files(self, job_id: str) -> str:
        """Return the folder of everything that a job leaves on disk."""
        return f"{self.path}/{JOBS}/{job_id}"

    def remove_files(self, job_id: str) -> None:
        """Remove everything that a job left on disk. Silent about what is gone already."""
        import shutil

        shutil.rmtree(self.files(job_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(f"{self.signing}/{job_id}")

    def attempt(self, key: str) -> str:
        """Return the folder of the attempt *key*."""
        return f"{self.path}/{JOBS}/{key}"

    def capture(self, name: str) -> str:
        """Return the file that holds the captured environment *name*."""
        return f"{self.path}/{CAPTURES}/{name}"

    def cut_log(self) -> None:
        """Begin a new log where the old one has become long; one old one is kept."""
        try:
            if os.stat(self.log).st_size > MAX_LOG_BYTES:
                os.rename(self.log, f"{self.log}.1")
        except FileNotFoundError:
            pass

    def nudge(self, pid: int | None) -> None:
        """
        Have the supervisor *pid*, which owns the home, see whether it can still be reached.

        Who asks was started because nobody could: its socket may have been removed under it.
        """
        if pid is None:
            return
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if self.path.encode() in file.read().split(b"\0"):
                os.kill(pid, signal.SIGHUP)

    def claim_start(self) -> int | None:
        """
        Return a descriptor that holds the right to start a supervisor: free again when all its
        copies are closed, the one that is inherited by who is started too. None: somebody has it.
        """
        fd = os.open(f"{self.path}/{STARTING}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
        except OSError as error:
            os.close(fd)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return fd

    def is_being_started(self) -> bool:
        """
        Whether somebody holds the right to start a supervisor; False where nobody can say.

        Asked of the kernel, which takes nothing: trying the lock would keep it from a starter.
        """
        if sys.platform != "linux":
            return False
        try:
            fd = os.open(f"{self.path}/{STARTING}", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            told = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file())
        except OSError:
            return False
        finally:
            os.close(fd)
        # Its kind comes first: the one that is in the way, or that none is.
        return int.from_bytes(told[:2], sys.byteorder) != fcntl.F_UNLCK

    def prepare(self) -> None:
        """
        Make the folder, if need be, for this user alone, and see that it can be used.

        Raises:
            HomeRefused: It cannot be made, or not be used from here; says what would help.
        """
        if not self.exists():
            try:
                os.makedirs(self.path, 0o700, exist_ok=True)
                os.chmod(self.path, 0o700)
                for name in (JOBS, CAPTURES):
                    os.makedirs(f"{self.path}/{name}", 0o700, exist_ok=True)
                self._refuse_network()
                self._write_identity()
            except OSError as error:
                if error.errno == errno.EFBIG:
                    raise not_written(f"The home {self.path}", error) from error
                raise HomeRefused(
                    f"The home {self.path} cannot be made: {error.strerror}",
                    suggestion="Name a folder that this user may write with OUTLAST_HOME",
                ) from error
        self.check()

    def check(self) -> None:
        """
        See that this machine and pid namespace are those of the home.

        Raises:
            HomeRefused: They are not.
        """
        try:
            with open(f"{self.path}/{IDENTITY}", "rb") as file:
                home = json.load(file)
            machine, namespace, boot = home["machine"], home["pid_namespace"], home["boot"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HomeRefused(
                f"The home {self.path} cannot be read: {error}",
                suggestion=f"See who owns it and what {IDENTITY} in it says",
            ) from error
        if machine != machine_id():
            raise HomeRefused(
                f"The home {self.path} belongs to another machine",
                suggestion="Name a folder on a disk of this machine with OUTLAST_HOME. Was it moved"
                " here for good, or the machine renamed? Then run: outlast doctor --adopt-home",
            )
        if namespace != system.pid_namespace() and boot == system.boot_id():
            raise HomeRefused(
                f"The home {self.path} belongs to another pid namespace (a container, or its host)",
                suggestion="Call outlast from there, or name another OUTLAST_HOME. Is that container"
                " gone for good? Then run: outlast doctor --adopt-home",
            )

    def adopt(self) -> None:
        """
        Make this machine and namespace those of the home.

        Raises:
            Unavailable: A supervisor holds its lock, so that it is in use where it was.
        """
        with Lock(self):
            self._write_identity()

    def note_boot(self) -> None:
        """Have the home say under which boot it is used. For the holder of the lock."""
        self._write_identity()

    def _write_identity(self) -> None:
        identity = {
            "machine": machine_id(),
            "pid_namespace": system.pid_namespace(),
            "boot": system.boot_id(),
        }
        path = f"{self.path}/{IDENTITY}"
        temporary = f"{path}.{os.getpid()}.{get_ident()}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump(identity, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)

    def _refuse_network(self) -> None:
        kind = file_system_of(self.path)
        if kind in NETWORK_FILE_SYSTEMS:
            raise HomeRefused(
                f"The home {self.path} is on a network file system ({kind})",
                suggestion="Name a folder on a disk of this machine with OUTLAST_HOME",
            )


class Owned(Unavailable):
    """Somebody holds the lock: process *owner*, as far as it has said so."""

    def __init__(self, message: str, owner: int | None) -> None:
        super().__init__(message)
        self.owner = owner


class Lock:
    """
    The supervisor's lock: whoever holds it owns the home. Freed by the kernel at any death.

    Raises:
        Unavailable: Somebody else holds it.
    """

    def __init__(self, home: Home) -> None:
        self._fd = os.open(f"{home.path}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _number(os.pread(self._fd, 32, 0))
            os.close(self._fd)
            raise Owned(f"A supervisor owns the home {home.path}", owner) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d" % os.getpid(), 0)

    def release(self) -> None:
        """Give the home up. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _lock(fd: int) -> None:
    """
    Take a lock that whoever inherits *fd* holds as well: one that can be looked at where there is
    such a thing (F_OFD_SETLK, fcntl(2)), else that of flock(2). Raises BlockingIOError: it is held.
    """
    if sys.platform == "linux":
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file())
        except OSError as error:
            if error.errno != errno.EINVAL:  # which a sandbox says that does not know it
                raise
        else:
            return
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _whole_file() -> bytes:
    """Return Linux' `struct flock` of a lock that nobody else may have on any byte of a file."""
    import struct  # not for `job status`

    return struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None


def machine_id() -> str:
    """Name this machine: its machine-id (machine-id(5)), else its host name."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            with open(path) as file:
                if text := file.read().strip():
                    return text
        except OSError:
            continue
    return os.uname().nodename


LEAST_FILE_BYTES: Final = 64 << 20
"""What a supervisor must be able to write: all jobs of the home go into one database."""

UNLIMITED: Final = (
    "Call outlast from where that limit is not set; a command that is to have it sets it itself:"
    " outlast run --shell 'ulimit -f 1000; exec ...'"
)


def longest_file(*, hard: bool = False) -> int | None:
    """
    Return how many bytes a file of this process may have (RLIMIT_FSIZE); None: no limit.

    *hard*: and at most, were it to raise that itself.
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[hard]
    return None if limit == resource.RLIM_INFINITY else limit


def refuse_small_files() -> None:
    """
    See that this process can be, or start, a supervisor: limits are inherited, and never raised.

    Raises:
        Unavailable: It would fail at the database, and all jobs that it starts at their output.
    """
    longest = longest_file(hard=True)
    if longest is not None and longest < LEAST_FILE_BYTES:
        raise Unavailable(
            f"No supervisor can be started from here: it could write files of {longest:,} bytes at"
            " the most (ulimit -f), and so could every job that it starts",
            suggestion=UNLIMITED,
        )


def not_written(path: str, error: OSError) -> Unavailable:
    """Return what is told of a home or a file at *path* that could not be written, and why."""
    if error.errno == errno.EFBIG and (longest := longest_file()) is not None:
        return Unavailable(
            f"{path} cannot be written: this process may write files of {longest:,} bytes at the"
            " most (ulimit -f)",
            suggestion=UNLIMITED,
        )
    return Unavailable(
        f"{path} cannot be written: {error.strerror}",
        suggestion="Make room on its disk, or name another home with OUTLAST_HOME",
    )


def file_system_of(path: str) -> str | None:
    """Return the kind of file system that *path* is on; None if nobody says (proc(5), mountinfo)."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kind = None
    try:
        with open("/proc/self/mountinfo") as file:
            for line in file:
                mount, _, rest = line.partition(" - ")
                if mount.split()[2] == wanted:
                    kind = rest.split()[0]
    except OSError:
        return None
    return kind


def raise_limits() -> None:
    """
    Lift what the first caller had set for itself: it is not to hold for who comes after it.

    A descriptor is needed for each running job, and the soft limit is often 1024. A command gets
    the limits of its own caller.
    """
    import resource

    for name in ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC"):
        limit = getattr(resource, f"RLIMIT_{name}", None)
        if limit is None:
            continue
        soft, hard = resource.getrlimit(limit)
        if soft != hard:
            with contextlib.suppress(OSError, ValueError):  # macOS has more of them than it takes
                resource.setrlimit(limit, (hard, hard))
