"""Hosts on the command line: run there, look at each, read each, trust one."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from outlast.testing.sshd import Farm

from .conftest import PATIENCE_S, Cli

pytestmark = pytest.mark.slow  # what is printed is the same under any Python


def test_run_shows_each_line_behind_its_host(cli: Cli, farm: Farm) -> None:
    """What they print comes line by line; the end of each is told, and the code is the job's."""
    line = "printf 'a\\nb'; echo e >&2"
    done = cli("run", "--on", ",".join(farm.hosts), "--shell", line)

    one, two = farm.hosts
    assert 0 == done.code, done
    assert sorted(f"{host}: {letter}" for host in farm.hosts for letter in "ab") == sorted(
        done.text.splitlines()
    )
    assert {f"{one}: e", f"{two}: e"} <= set(done.talk.splitlines())


def test_some_hosts_failed_is_partial(cli: Cli, farm: Farm) -> None:
    """Exit code 6; the grid has a line for each node, with why."""
    on = f"{farm.hosts[0]},127.0.0.9:1"
    done = cli("run", "--on", on, "--connect-timeout", "20s", "--", "echo", "hello")
    assert 6 == done.code, done
    job_id = done.talk.split()[0].removeprefix("outlast:").strip()
    assert "connect_failed" in done.talk or "ConnectFailed" in done.talk
    assert {"NODE", farm.hosts[0], "127.0.0.9:1"} <= {
        line.split()[1] for line in done.talk.splitlines() if line.startswith("outlast: ")
    }

    listed = cli("job", "list", "--output", "id").text.split()
    (job_id,) = listed
    grid = [line.split() for line in cli("job", "status", "--text", job_id).text.splitlines()]
    assert ["NODE", "STATUS", "EXIT", "TOOK", "OUTPUT"] in grid
    assert [farm.hosts[0], "complete", "0"] in [row[:3] for row in grid]
    assert ["127.0.0.9:1", "failed", "0", "ConnectFailed:"] in [row[:4] for row in grid]


def test_logs_are_of_all_nodes_or_of_one(cli: Cli, farm: Farm) -> None:
    """With the name before each line, or one node's bytes as they are."""
    job_id = cli.ended("--on", ",".join(farm.hosts), "--", "echo", "hello")

    assert sorted(f"{host}: hello" for host in farm.hosts) == sorted(
        cli("job", "logs", job_id).text.splitlines()
    )
    assert b"hello\n" == cli("job", "logs", "--node", farm.hosts[1], job_id).out
    assert b"hello\n" == cli("job", "logs", "--node", "0", job_id).out
    assert 2 == cli("job", "logs", "--tail", "1", job_id).code
    assert {"hello"} == {
        line.split()[1] for line in cli("job", "result", "--text", job_id).text.splitlines()
    }


def test_one_node_is_cancelled_by_its_name(cli: Cli, farm: Farm) -> None:
    """The other goes on to its own end; the job is partly complete."""
    job_id = cli.submit("--on", ",".join(farm.hosts), "--shell", "sleep 3")
    cli("job", "cancel", "--node", farm.hosts[0], "--grace", "0", job_id)
    public = cli.settled(job_id)

    assert ["cancelled", "complete"] == [node["status"] for node in public["nodes"]]
    assert "partial" == public["status"]


def test_a_host_is_trusted_by_its_key(cli: Cli, farm: Farm) -> None:
    """Shown, and known from now on; one whose key has changed is not taken."""
    farm.trust(None)
    host = farm.hosts[0]
    assert 4 == cli("run", "--on", host, "--", "true").code
    wrong = cli("hosts", "trust", "--fingerprint", "SHA256:nonsense", host)
    assert 2 == wrong.code
    assert "" == farm.known_hosts.read_text()
    trusted = cli("hosts", "trust", "--json", host).data

    assert (True, str(farm.known_hosts)) == (trusted["added"], trusted["known_hosts"])
    assert trusted["fingerprint"].startswith("SHA256:")
    assert 0 == cli("run", "--on", host, "--", "true").code
    assert not cli("hosts", "trust", "--json", host).data["added"]
    farm.trust("other")
    refused = cli("hosts", "trust", host)
    assert 2 == refused.code
    assert "by another key" in refused.text + refused.talk
    suggested = shlex.split(str(refused.error["suggestion"]).partition(": ")[2])
    subprocess.run(suggested, check=True, timeout=PATIENCE_S, capture_output=True)
    assert cli("hosts", "trust", "--json", host).data["added"]


def test_a_name_is_hashed_where_names_are_and_a_revoked_key_is_not_taken(
    cli: Cli, farm: Farm
) -> None:
    """As ssh would keep it: it finds the host, and the file does not tell which one that is."""
    one, two = farm.hosts
    lines = farm.known_hosts.read_text().splitlines(keepends=True)
    farm.known_hosts.write_text(lines[1].rstrip())
    argv = ["ssh-keygen", "-q", "-H", "-f", str(farm.known_hosts)]
    subprocess.run(argv, check=True, timeout=PATIENCE_S, capture_output=True)
    assert cli("hosts", "trust", one).data["added"]
    assert one not in farm.known_hosts.read_text()
    find = ["ssh-keygen", "-F", f"[{one}]:{farm.port}", "-f", str(farm.known_hosts)]
    assert (
        0 == subprocess.run(find, timeout=PATIENCE_S, capture_output=True, check=False).returncode
    )
    assert 0 == cli("run", "--on", ",".join(farm.hosts), "--", "true").code

    key = lines[1].partition(" ")[2]
    farm.known_hosts.write_text(f"@revoked * {key}")
    refused = cli("hosts", "trust", two)
    assert (2, True) == (refused.code, "is revoked" in refused.error["message"])


def test_nobody_there_to_be_trusted(cli: Cli, farm: Farm) -> None:
    """Told as out of reach, and nothing is written."""
    known = farm.known_hosts.read_text()

    assert 1 == cli("hosts", "trust", "127.0.0.9:1").code
    assert 2 == cli("hosts", "trust", "a b").code
    assert known == farm.known_hosts.read_text()
