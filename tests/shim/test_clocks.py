"""The shim's clocks and stops: what ends a command, when, and what is told of it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from outlast.shim import spool, tree

from ..world import eventually, is_alive, kill
from .rig import Channel, Line, Rig, ended, wait_file

TREE = """
import os, subprocess, sys, time
here = sys.argv[1]
def born(name):
    with open(f"{here}/{name}.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(f"{here}/{name}.new", f"{here}/{name}")
def sleep(name):
    born(name)
    time.sleep(1000)
if os.fork() == 0:
    sleep("plain")
if os.fork() == 0:
    os.setsid()
    sleep("setsid")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c",
            "import os, time; open('%s', 'w').write(str(os.getpid())); time.sleep(1000)"
            % f"{here}/daemon"])
    os._exit(0)
subprocess.Popen(["/bin/sh", "-c", 'echo $$ > "$1/shell"; exec sleep 1000', "sh", here],
                 start_new_session=True)
sleep("main")
"""
NAMES = ("main", "plain", "setsid", "daemon", "shell")


def running(rig: Rig, message: Line) -> Channel:
    """Start it under a new shim, and return the shim's channel once the command runs."""
    channel = rig.shim()
    channel.send(message)
    assert "began" == channel.until("began")[-1]["event"]
    return channel


def grown(rig: Rig, tmp_path: Path, **changes: object) -> tuple[Line, Channel, list[int]]:
    """
    Start a command with all kinds of children, and return their pids with it. Its shim is held
    until they are there: they may take longer than the clocks of a test.
    """
    message = rig.message(sys.executable, "-I", "-S", "-c", TREE, str(tmp_path), **changes)
    channel = running(rig, message)
    began = rig.record(message).began
    assert began is not None
    os.kill(began["shim_pid"], signal.SIGSTOP)
    pids = [int(wait_file(tmp_path / name)) for name in NAMES]
    os.kill(began["shim_pid"], signal.SIGCONT)
    return message, channel, pids


def took_ms(rig: Rig, message: Line) -> int:
    """Return how long the command ran, by its record."""
    record = rig.record(message)
    assert record.began is not None
    assert record.ended is not None
    return int(record.ended["at"]) - int(record.began["at"])


# -------------------------------------------------------------------------------------- whole trees


def test_a_cancel_ends_the_whole_tree(rig: Rig, tmp_path: Path) -> None:
    """Child, new session, escaped daemon without our mark, shell in a session: none is left."""
    message, channel, pids = grown(rig, tmp_path)
    rig.wish(message, 0)

    assert (None, signal.SIGKILL, "cancelled") == ended(channel.until())
    assert [] == [pid for pid in pids if is_alive(pid)]


def test_a_timeout_ends_the_whole_tree(rig: Rig, tmp_path: Path) -> None:
    """At its limit of time a command takes all that it ever started with it."""
    _, channel, pids = grown(rig, tmp_path, timeout_ms=1500, grace_ms=0)

    assert (None, signal.SIGKILL, "timeout") == ended(channel.until())
    assert [] == [pid for pid in pids if is_alive(pid)]


def test_descendants_are_found_and_killed_wherever_they_went(rig: Rig, tmp_path: Path) -> None:
    """The walk below a subreaper finds all five, parents before children, and kills them."""
    message, channel, pids = grown(rig, tmp_path)
    began = rig.record(message).began
    assert began is not None

    found = tree.descendants(began["shim_pid"])
    assert set(pids) == {pid for pid in found if is_alive(pid)}
    assert began["pid"] == found[0]
    assert set(found) == set(tree._descendants_by_scan(began["shim_pid"]))
    marked = tree.marked("OUTLAST_ATTEMPT", message["key"])
    assert {"daemon"} == {name for name, pid in zip(NAMES, pids, strict=True) if pid not in marked}
    tree.kill_descendants(began["shim_pid"])

    assert (None, signal.SIGKILL, None) == ended(channel.until())
    assert [] == [pid for pid in pids if is_alive(pid)]


def test_what_a_command_leaves_behind_is_stopped(rig: Rig, tmp_path: Path) -> None:
    """The command's own end is told at once; its children get a moment, TERM, grace, and KILL."""
    message, channel, pids = grown(rig, tmp_path, grace_ms=200)
    os.kill(pids[0], signal.SIGTERM)

    assert ["ended"] == [line["event"] for line in channel.until("ended")]
    (emptied,) = channel.until("emptied")
    assert 4 == emptied["leftovers"]
    assert [] == [pid for pid in pids if is_alive(pid)]
    assert 2000 <= emptied["at"] - rig.lines(message)[1]["at"]


