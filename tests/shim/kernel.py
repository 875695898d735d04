"""Other machines than this one, as near as root can make them: each in namespaces of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from outlast.shim import cgroup


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("another user, or another machine, takes root")


def tool(name: str) -> str:
    """Return the path of a program that is of use to root; skip where either is missing."""
    need_root()
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"another machine is made by {name}(1)")
    return path


def mounts(script: str) -> list[str]:
    """Return what runs a program after *script* changed the mounts, for it and its children."""
    return [tool("unshare"), "--mount", "/bin/sh", "-ec", f'{script}\nexec "$@"', "sh"]


def cgroup_mount() -> str:
    """Return where cgroups are, version 2; skip where they are not, or not for us to make."""
    mount = cgroup.mount_point()
    if mount is None or cgroup.find_base() is None:
        pytest.skip("cgroups of version 2 that may be made take Linux 5.14 and root")
    return mount


def no_cgroups() -> list[str]:
    """Return what runs a program where no cgroups of version 2 are mounted."""
    return mounts(f"umount --lazy {cgroup_mount()}")


def told(code: str, *arguments: object, under: list[str] | None = None) -> Any:
    """Return what *code* prints as JSON, run by a Python of its own."""
    answer = subprocess.run(
        [*(under or []), sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == answer.returncode, answer.stderr
    return json.loads(answer.stdout)
