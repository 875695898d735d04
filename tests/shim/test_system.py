"""What is asked of the kernel about processes, and what is done to a whole tree of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from outlast.shim import survival, system, tree

from ..world import eventually, is_alive
from . import kernel


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A child that does nothing."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.fixture
def gone() -> int:
    """The pid of a process that there is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


# ------------------------------------------------------------------------------------ one process


def test_a_process_is_known_by_its_pid_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    """Together they name it; with another start, the same pid is somebody else."""
    started = system.start_time(sleeper.pid)

    assert started is not None
    assert system.is_running(sleeper.pid, started)
    assert not system.is_running(sleeper.pid, started + 1)
    assert os.getpid() == system.parent_of(sleeper.pid)


def test_a_zombie_does_not_run(sleeper: subprocess.Popen[bytes]) -> None:
    """It has its pid and its start until it is reaped, and runs no more."""
    started = system.start_time(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert started == system.start_time(sleeper.pid)
    assert not system.is_running(sleeper.pid, started)


def test_of_a_process_that_is_gone_nothing_is_known(gone: int) -> None:
    """Neither start nor parent, and it does not run."""
    assert (None, None) == (system.start_time(gone), system.parent_of(gone))
    assert not system.is_running(gone, None)


def test_the_end_of_another_s_child_is_told_once_it_is_reaped() -> None:
    """Until then a pidfd says nothing of it: not while it lives, nor as a zombie."""
    process = subprocess.Popen([sys.executable, "-ISc", "input(); raise SystemExit(9)"],
                               stdin=subprocess.PIPE)  # fmt: skip
    pidfd = os.pidfd_open(process.pid)
    try:
        assert system.wait_status_of(pidfd) is None
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert system.wait_status_of(pidfd) is None
        process.wait()
        knows = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
        assert (9 << 8 if knows else None) == system.wait_status_of(pidfd)
    finally:
        os.close(pidfd)


def test_what_is_no_process_has_no_end() -> None:
    """A descriptor of anything else tells nothing, and raises nothing."""
    with open(os.devnull) as file:
        assert system.wait_status_of(file.fileno()) is None


def test_what_survives_is_told_without_proc_as_well() -> None:
    """Where no cgroup can be read, nothing is promised beyond the session, or the container."""
    code = "import json; from outlast.shim.survival import survives; print(json.dumps(survives()))"
    under = kernel.mounts("mount -t tmpfs none /proc")

    assert survival.told_by("", is_container=is_container()) == kernel.told(code, under=under)


def is_container() -> bool:
    return any(map(os.path.exists, survival.CONTAINER_MARKS))


# ------------------------------------------------------------------------------------------- a tree


def test_what_has_ended_has_nothing_below_it(gone: int) -> None:
    """Asked about a process that is gone, the walk finds nothing and goes on."""
    assert [] == tree.descendants(gone)


UNLISTED = """
import json, os, time
from outlast.shim import system, tree
system.become_subreaper()
child = os.fork()
if child == 0:
    if os.fork() == 0:
        time.sleep(1000)
    time.sleep(1000)
while len(below := tree.descendants(os.getpid())) < 2:
    pass
told = [child == below[0], tree.own_children() == below, tree.kill_descendants(os.getpid())]
os.waitpid(child, 0)
print(json.dumps(told))
"""


def test_a_kernel_that_lists_no_children_is_asked_for_every_parent() -> None:
    """Built without `CONFIG_PROC_CHILDREN`, it tells the same by another way."""
    tasks = "/proc/$$/task"
    under = kernel.mounts(f"mount -t tmpfs none {tasks}; mkdir {tasks}/$$")

    assert [True, True, 2] == kernel.told(UNLISTED, under=under)


def test_a_signal_reaches_each_that_is_there(sleeper: subprocess.Popen[bytes], gone: int) -> None:
    """One that is gone is passed over, and is not counted."""
    assert 1 == tree.signal_all([gone, sleeper.pid], signal.SIGTERM)
    assert -signal.SIGTERM == sleeper.wait(30)


def test_a_signal_for_a_tree_spares_who_is_not_in_it(sleeper: subprocess.Popen[bytes]) -> None:
    """A pid that another process has by now is not below the root: nothing is sent to it."""
    script = "sleep 1000 & wait"
    with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True) as other:
        (below,) = eventually(lambda: tree.descendants(other.pid), "its child")

        assert 1 == tree.signal_all([sleeper.pid, below], signal.SIGKILL, other.pid)
        eventually(lambda: not is_alive(below), "the death of its child")
    assert is_alive(sleeper.pid)


FORBIDDEN = """
import json, os, signal, sys
from outlast.shim import tree
os.setresuid(65534, 65534, 0)
reached = tree.signal_all([int(sys.argv[1])], signal.SIGKILL)
os.setresuid(0, 0, 0)
print(json.dumps(reached))
"""


def test_a_signal_that_we_may_not_send_is_not_counted(sleeper: subprocess.Popen[bytes]) -> None:
    """A process of another user's is passed over in silence."""
    kernel.need_root()

    assert 0 == kernel.told(FORBIDDEN, sleeper.pid)
    assert is_alive(sleeper.pid)
