"""A Podman service of the tests' own."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Final

from .engine import PATH, Engine, which

SETTINGS: Final = """\
[containers]
# Where a hard limit may not be raised, the usual ones of a container must be below it.
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
netns = "none"
# As many an administrator has it; nothing of what jobs print may go that way.
log_size_max = 20480

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
# The usual ones are in one piece of memory for all Podmans of a user, and each that has not run
# since its folder was made begins by freeing all of them.
lock_type = "file"
"""

REGISTRIES: Final = """\
# As to Docker by itself: whoever listens on loopback needs no TLS.
[[registry]]
location = "127.0.0.1"
insecure = true
"""


class Podman(Engine):
    """Podman's service. Its containers are no children of it: each has a conmon beside it."""

    programs = ("podman", "conmon", "runc", "catatonit", "busybox")
    packages = "podman conmon runc catatonit netavark busybox"
    has_digests_of_its_own = True

    def _command(self) -> list[str]:
        (self.folder / "containers.conf").write_text(SETTINGS)
        (self.folder / "registries.conf").write_text(REGISTRIES)
        return [
            # A shell that becomes it, once its pid is written down.
            *("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', f"{self.folder}/pid"),
            *(which("podman") or "", "--root", f"{self.folder}/data"),
            *("--runroot", f"{self.folder}/run", "--tmpdir", f"{self.folder}/tmp"),
            *("system", "service", "--time=0", self.address),
        ]

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": PATH,
            "HOME": str(self.folder),
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{self.folder}/registries.conf",
        }

    def kill(self) -> None:
        """Kill the service as `kill -9` does. Its containers, and what tends each, live on."""
        self._end(signal.SIGKILL)
