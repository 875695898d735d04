"""
The others: how each is found or installed, started, and given work.

A peer is measured in its own usual way of being used, on its defaults where not said otherwise.
`keeps` says what of its jobs would survive a `kill -9` of everything of it, since that is what
the comparison is about. What needs a service has it running before the clock starts, as we have.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .harness import clean_environment

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2


def program(name: str) -> str:
    """
    Return the absolute path of a program: of this interpreter's environment first, then of PATH.

    Raises:
        FileNotFoundError: It is in neither.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return found


class Peer:
    """One of the others. Used as `peer.start(folder)`, work, `peer.stop()`."""

    name: str
    keeps: str
    program: str
    package: str | None = None
    """The Debian package to install it from."""

    takes_all_at_once = False
    """Whether it has no queue to submit to, only a list to work off."""

    def __init__(self) -> None:
        self.env: Mapping[str, str] = {}
        self.folder = Path()

    def missing(self) -> str | None:
        """Return why it cannot be measured, or None."""
        try:
            program(self.program)
        except FileNotFoundError as error:
            return f"{error}; Debian package {self.package}" if self.package else str(error)
        return None

    def version(self) -> str:
        """Return its version."""
        if self.package is None:
            raise NotImplementedError
        return _output("dpkg-query", "--show", "--showformat=${Version}", self.package)

    def start(self, folder: Path) -> None:
        """Make it ready to take work; its files go to *folder*."""
        self.folder = folder
        self.env = clean_environment() | {"HOME": str(folder), "TMPDIR": str(folder)}

    @property
    def in_folder(self) -> Mapping[str, str]:
        """Its environment, told in a way that does not depend on the working folder."""
        return {**self.env, "NQDIR": str(self.folder / "queue")}

    def run_true(self, count: int) -> None:
        """Run `true` *count* times, two at a time; return when all have ended."""
        raise NotImplementedError

    def submit(self, argv: Sequence[str]) -> None:
        """Return as soon as it has accepted a command to run in the background."""
        raise NotImplementedError

    def wait_last(self) -> None:
        """Return when it says that the command submitted last has ended."""
        raise NotImplementedError

    def stop(self) -> None:
        """End whatever `start` started."""

    def _shell(self, script: str, *arguments: str) -> None:
        """Run *script* with its positional arguments, by the shell, in the peer's environment."""
        subprocess.run(
            ["/bin/sh", "-ec", script, "sh", *arguments],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )


class Xargs(Peer):
    name = "xargs -P2"
    keeps = "nothing"
    program = "xargs"
    package = "findutils"
    takes_all_at_once = True

    def run_true(self, count: int) -> None:
        self._shell(f'seq "$1" | xargs -P{AT_ONCE} -n1 "$2"', str(count), program("true"))


class Parallel(Peer):
    name = "GNU parallel"
    keeps = "a log of what has ended (--joblog)"
    program = "parallel"
    package = "parallel"
    takes_all_at_once = True

    def missing(self) -> str | None:
        if reason := super().missing():
            return reason
        told = _output(program("parallel"), "--version")
        return None if told.startswith("GNU parallel") else "`parallel` is not GNU's"

    def run_true(self, count: int) -> None:
        script = f'seq "$1" | "$3" --will-cite -j{AT_ONCE} --joblog log "$2"'
        self._shell(script, str(count), program("true"), program("parallel"))


class TaskSpooler(Peer):
    name = "task-spooler"
    keeps = "nothing: its server's memory"
    program = "tsp"
    package = "task-spooler"

    def start(self, folder: Path) -> None:
        super().start(folder)
        # a socket's path has room for 108 bytes, which the work folder may well exceed
        self._sockets = tempfile.TemporaryDirectory(prefix="tsp-")
        self.env = {**self.env, "TS_SOCKET": f"{self._sockets.name}/socket"}
        self._shell('"$1" -S "$2"', program("tsp"), str(AT_ONCE))

    def run_true(self, count: int) -> None:
        # First in, first out, and two at a time: when the last two have ended, all have.
        self._shell(
            'i=2; while [ $i -lt "$1" ]; do "$3" "$2" > /dev/null; i=$((i + 1)); done;'
            'a=$("$3" "$2"); b=$("$3" "$2"); "$3" -w "$a"; "$3" -w "$b"',
            str(count),
            program("true"),
            program("tsp"),
        )

    def submit(self, argv: Sequence[str]) -> None:
        _run([program("tsp"), *argv], self.env, self.folder)

    def wait_last(self) -> None:
        _run([program("tsp"), "-w"], self.env, self.folder)

    def stop(self) -> None:
        _run([program("tsp"), "-K"], self.env, self.folder)
        with suppress(FileNotFoundError):
            self._sockets.cleanup()


