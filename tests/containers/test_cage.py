"""What a container keeps in: hostile scripts, the defaults one by one, floods, and many at once."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client

from ..rigs.engine import Engine
from . import conftest
from .conftest import Run, fate, over

pytestmark = pytest.mark.slow  # each has a container made


@pytest.fixture
def below(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own below the test's folder, with a file in it that all may read."""
    folder = tmp_path / "below"
    folder.mkdir()
    tmp_path.chmod(0o755)
    (tmp_path / "top").write_text("top\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", str(folder)], check=True)
    try:
        (folder / "in").write_text("in\n")
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


CHECKLIST = r"""
id -u; id -g
grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
ls /sys/class/net
for each in / /bin /etc /root /in /proc/sys/kernel; do ( echo > $each/x ) 2>/dev/null && echo "writes $each"; done
for each in /var/run/docker.sock /run/docker.sock /run/podman/podman.sock; do test -e $each && echo "has $each"; done
for each in /run /var/tmp /sys/fs/cgroup; do ( echo > $each/x ) 2>/dev/null && echo "writes $each"; done
printf '#!/bin/sh\necho executes /tmp\n' > /tmp/x; chmod +x /tmp/x; /tmp/x 2>/dev/null
mount -t tmpfs none /tmp 2>/dev/null && echo mounts
mknod /tmp/node c 1 3 2>/dev/null && echo makes devices
chroot / true 2>/dev/null && echo changes its root
dmesg >/dev/null 2>&1 && echo reads the kernel
env | grep -v -E '^(HOME|HOSTNAME|OLDPWD|OUTLAST_(JOB_ID|ATTEMPT)|PATH|PWD|SHLVL|_|TERM|container)='
df -m /tmp | tail -n 1 | awk '{print $2, "MiB"}'
true
"""


