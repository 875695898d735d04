"""The shell shim by itself, under each shell that this machine has, as if it were a host."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from outlast.core.job import JobSpec
from outlast.executors.ssh.order import key_on_host, lines_of, order_of
from outlast.ports.executor import Captured, Launch

SHIM = Path(__file__).parents[2] / "src" / "outlast" / "shim" / "shim.sh"
SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],  # as it is where it is called sh: on macOS, say
    "busybox": ["busybox", "ash"],
    "mksh": ["mksh"],  # of the family of OpenBSD's sh
}
PATIENCE_S = 60.0
LOOK_S = 0.02
KEY = "job_a/0/1"


class Seen(NamedTuple):
    """A line of `status`, taken apart."""

    state: str
    words: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        return self.state == "void" or (self.state == "began" and self.words[-1] != "-")

    @property
    def main(self) -> str:
        return self.words[3] if self.words else "none"

    @property
    def keeper(self) -> str:
        return self.words[4] if self.words else "none"

    @property
    def reason(self) -> str:
        return self.words[8]

    @property
    def ended(self) -> tuple[str, str]:
        """The status as the shell has it, and whether a signal did it."""
        return (self.words[10], self.words[11])


class Host:
    """A folder with the shim in it, run by one shell."""

    def __init__(self, folder: Path, shell: str, shim: str | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.salt = os.urandom(5).hex()
        self.nonces = itertools.count()
        self.argv = [shutil.which(SHELLS[shell][0]) or shell, *SHELLS[shell][1:]]
        self.shim = folder / "shim.sh"
        self.shim.write_text(SHIM.read_text() if shim is None else shim)
        self.sh = folder / "sh"
        if not self.sh.exists():  # written once: one that runs cannot be written
            self.sh.write_text("#!/bin/sh\nexec " + " ".join(self.argv) + ' "$@"\n')
            self.sh.chmod(0o755)

    def key(self, key: str) -> str:
        """Return *key* as no other test has it: processes are found by it, on the whole machine."""
        job, rest = key.split("/", 1)
        return f"{job}{self.salt}/{rest}"

    def call(self, verb: str, *words: str, data: bytes = b"") -> bytes:
        """Return what the shim answers, behind its mark. A word with slashes is an attempt's key."""
        words = tuple(key_on_host(self.key(word)) if "/" in word else word for word in words)
        if data or verb in ("start", "put"):
            words = (*words, str(len(data)))
        if verb == "start":
            words = (*words, str(lines_of(data)), "no")
        nonce = f"nonce{next(self.nonces)}"
        done = subprocess.run(
            [*self.argv, str(self.shim), nonce, verb, *words],
            input=data,
            stdout=subprocess.PIPE,
            env={**os.environ, "OUTLAST_SH": str(self.sh)},
            timeout=PATIENCE_S,
            check=False,
        )
        return done.stdout.removeprefix(f"{nonce}\n".encode())

    def start(
        self, shell: str = "", key: str = KEY, secrets: dict[str, str] | None = None, **spec: Any
    ) -> bytes:
        """Order a line of shell, or what *spec* says."""
        if shell:
            spec["shell"] = shell
        launch = Launch(
            key=self.key(key),
            spec=JobSpec(**spec),
            captured=Captured(env={}, secrets=secrets or {}),
        )
        return self.call("start", key, data=order_of(launch))

    def status(self, key: str = KEY) -> Seen:
        """Return how an attempt stands."""
        lines = self.call("status", key).decode().splitlines()
        assert lines[0].startswith("now "), lines
        assert "end" == lines[-1]
        words = lines[1].split()
        assert ["job", key_on_host(self.key(key))] == words[:2]
        return Seen(words[2], tuple(words[3:]))

    def over(self, key: str = KEY) -> Seen:
        """Return how it stands once it is over."""
        return self.until(lambda seen: seen.is_over, key)

    def until(self, condition: Any, key: str = KEY) -> Seen:
        """Return how it stands once *condition* holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(seen := self.status(key)):
            assert time.monotonic() < deadline, seen
            time.sleep(LOOK_S)
        return seen

    def file(self, name: str, key: str = KEY) -> Path:
        """Return the path of one of an attempt's files."""
        return self.folder / "jobs" / key_on_host(self.key(key)) / name


def steps(script: Path, *functions: str) -> list[int]:
    """The lines of *script* at which a simple command of one of *functions* begins."""
    found, inside, depth = [], False, 0
    for number, line in enumerate(script.read_text().splitlines()):
        if (match := re.match(r"(\w+)\(\) \{", line)) is not None:
            inside = match[1] in functions
        elif line == "}":
            inside = False
        elif inside and (words := line.split()):
            if depth == 0 and not re.match(
                r"(fi|else|elif|esac|done|\)|\*?\S*\)|\||#|'')", words[0]
            ):
                found.append(number)
            begins = words[0] in ("case", "(") and words[-1] != "esac"
            depth += begins - (words[0] in ("esac", ")"))
    return found


def wait_alone(folder: Path) -> None:
    """Return once no process names *folder* in its arguments."""
    deadline = time.monotonic() + PATIENCE_S
    while any(
        str(folder).encode() in arguments(pid) for pid in os.listdir("/proc") if pid.isdecimal()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def arguments(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
