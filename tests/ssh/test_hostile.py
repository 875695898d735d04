"""Hosts that are poor, noisy, full, confused or lying: each has its own fate, and harms no other."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job, Node
from outlast.testing.sshd import Farm

from ..world import eventually, is_alive, kill, supervisor_of, takes_root

PATIENCE_S = 120.0

TOOLS = "sh cat date sleep ls mkdir rm ln mv tr grep tail head dd env chmod ps"
"""What a poor host has. No setsid, no timeout, and nothing that POSIX does not name."""

FLOOD = "99999999999999"
"""Bytes of output that a liar says there are."""

MIB = 1 << 20
NEVER = datetime.min.replace(tzinfo=UTC)


def settled(client: Client, *jobs: Job) -> list[Node]:
    """Return the node of each job, once nothing is left to be done for any."""
    ids = [job.id for job in jobs]
    eventually(lambda: all(client.get(each).is_settled for each in ids), within_s=PATIENCE_S)
    return [client.get(each).nodes[0] for each in ids]


def fate(node: Node) -> tuple[str | None, int | None]:
    return (node.reason or str(node.status), node.exit_code)


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def poor_tools(folder: Path, names: str = TOOLS, *, without_proc: bool = False) -> str:
    """Make a folder of the tools that a poor host has, and return its path."""
    folder.mkdir()
    for tool in names.split():
        (folder / tool).symlink_to(shutil.which(tool) or "/nonexistent")
    if without_proc:
        # Linux's own ps needs /proc; that of a BSD asks its kernel. This one looks elsewhere.
        (folder / "proc").mkdir()
        (folder / "ps").unlink()
        script(
            folder / "ps",
            "#!/bin/sh\nfor pid; do :; done\n"
            f"read -r line <{folder}/proc/$pid/stat 2>/dev/null || exit 1\n"
            'set -- ${line##*) }\necho "$1   at ${20}"\n',
        )
    return str(folder)


def liar(path: Path, lie: str) -> str:
    """
    Return a forced command that does what it is asked, and tells of it by way of *lie*: where that
    names a flood, what is read of an output never ends.
    """
    script(
        path,
        'case $SSH_ORIGINAL_COMMAND in *" serve"*) ;; *) exec /bin/sh -c "$SSH_ORIGINAL_COMMAND" ;; esac\n'
        'cd; set -- $SSH_ORIGINAL_COMMAND; shim=$4; [ -e $shim ] && echo "$5" || exit\n'
        'ask() { /bin/sh $shim "$@" | tail -n +2; }\n'
        "while read -r nonce verb words; do\n"
        "case $verb in\n"
        f"start | status) ask $nonce $verb $words | {lie} ;;\n"
        f"read) {'yes' if FLOOD in lie else 'ask $nonce $verb $words'} ;;\n"
        "watch) ;;\n"
        "*) ask $nonce $verb $words ;;\nesac\n"
        "printf '\\n%s\\n' $nonce\ndone\n",
    )
    return f"/bin/sh {path}"


@pytest.mark.slow
@pytest.mark.parametrize("farm", [8], indirect=True)
def test_poor_and_noisy_hosts_do_as_well_as_any(client: Client, farm: Farm, tmp_path: Path) -> None:
    """
    Without setsid and timeout, without /proc, with a login that prints what it likes, with clocks
    years off or jumping, with a command that fills the disk: the true code, and what was printed.
    """
    takes_root()
    bare, blind, grouped, noisy, late, jumping, full = farm.hosts[1:]
    farm.stop()
    farm.env[bare] = {"PATH": poor_tools(tmp_path / "tools")}
    for host, more in ((blind, ""), (grouped, " setsid")):
        tools = poor_tools(tmp_path / host, TOOLS + more, without_proc=True)
        farm.env[host] = {"PATH": tools}
        farm.world[host] = f"mount --rbind /proc {tools}/proc; mount -t tmpfs none /proc"
    (tmp_path / "banner").write_text("Unauthorised use is an offence.\n" * 30)
    farm.options[noisy] = {"Banner": str(tmp_path / "banner")}
    for name in (".bashrc", ".profile"):
        line = "printf '%10000s' noise; printf '%10000s' noise >&2\n"
        (farm.home / noisy).mkdir(exist_ok=True)
        (farm.home / noisy / name).write_text(line)
    for host, now in ((late, "86400"), (jumping, "$(($$ % 2 * 2000000000))")):
        tools = tmp_path / host
        tools.mkdir()
        script(tools / "date", f"#!/bin/sh\necho {now}\n")
        farm.env[host] = {"PATH": f"{tools}:/usr/bin:/bin"}
    farm.world[full] = f"mount -t tmpfs -o size=1m none {farm.home / full}"
    farm.start()
    said = subprocess.run(
        ["ssh", "-F", str(farm.config), noisy, "true"], capture_output=True, check=True
    )
    assert b"offence" in said.stderr
    assert len(said.stdout) == (10_000 if shell_of_this_user().endswith("bash") else 0)

    # One child is left behind: for a while, since not every host can end it.
    line = "echo out; echo err >&2; sleep 30 & exit 37"
    jobs = [client.submit(on=host, shell=line) for host in farm.hosts if host != full]
    filling = client.submit(on=full, shell="yes; echo code $?; kill -9 $$")
    # Where there is no look through /proc, a child of its group is ended with it all the same.
    child = tmp_path / "child"
    line = f"sleep 1000 & echo $! >>{child}; wait"
    stopped = [client.submit(on=host, shell=line, timeout=1) for host in (bare, grouped)]
    stopped.append(client.submit(on=blind, shell="exec sleep 1000", timeout=1))

    nodes = settled(client, *jobs)
    assert [("exit_nonzero", 37)] * 7 == [fate(node) for node in nodes]
    assert [b"out\n"] * 7 == [client.output(job.id) for job in jobs]
    assert [b"err\n"] * 7 == [client.output(job.id, stream="stderr") for job in jobs]
    assert ["marker", "marker", "process", "group"] == [node.containment for node in nodes[:4]]
    check = [sys.executable, "-m", "outlast", "hosts", "check", "--json", *farm.hosts[:4]]
    said = json.loads(subprocess.run(check, stdout=subprocess.PIPE, check=False).stdout)
    assert [node.containment for node in nodes[:4]] == [
        host["containment"] for host in said["data"]["hosts"]
    ]
    assert all(
        job.created_at <= (node.started_at or NEVER) <= (node.completed_at or NEVER)
        for job, node in zip(jobs, nodes, strict=True)
    )
    assert [("timeout", -1)] * 3 == [fate(node) for node in settled(client, *stopped)]
    assert [] == [pid for pid in child.read_text().split() if is_alive(int(pid))]
    (node,) = settled(client, filling)
    assert ("signal", signal.SIGKILL) == (node.reason, node.signal)
    assert 500_000 < len(client.output(filling.id)) < MIB
    fed = client.submit(on=full, shell="cat", stdin_data=bytes(2 * MIB))
    assert [("disk_full", None)] == [fate(node) for node in settled(client, fed)]
    # Its home cannot be seen from here: a job tells what lies there, beside itself.
    lying = client.submit(on=full, shell="cd ~/.outlast/jobs && ls | grep -v $OUTLAST_JOB_ID")
    assert [("exit_nonzero", 1)] == [fate(node) for node in settled(client, lying)]
    assert b"" == client.output(lying.id)


@pytest.mark.slow
@pytest.mark.parametrize("farm", [9], indirect=True)
def test_hosts_that_cannot_or_lie_are_told_and_harm_no_other(
    client: Client, farm: Farm, tmp_path: Path
) -> None:
    """What cannot begin says why; who tells nonsense is lost, never believed; memory stays flat."""
    takes_root()
    unwritable, full, *liars = farm.hosts[1:]
    farm.stop()
    farm.env[unwritable] = {"HOME": "/proc"}
    farm.world[full] = (
        f"mount -t tmpfs -o size=8k none {farm.home / full}; yes >{farm.home / full}/big || true"
    )
    nonsense, *liars = liars
    farm.options[nonsense] = {"ForceCommand": "echo Welcome to SwitchOS; echo 'switch>'"}
    lies = {
        "huge numbers": "sed 's/ began [0-9]*/ began 99999999999999999999/'",
        "somebody else's": "sed 's/^job job_/job job_x/'",
        "another's answer": "sed 's/^[^ ]*$/another/'",
        "no end": "{ cat; yes; }",
        "a flood": f"sed 's/\\(alive\\|dead\\) [0-9]* [0-9]* [0-9]* /\\1 {FLOOD} 0 0 /'",
    }
    for number, (host, lie) in enumerate(zip(liars, lies.values(), strict=True)):
        farm.options[host] = {"ForceCommand": liar(tmp_path / f"liar{number}", lie)}
    farm.start()

    soon: dict[str, object] = {"timeout": 1, "grace": 0, "reconnect_timeout": 1}
    soon["limits"] = {"output_bytes": "2m"}
    line = "echo out; exec sleep 1000"
    jobs = [client.submit(on=host, shell=line, **soon) for host in farm.hosts[:-1]]
    # Each piece of a flood costs a connection.
    jobs += [client.submit(on=farm.hosts[-1], shell=line, **soon | {"reconnect_timeout": 100})]
    told = [(node.reason, node.exit_code) for node in settled_or_lost(client, jobs)]
    assert [
        ("timeout", -1),
        ("spawn_failed", None),
        ("spawn_failed", None),
        ("spawn_failed", None),
        *[("lost", None)] * 4,
        ("timeout", -1),
    ] == told
    errors = [str(client.get(job.id).nodes[0].error) for job in jobs]
    assert ["cannot be written" in error for error in errors[1:4]] == [True, True, False]
    assert "no POSIX shell" in errors[3]
    assert resident(supervisor_of(client)) < 200 << 20
    for host in liars:
        farm.stop(host)
        del farm.options[host]
        farm.start(host)
    # Who was given up is visited ever more rarely; by who comes new, at once.
    kill(supervisor_of(client))
    settled(client, *jobs)
    assert [b"out\n"] * 5 == [client.output(job.id) for job in (jobs[0], *jobs[4:-1])]
    assert 2 * MIB < len(client.output(jobs[-1].id)) <= 3 * MIB


@pytest.mark.slow
def test_much_output_takes_no_memory(client: Client, farm: Farm) -> None:
    """64 MiB come whole, and the supervisor is as small as with one line."""
    settled(client, client.submit(on=farm.hosts[0], shell="echo little"))
    supervisor = supervisor_of(client)
    before = resident(supervisor)
    job = client.submit(on=farm.hosts[0], shell="head -c 67108864 /dev/zero | tr '\\0' x")
    largest = before
    while not client.get(job.id).is_settled:
        largest = max(largest, resident(supervisor))
        time.sleep(0.1)

    assert supervisor == supervisor_of(client)
    assert 64 * MIB == client.get(job.id).nodes[0].stdout_bytes
    assert largest - before < 32 * MIB


def settled_or_lost(client: Client, jobs: list[Job]) -> list[Node]:
    """Return the node of each job, once it has ended."""
    eventually(lambda: all(client.get(job.id).is_terminal for job in jobs), within_s=PATIENCE_S)
    return [client.get(job.id).nodes[0] for job in jobs]


def shell_of_this_user() -> str:
    return pwd.getpwuid(os.getuid()).pw_shell


def resident(pid: int | None) -> int:
    """Return how many bytes of memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
