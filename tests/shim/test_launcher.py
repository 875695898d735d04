"""The launcher in bad times: no supervisor, no room, no more processes, and what the dead left."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outlast.shim import spool
from outlast.shim.failpoint import VARIABLE

from ..world import PATIENCE_S, eventually, is_alive, kill
from . import kernel
from .rig import Channel, Line, Rig, ended, launcher_argv


def running(rig: Rig, message: Line) -> tuple[Channel, Line]:
    """Start it under a new shim; return the shim's channel, and the record's line."""
    channel = rig.shim()
    channel.send(message)
    return channel, channel.until("began")[-1]


# ---------------------------------------------------------------------------------- no supervisor


@contextmanager
def launched(home: Path, control: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """A launcher that serves *control*, seen to leave by itself and in peace."""
    with subprocess.Popen(
        [*launcher_argv(), str(control.fileno()), str(home)],
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        told = process.communicate(timeout=PATIENCE_S)[1]
    assert (0, b"") == (process.returncode, told)


def test_a_launcher_without_a_supervisor_leaves_at_once(home: Path) -> None:
    """Started by somebody who is gone by then, it has nobody to tell and nothing to do."""
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, launched(home, theirs):
        pass


def test_a_launcher_whose_supervisor_never_listened_leaves(home: Path) -> None:
    """To be hung up on with words unread is to be reset: it is told as an error, and is none."""
    ours, theirs = socket.socketpair()
    with theirs, launched(home, theirs):
        assert select.select([ours], [], [], PATIENCE_S)[0]
        ours.close()


# ------------------------------------------------------------------------------ no more processes


def nobody() -> list[str]:
    """Return what runs a program as a user whose processes are counted, who may write anywhere."""
    can = "+dac_override"
    return [kernel.tool("setpriv"), "--reuid", "65534", "--inh-caps", can, "--ambient-caps", can]


def allow_processes(pid: int, most: int) -> None:
    """Change how many processes *pid* and its user may have: asked by that user, as it must be."""
    limit = [kernel.tool("prlimit"), f"--pid={pid}", f"--nproc={most}:"]
    subprocess.run([*nobody(), *limit], check=True)


def test_a_launcher_that_cannot_fork_lets_go_of_the_channel(open_rig: Callable[..., Rig]) -> None:
    """The supervisor sees it close, and may try again: the next shim comes once there is room."""
    rig = open_rig(under=nobody())
    allow_processes(rig.pid, 0)
    assert rig.shim().read() is None
    allow_processes(rig.pid, 1000)

    assert (5, None, None) == ended(rig.run(rig.sh("exit 5")))


def test_a_command_that_cannot_be_forked_fails_and_its_shim_goes_on(
    open_rig: Callable[..., Rig],
) -> None:
    """There is no process for it now: it is told with the kernel's words, and never ran."""
    rig = open_rig(under=nobody())
    channel = rig.shim()
    channel.run(rig.sh("exit 0"))
    (shim,) = rig.shims()
    allow_processes(shim, 0)
    lines = channel.run(message := rig.sh("exit 5"))

    assert (None, None, "spawn_failed") == ended(lines)
    assert f"could not prepare the start: {os.strerror(11)}" == lines[-2]["error"]
    assert rig.record(message).never_started is False
    allow_processes(shim, 1000)
    assert (5, None, None) == ended(channel.run(rig.sh("exit 5")))


# ------------------------------------------------------------------------------- after a shim died


