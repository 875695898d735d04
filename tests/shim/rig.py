"""A real launcher and its shims, driven by a test in the supervisor's place."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from outlast import shim
from outlast.shim import spool
from outlast.shim.order import pack

from ..world import PATIENCE_S, eventually, is_alive

Line = dict[str, Any]
_numbers = count(1)
LAST = ("emptied", "held", "known")


def launcher_argv() -> list[str]:
    """Return the command that runs a launcher; measured, where coverage is."""
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        return [sys.executable, str(Path(__file__).parent.parent / "measured_shim.py")]
    return [sys.executable, "-I", "-S", shim.__path__[0]]


class Channel:
    """The supervisor's end of a shim's channel."""

    def __init__(self, ours: socket.socket) -> None:
        self.socket = ours
        self._unread = b""

    def send(self, message: Mapping[str, Any]) -> None:
        self.socket.sendall(pack(dict(message)))

    def read(self) -> Line | None:
        """Return the next line that the shim tells; None once it is gone."""
        self.socket.settimeout(PATIENCE_S)
        while b"\n" not in self._unread:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._unread += data
        raw, _, self._unread = self._unread.partition(b"\n")
        line: Line = json.loads(raw)
        return line

    def until(self, *events: str) -> list[Line]:
        """Return the lines up to the first of *events*, or up to the shim's death."""
        lines = []
        while (line := self.read()) is not None:
            lines.append(line)
            if line["event"] in (events or LAST):
                break
        return lines

    def run(self, message: Mapping[str, Any]) -> list[Line]:
        """Send *message*, and return all that is told until it is over."""
        self.send(message)
        return self.until()


class Rig:
    """A launcher for the home at *home*, run by *under*, and the channels that it was given."""

    def __init__(self, home: Path, *, under: Sequence[str] = (), **environment: str) -> None:
        self.home = home
        (home / "jobs").mkdir(parents=True, exist_ok=True)
        self.control, theirs = socket.socketpair()
        self.channels: list[Channel] = []
        with theirs:
            self.process = subprocess.Popen(
                [*under, *launcher_argv(), str(theirs.fileno()), str(home)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=dict(os.environ) | environment,
            )
        self.facts: Line = Channel(self.control).read() or {}

    @property
    def pid(self) -> int:
        return self.process.pid

    def shim(self, pair: tuple[socket.socket, socket.socket] | None = None) -> Channel:
        """Have a shim forked, and return its channel: our end of *pair*."""
        ours, theirs = pair or socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"f"], [theirs.fileno()])
        channel = Channel(ours)
        self.channels.append(channel)
        return channel

    def message(self, *argv: str, key: str | None = None, **changes: Any) -> Line:
        """Return the order to run *argv*, with everything at what a job has by default."""
        key = key or f"job_{os.getpid()}x{next(_numbers)}/0/1"
        folder = f"{self.home}/jobs/{key}"
        return {
            "home": str(self.home),
            "key": key,
            "folder": folder,
            "argv": list(argv),
            "script": None,
            "env": {
                "PATH": os.environ["PATH"],
                "OUTLAST_ATTEMPT": key,
                "OUTLAST_PROGRESS": f"{folder}/progress",
            },
            "cwd": str(self.home),
            "stdin": None,
            "umask": 0o022,
            "rlimits": {},
            "timeout_ms": 60_000,
            "idle_timeout_ms": None,
            "grace_ms": 10_000,
            "output_bytes": 1 << 30,
            "on_output_limit": "stop",
            "leftovers": "stop",
            "limits": {},
            "floor_bytes": 1 << 20,
        } | changes

    def sh(self, script: str, **changes: Any) -> Line:
        """Return the order to run a line of shell."""
        return self.message("/bin/sh", "-c", script, **changes)

    def run(self, message: Mapping[str, Any]) -> list[Line]:
        """Run it under a new shim, and return all that is told until it is over."""
        return self.shim().run(message)

    def output(self, message: Mapping[str, Any], stream: str = "stdout") -> bytes:
        return Path(message["folder"], stream).read_bytes()

    def record(self, message: Mapping[str, Any]) -> spool.Record:
        return spool.read_record(message["folder"]) or spool.Record()

    def lines(self, message: Mapping[str, Any]) -> list[Line]:
        """Return every line of the record, sound or not."""
        raw = Path(message["folder"], spool.RECORD).read_bytes().splitlines()
        return [json.loads(line) for line in raw if line.strip()]

    def wish(self, message: Mapping[str, Any], grace_ms: int) -> None:
        """Leave the wish that it ends, and nudge its shim."""
        spool.ask_to_stop(message["folder"], grace_ms)
        began = self.record(message).began
        assert began is not None
        os.kill(began["shim_pid"], signal.SIGUSR1)

    def shims(self) -> list[int]:
        """Return the pids of the living shims of this launcher."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if is_alive(int(pid))]

    def close(self) -> None:
        """Hang up on everybody, and see the launcher leave."""
        for channel in self.channels:
            channel.socket.close()
        self.control.close()
        self.process.wait(PATIENCE_S)


def ended(lines: list[Line]) -> tuple[int | None, int | None, str | None]:
    """Return code, signal and reason of the end that was told."""
    (line,) = [line for line in lines if line["event"] == "ended"]
    return line["code"], line["signal"], line["reason"]


def wait_file(path: str | Path) -> str:
    """Return what stands in the file, once something does."""
    return eventually(lambda: Path(path).exists() and Path(path).read_text(), f"{path}")


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