def test_the_defaults_one_by_one(client: Client, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's user, no capability, no network, nothing to write, nothing of this machine's."""
    monkeypatch.setenv("A_SECRET_OF_THE_CALLER", "yes")
    job = run(script=f"#!/bin/sh\n{CHECKLIST}")

    none = "0" * 16
    told = [
        *("65534", "65534"),
        *(f"CapBnd:\t{none}", f"CapEff:\t{none}", "NoNewPrivs:\t1"),
        *("lo", "64 MiB"),
    ]
    assert sorted(told) == sorted(client.output(job.id).decode().splitlines())


def test_a_root_that_cannot_be_written_to_is_one(client: Client, run: Run, tmp_path: Path) -> None:
    """Whatever folders in memory are asked for, and mounted: no engine adds others that can be."""
    for name in ("read", "written"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    line = "for each in /tmp /run /run/own /var/tmp; do echo > $each/x && echo $each; done 2>&-"
    mounts = [f"{tmp_path}/read:/run/read", f"{tmp_path}/written:/var/tmp:rw"]
    job = run(line, container={"tmpfs": ["/run/own:1m"], "mounts": mounts})
    wide = run(line, container={"read_only": False, "user": "0"})

    assert ["/run/own", "/var/tmp"] == client.output(job.id).decode().split()
    assert ["x"] == os.listdir(tmp_path / "written")
    assert "/tmp" in client.output(wide.id).decode().split()


def test_a_mount_to_be_read_is_so_all_the_way_down(
    client: Client, run: Run, tmp_path: Path, below: Path
) -> None:
    """What is mounted below a folder does not come along; where it may be written to, it does."""
    line = "cat /m/top /m/below/in; echo > /m/below/new"
    for mode in ("", ":rw"):
        job = run(line, container={"mounts": [f"{tmp_path}:/m{mode}"]})
        printed = client.output(job.id).decode().split()
        told = [*printed, *sorted(os.listdir(below))]

        assert (["top", "in", "in", "new"] if mode else ["top", "in"]) == told


def test_limits_are_the_kernel_s(engine: Engine, client: Client, submit: Run) -> None:
    """Memory without swap, processes, processors, and an init: as the engine was told."""
    job = submit("exec sleep 1000", limits={"cpus": 0.5})
    while not (found := engine.containers()):
        time.sleep(0.02)
    host = engine.ask("GET", f"/containers/{found[0]['Id']}/json")["HostConfig"]
    client.cancel(job.id)
    over(client, job)

    limits = {"Memory": 512 << 20, "MemorySwap": 512 << 20, "PidsLimit": 256, "NanoCpus": 5 * 10**8}
    kept = {"Init": True, "ReadonlyRootfs": True, "Privileged": False, "NetworkMode": "none"}
    kept["SecurityOpt"] = ["no-new-privileges"]
    assert limits | kept == {name: host[name] for name in limits | kept}


HOSTILE = {
    "fork bomb": ("bomb() { bomb | bomb & }; (bomb) & while :; do :; done", "timeout"),
    "memory hog": ("exec tail -c 300m /dev/zero", "oom_killed"),
    "disk filler": ("cat /dev/zero > /tmp/full; exit 5", "exit_nonzero"),
    "shared memory filler": ("cat /dev/zero > /dev/shm/full; exit 5", "exit_nonzero"),
    "a daemon that stays": ("(trap '' TERM HUP; setsid sleep 1000 &) ; exit 5", "exit_nonzero"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_harms_itself(run: Run, name: str) -> None:
    """It is ended by its own limits, and everything of it is gone."""
    line, reason = HOSTILE[name]
    # As many processes as there may be need more than that: it is not memory that they are to lack.
    limits = {} if name == "fork bomb" else {"memory_bytes": "96m"}
    job = run(line, timeout="5s" if reason == "timeout" else "100s", limits=limits)

    assert reason == job.nodes[0].reason, job


def test_a_pull_that_hangs_has_its_own_limit(run: Run) -> None:
    """A registry that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/none:1"
        job = run("true", container={"image": image}, pull_timeout="1s")

    assert ("failed", "pull_timeout", None) == fate(job)
    assert "TimeoutError: The image was not pulled in 1s" == job.nodes[0].error


def test_a_cancel_during_the_pull(client: Client, submit: Run) -> None:
    """Its phase is told, and it ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/none:1"
        job = submit("true", container={"image": image})
        deadline = time.monotonic() + 60
        while client.describe(client.get(job.id))["nodes"][0]["phase"] != "pulling_image":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.cancel(job.id)

        assert "cancelled" == over(client, job).status


def flood(client: Client, run: Run, size: int) -> tuple[object, ...]:
    """Have a container print so many bytes, and a few apart; return its end and what came."""
    line = f"head -c {size} /dev/zero | tr '\\0' x; echo end >&2"
    job = run(line, timeout="30m", limits={"output_bytes": "2g"})
    node = client.get(job.id).nodes[0]
    return *fate(job), node.stdout_bytes, node.stderr_bytes


def test_a_flood_is_taken_whole(client: Client, run: Run) -> None:
    """Both streams, to the last byte."""
    assert ("complete", None, 0, 24 << 20, 4) == flood(client, run, 24 << 20)


@pytest.mark.long
@pytest.mark.timeout(2000)
def test_a_gigabyte_is_taken_whole(
    client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a smaller flood is; its engine has it on the disk as well until it is over."""
    monkeypatch.setattr(conftest, "PATIENCE_S", 1800.0)

    assert ("complete", None, 0, 1 << 30, 4) == flood(client, run, 1 << 30)


def test_fifty_at_once(client: Client, engine: Engine, submit: Run) -> None:
    """Each has its own output and code, and nothing is left of any."""
    count = 50
    jobs = [submit(f"echo {number}; exit {number}") for number in range(count)]
    ended = [over(client, job) for job in jobs]

    assert [f"{number}\n".encode() for number in range(count)] == [
        client.output(job.id) for job in ended
    ]
    assert list(range(count)) == [job.exit_code for job in ended]
