"""What a new supervisor finds: lives to go on with, pids of others, and another boot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import WaitTimeout
from outlast.executors.local.orphan import LAUNCHER_PATIENCE_S
from outlast.shim import cgroup, spool, system
from outlast.shim.cgroup import Cgroup
from outlast.shim.ending import end_line
from outlast.testing import leaks

from ..world import (
    began,
    eventually,
    folder_of,
    fresh_client,
    is_alive,
    kill,
    launchers_of,
    record_of,
    shim_processes,
    supervisor_of,
)
from .conftest import TRUE_CODE, Command, fate, over, wall_ms

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover


@pytest.fixture
def bare_cgroups(home: Path) -> Iterator[None]:
    """Cgroups that only a record or the kernel's reboot would have had removed are removed here."""
    yield
    for each in map(Cgroup, leaks.cgroups(home)):
        each.kill()
        eventually(lambda each=each: each.remove() or not Path(each.path).exists())  # type: ignore[misc]  # bound at once


def kill_all_of_ours(client: Client, home: Path) -> None:
    kill(supervisor_of(client), *launchers_of(home))
    kill(*shim_processes(home))


def rewrite(home: Path, job: Job, **changes: object) -> None:
    """Change the start's line in a job's record, which nobody holds."""
    path = Path(folder_of(home, job), "record")
    lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    lines = [line | changes if line["event"] == "began" else line for line in lines]
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def stored_as_running(client: Client, job: Job) -> None:
    """Wait until the store says so too: the record does since before the command's first word."""
    eventually(lambda: client.get(job.id).status == "running")


@pytest.fixture
def stranger() -> object:
    """A process that is nobody's business."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield process
        assert process.poll() is None, "a process of somebody else was ended"
        process.kill()


def test_a_pid_that_is_somebody_else_s_by_now_is_never_touched(
    client: Client, home: Path, start: Callable[..., Command], stranger: subprocess.Popen[bytes]
) -> None:
    """Everything of ours dead, and the command's pid used again: it is lost, and nobody is hit."""
    command = start(grace=0)
    kill_all_of_ours(client, home)
    kill(command.pid)
    rewrite(home, command.job, pid=stranger.pid)

    assert ("lost", None) == fate(command.after())