def test_what_a_command_leaves_behind_may_be_waited_for(rig: Rig, tmp_path: Path) -> None:
    """By the other policy the job is over when its last background process is."""
    message = rig.sh("(sleep 0.5; echo late) & echo early", leftovers="wait", cwd=str(tmp_path))
    lines = rig.run(message)

    assert ["began", "ended", "emptied"] == [line["event"] for line in lines]
    assert b"early\nlate\n" == rig.output(message)


def test_what_is_waited_for_is_waited_for_until_the_time_is_over(rig: Rig) -> None:
    """The limit of time holds for background processes too."""
    message = rig.sh("sleep 1000 & exit 3", leftovers="wait", timeout_ms=2000)
    lines = rig.run(message)

    assert (3, None, None) == ended(lines)
    assert 2000 <= lines[-1]["at"] - lines[0]["at"]


@pytest.mark.parametrize("leftovers", ["wait", "stop"])
def test_a_cancel_after_the_end_asks_what_is_left_to_leave(
    rig: Rig, tmp_path: Path, leftovers: str
) -> None:
    """Background processes get TERM first there too, and leave in peace within their grace."""
    script = "(trap 'echo asked; exit' TERM; echo > up; while :; do sleep 0.02; done) & exit 0"
    message = rig.sh(script, leftovers=leftovers, cwd=str(tmp_path))
    channel = running(rig, message)
    channel.until("ended")
    wait_file(tmp_path / "up")
    rig.wish(message, 20_000)
    channel.until("emptied")

    assert b"asked\n" == rig.output(message)


def test_a_background_process_that_holds_the_output_holds_up_nothing(rig: Rig) -> None:
    """The end is told while a child still has stdout open: no pipe is waited for."""
    channel = rig.shim()
    channel.send(rig.sh("sleep 1000 & exit 5", grace_ms=0))

    lines = channel.until("ended")
    assert (5, None, None) == ended(lines)
    assert 1 == channel.until()[-1]["leftovers"]


# ------------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize("timeout_ms", [1, 100, 400])
def test_a_timeout_is_never_early(rig: Rig, timeout_ms: int) -> None:
    """KILL comes when the time is over, and not before; without grace, no TERM comes first."""
    message = rig.sh(
        "trap '' TERM; while :; do sleep 0.01; done", timeout_ms=timeout_ms, grace_ms=0
    )

    assert (None, signal.SIGKILL, "timeout") == ended(rig.run(message))
    assert timeout_ms <= took_ms(rig, message)


def test_a_command_that_ignores_term_is_killed_after_its_grace(rig: Rig, tmp_path: Path) -> None:
    """TERM changes nothing for it, KILL does; not before the grace is over."""
    script = "trap 'echo heard' TERM; echo > up; while :; do sleep 0.02; done"
    message = rig.sh(script, cwd=str(tmp_path))
    channel = running(rig, message)
    wait_file(tmp_path / "up")
    rig.wish(message, 300)
    at = int(os.stat(f"{message['folder']}/{spool.STOP}").st_mtime * 1000)

    lines = channel.until()
    assert (None, signal.SIGKILL, "cancelled") == ended(lines)
    assert 300 <= lines[-1]["at"] - at
    assert rig.output(message).startswith(b"heard\n")


def test_a_command_that_leaves_in_its_grace_is_not_killed(rig: Rig, tmp_path: Path) -> None:
    """What it exits with when asked to stop is kept, the reason for the stop beside it."""
    script = "trap 'exit 12' TERM; echo > up; while :; do sleep 0.02; done"
    message = rig.sh(script, cwd=str(tmp_path))
    channel = running(rig, message)
    wait_file(tmp_path / "up")
    rig.wish(message, 20_000)

    assert (12, None, "cancelled") == ended(channel.until())


def test_a_stopped_command_hears_term(rig: Rig, tmp_path: Path) -> None:
    """SIGSTOP holds TERM back, so CONT goes with it: it leaves within its grace."""
    message = rig.sh("trap 'exit 12' TERM; echo > up; while :; do sleep 0.02; done",
                     cwd=str(tmp_path))  # fmt: skip
    channel = running(rig, message)
    wait_file(tmp_path / "up")
    began = rig.record(message).began
    assert began is not None
    os.killpg(began["pid"], signal.SIGSTOP)
    rig.wish(message, 20_000)

    assert (12, None, "cancelled") == ended(channel.until())


