"""The inventory on the command line: listed, selected, and each of its hosts looked at."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from outlast.testing.sshd import Farm

from .conftest import Cli


@pytest.fixture
def inventory(cli: Cli, farm: Farm) -> Path:
    """A file beside the caller: two hosts that are well, under names of the file's own."""
    path = cli.folder / "site.toml"
    one, two = farm.hosts
    path.write_text(
        f'[hosts.web1]\naddress = "{one}"\nlabels = {{ role = "web" }}\n'
        f'[hosts.web2]\naddress = "{two}"\ntimeout = "20m"\n'
        '[groups.web]\nmembers = ["web1", "web2"]\nconnect_timeout = "15s"\n'
    )
    cli.env["OUTLAST_INVENTORY"] = str(path)
    return path


def test_what_is_in_force_is_listed(cli: Cli, inventory: Path, farm: Farm) -> None:
    """Nobody is asked for it; a selection is listed alone, known or not."""
    data = cli("hosts", "list", "--json").data
    text = cli("hosts", "list", "--text", "label:role=web", "ops@other:22").text.splitlines()

    assert str(inventory) == data["inventory"]
    assert {
        "host": "web2",
        "address": farm.hosts[1],
        "user": None,
        "port": None,
        "jump": None,
        "groups": ["web"],
        "labels": {},
        "connect_timeout_ms": 15_000,
        "timeout_ms": 1_200_000,
    } == data["hosts"][1]
    assert ["HOST", "web1", "ops@other:22"] == [line.split()[0] for line in text]
    (named,) = cli("hosts", "list", "--json", "ops@web1:22").data["hosts"]
    assert ("ops", 22, ["web"], {"role": "web"}) == tuple(
        named[key] for key in ("user", "port", "groups", "labels")
    )


def test_no_inventory_is_no_fault(cli: Cli) -> None:
    """There is nothing to list, and it is said how to have it; only all of nothing is refused."""
    done = cli("hosts", "list", "--json")

    assert (0, []) == (done.code, done.data["hosts"])
    assert "there is no inventory" in done.envelope["warnings"][0]
    assert 2 == cli("hosts", "check").code
    assert 2 == cli("run", "--on", "all", "--", "true").code


def test_a_request_names_groups_and_says_what_it_knows(cli: Cli, inventory: Path) -> None:
    """`--inventory` is the file, `--host` one setting of one host; faults are told all at once."""
    del cli.env["OUTLAST_INVENTORY"]
    done = cli("run", "--inventory", str(inventory), "--on", "web", "--", "echo", "hello")
    assert ["web1: hello", "web2: hello"] == sorted(done.text.splitlines())

    options = ("--host", "web1/port=x", "--host", "web2:5", "--host", "other/user=a")
    wrong = cli("submit", *options, "--on", "web", "--", "true")
    told = wrong.error
    assert (2, "invalid_request") == (wrong.code, told["code"])
    for words in ("hosts.web1: port: 'x' is no port", "--host is NAME", "hosts.other: on does not"):
        assert words in str(told["faults"])


def test_a_configuration_that_cannot_be_read_is_told_before_anything_runs(
    cli: Cli, farm: Farm
) -> None:
    """It was named, so it was meant: nobody is asked for a host without it."""
    done = cli("run", "--on", farm.hosts[0], "--ssh-config", "/does/not/exist", "--", "true")

    assert (2, True) == (done.code, "/does/not/exist cannot be read" in done.talk)


def test_a_second_on_adds_to_the_first(cli: Cli, inventory: Path) -> None:
    """A host that is named is never dropped; one that is named twice is refused."""
    done = cli("run", "--on", "web1", "--on", "web2", "--", "echo", "hello")
    twice = cli("run", "--on", "web1", "--on", "web2,web1", "--", "true")

    assert ["web1: hello", "web2: hello"] == sorted(done.text.splitlines())
    assert (2, True) == (twice.code, "web1 is named twice" in twice.talk)


def test_a_check_says_what_would_fail_and_what_would_help(
    cli: Cli, inventory: Path, farm: Farm
) -> None:
    """All at once, each by its clock; what is well says how commands will fare there."""
    with socket.create_server(("127.0.0.9", 0)) as mute:
        inventory.write_text(
            inventory.read_text()
            + f'[hosts.mute]\naddress = "127.0.0.9"\nport = {mute.getsockname()[1]}\n'
            'connect_timeout = "1s"\n'
            f'[hosts.other]\naddress = "{farm.hosts[0]}"\nkey = "{farm.folder}/other"\n'
            '[hosts.secret]\npassword = "env:NOT_SET"\n'
        )
        done = cli("hosts", "check")
    told = {each["host"]: each for each in done.data["hosts"]}

    assert (4, False) == (done.code, done.data["ok"])
    assert {
        "web1": None,
        "web2": None,
        "mute": "connect_timeout",
        "other": "auth_failed",
        "secret": "secret_unavailable",
    } == {host: each["reason"] for host, each in told.items()}
    assert "ConnectTimeout: connection timed out after 1s" == told["mute"]["error"]
    assert all(each["remedy"] for each in told.values() if not each["ok"])
    well = told["web1"]
    assert (True, "marker", 0) == (well["ok"], well["containment"], well["clock_skew_ms"])
    assert well["free_bytes"] > 0
    assert [[], []] == [os.listdir(farm.home / host) for host in farm.hosts], "nothing is left"
    assert [] == cli("job", "list").data["items"]


def test_a_check_knows_what_a_login_does_not_tell(cli: Cli, inventory: Path, farm: Farm) -> None:
    """A home that cannot be written, and a host that has no shell: it lets us in all the same."""
    one, two = farm.hosts
    farm.stop()
    farm.env[one] = {"HOME": "/proc"}
    farm.options[two] = {"ForceCommand": "echo welcome"}
    farm.start()
    done = cli("hosts", "check", "--text", "web")

    assert 4 == done.code
    first, second = done.text.splitlines()[1:]
    assert ["web1", "spawn_failed"] == first.split()[:2]
    assert "~/.outlast cannot be written" in first
    assert ["web2", "spawn_failed"] == second.split()[:2]
    assert "no shell answers" in second


def test_a_host_is_trusted_by_the_name_that_is_written_down(
    cli: Cli, inventory: Path, farm: Farm
) -> None:
    """By its address, as SSH looks for it; what a check says is to be done does it."""
    farm.trust(None)
    (told,) = cli("hosts", "check", "web1").data["hosts"]
    assert "host_key_rejected" == told["reason"]
    command = told["remedy"].partition(",")[0].split()
    assert ["outlast", "hosts", "trust", farm.hosts[0]] == command
    assert cli(*command[1:]).data["added"]
    assert not cli("hosts", "trust", "--inventory", str(inventory), "web1").data["added"]
    group = cli("hosts", "trust", "web")
    assert (2, "web means 2 hosts") == (group.code, group.error["message"].partition(":")[0])

    assert 0 == cli("hosts", "check", "web1").code


def test_the_user_s_own_configuration_is_read(cli: Cli, farm: Farm, tmp_path: Path) -> None:
    """Where no other is named: with names, and known hosts, that are nowhere else."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    own = f"Host mine\n  HostName {farm.hosts[0]}\n{farm.config.read_text()}"
    (tmp_path / ".ssh" / "config").write_text(own.replace("Host 127.*", "Host mine 127.*"))
    cli.env |= {"HOME": str(tmp_path), "OUTLAST_SSH_CONFIG": ""}

    assert 0 == cli("hosts", "check", "mine").code
    assert 4 == cli("hosts", "check", "--ssh-config", "/dev/null", "mine").code
