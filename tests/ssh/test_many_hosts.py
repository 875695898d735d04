"""One command on several hosts, through the library: each its own fate, whatever happens to others."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest
from outlast.testing.sshd import Farm

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

PATIENCE = "60s"


def fates(job: Job) -> dict[str, str | None]:
    return {node.name: node.reason or str(node.status) for node in job.nodes}


def over(client: Client, job: Job) -> Job:
    """Wait until a job has ended, and all of it is gone and fetched."""
    deadline = time.monotonic() + 90
    while not (job := client.get(job.id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.05)
    return job


def test_each_host_has_its_own_end(client: Client, farm: Farm) -> None:
    """Statuses, codes and output are each node's; the job is partly complete."""
    one, two = farm.hosts
    line = f'echo "$SSH_CONNECTION" | cut -d" " -f3; test "${{SSH_CONNECTION#* * }}" = "{one} {farm.port}" || exit 255'
    job = over(client, client.submit(on=farm.hosts, shell=line))

    assert ("partial", "exit_nonzero") == (job.status, job.reason)
    assert {one: "complete", two: "exit_nonzero"} == fates(job)
    assert [0, 255] == [node.exit_code for node in job.nodes]
    assert [f"{host}\n".encode() for host in farm.hosts] == [
        client.output(job.id, node=index) for index in (0, 1)
    ]
    assert all(node.completed_at and node.containment == "marker" for node in job.nodes)


def test_all_at_once_is_no_wider_than_asked(client: Client, farm: Farm, tmp_path: Path) -> None:
    """With room for one, the second host begins when the first has ended."""
    line = f"echo b >> {tmp_path}/log; sleep 0.3; echo e >> {tmp_path}/log"
    job = client.submit(on=farm.hosts, shell=line, max_parallel=1)
    over(client, job)

    assert "b\ne\nb\ne\n" == (tmp_path / "log").read_text()