@pytest.mark.parametrize("has_cgroups", [True, False])
@pytest.mark.parametrize("point", ["shim.after_record_end", "shim.after_emptied"])
def test_a_shim_that_dies_when_all_is_told_leaves_nothing(
    point: str, has_cgroups: bool, open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """The record is whole, and stays as it is; the cgroup that was still there goes."""
    token = tmp_path / "token"
    token.touch()
    under = [] if has_cgroups else kernel.no_cgroups()
    rig = open_rig(under=under, **{VARIABLE: f"{point}:{token}"})
    message = rig.sh("exit 37")
    lines = rig.run(message)

    eventually(lambda: not token.exists() and not spool.is_held(message["folder"]), "its death")
    record = rig.record(message)
    assert record.ended is not None
    assert (37, "shim") == (record.ended["code"], record.ended["by"])
    if (path := lines[0]["cgroup"]) is not None:
        eventually(lambda: not os.path.exists(path), "the cgroup's removal")


def test_a_new_shim_holds_no_dead_one_s_record(rig: Rig) -> None:
    """What the launcher took over is its own: a shim that it forks meanwhile keeps none of it."""
    message = rig.sh("exec sleep 1000")
    _, began = running(rig, message)
    kill(began["shim_pid"])
    record = f"{message['folder']}/{spool.RECORD}"
    eventually(lambda: record in opened(rig.pid), "the adoption")
    channel = rig.shim()
    channel.run(rig.sh("exit 0"))
    (shim,) = (pid for pid in rig.shims() if pid != began["pid"])

    assert record not in opened(shim)
    kill(began["pid"])
    assert 9 == eventually(lambda: rig.record(message).ended)["signal"]
    channel.socket.close()
    eventually(lambda: not is_alive(shim), "the shim's leaving")


def opened(pid: int) -> list[str]:
    """Return the files that a process has open."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(fd))
        except FileNotFoundError:
            continue
    return found


def test_an_attempt_whose_folder_is_gone_is_let_go(rig: Rig) -> None:
    """Its files were removed, then its shim killed: there is nothing to write to, nor to hold."""
    message = rig.sh("exec sleep 1000")
    _, began = running(rig, message)
    shutil.rmtree(message["folder"])
    kill(began["shim_pid"])
    kill(began["pid"])

    assert (0, None, None) == ended(rig.run(rig.sh("exit 0")))
    assert not os.path.exists(message["folder"])


def hold_file_size(pid: int, path: str) -> None:
    """Have no file that *pid* writes grow beyond what *path* has now."""
    limit_file_size(pid, os.stat(path).st_size)


def release_file_size(pid: int) -> None:
    limit_file_size(pid, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1])


def limit_file_size(pid: int, soft: int) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_an_end_that_cannot_be_written_is_tried_again(rig: Rig) -> None:
    """It is told at once; in the record it stands as soon as there is room, and not before."""
    message = rig.sh("until [ -e go ]; do sleep 0.02; done; exit 9")
    channel, began = running(rig, message)
    hold_file_size(began["shim_pid"], f"{message['folder']}/{spool.RECORD}")
    Path(message["cwd"], "go").touch()

    assert (9, None, None) == ended(channel.until("emptied"))
    assert rig.record(message).ended is None
    release_file_size(began["shim_pid"])
    record = eventually(lambda: r if (r := rig.record(message)).emptied else None)
    assert record.ended is not None
    assert 9 == record.ended["code"]
    assert (0, None, None) == ended(channel.run(rig.sh("exit 0")))


def test_an_end_that_only_the_dead_shim_knew_is_not_made_up(rig: Rig) -> None:
    """It could not be written, and the command was reaped: the launcher lets go of the record."""
    message = rig.sh("until [ -e go ]; do sleep 0.02; done; exit 9")
    channel, began = running(rig, message)
    hold_file_size(began["shim_pid"], f"{message['folder']}/{spool.RECORD}")
    Path(message["cwd"], "go").touch()
    channel.until("emptied")
    eventually(lambda: not os.path.exists(f"/proc/{began['pid']}"), "the reaping")
    kill(began["shim_pid"])

    eventually(lambda: not spool.is_held(message["folder"]), "the lock's release")
    assert rig.record(message).ended is None
    assert began == rig.record(message).began
    assert (0, None, None) == ended(rig.run(rig.sh("exit 0")))


def test_an_orphan_s_end_that_cannot_be_written_holds_nothing_up(rig: Rig) -> None:
    """The launcher gives the record up, for whoever can ask the kernel, and serves on."""
    message = rig.sh("exec sleep 1000")
    _, began = running(rig, message)
    kill(began["shim_pid"])
    eventually(lambda: f"{message['folder']}/{spool.RECORD}" in opened(rig.pid), "the adoption")
    hold_file_size(rig.pid, f"{message['folder']}/{spool.RECORD}")
    kill(began["pid"])

    eventually(lambda: not spool.is_held(message["folder"]), "the lock's release")
    assert rig.record(message).ended is None
    release_file_size(rig.pid)
    assert (0, None, None) == ended(rig.run(rig.sh("exit 0")))


@pytest.mark.parametrize(
    ("limit", "reason"),
    [({"timeout_ms": 300}, "timeout"), ({"idle_timeout_ms": 300}, "idle_timeout")],
    ids=["time", "silence"],
)
def test_a_limit_is_told_by_whoever_writes_the_end(
    rig: Rig, limit: dict[str, int], reason: str
) -> None:
    """Its shim ended the command for it, and was killed before that could be said."""
    message = rig.sh("trap 'touch asked' TERM; while :; do sleep 0.02; done", **limit)
    _, began = running(rig, message)
    asked = Path(message["cwd"], "asked")
    # It ends by itself where the limit passes before it knows what to do at a TERM.
    eventually(lambda: asked.exists() or rig.record(message).ended, "the shim's TERM")
    if reason != "timeout":
        eventually(lambda: spool.stop_wish(message["folder"]), "the reason")
    kill(began["shim_pid"])
    kill(began["pid"])

    assert reason == eventually(lambda: rig.record(message).ended, "the end")["reason"]


PTRACE_SEIZE = 0x4206


def test_a_command_that_is_reaped_before_its_dead_shim_keeps_its_code(rig: Rig) -> None:
    """Its parent's death shows later than its own: the launcher remembers, and writes the truth."""
    libc = ctypes.CDLL(None, use_errno=True)
    message = rig.sh("until [ -e go ]; do sleep 0.02; done; exit 37")
    _, began = running(rig, message)
    shim = began["shim_pid"]
    # Who is traced shows its death to the tracer first, and to its parent after that.
    if libc.ptrace(PTRACE_SEIZE, shim, None, None) != 0:
        pytest.skip(f"tracing a shim is forbidden here: {os.strerror(ctypes.get_errno())}")
    os.kill(shim, signal.SIGKILL)
    eventually(lambda: not is_alive(shim), "the shim's death")
    Path(message["cwd"], "go").touch()
    eventually(lambda: not os.path.exists(f"/proc/{began['pid']}"), "the command's reaping")
    assert rig.record(message).ended is None
    os.waitpid(shim, 0)

    line = eventually(lambda: rig.record(message).ended, "the launcher's line")
    assert (37, None, "launcher") == (line["code"], line["signal"], line["by"])


STRAYS = """
import json, os, signal, socket, sys
from outlast.shim import launcher
launcher.MAX_STRAYS = 3
ours, theirs = socket.socketpair()
served = launcher.Launcher(theirs, sys.argv[1])
pids = []
for _ in range(5):
    if not (pid := os.fork()):
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    pids.append(pid)
    served._reap()
print(json.dumps(list(served._strays) == pids[-3:]))
"""


def test_the_ends_of_strangers_are_remembered_up_to_a_number(home: Path) -> None:
    """What nobody ever asks for does not pile up: the oldest are forgotten first."""
    assert kernel.told(STRAYS, home)
