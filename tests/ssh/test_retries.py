"""Second tries on real hosts: each node has its own, and every attempt its own folder there."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast import Client
from outlast.testing.sshd import Farm

from ..world import eventually, kill, supervisor_of
from .test_many_hosts import over

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover


def test_each_host_is_tried_again_by_itself(client: Client, farm: Farm, tmp_path: Path) -> None:
    """One host fails once, the other never; whoever is killed between two tries starts none twice."""
    one, two = farm.hosts
    line = (
        f"host=$(echo $SSH_CONNECTION | cut -d' ' -f3); echo t >> {tmp_path}/$host;"
        f' echo "try $(wc -l < {tmp_path}/$host)";'
        f" test $host != {one} || test $(wc -l < {tmp_path}/$host) -gt 1 || exit 75"
    )
    job = client.submit(on=farm.hosts, shell=line, retries=3, retry_on="exit:75", retry_delay="3s")
    eventually(lambda: client.get(job.id).nodes[0].earlier, "the first attempt's end")
    kill(supervisor_of(client))

    job = over(client, job)

    assert [("complete", 2), ("complete", 1)] == [
        (str(node.status), node.attempt) for node in job.nodes
    ]
    assert [("exit_nonzero", 75)] == [
        (each.reason, each.exit_code) for each in job.nodes[0].earlier
    ]
    assert ["t\nt\n", "t\n"] == [(tmp_path / host).read_text() for host in (one, two)]
    assert [b"try 2\n", b"try 1\n"] == [client.output(job.id, node=index) for index in (0, 1)]
    assert b"try 1\n" == client.output(job.id, attempt=1)
