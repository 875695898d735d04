"""
Those who run one command on many hosts, each in its own usual way, 32 hosts at once.

`run` returns seconds, from the call until every host's end is known, and raises if one went wrong.
All use the same keys and the same hosts. What is a library is measured in a process that has
imported it before the clock starts, as our supervisor has; what is a program is measured whole.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from outlast.testing.sshd import Farm, user

from .harness import clean_environment, timed_process
from .peers import ROOT, Parallel, Peer, program

AT_ONCE = 32
"""Hosts side by side: our default of `max_parallel`."""


class Fleet(Peer):
    """One of those who go to hosts. `begin(farm, count)`, then `run()` as often as wanted."""

    is_slow = False
    """Whether it starts processes of its own for each host."""

    def begin(self, farm: Farm, count: int, folder: Path) -> None:
        """Get ready for the first *count* hosts of *farm*."""
        self.folder = folder
        self.hosts = farm.hosts[:count]
        self.farm = farm
        (folder / "hosts").write_text("".join(f"{host}\n" for host in self.hosts))
        self.env = clean_environment() | {"HOME": str(folder)}
        self.env.pop("SSH_AUTH_SOCK", None)

    def run(self) -> float:
        """Run `true` on every host, and return the seconds it took."""
        raise NotImplementedError


class Library(Fleet):
    """One that is a Python library: `fleet_app.py` uses it, in a process of its own."""

    distribution: str
    way: str

    def missing(self) -> str | None:
        try:
            self.version()
        except importlib.metadata.PackageNotFoundError as error:
            return f"{error} is not installed"
        return None

    def version(self) -> str:
        return importlib.metadata.version(self.distribution)

    def run(self) -> float:
        config = str(self.farm.config)
        argv = [sys.executable, "-m", "benchmarks.fleet_app", self.way, str(AT_ONCE), config]
        argv += [str(self.farm.folder / "user"), str(self.farm.port), user(), *self.hosts]
        done = subprocess.run(
            argv, env=self.env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()[-500:]}")
        return float(done.stdout)


class Asyncssh(Library):
    name = "asyncssh, the bare minimum"
    keeps = "nothing: connect, run `true`, hang up"
    distribution = "asyncssh"
    way = "minimal"


class AsyncsshSame(Library):
    name = "asyncssh, as many round trips as ours"
    keeps = "nothing: connect, a shell that answers and is answered as our shim"
    distribution = "asyncssh"
    way = "same"


class ParallelSsh(Library):
    name = "parallel-ssh (the Python library)"
    keeps = "nothing; knows no host keys"
    distribution = "parallel-ssh"
    way = "pssh"


class GnuParallel(Fleet):
    name = "GNU parallel + ssh"
    is_slow = True
    keeps = "nothing"
    program = "parallel"
    package = "parallel"

    def missing(self) -> str | None:
        return Parallel().missing() or super().missing()

    def run(self) -> float:
        # not --sshlogin, which starts a Perl on each host first
        argv = [
            program("parallel"),
            "--will-cite",
            f"-j{AT_ONCE}",
            "-a",
            str(self.folder / "hosts"),
        ]
        argv += [program("ssh"), "-n", "-F", str(self.farm.config), "{}", "true"]
        return timed_process(argv, self.env)


class Pssh(Fleet):
    name = "pssh"
    is_slow = True
    keeps = "nothing"
    program = "parallel-ssh"
    package = "pssh"

    def run(self) -> float:
        argv = [program("parallel-ssh"), "-h", str(self.folder / "hosts"), "-p", str(AT_ONCE)]
        argv += ["-t", "0", "-x", f"-F {self.farm.config}", "true"]
        return timed_process(argv, self.env)


class Ansible(Fleet):
    """Ad hoc, with `async`: the way in which its command outlives the connection, as ours do."""

    name = "Ansible ad hoc, async"
    is_slow = True
    keeps = "on the host: the command's end and output"
    program = "ansible"

    def version(self) -> str:
        return importlib.metadata.version("ansible-core")

    def run(self) -> float:
        argv = [program("ansible"), "all", "-i", str(self.folder / "hosts"), "-f", str(AT_ONCE)]
        argv += ["--ssh-common-args", f"-F {self.farm.config}", "-m", "command", "-a", "true"]
        argv += ["-e", "ansible_python_interpreter=/usr/bin/python3", "-B", "600", "-P", "1"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{self.env.get('PATH', '')}"
        return timed_process(argv, {**self.env, "PATH": path})


def fleets() -> list[Fleet]:
    """Return one of each."""
    return [Asyncssh(), AsyncsshSame(), GnuParallel(), Pssh(), ParallelSsh(), Ansible()]
