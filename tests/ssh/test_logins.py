"""The way to a host and who is let in: what is known of it, secrets by reference, jumps, agents."""

from __future__ import annotations

import getpass
from pathlib import Path

from outlast import Client
from outlast.testing.sshd import Farm

from .test_many_hosts import fates, over


def test_what_is_known_of_a_host_leads_there(client: Client, farm: Farm) -> None:
    """A name of the caller's own: its address, port, user and key are in none of SSH's files."""
    farm.config.write_text(f"UserKnownHostsFile {farm.known_hosts}\n")
    known = {
        "address": farm.hosts[0],
        "port": farm.port,
        "user": getpass.getuser(),
        "key": str(farm.folder / "user"),
    }
    hosts = {"web1": known, "web2": known | {"key": str(farm.folder / "other")}}
    job = over(client, client.submit(on="web1,web2", hosts=hosts, shell="true"))

    assert {"web1": "complete", "web2": "auth_failed"} == fates(job)


def test_a_host_s_own_clocks_are_in_force_there(client: Client, farm: Farm, tmp_path: Path) -> None:
    """And its words say their seconds; the other runs on under its job's."""
    one, two = farm.hosts
    line = f'[ "$HOME" = {farm.home / two} ] || exec sleep 1000'
    hosts = {one: {"timeout": "1s", "connect_timeout": "20s"}}
    job = over(client, client.submit(on=farm.hosts, hosts=hosts, shell=line, grace=0))

    assert {one: "timeout", two: "complete"} == fates(job)
    assert "TimeoutError: Timed out after 1s" == job.nodes[0].error
