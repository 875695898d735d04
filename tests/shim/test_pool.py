"""Launcher and shims: never a second start, nothing kept between jobs, whoever dies."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outlast.shim import spool, system
from outlast.shim.failpoint import VARIABLE
from outlast.shim.nudge import SOCKET
from outlast.shim.order import pack

from ..world import PATIENCE_S, eventually, is_alive, kill
from .rig import Line, Rig, ended, wait_file

# ---------------------------------------------------------------------------------- a single start


def starting(rig: Rig, tmp_path: Path, script: str = "exit 37", **changes: object) -> Line:
    """Return an order whose command first leaves a line in the file `starts`."""
    return rig.sh(f"echo started >> starts; {script}", cwd=str(tmp_path), **changes)


def starts(tmp_path: Path) -> int:
    path = tmp_path / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_of_two_launches_at_once_one_starts(rig: Rig, tmp_path: Path) -> None:
    """The attempt's lock decides: the other shim is told so, and is free for the next job."""
    message = starting(rig, tmp_path, "sleep 0.5; exit 37")
    first, second = rig.shim(), rig.shim()
    first.send(message)
    first.until("began")

    assert [line["event"] for line in second.run(message)] in (["held"], ["known"])
    assert (37, None, None) == ended(first.until())
    assert [line["event"] for line in second.run(message)] in (["held"], ["known"])
    assert (0, None, None) == ended(second.run(rig.sh("exit 0")))
    assert 1 == starts(tmp_path)


def test_of_twenty_shims_on_one_attempt_one_starts_it(rig: Rig, tmp_path: Path) -> None:
    """However many race, the command starts once, and one of them tells how it ended."""
    message = starting(rig, tmp_path)
    channels = [rig.shim() for _ in range(20)]
    for channel in channels:
        channel.send(message)
    events = [[line["event"] for line in channel.until()] for channel in channels]

    assert 1 == sum(told[0] == "began" for told in events)
    assert {"began", "held", "known"} >= {told[0] for told in events}
    assert 1 == starts(tmp_path)


