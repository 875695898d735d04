"""Second tries on real hosts: each node has its own, and every attempt its own folder there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from outlast import Client
from outlast.testing.sshd import Farm

from ..world import eventually, folder_of, kill, supervisor_of
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


def test_a_host_that_comes_up_is_reached_by_a_later_try(
    client: Client, farm: Farm, home: Path, tmp_path: Path
) -> None:
    """
    Each try has a connection of its own, the secret as it was submitted, and files of its own; once
    the last one has ended nobody has the secret any more.
    """
    host = farm.hosts[0]
    farm.stop(host)
    secret = tmp_path / "secret"
    secret.write_text("hush-hush-hush\n")
    line = (
        'echo "$OUTLAST_ATTEMPT ${#TOKEN}"; rm -rf out; mkdir out; echo $OUTLAST_ATTEMPT > out/it;'
        " test -e tried && exit 0; touch tried out/more; exit 75"
    )
    job = client.submit(
        on=host,
        shell=line,
        secret_env={"TOKEN": f"file:{secret}"},
        collect={"globs": ["out/*"], "on": "end"},
        connect_timeout="20s",
        retries=100,
        retry_delay="1s",
        retry_on=["connect_failed", "connect_timeout", "exit:75"],
    )
    eventually(lambda: client.get(job.id).nodes[0].earlier, "the first attempt's end")
    secret.write_text("another\n")
    farm.start(host)

    job = over(client, job)

    (node,) = job.nodes
    *unreached, failed = node.earlier
    assert ("complete", ("exit_nonzero", 75)) == (job.status, (failed.reason, failed.exit_code))
    assert {each.reason for each in unreached} <= {"connect_failed", "connect_timeout"}
    for number in (failed.number, node.attempt):
        said = f"{job.id}/0/{number} 14\n".encode()
        assert said == client.output(job.id, attempt=number)
    items = client.list_artifacts(job.id)["items"]
    assert [("out/it", "complete")] == [(item["path"], item["state"]) for item in items]
    it = b"".join(client.read_artifact(job.id, "out/it"))
    assert f"{job.id}/0/{node.attempt}\n".encode() == it
    before = Path(folder_of(home, job, failed.number)) / "artifacts"
    assert [b"", f"{job.id}/0/{failed.number}\n".encode()] == sorted(
        each.read_bytes() for each in before.iterdir()
    )
    eventually(lambda: not holds(home, b"hush-hush") and not holds(farm.home, b"hush-hush"))


def holds(root: Path, secret: bytes) -> bool:
    """Whether a file below *root* has *secret* in it; one that goes meanwhile has nothing."""
    for each in root.rglob("*"):
        with suppress(FileNotFoundError):
            if each.is_file() and secret in each.read_bytes():
                return True
    return False