class Nq(Peer):
    """A queue of nq's is a folder in which one job runs at a time: two folders, two at a time."""

    name = "nq"
    keeps = "output; what waits is processes"
    program = "nq"
    package = "nq"

    def run_true(self, count: int) -> None:
        self._shell(
            'feed() { NQDIR=$1; export NQDIR; i=0; while [ $i -lt "$2" ];'
            ' do "$4" -q "$3"; i=$((i + 1)); done; "$4" -w; };'
            'feed a "$1" "$3" "$4" & feed b "$2" "$3" "$4" & wait',
            str(count // 2),
            str(count - count // 2),
            program("true"),
            program("nq"),
        )

    def submit(self, argv: Sequence[str]) -> None:
        _run([program("nq"), "-q", *argv], self.env, self.folder)

    def wait_last(self) -> None:
        _run([program("nq"), "-w"], self.env, self.folder)


class Huey(Peer):
    """
    Huey on SQLite, two worker processes, each job one task that runs the command.

    Its workers poll, by default ever more slowly up to once in 10 s: here, every 0.1 s.
    """

    name = "Huey on SQLite"
    keeps = "queue and results (SQLite); not what was running"
    program = "huey_consumer"

    def version(self) -> str:
        return importlib.metadata.version("huey")

    def start(self, folder: Path) -> None:
        super().start(folder)
        os.environ["BENCH_HUEY"] = str(folder / "huey.db")
        # the module opens its database when it is imported: each folder needs it anew
        sys.modules.pop("benchmarks.huey_app", None)
        self._app = importlib.import_module("benchmarks.huey_app")
        command = [program("huey_consumer"), "benchmarks.huey_app.huey", "-q"]
        self._consumer = subprocess.Popen(
            [*command, "-k", "process", "-w", str(AT_ONCE), "-m", "0.1"],
            env={**self.env, "BENCH_HUEY": os.environ["BENCH_HUEY"], "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.submit([program("true")])
            self.wait_last()
        except BaseException:
            self.stop()
            raise

    def run_true(self, count: int) -> None:
        results = [self._app.run([program("true")]) for _ in range(count)]
        for result in reversed(results):
            result.get(blocking=True, timeout=300, backoff=1, max_delay=0.005)

    def submit(self, argv: Sequence[str]) -> None:
        self._last = self._app.run(list(argv))

    def wait_last(self) -> None:
        self._last.get(blocking=True, timeout=60)

    def stop(self) -> None:
        self._consumer.terminate()
        self._consumer.wait()


class Awaitless(Peer):
    """No service and no width of its own: two callers at a time, each waiting for its job."""

    name = "awaitless-runner"
    keeps = "job, output and exit code (SQLite)"
    program = "awaitless"

    def version(self) -> str:
        return importlib.metadata.version("awaitless-runner")

    def start(self, folder: Path) -> None:
        super().start(folder)
        self.env = {n: v for n, v in self.env.items() if not n.startswith("XDG_")}
        # two that make its database at once meet a lock, and one of them fails
        _run([program("awaitless"), "run", program("true")], self.env, self.folder)

    def run_true(self, count: int) -> None:
        script = f'yes "$2" | head -n "$1" | xargs -P{AT_ONCE} -n1 "$3" run'
        self._shell(script, str(count), program("true"), program("awaitless"))

    def submit(self, argv: Sequence[str]) -> None:
        argv = [program("awaitless"), "--json", "submit", *argv]
        told = _run(argv, self.env, self.folder)
        found = re.search(r'"job_id":\s*"(\w+)"', told)
        if not found:
            raise RuntimeError(f"awaitless gave no id: {told}")
        self.last_id = found[1]

    def wait_last(self) -> None:
        _run([program("awaitless"), "wait", self.last_id], self.env, self.folder)


def all_peers() -> list[Peer]:
    """Return one of each."""
    return [Xargs(), Parallel(), TaskSpooler(), Nq(), Huey(), Awaitless()]


def install_missing(peers: Sequence[Peer]) -> None:
    """Install what Debian has and this machine lacks, where we may; else say nothing."""
    packages = [peer.package for peer in peers if peer.package and peer.missing()]
    if packages and os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        print(f"Installing {', '.join(packages)}", file=sys.stderr)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run([apt, "-qq", *arguments], env=env, stdout=sys.stderr, check=False)


def await_quiet(folder: Path) -> None:
    """Give the disk a moment to write out what the last contender left behind."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    time.sleep(0.05)


def _run(argv: Sequence[str], env: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        argv, env=env, cwd=folder, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True
    )
    return done.stdout.decode()


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
