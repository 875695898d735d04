"""
Ten hosts on this machine, `web1` to `web10`, for as long as this runs: a place to try things at.

Two of them are sick: `web4` is switched off, and `web7` hangs half way through its work.
Needs sshd (Debian: openssh-server), which listens on loopback addresses only and lets in nobody
but you, by a key that is made for it. What `docs/tutorial/ten-hosts.md` is about.

    python examples/ten_hosts.py lab &
    export OUTLAST_SSH_CONFIG=$PWD/lab/ssh_config OUTLAST_INVENTORY=$PWD/lab/hosts.toml
    outlast run --on web -- hostname
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from outlast.testing.sshd import SSHD, Farm

COUNT = 10
OFF, STUCK = "web4", "web7"
GATHER = """#!/bin/sh
# Gathers what is worth looking at into logs/.
mkdir -p logs
for day in mon tue wed; do
    echo "gathering $day"
    seq 1 500 | sed "s/^/$HOST $day: request /" > "logs/$day.log"
    while [ -n "$STUCK" ] && [ ! -e well ]; do sleep 0.2; done
done
"""


def main(folder: str) -> None:
    """Start the hosts, say where they are, and stop them when whoever started us is gone."""
    if SSHD is None:
        sys.exit("There is no sshd here: install openssh-server")
    farm = Farm(Path(folder).absolute(), COUNT)
    names = {f"web{number}": host for number, host in enumerate(farm.hosts, 1)}
    for name, host in names.items():
        farm.env[host] = {"HOST": name} | ({"STUCK": "yes"} if name == STUCK else {})
        home = farm.home / host
        home.mkdir()
        (home / "gather.sh").write_text(GATHER)
        (home / "gather.sh").chmod(0o755)
    entries = "".join(f'[hosts.{name}]\naddress = "{host}"\n' for name, host in names.items())
    members = ", ".join(f'"{name}"' for name in names)
    inventory = farm.folder / "hosts.toml"
    inventory.write_text(f"{entries}[groups.web]\nmembers = [{members}]\n")
    parent = os.getppid()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        farm.start(*(host for name, host in names.items() if name != OFF))
        (farm.folder / "ready").touch()
        while os.getppid() == parent:
            time.sleep(0.2)
    except KeyboardInterrupt:
        pass
    finally:
        farm.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
