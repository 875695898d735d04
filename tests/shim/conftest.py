"""What the tests of the shim share: a launcher in a test's own hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from outlast.shim.cgroup import Cgroup
from outlast.testing import leaks

from ..world import eventually
from .rig import Rig


@pytest.fixture
def open_rig(home: Path) -> Iterator[Callable[..., Rig]]:
    """A function that starts a launcher more; they are seen to leave at the end."""
    rigs: list[Rig] = []

    def start(*, under: Sequence[str] = (), **environment: str) -> Rig:
        rigs.append(Rig(home, under=under, **environment))
        return rigs[-1]

    yield start
    try:
        for rig in rigs:
            rig.close()
    finally:
        for rig in rigs:
            if rig.process.poll() is None:
                leaks.kill_processes(home)
                rig.process.wait()
        for group in map(Cgroup, leaks.cgroups(home)):
            # Where a shim died, its attempt's cgroup is the supervisor's to empty and to remove.
            group.kill()
            eventually(lambda group=group: not group.is_populated(), "the cgroup's emptiness")  # type: ignore[misc]  # bound at once
            group.remove()


@pytest.fixture
def rig(open_rig: Callable[..., Rig]) -> Rig:
    """A launcher."""
    return open_rig()
