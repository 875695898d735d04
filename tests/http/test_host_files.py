"""What commands leave on real hosts, and what sessions carry there, by way of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.testing.sshd import Farm

from ..cli.conftest import Cli
from ..world import fresh_client
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # hosts, for seconds

LEAVES = (
    'mkdir -p "d/e"; head -c 300000 /dev/urandom > d/big; printf "a\\0b" > "d/e/two words"; : > d/empty;'
    " ln -s /etc/passwd d/link; echo 0123456789"
)


@pytest.fixture
def there(farm: Farm, service: Service) -> Farm:
    """The hosts, known to the service: it was started with their configuration."""
    return farm


def test_what_hosts_left_is_had_byte_for_byte(there: Farm, caller: Caller) -> None:
    """One file, one host's, or all of them; what was left out is told and not followed."""
    job = caller.submit(shell=LEAVES, on=list(there.hosts), collect=["d/**"])
    for event in caller.events(f"/jobs/{job['job_id']}/events"):
        if event["event"] == "end":
            break
    path = f"/jobs/{job['job_id']}"
    stayed = caller.client.post(f"{path}/cancel", json={"wait_stopped_ms": 60_000})
    items = caller.client.get(f"{path}/artifacts", params={"node": 1}).json()["items"]
    big = [(there.home / host / "d" / "big").read_bytes() for host in there.hosts]
    one = caller.client.get(f"{path}/nodes/1/artifacts/d/big")
    part = caller.client.get(f"{path}/nodes/0/artifacts/d/e/two words?offset=2")
    output = caller.client.get(f"{path}/output?node=1", headers={"Range": "bytes=3-5"})
    whole, all_of_it = caller.unpacked(f"{path}/artifacts/download")
    own, second = caller.unpacked(f"{path}/nodes/1/download")

    assert 200 == stayed.status_code
    assert {"d/big": 300_000, "d/e/two words": 3, "d/empty": 0} == {
        each["path"]: each["size"] for each in items if each["error"] is None
    }
    assert ["d/link"] == [each["path"] for each in items if each["error"] is not None]
    assert big[0] != big[1]
    assert big[1] == one.content
    assert b"b" == part.content
    assert (206, b"345") == (output.status_code, output.content)
    for manifest, data, nodes in ((whole, all_of_it, (0, 1)), (own, second, (1,))):
        kept = {
            (each["index"], each["path"]): data[each["zip_path"]]
            for each in manifest["items"]
            if each["error"] is None
        }
        assert kept == {
            (index, path): content
            for index in nodes
            for path, content in (
                ("d/big", big[index]),
                ("d/e/two words", b"a\0b"),
                ("d/empty", b""),
            )
        }
        assert len(kept) == len(data)
    assert [None, None] == [each["zip_path"] for each in whole["items"] if each["error"]]


# Sessions -----------------------------------------------------------------------------------


@pytest.fixture
def far(there: Farm, service: Service, tmp_path: Path) -> Iterator[Cli]:
    """The command line of somebody who has a server's address and token, and no home of use."""
    folder = tmp_path / "far"
    folder.mkdir()
    cli = Cli(tmp_path / "callers", folder)
    cli.env = {"OUTLAST_TOKEN": (service.home / "token").read_text().strip()}
    yield cli
    assert not (tmp_path / "callers" / "outlast.db").exists()


def life(client: Client, name: str, host: str) -> list[Any]:
    """Open a session, use it and close it; returns what was told on the way, but for ids and times."""
    opened = client.open_session(name, on=host)
    first = client.wait(client.submit(shell="cd /usr; export A=kept", session=name).id)
    second = client.submit(shell='pwd; echo "$A"', session=name)
    client.wait(second.id)
    said = client.output(second.id)
    shown, listed = client.session(name), client.sessions()
    closed = client.close_session(name)
    client.wait(str(closed.last_job))
    return [
        (opened.name, opened.host, str(opened.state), opened.last_job),
        (str(first.status), first.spec.session, said),
        (shown.name, shown.host, str(shown.state), shown.last_job == second.id),
        [each.name for each in listed],
        (closed.name, str(closed.state)),
        [each.name for each in client.sessions()],
        [(each.name, str(each.state)) for each in client.sessions(closed=True)][-1:],
    ]


def test_a_session_is_the_same_here_and_there(
    there: Farm, service: Service, caller: Caller
) -> None:
    """The library tells the same of it, whether it speaks to a home or to that home's server."""
    host = there.hosts[0]
    token = (service.home / "token").read_text().strip()
    with fresh_client() as here:
        locally = life(here, "web", host)
    with Client(service.url, token=token) as client:
        remotely = life(client, "web", host)

    assert locally == remotely
    assert ("complete", "web", b"/usr\nkept\n") == remotely[1]
    assert [] == caller.client.get("/sessions").json()["items"]


def test_a_session_on_the_command_line_of_a_server(far: Cli, there: Farm, service: Service) -> None:
    """`--server` is all there is to it: what one command leaves, the next one finds."""
    server = ("--server", service.url)
    opened = far(*server, "session", "open", "web", "--on", there.hosts[1]).data
    moved = far(*server, "run", "--wait", "none", "--session", "web", "--", "cd", "/usr")
    done = far(*server, "run", "--wait", "none", "--session", "web", "--json", "--", "pwd").data
    shown = far(*server, "session", "show", "web").data
    listed = far(*server, "session", "list").data["items"]
    closed = far(*server, "session", "close", "web").data

    assert ("web", there.hosts[1], "idle") == (opened["session"], opened["host"], opened["state"])
    assert 0 == moved.code
    assert ("web", "/usr\n") == (done["session"], done["result"]["stdout"])
    assert [shown] == listed
    assert ("closed", 5) == (closed["state"], far(*server, "session", "show", "web").code)
    assert 0 == far(*server, "job", "wait", closed["last_job"]).code