def test_who_still_has_the_record_knows_the_end(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """However long it takes a launcher to write it down, nobody is told `lost` meanwhile."""
    command = start(grace=0)
    kill_all_of_ours(client, home)
    kill(command.pid)
    folder = folder_of(home, command.job)
    record = spool.open_record(folder)
    assert record is not None
    with fresh_client() as other:
        with pytest.raises(WaitTimeout):
            other.wait(command.job.id, timeout=2 * LAUNCHER_PATIENCE_S)
        clocks = {"at_ms": wall_ms(), "mono_ms": command.began["mono_ms"]}
        ended = end_line(TRUE_CODE << 8, command.began, None, **clocks, by="launcher")
        spool.append(record, spool.encode(ended))
        os.close(record)
        after = over(other, command.job)

    assert ("exit_nonzero", TRUE_CODE) == fate(after)


def test_what_a_lost_command_leaves_is_ended_before_it_is_over(
    client: Client, home: Path, tmp_path: Path
) -> None:
    """A hundred processes take a while to die, one hides deeper: none is left, nor their cgroup."""
    unmarked = (
        "env -i " if cgroup.find_base() is not None else ""
    )  # only their cgroup tells of them
    job = client.submit(
        shell=f"for i in $(seq 100); do {unmarked}sleep 1000 & echo $! >> left; done;"
        " touch ready; exec sleep 1000",
        cwd=str(tmp_path),
        grace=0,
    )
    line = began(home, job)
    eventually((tmp_path / "ready").exists)
    left = [int(pid) for pid in (tmp_path / "left").read_text().split()]
    if line["cgroup"] is not None:
        os.mkdir(f"{line['cgroup']}/deeper")
        Cgroup(f"{line['cgroup']}/deeper").add(left[0])
    kill_all_of_ours(client, home)
    kill(line["pid"])
    rewrite(home, job, start=line["start"] + 1)  # it may not be reaped yet, and the kernel knows
    with fresh_client() as other:
        after = over(other, job)

    assert ("lost", None) == fate(after)
    assert [] == [pid for pid in left if is_alive(pid)]
    assert [] == leaks.cgroups(home)


def test_a_cgroup_that_nobody_lived_to_remove_is_removed(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """Its attempt is over, and settled: the next supervisor removes it all the same."""
    base = cgroup.find_base()
    command = start()
    command.let_go()
    over(client, command.job)
    kill(supervisor_of(client))
    if base is not None:
        Cgroup.make(base, f"{command.job.id}/0/1", {})
    with fresh_client() as other:
        over(other, other.submit(["true"]))

    assert [] == leaks.cgroups(home)


@pytest.mark.usefixtures("bare_cgroups")
def test_gone_and_no_word_of_how_is_lost(
    client: Client, home: Path, start: Callable[..., Command]
) -> None:
    """A record that says that nothing is left, and not how it ended, leaves no job running."""
    command = start(grace=0)
    stored_as_running(client, command.job)
    kill_all_of_ours(client, home)
    kill(command.pid)
    emptied = {"event": "emptied", "at": 1, "stdout_bytes": 0, "stderr_bytes": 0}
    with Path(folder_of(home, command.job), "record").open("a") as file:
        file.write(json.dumps(emptied) + "\n")

    after = command.after()
    assert (("lost", None), True) == (fate(after), after.is_settled)


def test_a_shim_s_pid_that_is_somebody_else_s_is_not_signalled(
    client: Client, home: Path, start: Callable[..., Command], stranger: subprocess.Popen[bytes]
) -> None:
    """A cancel nudges the shim by its identity, not by its number."""
    command = start(grace=0)
    kill_all_of_ours(client, home)
    rewrite(home, command.job, shim_pid=stranger.pid)
    with fresh_client() as other:
        after = other.cancel(command.job.id, wait_stopped="60s")

    assert after.is_settled
    assert not is_alive(command.pid)


def test_many_lives_are_taken_up_at_once(client: Client, home: Path, tmp_path: Path) -> None:
    """Whatever each of them was doing when the supervisor died, all of them are told true."""
    shell = "echo started >> starts.$N; until [ -e go ]; do sleep 0.05; done; exit $N"
    jobs = client.submit_many(
        {"shell": shell, "cwd": str(tmp_path), "env": {"N": str(n)}} for n in range(30)
    )
    eventually(lambda: len(list(tmp_path.glob("starts.*"))) >= 4)
    kill(supervisor_of(client))
    (tmp_path / "go").touch()
    with fresh_client() as other:
        codes = [over(other, job).nodes[0].exit_code for job in jobs]

    assert list(range(30)) == codes
    assert all((tmp_path / f"starts.{n}").read_text() == "started\n" for n in range(30))


@pytest.mark.usefixtures("bare_cgroups")
@pytest.mark.parametrize("damage", ["folder", "empty", "garbage", "gone"])
def test_a_damaged_record_harms_no_other_job(
    damage: str, client: Client, home: Path, start: Callable[..., Command], tmp_path: Path
) -> None:
    """What cannot be read of one attempt keeps the supervisor from none of the others."""
    command = start(grace=0)
    stored_as_running(client, command.job)  # the record is not all
    kill_all_of_ours(client, home)
    kill(command.pid)
    record = Path(folder_of(home, command.job), "record")
    record.unlink()
    if damage == "folder":
        record.mkdir()
    elif damage != "gone":
        record.write_bytes(b"" if damage == "empty" else os.urandom(300))

    with fresh_client() as other:
        healthy = other.submit(["true"])
        assert (None, 0) == fate(over(other, healthy))
        if damage == "folder":
            record.rmdir()
        assert ("lost", None) == fate(over(other, command.job))


# ------------------------------------------------------------------------------------------- reboot

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def rebooted(home: Path, tmp_path: Path, code: str) -> dict[str, object]:
    """Run *code* where the kernel tells another boot id: a mount namespace of its own (root)."""
    tool = shutil.which("unshare")
    if tool is None or os.geteuid() != 0:
        pytest.skip("telling another boot id takes unshare(1) and root")
    fake = tmp_path / "boot_id"
    fake.write_text("11111111-2222-3333-4444-555555555555\n")
    answer = subprocess.run(
        [tool, "-m", "/bin/sh", "-c", f'mount --bind "$1" {BOOT_ID} && shift && exec "$@"', "sh",
         fake, sys.executable, "-c", code, home],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == answer.returncode, answer.stderr
    told: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return told


ASK = """
import json, sys, time
import outlast
client = outlast.Client(home=sys.argv[1])
told = {}
for job in client.list(limit=100).jobs:
    job = client.wait(job.id, timeout=60)
    while not client.get(job.id).is_settled:
        time.sleep(0.01)
    told[job.id] = [str(job.status), job.reason, job.nodes[0].exit_code]
print(json.dumps(told))
from outlast.wiring import make_link
from outlast.settings import load_settings
from datetime import timedelta
make_link(load_settings(home=sys.argv[1])).leave(timedelta(seconds=15))
"""


@pytest.mark.usefixtures("bare_cgroups")
def test_after_a_reboot_what_was_known_is_told_and_what_ran_is_gone(
    client: Client, home: Path, tmp_path: Path, start: Callable[..., Command]
) -> None:
    """An end written down before it still counts; what ran ends as `host_rebooted`; none runs again."""
    (tmp_path / "other").mkdir()
    ran = start()
    finished = Command(client, home, tmp_path / "other")
    kill(supervisor_of(client))
    finished.let_go()
    eventually(lambda: record_of(home, finished.job).emptied, "the record of the end")
    kill_all_of_ours(client, home)
    kill(ran.pid)

    told = rebooted(home, tmp_path, ASK)

    assert ["failed", "host_rebooted", None] == told[ran.job.id]
    assert ["failed", "exit_nonzero", TRUE_CODE] == told[finished.job.id]
    assert (1, 1) == (ran.count_starts(), finished.count_starts())
    with fresh_client() as other:
        left = other.get(ran.job.id)
        assert ("out\n", 4) == (other.result(left.id)["stdout"], left.nodes[0].stdout_bytes)


@pytest.mark.usefixtures("bare_cgroups")
def test_what_a_lost_attempt_had_printed_is_there(
    client: Client, home: Path, tmp_path: Path, start: Callable[..., Command]
) -> None:
    """Nobody measured it when the machine went down: its files tell, also once another one ended."""
    ran = start(retries=1, if_lost="restart")
    kill_all_of_ours(client, home)
    kill(ran.pid)
    (tmp_path / "go").touch()
    told = rebooted(home, tmp_path, ASK)
    logs = [sys.executable, "-m", "outlast", "job", "logs", "--attempt", "1", "--tail", "1"]
    shown = subprocess.run([*logs, ran.job.id], capture_output=True, timeout=60, check=True)
    with fresh_client() as other:
        (lost,) = other.get(ran.job.id).nodes[0].earlier

    assert ["failed", "exit_nonzero", TRUE_CODE] == told[ran.job.id]
    assert ("host_rebooted", 4, 0) == (lost.reason, lost.stdout_bytes, lost.stderr_bytes)
    assert b"out\n" == shown.stdout


@pytest.mark.usefixtures("bare_cgroups")
def test_after_a_reboot_a_pid_of_before_is_nobody_we_know(
    client: Client, home: Path, tmp_path: Path, start: Callable[..., Command]
) -> None:
    """Pid and start time may be met again after a boot: the boot id tells that it is another."""
    command = start()
    kill_all_of_ours(client, home)
    told = rebooted(home, tmp_path, ASK)

    assert ["failed", "host_rebooted", None] == told[command.job.id]
    assert is_alive(command.pid)
    kill(command.pid)


@pytest.mark.usefixtures("bare_cgroups")
def test_after_a_reboot_what_waited_is_started(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue outlives the machine: what had not begun begins now, once."""
    monkeypatch.setenv("OUTLAST_MAX_RUNNING", "1")
    with fresh_client() as client:
        first = client.submit(shell="exec sleep 1000")
        line = began(home, first)
        second = client.submit(shell=f"echo started >> starts; exit {TRUE_CODE}", cwd=str(tmp_path))
        kill_all_of_ours(client, home)
        kill(int(line["pid"]))

    told = rebooted(home, tmp_path, ASK)

    assert ["failed", "exit_nonzero", TRUE_CODE] == told[second.id]
    assert "started\n" == (tmp_path / "starts").read_text()
    assert system.boot_id()
