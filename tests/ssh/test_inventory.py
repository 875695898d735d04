"""The inventory at work: groups for hosts, its settings in force, its faults before anything happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest
from outlast.settings import load_settings
from outlast.testing.sshd import Farm

from .test_many_hosts import fates, over

GROUPS = """
[defaults]
timeout = "50s"
port = {port}

[hosts.web1]
address = "{one}"
timeout = "1s"

[hosts.web2]
address = "{two}"
labels = {{ role = "db" }}

[groups.web]
members = ["web1", "web2"]
connect_timeout = "9s"
"""


@pytest.fixture
def file(home: Path, farm: Farm) -> Path:
    """The home's inventory: two hosts under names that nothing else knows."""
    home.mkdir(mode=0o700, exist_ok=True)
    one, two = farm.hosts
    path = home / "hosts.toml"
    path.write_text(GROUPS.format(one=one, two=two, port=farm.port))
    farm.config.write_text(farm.config.read_text().replace(f"  Port {farm.port}\n", ""))
    return path


@pytest.fixture
def client(file: Path) -> Iterator[Client]:
    with Client() as client:
        yield client


def clocks(job: Job) -> list[tuple[float, float]]:
    return [
        (at.timeout.total_seconds(), at.connect_timeout.total_seconds())
        for at in map(job.spec.at, job.spec.on)
    ]


def test_a_group_is_its_hosts_each_with_its_own_settings(client: Client, farm: Farm) -> None:
    """The job has their names and what is known of each; a host's clock is in force and in words."""
    line = f'[ "$HOME" = {farm.home / farm.hosts[1]} ] || exec sleep 1000'
    job = over(client, client.submit(on="web", shell=line, grace=0))

    assert ("web1", "web2") == job.spec.on
    assert [(1, 9), (50, 9)] == clocks(job)
    assert {"web1": "timeout", "web2": "complete"} == fates(job)
    assert "TimeoutError: Timed out after 1s" == job.nodes[0].error


def test_what_a_request_says_comes_before_what_was_written_down(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all hosts, or of one; what neither says is the settings'."""
    monkeypatch.setenv("JOB_CONNECT_TIMEOUT_SEC", "3")
    hosts = {"web2": {"timeout_ms": 7000}}
    with Client() as other:
        job = other.submit(on=["label:role=db", "web", "lone"], hosts=hosts, timeout=5, shell=":")
        client.cancel(job.id, grace=0, wait_stopped="60s")

    assert ("web2", "web1", "lone") == job.spec.on
    assert [(7, 9), (5, 9), (5, 3)] == clocks(job)


def test_a_broken_inventory_is_told_before_anything_happens(client: Client, file: Path) -> None:
    """All of it at once; so is a selection that means nobody, and a file that is not there."""
    with pytest.raises(InvalidRequest, match=r"on: label:x means no host of .*hosts\.toml"):
        client.submit(on="label:x", shell="true")
    file.write_text("[hosts.web1]\nport = 0\nuser = '-'\n")
    with pytest.raises(InvalidRequest) as refusal:
        client.submit(on="web1", shell="true")
    assert 2 == len(refusal.value.faults)
    file.write_text("hosts:\n")
    with pytest.raises(InvalidRequest, match="is not TOML"):
        client.submit(on="web1", shell="true")
    with (
        Client(inventory=file.parent / "none.toml") as other,
        pytest.raises(InvalidRequest, match=r"none\.toml cannot be read: No such file"),
    ):
        other.submit(on="web1", shell="true")
    assert [] == list(client.list())


def test_a_key_or_password_that_is_not_there_is_told_at_once(client: Client, file: Path) -> None:
    """By the host that needs it, before a job is stored. Paths are relative to the file."""
    file.write_text("[hosts.a]\nkey = 'a.key'\n[hosts.b]\npassword = 'file:b.pw'\n")
    with pytest.raises(InvalidRequest) as refusal:
        client.submit(on="all", shell="true")

    assert {
        f"hosts.a: key {file.parent}/a.key is not there",
        f"secret file:{file.parent}/b.pw: No such file or directory",
    } == set(refusal.value.faults)


def test_an_inventory_is_the_home_s_or_else_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them, or the one that is named."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings = load_settings({"OUTLAST_HOME": str(tmp_path)})
    assert settings.inventory_file() is None
    for folder in (tmp_path / "config" / "outlast", tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts.toml").touch()
        assert str(folder / "hosts.toml") == settings.inventory_file()
    named = load_settings({"OUTLAST_HOME": str(tmp_path), "OUTLAST_INVENTORY": "x.toml"})

    assert os.path.abspath("x.toml") == named.inventory_file()
