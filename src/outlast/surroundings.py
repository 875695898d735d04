"""The directory that this process is in, and its umask."""

from __future__ import annotations

import os


def current_folder() -> str:
    """Where this process is; of a directory that was deleted, a name that is not there."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        try:
            return os.readlink("/proc/self/cwd")
        except OSError:
            return "/(a deleted directory)"


def current_umask() -> int:
    """Read the umask without setting it, which another thread could notice (Linux 4.7)."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