def test_hosts_take_nothing_of_this_machine_s_width(
    client: Client, farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a command here fills it, hosts go on."""
    monkeypatch.setenv("OUTLAST_MAX_RUNNING", "1")
    local = client.submit(["sleep", "1000"])
    with Client() as other:
        job = other.submit(on=farm.hosts, shell="true")
        assert "complete" == over(other, job).status
        other.cancel(local.id, grace=0, wait_stopped=PATIENCE)


def refused_port(farm: Farm) -> str:
    with socket.create_server(("127.0.0.9", 0)) as server:
        return f"127.0.0.9:{server.getsockname()[1]}"


def test_sick_hosts_are_told_apart_and_harm_no_other(client: Client, farm: Farm) -> None:
    """One refuses, one listens and never speaks: the third has long ended."""
    with socket.create_server(("127.0.0.9", 0)) as mute:
        silent = f"127.0.0.9:{mute.getsockname()[1]}"
        refusing = refused_port(farm)
        on = [farm.hosts[0], refusing, silent]
        job = client.submit(on=on, shell="true", connect_timeout=8)
        job = over(client, job)

    assert {
        farm.hosts[0]: "complete",
        refusing: "connect_failed",
        silent: "connect_timeout",
    } == fates(job)
    assert ("partial", "mixed") == (job.status, job.reason)
    assert "ConnectTimeout: connection timed out after 8s" == job.nodes[2].error
    assert all(node.completed_at and node.stopped_at for node in job.nodes)


def test_a_dead_host_ends_by_its_clock(client: Client, black_hole: str) -> None:
    """No answer to the first packet: the words say the seconds in force."""
    job = over(client, client.submit(on=black_hole, shell="true", connect_timeout="1.5s"))

    assert ("failed", "connect_timeout") == (job.status, job.reason)
    assert "ConnectTimeout: connection timed out after 1.5s" == job.nodes[0].error
    assert job.nodes[0].started_at is None


def test_who_is_cancelled_while_it_connects_stops_connecting(
    client: Client, black_hole: str
) -> None:
    """At once, long before its clock; nothing of it is left to do."""
    job = client.submit(on=black_hole, shell="true", connect_timeout="1h")
    until_phase(client, job, "connecting")
    job = client.cancel(job.id, wait_stopped=PATIENCE)

    assert ("cancelled", True) == (job.status, job.is_settled)
    assert job.nodes[0].started_at is None


def test_a_wrong_key_and_an_unknown_host_are_told(client: Client, farm: Farm) -> None:
    """Nothing runs; an unknown key is never accepted by itself, and one that has changed told."""
    farm.configure(identity="other")
    job = over(client, client.submit(on=farm.hosts[0], shell="true"))
    assert ("failed", "auth_failed") == (job.status, job.reason)

    farm.configure()
    for known in ("other", None):
        farm.trust(known)
        job = over(client, client.submit(on=farm.hosts[1], shell="true"))
        assert ("failed", "host_key_rejected") == (job.status, job.reason)
        assert f"outlast hosts trust {farm.hosts[1]}" in str(job.nodes[0].error)
        assert ("known by another key" in str(job.nodes[0].error)) == (known == "other")


def test_no_check_of_host_keys_is_not_to_be_had(client: Client, farm: Farm) -> None:
    """A configuration that turns it off makes every host unknown."""
    farm.config.write_text(
        farm.config.read_text().replace(str(farm.known_hosts), "none")
        + "  StrictHostKeyChecking no\n"
    )
    job = over(client, client.submit(on=farm.hosts[0], shell="true"))

    assert "host_key_rejected" == job.reason


def test_a_limit_of_time_is_each_host_s(client: Client, farm: Farm) -> None:
    """The words say the seconds in force; the job has timed out only if all of them have."""
    job = client.submit(on=farm.hosts, shell="sleep 1000", timeout=1, grace=0)
    job = over(client, job)

    assert [("timeout", -1, "TimeoutError: Timed out after 1s")] * 2 == [
        (node.reason, node.exit_code, node.error) for node in job.nodes
    ]


def running(client: Client, job: Job, count: int = 2) -> Job:
    """Wait until so many nodes have printed."""
    deadline = time.monotonic() + 60
    while sum(bool(client.output(job.id, node=node.index)) for node in job.nodes) < count:
        assert time.monotonic() < deadline, client.describe(client.get(job.id))
        time.sleep(0.05)
    return client.get(job.id)


def test_what_is_cancelled_is_gone_on_every_host(
    client: Client, farm: Farm, tmp_path: Path
) -> None:
    """The whole tree, sessions of their own included; what waited for its turn never starts."""
    line = f"echo up; setsid sh -c 'echo $$ >> {tmp_path}/pids; exec sleep 1000' & sleep 1000"
    job = running(client, client.submit(on=farm.hosts, shell=line, max_parallel=1), 1)
    job = client.cancel(job.id, grace=0, wait_stopped=PATIENCE)

    assert ("cancelled", "cancelled") == (job.status, job.reason)
    assert job.is_settled
    assert job.nodes[1].started_at is None
    (pid,) = (tmp_path / "pids").read_text().split()
    assert not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text()


@pytest.mark.slow
def test_a_restarted_sshd_and_a_killed_supervisor_lose_nothing(
    client: Client, farm: Farm, home: Path, tmp_path: Path
) -> None:
    """The command runs on by itself; its output is whole and its code true, and it ran once."""
    line = (
        f"echo x >> {tmp_path}/starts; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done;"
        f" until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo last; exit 37"
    )
    job = running(client, client.submit(on=farm.hosts, shell=line))
    farm.stop()
    until_phase(client, job, "unreachable")
    os.kill(int((home / "supervisor.lock").read_text().split()[0]), signal.SIGKILL)
    farm.start()
    (tmp_path / "go").touch()
    job = over(client, job)

    assert [37, 37] == [node.exit_code for node in job.nodes]
    assert "x\nx\n" == (tmp_path / "starts").read_text()
    whole = b"".join(b"%d\n" % number for number in range(1, 2001)) + b"last\n"
    assert [whole, whole] == [client.output(job.id, node=index) for index in (0, 1)]


def until_phase(client: Client, job: Job, phase: str) -> None:
    deadline = time.monotonic() + 60
    while {phase} != {node.phase for node in client.get(job.id).nodes}:
        assert time.monotonic() < deadline, client.describe(client.get(job.id))
        time.sleep(0.1)


@pytest.mark.slow
def test_a_flood_on_one_host_stops_at_its_limit(client: Client, farm: Farm) -> None:
    """What is kept is a little more than the limit; the job says which one passed it."""
    job = client.submit(
        on=farm.hosts[0], shell="yes 0123456789abcdef", limits={"output_bytes": "2m"}, grace=0
    )
    job = over(client, job)

    assert "output_limit" == job.reason
    assert 2 << 20 <= len(client.output(job.id)) <= 4 << 20


def test_secrets_and_input_come_to_the_host_and_stay_in_no_file_here(
    client: Client, farm: Farm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has them; this home never does, once it runs."""
    monkeypatch.setenv("PASSWORD", "hunter2")
    job = client.submit(
        on=farm.hosts[0],
        shell="cat; test $(printf %s $TOKEN | wc -c) = 7; echo $?",
        secret_env={"TOKEN": "env:PASSWORD"},
        stdin_data=b"given\0",
    )
    over(client, job)

    assert b"given\x000\n" == client.output(job.id)
    files = [path for path in home.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert [] == files


def test_what_a_command_is_given_says_nothing_of_the_way(
    client: Client, farm: Farm, tmp_path: Path
) -> None:
    """A variable of its own names neither our configuration, which may run programs, nor our agent."""
    config, ran = tmp_path / "config", tmp_path / "ran"
    config.write_text(f"Host *\n  ProxyCommand touch {ran}\n")
    given = {"OUTLAST_SSH_CONFIG": str(config), "SSH_AUTH_SOCK": "/none", "PATH": "/usr/bin:/bin"}
    job = client.submit(
        on=farm.hosts[0], shell="echo $OUTLAST_SSH_CONFIG $SSH_AUTH_SOCK", env=given
    )
    over(client, job)

    assert f"{config} /none\n".encode() == client.output(job.id)
    assert not ran.exists()


def test_nothing_of_ours_is_left_on_the_host(client: Client, farm: Farm) -> None:
    """But the shim itself, for the next one."""
    job = client.submit(on=farm.hosts[0], shell="echo x")
    over(client, job)
    folder = farm.home / farm.hosts[0] / ".outlast"
    deadline = time.monotonic() + 30
    while os.listdir(folder / "jobs"):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert ["jobs", "shim"] == sorted(name.partition("-")[0] for name in os.listdir(folder))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param({"on": "a b"}, "is no host", id="no host"),
        pytest.param({"on": "-oProxyCommand=x"}, "is no host", id="an option"),
        pytest.param({"on": ["web1", "web1"]}, "named twice", id="twice"),
        pytest.param({"on": []}, "names no hosts", id="none"),
        pytest.param({"max_parallel": 3}, "on names none", id="a host's key without one"),
        pytest.param({"on": "a", "limits": {"pids": 5}}, "limits.pids", id="no controllers"),
        pytest.param({"on": "a", "clean_env": True}, "clean_env", id="nothing to clean"),
        pytest.param({"on": "a", "secret_env": {"x": "env:HOME"}}, "secret_env x", id="shown"),
        pytest.param({"on": "a", "on_output_limit": "discard"}, "discard", id="no discarding"),
    ],
)
def test_what_a_host_cannot_do_is_refused(
    client: Client, spec: dict[str, object], told: str
) -> None:
    """Before anything is stored, with what would be right."""
    with pytest.raises(InvalidRequest, match=told):
        client.submit(["true"], **spec)
    assert [] == list(client.list())
