"""A dockerd of the tests' own."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from outlast.shim import system

from .engine import Engine, which


class Docker(Engine):
    """A dockerd, with the containerd below it. Its containers outlive it (`--live-restore`)."""

    programs = ("dockerd", "docker-init", "busybox")
    packages = "docker.io busybox"

    def _command(self) -> list[str]:
        return [
            *(which("dockerd") or "", "--data-root", f"{self.folder}/data"),
            *("--exec-root", f"{self.folder}/exec", "--pidfile", f"{self.folder}/pid"),
            *("--host", self.address, "--iptables=false", "--ip6tables=false", "--ip-masq=false"),
            *("--ip-forward=false", "--bridge=none", "--userland-proxy=false", "--live-restore"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--log-level=warn"),
            # As many an administrator has it; nothing of what jobs print may go that way.
            *("--log-opt", "max-size=20k", "--log-opt", "max-file=2"),
            # Where a hard limit may not be raised, the usual one of a container must be below it.
            *("--default-ulimit", "nofile=20000:20000"),
        ]

    def kill(self) -> None:
        """Kill the daemon as `kill -9` does, and with it its containerd. Its containers live on."""
        below = self.folder / "exec" / "containerd" / "containerd.pid"
        pid = int(below.read_text())
        started = system.start_time(pid)
        self._end(signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._wait_until_gone(pid, started)
        # A zombie that nobody reaps is alive to a daemon that looks for this one.
        below.unlink(missing_ok=True)
