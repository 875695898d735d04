"""Ending all of a command where that is hard: no cgroup, no subreaper, no right to."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..world import is_alive, kill
from . import kernel
from .rig import Channel, Line, Rig, ended, wait_file

GROUP = """
import json, os, sys
from outlast.shim import system
from outlast.shim.containment import Containment
folder = sys.argv[1]
system.become_subreaper()  # to reap them; the containment knows nothing of it
script = "(trap 'echo asked; exit' TERM; echo up; while :; do sleep 0.02; done) & exit 3"
message = {"subreaper": False, "argv": ["/bin/sh", "-c", script], "cwd": folder,
           "env": {"PATH": os.environ["PATH"]}}
output = lambda: open(f"{folder}/stdout").read()
record = os.open(f"{folder}/record", os.O_RDWR | os.O_CREAT)
containment = Containment(message)
child = containment.start(folder, record)
child.go()
told = [containment.name, containment.path, containment.saw_oom_kill()]
told.append(os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]))
while not output():
    pass
told.append(containment.is_empty())
containment.ask(leader_is_there=False)
os.wait()
while not containment.is_empty():
    os.wait()
containment.remove()
print(json.dumps([*told, output()]))
"""


def test_a_group_is_asked_to_leave_after_the_command_that_led_it(tmp_path: Path) -> None:
    """Where neither cgroup nor subreaper is to be had, the process group is what is left to ask."""
    expected = ["group", None, False, 3, False, "up\nasked\n"]

    assert expected == kernel.told(GROUP, tmp_path)


WITHOUT_SUBREAPER = """
import json, os, select, sys
from outlast.shim import spool
from outlast.shim.attempt import Attempt
from outlast.shim.signals import deafen
wakes = deafen()
folder, leftovers = sys.argv[1:3]
script = "(for i in 1 2 3 4; do sleep 0.1; done; echo done) & exit 3"
message = {"subreaper": False, "argv": ["/bin/sh", "-c", script], "cwd": folder, "folder": folder,
           "env": {"PATH": os.environ["PATH"]}, "floor_bytes": 0, "output_bytes": None,
           "on_output_limit": "stop", "idle_timeout_ms": None, "timeout_ms": 60_000,
           "grace_ms": 0, "leftovers": leftovers, "shim_start": 1, "boot": "b",
           "survives": "session", "key": "k/0/1"}
told = []
attempt = Attempt(message, told.append)
assert attempt.start() is None
while not attempt.is_over:
    told_by, _, _ = select.select([wakes], [], [], attempt.timeout_ms() / 1000)
    attempt.on_wake(os.read(wakes, 4096) if told_by else b"")
events = [json.loads(line)["event"] for data in told for line in data.splitlines()]
with open(f"{folder}/stdout") as output:
    print(json.dumps([events, spool.read_record(folder).ended["code"], output.read()]))
"""


@pytest.mark.parametrize("leftovers", ["wait", "stop"])
def test_without_a_subreaper_an_attempt_lasts_as_long_as_its_group(
    tmp_path: Path, leftovers: str
) -> None:
    """What the command left behind is nobody's child of ours, and is waited for all the same."""
    expected = [["began", "ended", "emptied"], 3, "done\n"]

    assert expected == kernel.told(WITHOUT_SUBREAPER, tmp_path, leftovers)


# -------------------------------------------------------------------------------- no right to do it

OTHER_USER = """
import os, sys, time
with open(sys.argv[1], "w") as file:
    os.setresuid(65534, 65534, 65534)
    file.write(str(os.getpid()))
time.sleep(1000)
"""


def no_right() -> list[str]:
    """Return what runs a program as root that may signal no other user's processes."""
    return [kernel.tool("setpriv"), "--bounding-set", "-kill"]


def other_user_s(rig: Rig, tmp_path: Path, code: str = OTHER_USER) -> tuple[Line, Channel, int]:
    """Start a command that becomes another user; return its order, its shim, and its pid."""
    message = rig.message(sys.executable, "-ISc", code, str(tmp_path / "pid"))
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    return message, channel, int(wait_file(tmp_path / "pid"))


def test_a_command_that_became_another_user_dies_with_its_cgroup(
    open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """Not to be signalled by its shim, it is killed all the same, and told as any other."""
    kernel.cgroup_mount()
    message, channel, pid = other_user_s(rig := open_rig(under=no_right()), tmp_path)
    rig.wish(message, 0)

    assert (None, signal.SIGKILL, "cancelled") == ended(channel.until())
    assert not is_alive(pid)


@pytest.mark.slow
def test_what_cannot_be_killed_is_told(open_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """After five seconds of trying the record says what does not die; its end is told if it comes."""
    under = [*kernel.no_cgroups(), *no_right()]
    message, channel, pid = other_user_s(rig := open_rig(under=under), tmp_path)
    rig.wish(message, 0)
    (line,) = channel.until("unkillable")

    assert f"1 processes do not die: [{pid}]" == line["error"]
    assert is_alive(pid)
    assert line == rig.record(message).unkillable
    kill(pid)
    assert (None, signal.SIGKILL, "cancelled") == ended(channel.until())


LEADER = f"""
import os, sys, time
if os.fork() == 0:
    exec({OTHER_USER!r})
time.sleep(1000)
"""


def test_what_is_left_of_a_killed_command_is_killed_again(
    open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """The command died of the KILL, a child of it did not: its end is told, the child's awaited."""
    rig = open_rig(under=[*kernel.no_cgroups(), *no_right()])
    message, channel, pid = other_user_s(rig, tmp_path, LEADER)
    rig.wish(message, 0)

    assert (None, signal.SIGKILL, "cancelled") == ended(channel.until("ended"))
    assert is_alive(pid)
    kill(pid)
    assert "emptied" == channel.until("emptied")[-1]["event"]
