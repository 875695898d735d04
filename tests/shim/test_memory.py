"""The kernel's count of what it killed for want of memory, read in a cgroup."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from outlast.shim.memory import Memory

EVENTS = "low 0\nmax 7\noom 2\noom_kill {}\noom_group_kill 0\n"
"""memory.events of version 2; version 1 has the same line among others in memory.oom_control."""


@pytest.mark.parametrize(("count", "was_short"), [(0, False), (1, True), (12, True)])
def test_a_kill_is_seen(tmp_path: Path, count: int, was_short: bool) -> None:
    """Any number of them; that a limit was met is none."""
    (tmp_path / "events").write_text(EVENTS.format(count))
    with closing(Memory(str(tmp_path / "events"))) as memory:
        memory.look()

    assert was_short == memory.was_short


def test_what_was_seen_stays(tmp_path: Path) -> None:
    """Also where nothing can be read any more."""
    (tmp_path / "events").write_text(EVENTS.format(1))
    with closing(Memory(str(tmp_path / "events"))) as memory:
        memory.look()
        (tmp_path / "events").write_text("")
        memory.look()

    assert memory.was_short


def test_it_is_looked_at_when_the_first_process_ends(tmp_path: Path) -> None:
    """At once: its end can be waited for, and is told once."""
    (tmp_path / "events").write_text(EVENTS.format(1))
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE) as first,
        closing(Memory(str(tmp_path / "events"), first.pid)) as memory,
    ):
        was_open = memory.is_open
        first.communicate()
        select.select([memory], [], [])
        memory.look_last()

        assert (True, False, True) == (was_open, memory.is_open, memory.was_short)


def test_of_a_cgroup_that_is_gone_nothing_is_known() -> None:
    """As the kernel has it: what is open can be read no more, and that is no fault."""
    with closing(Memory("/proc/self/mem")) as memory:  # whose first page cannot be read either
        memory.look()

    assert not memory.was_short


def test_a_process_that_is_not_the_container_s(tmp_path: Path) -> None:
    """Its cgroup does not bear the container's id: the pid means somebody else here."""
    assert Memory.of(os.getpid(), "a" * 64) is None
    assert Memory.of(2**22 + 1, "a" * 64) is None
