"""The command line as its users meet it: real processes, each test in a home of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..world import end_all

PROGRAM = str(Path(sys.executable).with_name("outlast"))
PATIENCE_S = 60


class Done(NamedTuple):
    """What came of one call."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def talk(self) -> str:
        return self.err.decode()

    @property
    def envelope(self) -> dict[str, Any]:
        """The one line of JSON on stdout, and nothing beside it."""
        assert self.out.count(b"\n") == 1, self
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded

    @property
    def data(self) -> Any:
        envelope = self.envelope
        assert envelope["ok"], envelope
        return envelope["data"]

    @property
    def error(self) -> dict[str, Any]:
        envelope = self.envelope
        assert not envelope["ok"], envelope
        error: dict[str, Any] = envelope["error"]
        return error


class Cli:
    """Calls the installed command."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.env: dict[str, str] = {}
        self.open: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        env = os.environ | {"OUTLAST_HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        for name in ("OUTLAST_OUTPUT", "NO_COLOR", "COLUMNS"):
            env.pop(name, None)
        return env | self.env

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> Done:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment(),
            cwd=self.folder,
            timeout=PATIENCE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a call, in a process group of its own as a shell would."""
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            cwd=self.folder,
            process_group=0,
        )
        self.open.append(process)
        return process

    def submit(self, *arguments: str) -> str:
        """Submit a job, and return its id."""
        return str(self("submit", *arguments).data["job_id"])

    def ended(self, *arguments: str) -> str:
        """Submit a job, and return its id once it has ended and all its processes are gone."""
        job_id = self.submit(*arguments)
        self.settled(job_id)
        return job_id

    def settled(self, job_id: str) -> dict[str, Any]:
        """Return the job once nothing of it is left."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            data: dict[str, Any] = self("job", "wait", job_id).data
            if data["stopped_at"] is not None:
                return data
            assert time.monotonic() < deadline, data
            time.sleep(0.05)

    def supervisor(self) -> int:
        """Return the pid of the supervisor, once one is up."""
        deadline = time.monotonic() + PATIENCE_S
        while (pid := self("supervisor", "status").data["pid"]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return int(pid)

    def running(self, *arguments: str) -> str:
        """Submit a job, and return its id once its command has started."""
        job_id = self.submit(*arguments)
        deadline = time.monotonic() + PATIENCE_S
        while self("job", "status", job_id).data["started_at"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return job_id


class Terminal:
    """A call of the command whose stdin, stdout and stderr are a terminal."""

    def __init__(self, cli: Cli, arguments: tuple[str, ...], columns: int) -> None:
        self.seen = b""
        self.code: int | None = None
        self._fd, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self._process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env=cli.environment() | {"TERM": "xterm"},
            cwd=cli.folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one thread
        )
        os.close(other)

    @property
    def text(self) -> str:
        return self.seen.decode(errors="replace")

    def until(self, words: str) -> str:
        """Return all that was shown, once *words* were."""
        deadline = time.monotonic() + PATIENCE_S
        while words.encode() not in self.seen:
            assert self._read(deadline - time.monotonic()), self.text
        return self.text

    def until_line(self, pattern: str) -> None:
        """Return once there was a line that has *pattern* in it, whatever its colours."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, re.sub(r"\x1b\[[0-9;]*m", "", self.text)):
            assert self._read(deadline - time.monotonic()), self.text

    def type(self, text: str) -> None:
        """Type *text*, and Enter."""
        os.write(self._fd, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._fd, b"\x03")

    def end(self) -> int:
        """Return the exit code, once it has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(PATIENCE_S)

    def hang_up(self) -> int:
        """Close the terminal, as closing its window does. Returns the exit code."""
        os.close(self._fd)
        self._fd = -1
        return self._process.wait(PATIENCE_S)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.seen += data
        return bool(data)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._fd >= 0:
            os.close(self._fd)


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> Iterator[Cli]:
    """The command line in a fresh home; at the end what runs in it is ended."""
    folder = tmp_path / "here"
    folder.mkdir()
    cli = Cli(home, folder)
    yield cli
    for process in cli.open:
        process.kill()
        process.communicate()
    # From here: three calls of the command would take longer than most tests.
    end_all(home)


@pytest.fixture
def terminal(cli: Cli) -> Iterator[Callable[..., Terminal]]:
    """Makes calls on a terminal: `terminal("run", "--", "make")`."""
    opened: list[Terminal] = []

    def call(*arguments: str, columns: int = 80) -> Terminal:
        opened.append(Terminal(cli, arguments, columns))
        return opened[-1]

    yield call
    for each in opened:
        each.close()
