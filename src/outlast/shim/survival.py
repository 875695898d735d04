"""What a job outlives, by where the processes live that carry it: `logout`, `session`, `container`."""

from __future__ import annotations

import os

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that container engines put where their containers see them."""


def survives() -> str:
    """
    Return what this process, and with it what it starts, survives.

    `logout`: it is the user manager's, in a scope or service of its own, and not in the scope of
    a session, which may be killed with all that is in it. `container`: its container ends it.
    `session`: it has left the caller's session, and nothing is known to end it before the machine.
    """
    try:
        with open("/proc/self/cgroup") as file:
            cgroups = file.read()
    except OSError:
        cgroups = ""
    return told_by(cgroups, is_container=any(map(os.path.exists, CONTAINER_MARKS)))


def told_by(cgroups: str, *, is_container: bool) -> str:
    """
    Return the same by what /proc/self/cgroup says (cgroups(7)): a line a hierarchy, its path last.

    A user manager is `user@UID.service`: systemd's own name for it (user@.service(5)).
    """
    for line in cgroups.splitlines():
        for part in line.split(":", 2)[-1].split("/"):
            if part.startswith("user@") and part.endswith(".service"):
                return "logout"
    return "container" if is_container else "session"