@pytest.mark.parametrize("grace_ms", [300, 0])
def test_a_second_wish_stops_harder(rig: Rig, tmp_path: Path, grace_ms: int) -> None:
    """Whoever will not wait for the grace any longer asks again with a shorter one, or none."""
    script = "trap 'echo heard' TERM; echo > up; while :; do sleep 0.02; done"
    message = rig.sh(script, cwd=str(tmp_path))
    channel = running(rig, message)
    wait_file(tmp_path / "up")
    rig.wish(message, 60_000)
    eventually(lambda: rig.output(message), "the first wish")
    rig.wish(message, grace_ms)

    assert (None, signal.SIGKILL, "cancelled") == ended(channel.until())


def test_a_natural_end_beats_a_later_kill(rig: Rig) -> None:
    """A wish that comes when the command has ended changes nothing of how it did."""
    message = rig.sh("sleep 1000 & exit 4", grace_ms=0)
    channel = running(rig, message)
    channel.until("ended")
    rig.wish(message, 0)
    channel.until()

    assert (4, None) == (rig.lines(message)[1]["code"], rig.lines(message)[1]["reason"])


def test_an_end_beats_a_wish_that_is_being_read(rig: Rig) -> None:
    """The command ended while its shim was reading the wish: it ended by itself."""
    message = rig.sh("exec sleep 1000")
    channel = running(rig, message)
    began = rig.record(message).began
    assert began is not None
    wish = Path(message["folder"], spool.STOP)
    os.mkfifo(wish)
    os.kill(began["shim_pid"], signal.SIGUSR1)
    with wish.open("w") as file:  # opened for reading as well by now, and waited for
        kill(began["pid"])
        file.write('{"grace_ms": 0, "reason": "cancelled"}')

    assert (None, signal.SIGKILL, None) == ended(channel.until())


def test_what_is_left_of_a_stopped_command_has_the_rest_of_its_grace(
    rig: Rig, tmp_path: Path
) -> None:
    """The command heeds TERM and leaves, a child of it does not: KILL comes for that one."""
    script = "(trap '' TERM; echo > up; while :; do sleep 0.02; done) & exec sleep 1000"
    message = rig.sh(script, cwd=str(tmp_path), leftovers="wait")
    channel = running(rig, message)
    wait_file(tmp_path / "up")
    rig.wish(message, 500)

    assert (None, signal.SIGTERM, "cancelled") == ended(channel.until("ended"))
    (emptied,) = channel.until("emptied")
    assert emptied["leftovers"] >= 1


def test_a_wish_that_is_there_first_starts_nothing(rig: Rig, tmp_path: Path) -> None:
    """Cancelled before it began, an attempt never runs its command."""
    message = rig.sh("touch ran", cwd=str(tmp_path))
    spool.ask_to_stop(message["folder"], 0)

    assert (None, None, "cancelled") == ended(rig.run(message))
    assert not (tmp_path / "ran").exists()


def test_silence_ends_a_command(rig: Rig) -> None:
    """No output for so long: stopped, with words that name the limit in force."""
    message = rig.sh("echo once; exec sleep 1000", idle_timeout_ms=300, grace_ms=0)
    lines = rig.run(message)

    assert (None, signal.SIGKILL, "idle_timeout") == ended(lines)
    assert "TimeoutError: No output for 0.3s" == lines[1]["error"]
    assert 300 <= took_ms(rig, message)


def test_output_keeps_the_clock_of_silence_back(rig: Rig) -> None:
    """A command that says something now and then is not idle, on either stream."""
    script = "for i in 1 2 3 4 5 6; do sleep 0.5; echo $i >&2; done"

    assert (0, None, None) == ended(rig.run(rig.sh(script, idle_timeout_ms=2500)))


def test_a_shim_does_not_spin_while_it_waits_for_the_grace(rig: Rig, tmp_path: Path) -> None:
    """After a limit of silence, a command that ignores TERM costs the shim no processor."""
    message = rig.sh("trap '' TERM; echo > up; while :; do sleep 0.1; done", cwd=str(tmp_path),
                     idle_timeout_ms=100, grace_ms=1500)  # fmt: skip
    channel = running(rig, message)
    began = rig.record(message).began
    assert began is not None
    before = cpu_ticks(began["shim_pid"])
    channel.until()

    assert cpu_ticks(began["shim_pid"]) - before < 50  # of the 150 that have passed


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_shim_heeds_no_polite_signal(rig: Rig) -> None:
    """TERM, INT, HUP and QUIT sent to the shim end neither it nor its command."""
    message = rig.sh("sleep 0.4; exit 6")
    channel = running(rig, message)
    began = rig.record(message).began
    assert began is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
        os.kill(began["shim_pid"], number)
        os.kill(rig.pid, number)

    assert (6, None, None) == ended(channel.until())
    assert eventually(lambda: is_alive(rig.pid))