def test_of_the_launchers_of_twenty_supervisors_one_starts_it(
    open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """The same from processes that know nothing of each other."""
    rigs = [open_rig() for _ in range(5)]
    message = starting(rigs[0], tmp_path)
    channels = [rig.shim() for rig in rigs for _ in range(4)]
    for channel in channels:
        channel.send(message)
    events = [channel.until()[0]["event"] for channel in channels]

    assert (1, 1) == (events.count("began"), starts(tmp_path))


def unless_held(lines: list[Line]) -> list[Line]:
    """Return nothing where somebody had the lock: the launcher, which looks after a dead shim."""
    return [] if "held" == lines[0]["event"] else lines


@pytest.mark.parametrize(
    "point", ["shim.after_take", "shim.after_claim", "shim.after_fork", "shim.after_began"]
)
def test_a_shim_that_dies_before_the_go_started_nothing(
    point: str, open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """Its forked child leaves without executing; the record says so, and another may launch."""
    token = tmp_path / "token"
    token.touch()
    rig = open_rig(**{VARIABLE: f"{point}:{token}"})
    message = starting(rig, tmp_path)

    assert [] == rig.run(message)
    eventually(lambda: not spool.is_held(message["folder"]), "the lock's release")
    assert 0 == starts(tmp_path)
    assert (spool.read_record(message["folder"]) or spool.Record()).never_started
    assert (37, None, None) == ended(eventually(lambda: unless_held(rig.run(message))))
    assert 1 == starts(tmp_path)


@pytest.mark.parametrize("point", ["shim.after_go", "shim.after_end"])
def test_a_shim_that_dies_after_the_go_leaves_the_end_to_its_launcher(
    point: str, open_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    """The launcher inherits the command, and writes its true code into the record."""
    token = tmp_path / "token"
    token.touch()
    rig = open_rig(**{VARIABLE: f"{point}:{token}"})
    message = starting(rig, tmp_path)
    rig.run(message)

    line = eventually(lambda: rig.record(message).ended, "the launcher's line")
    assert (37, "launcher", 1) == (line["code"], line["by"], starts(tmp_path))
    eventually(lambda: not spool.is_held(message["folder"]), "the lock's release")
    assert ["known"] == [line["event"] for line in rig.run(message)]


def test_a_launcher_stays_for_the_commands_of_dead_shims(rig: Rig, tmp_path: Path) -> None:
    """Its supervisor gone, its shim killed: the launcher leaves when the command has ended."""
    message = starting(rig, tmp_path, "until [ -e go ]; do sleep 0.02; done; exit 37")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    began = rig.record(message).began
    assert began is not None
    for each in rig.channels:
        each.socket.close()
    rig.control.close()
    kill(began["shim_pid"])
    eventually(lambda: rig.pid == system.parent_of(began["pid"]), "the adoption")
    assert rig.process.poll() is None
    (tmp_path / "go").touch()

    assert 0 == rig.process.wait(30)
    assert (37, "launcher") == ((rig.record(message).ended or {})["code"],
                                (rig.record(message).ended or {})["by"])  # fmt: skip


def test_the_launcher_tells_the_reason_of_a_stop(rig: Rig, tmp_path: Path) -> None:
    """A command that was stopped while its shim was dead ended for the wish's reason."""
    message = starting(rig, tmp_path, "exec sleep 1000")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    began = rig.record(message).began
    assert began is not None
    kill(began["shim_pid"])
    spool.ask_to_stop(message["folder"], 0, "timeout")
    os.kill(began["pid"], signal.SIGKILL)

    line = eventually(lambda: rig.record(message).ended)
    assert (None, 9, "timeout") == (line["code"], line["signal"], line["reason"])


def test_shims_go_on_when_the_launcher_is_killed(rig: Rig, tmp_path: Path) -> None:
    """A shim needs its launcher for nothing: it keeps its clocks, and takes the next job."""
    message = starting(rig, tmp_path, "sleep 1000", timeout_ms=600, grace_ms=0)
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    kill(rig.pid)

    assert (None, signal.SIGKILL, "timeout") == ended(channel.until())
    assert (5, None, None) == ended(channel.run(rig.sh("exit 5")))


def test_a_shim_finishes_its_job_when_the_supervisor_is_gone(rig: Rig, tmp_path: Path) -> None:
    """Hung up on, it goes on to the end, writes it down, and then leaves."""
    message = starting(rig, tmp_path, "sleep 0.3; exit 37")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    began = rig.record(message).began
    assert began is not None
    channel.socket.close()

    assert 37 == eventually(lambda: rig.record(message).ended)["code"]
    eventually(lambda: not is_alive(began["shim_pid"]), "the shim's leaving")


def test_a_message_in_pieces_is_put_together(rig: Rig) -> None:
    """A supervisor's line may come in any number of pieces, and two lines in one."""
    channel = rig.shim()
    first, second = rig.sh("exit 1"), rig.sh("exit 2")
    data = pack(first) + pack(second)
    for byte in range(0, len(data), 100):
        channel.socket.sendall(data[byte : byte + 100])

    assert (1, None, None) == ended(channel.until())
    assert (2, None, None) == ended(channel.until())


def test_a_supervisor_that_leaves_words_unread_is_gone_as_any_other(rig: Rig) -> None:
    """Its end is closed with lines in it, which resets the channel: the job goes on to its end."""
    message = rig.sh("until [ -e go ]; do sleep 0.02; done; exit 37")
    channel = rig.shim()
    channel.send(message)
    assert select.select([channel.socket], [], [], PATIENCE_S)[0]
    channel.socket.close()
    Path(message["cwd"], "go").touch()

    record = eventually(lambda: r if (r := rig.record(message)).emptied else None)
    assert record.ended is not None
    assert 37 == record.ended["code"]


@pytest.fixture
def news(home: Path) -> Iterator[Callable[[], Line]]:
    """What the supervisor of the home is told: a test listens in its place."""
    home.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # a socket's path is short
        listener.bind(SOCKET)
        listener.listen()
        listener.settimeout(PATIENCE_S)

        def hear() -> Line:
            peer, _ = listener.accept()
            with peer, peer.makefile() as file:
                line: Line = json.loads(file.readline())
            return line

        yield hear
    (home / SOCKET).unlink()


def test_another_supervisor_hears_of_what_ours_did_not(news: Callable[[], Line], rig: Rig) -> None:
    """Its own one gone, a shim tells whoever supervises the home that there is news."""
    message = rig.sh("until [ -e go ]; do sleep 0.02; done")
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    channel.socket.close()
    Path(message["cwd"], "go").touch()

    assert {"op": "news", "key": message["key"]} == news()
    eventually(lambda: rig.record(message).emptied, "the end")


def test_a_supervisor_that_does_not_read_is_given_up(news: Callable[[], Line], rig: Rig) -> None:
    """No line fits into a full channel: the shim never waits for room, and goes by the record."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    channel = rig.shim((ours, theirs))
    message = rig.message("/" + "long/" * 4000)
    channel.send(message)

    assert {"op": "news", "key": message["key"]} == news()
    record = eventually(lambda: r if (r := rig.record(message)).emptied else None)
    assert record.ended is not None
    assert "spawn_failed" == record.ended["reason"]


# ------------------------------------------------------------------------------- growing, shrinking


def test_the_pool_grows_and_shrinks_at_will(rig: Rig) -> None:
    """Each channel is a shim; each that is closed leaves, and leaves no zombie."""
    channels = [rig.shim() for _ in range(10)]
    assert 10 == eventually(lambda: len(found) if len(found := rig.shims()) == 10 else 0)
    for channel in channels[3:]:
        channel.socket.close()

    children = Path(f"/proc/{rig.pid}/task/{rig.pid}/children")
    eventually(lambda: 3 == len(children.read_text().split()), "seven shims' leaving")
    assert (0, None, None) == ended(channels[0].run(rig.sh("exit 0")))


def test_idle_shims_and_the_launcher_leave_with_their_supervisor(rig: Rig) -> None:
    """Nobody is left over when the one who asked for them is gone."""
    for _ in range(3):
        rig.shim()
    shims = eventually(lambda: s if len(s := rig.shims()) == 3 else None)
    rig.close()

    assert [] == [pid for pid in shims if is_alive(pid)]


# ---------------------------------------------------------------------------------- nothing is kept


def test_nothing_of_a_job_reaches_the_next(rig: Rig, tmp_path: Path) -> None:
    """Environment, directory, umask, limits, descriptors and signals are each job's own."""
    channel = rig.shim()
    look = rig.message(
        sys.executable, "-I", "-S", "-c",
        "import os, resource, signal; m = os.umask(0);"
        "print(sorted(os.environ), os.getcwd(), m, resource.getrlimit(resource.RLIMIT_NOFILE),"
        "sorted(os.listdir('/proc/self/fd')), open('/proc/self/status').read().split('SigBlk')[1][:99])",
    )  # fmt: skip
    channel.run(look)
    before = rig.output(look)
    odd = rig.sh(
        "trap '' TERM USR1; cd /; umask 0; ulimit -n 32; export ODD=1; exec 7>&1; sleep 1000 & exit 0",
        cwd=str(tmp_path), umask=0, grace_ms=0, stdin="/etc/passwd",
        rlimits={"NOFILE": [64, 64]}, idle_timeout_ms=60_000, output_bytes=10,
    )  # fmt: skip
    odd["env"]["LEFT"] = "over"
    channel.run(odd)
    fresh = rig.message()
    again = look | {name: fresh[name] for name in ("key", "folder")}
    channel.run(again)

    assert before == rig.output(again)


def test_a_shim_keeps_no_descriptor_of_a_job(rig: Rig) -> None:
    """After a hundred jobs of all kinds it has as many open as after one."""
    channel = rig.shim()
    channel.run(rig.sh("exit 0"))
    (pid,) = rig.shims()
    channel.run(rig.sh("exit 0"))
    before = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    for number in range(100):
        kinds = [
            rig.sh("exit 1"),
            rig.message("/no/such/program"),
            rig.sh("exit 0", cwd="/no/such/place"),
            rig.sh("exit 0", stdin="/no/such/file"),
            rig.sh("echo x", idle_timeout_ms=5000),
        ]
        channel.run(kinds[number % len(kinds)])

    eventually(
        lambda: len(list(Path(f"/proc/{pid}/fd").iterdir())) <= before, "what was open before"
    )


@pytest.mark.slow
def test_a_shim_does_not_grow_with_its_jobs(rig: Rig) -> None:
    """Two thousand jobs later it takes less than half a mebibyte more."""
    channel = rig.shim()
    for _ in range(200):
        channel.run(rig.message("/bin/true"))
    (pid,) = rig.shims()
    before = private_kib(pid)
    for _ in range(1800):
        channel.run(rig.message("/bin/true"))

    assert private_kib(pid) - before < 512


def private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))


def test_a_stopped_shim_of_a_dead_supervisor_starts_nothing_that_was_cancelled(
    rig: Rig, tmp_path: Path
) -> None:
    """An order still in its socket, cancelled meanwhile: the wish it finds keeps it from starting."""
    message = starting(rig, tmp_path)
    channel = rig.shim()
    (shim,) = eventually(rig.shims)
    os.kill(shim, signal.SIGSTOP)
    channel.send(message)
    spool.ask_to_stop(message["folder"], 0)
    channel.socket.close()
    os.kill(shim, signal.SIGCONT)

    assert "cancelled" == eventually(lambda: rig.record(message).ended)["reason"]
    assert 0 == starts(tmp_path)


def test_a_command_may_die_with_its_shim_s_group(rig: Rig, tmp_path: Path) -> None:
    """Killing the shim's whole group takes the shim alone: the command has its own session."""
    message = starting(
        rig, tmp_path, "echo $$ > pid; until [ -e go ]; do sleep 0.02; done; exit 37"
    )
    channel = rig.shim()
    channel.send(message)
    channel.until("began")
    pid = int(wait_file(tmp_path / "pid"))
    began = rig.record(message).began
    assert began is not None
    os.killpg(began["shim_pid"], signal.SIGKILL)
    eventually(lambda: not is_alive(began["shim_pid"]))

    assert is_alive(pid)
    (tmp_path / "go").touch()
    assert 37 == eventually(lambda: rig.record(message).ended)["code"]
