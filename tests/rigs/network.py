"""Two networks of one's own, joined by a cable that can be made to swallow all that is sent."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

HERE, THERE = "192.0.2.1", "192.0.2.2"
PATIENCE_S = 30.0


class Network:
    """*here* and *there* are what to put before a command to have it run on that side."""

    def __init__(self) -> None:
        self._holders = [subprocess.Popen(["unshare", "-n", "sleep", "infinity"]) for _ in range(2)]
        here, there = (holder.pid for holder in self._holders)
        deadline = time.monotonic() + PATIENCE_S
        while os.readlink("/proc/self/ns/net") in map(_network_of, (here, there)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.here, self.there = (["nsenter", "-t", str(pid), "-n"] for pid in (here, there))
        name = f"v{here}"
        cable = f"ip link add {name} type veth peer name {name} netns {there}"
        _run([*self.here, *cable.split()])
        for side, address in ((self.here, HERE), (self.there, THERE)):
            _run([*side, *f"ip addr add {address}/24 dev {name}".split()])
            for device in (name, "lo"):
                _run([*side, *f"ip link set {device} up".split()])

    def swallow(self) -> None:
        """From now on nothing that is sent to the other side arrives, nor is it refused."""
        _run([*self.there, "iptables", "-w", "-I", "INPUT", "-j", "DROP"])

    def heal(self) -> None:
        """What is sent arrives again."""
        _run([*self.there, "iptables", "-w", "-F", "INPUT"])

    def close(self) -> None:
        """Be gone, cable and all."""
        for holder in self._holders:
            holder.kill()
            holder.wait()


@contextmanager
def network() -> Iterator[Network]:
    """Make a network for as long as the block runs. Takes root."""
    net = Network()
    try:
        yield net
    finally:
        net.close()


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, timeout=PATIENCE_S)


def _network_of(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")
