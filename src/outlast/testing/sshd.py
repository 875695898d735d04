"""
Real sshd's on loopback addresses, for as long as a test or a benchmark: a daemon for each host, as
hosts have, one user, strict keys.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

PATIENCE_S = 60.0
LOOK_S = 0.02
FIRST = IPv4Address("127.0.0.2")
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
OPTIONS = {
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "UsePAM": "no",
    "StrictModes": "no",
    "PermitRootLogin": "prohibit-password",
    "UseDNS": "no",
    "PrintMotd": "no",
    "MaxStartups": "200",
    "PidFile": "none",
    "LogLevel": "VERBOSE",
}


class Farm:
    """Hosts 127.0.0.2 and on, all at one port that was free; their users' home is *home*."""

    def __init__(self, folder: Path, count: int = 2) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.home = folder / "home"
        self.home.mkdir()
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.hosts = [str(FIRST + number) for number in range(count)]
        self.env: dict[str, dict[str, str]] = {}
        """What a host's commands find in their environment, beside HOME; by host."""

        self.options: dict[str, dict[str, str]] = {}
        """What a host's daemon is told besides, as in sshd_config(5)."""

        self.world: dict[str, str] = {}
        """Shell that makes the world in which a host lives: a mount namespace of its own."""

        self.within: dict[str, list[str]] = {}
        """What is put before the command of a host's daemon: to be in a network of its own, say."""

        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("user", "host", "other"):
            self._make_key(name)
        (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
        self.port = free_port(self.hosts)
        self.trust("host")
        self.configure()

    def _make_key(self, name: str) -> None:
        path = str(self.folder / name)
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path]
        subprocess.run(argv, check=True, timeout=PATIENCE_S)

    def trust(self, key: str | None) -> None:
        """Have the user know every host by *key*; None: know none."""
        words = [] if key is None else (self.folder / f"{key}.pub").read_text().split()[:2]
        self.known_hosts.write_text(
            "".join(f"[{host}]:{self.port} {' '.join(words)}\n" for host in self.hosts if words)
        )

    def configure(self, identity: str = "user", more: str = "") -> None:
        """Write the user's configuration: which key to show, and *more* lines."""
        self.config.write_text(
            f"Host 127.* 192.0.2.*\n  User {user()}\n  Port {self.port}\n  IdentitiesOnly yes\n"
            f"  IdentityFile {self.folder / identity}\n"
            f"  UserKnownHostsFile {self.known_hosts}\n{more}"
        )

    def start(self, *hosts: str) -> None:
        """Start the daemons of *hosts*, of all if none is named."""
        os.makedirs("/run/sshd", exist_ok=True)
        for host in hosts or self.hosts:
            options = {
                **OPTIONS,
                "ListenAddress": f"{host}:{self.port}",
                "HostKey": str(self.folder / "host"),
                "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
                "Subsystem": f"sftp internal-sftp -d {self.home / host}",
                **self.options.get(host, {}),
            }
            env = {"HOME": str(self.home / host)} | self.env.get(host, {})
            options["SetEnv"] = " ".join(f"{name}={value}" for name, value in env.items())
            (self.home / host).mkdir(exist_ok=True)
            argv = [str(SSHD), "-D", "-e", "-f", "/dev/null"]
            argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
            if (world := self.world.get(host)) is not None:
                argv = ["unshare", "-m", "sh", "-ec", f'{world}\nexec "$@"', "sh", *argv]
            argv = [*self.within.get(host, ()), *argv]
            with open(self.folder / f"{host}.log", "wb") as log:
                self._daemons[host] = subprocess.Popen(argv, stderr=log, start_new_session=True)
        for host in hosts or self.hosts:
            for _ in range(int(PATIENCE_S / LOOK_S)):
                if "Server listening on" in self.log(host):
                    break
                time.sleep(LOOK_S)
            else:
                raise AssertionError(self.log(host))

    def processes(self) -> list[int]:
        """The daemons, and what serves their connections."""
        daemons = [daemon.pid for daemon in self._daemons.values()]
        return daemons + [pid for daemon in daemons for pid in sessions(daemon)]

    def log(self, host: str) -> str:
        """Return what the daemon of a host has said since it was started."""
        return (self.folder / f"{host}.log").read_text()

    def left(self, host: str) -> dict[str, list[str]]:
        """Return what lies on a host of attempts: not the marks of those that must not begin."""
        folder = self.home / host / ".outlast" / "jobs"
        there = {each.name: sorted(os.listdir(each)) for each in folder.glob("*")}
        return {name: files for name, files in there.items() if files != ["began", "retired"]}

    def hang_up(self, host: str) -> None:
        """Kill whatever serves a connection to a host. The daemon goes on, and so do commands."""
        for pid in sessions(self._daemons[host].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self, *hosts: str) -> None:
        """Kill the daemons of *hosts* with every connection of theirs; commands are left alone."""
        for host in hosts or tuple(self._daemons):
            daemon = self._daemons.pop(host)
            # Held first: whoever is hung up on connects again at once, and would be let in.
            hold(daemon.pid)
            for pid in (*sessions(daemon.pid, hold), daemon.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            daemon.wait(PATIENCE_S)


def user() -> str:
    """The user as whom the tests run, and log in."""
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def sessions(daemon: int, each: Callable[[int], None] = lambda _: None) -> list[int]:
    """
    The processes that serve the connections of a daemon: sshd's own, no command's. *each* is done
    to every one of them before its children are looked for.
    """
    found, generation = [], [daemon]
    for _ in range(2):  # the monitor, and below it the one that has the user's rights
        generation = [
            child for parent in generation for child in children(parent) if "sshd" in name_of(child)
        ]
        for pid in generation:
            each(pid)
        found += generation
    return found


def hold(pid: int) -> None:
    """Stop a process, and return once it has no child more; silent if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if state_of(pid) in "TtZX":
            break
        time.sleep(LOOK_S)


def state_of(pid: int) -> str:
    """The state of a process (proc(5)); X if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def name_of(pid: int) -> str:
    """The name of a process; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def free_port(hosts: list[str]) -> int:
    """A port that is free at all of *hosts*."""
    for _ in range(100):
        with socket.create_server((hosts[0], 0)) as server:
            port: int = server.getsockname()[1]
        if not any(is_listening(host, port) for host in hosts):
            return port
    raise AssertionError("no free port")


def is_listening(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE_S)
        return probe.connect_ex((host, port)) == 0
