"""`outlast job artifacts`: what was collected, for people and for programs."""

from __future__ import annotations

import io
import os
import zipfile

import pytest

from outlast.testing.sshd import Farm

from .conftest import Cli

LINE = "mkdir d; echo one > d/a; head -c 10 /dev/urandom > d/big; mkfifo d/p"


@pytest.fixture
def job_id(cli: Cli, farm: Farm) -> str:
    """A job of two hosts that has collected."""
    hosts = ",".join(farm.hosts)
    return cli.ended("--on", hosts, "--collect", "d/*", "--collect-limit", "12", "--shell", LINE)


def test_a_list_names_what_is_here_and_what_is_not(cli: Cli, farm: Farm, job_id: str) -> None:
    """A line for each file, with its size or why it has none; of one node, only its own."""
    lines = cli("job", "artifacts", "list", "--text", "--node", "1", job_id).text.splitlines()

    host = farm.hosts[1]
    assert [
        f"{host} 4 d/a",
        f"{host} - d/big over the limit of 12 in all",
        f"{host} - d/p no regular file",
        "1 file, 4 bytes",
    ] == [" ".join(line.split()) for line in lines]
    both = cli("job", "artifacts", "list", job_id).data
    assert (2, 8, 6) == (both["count"], both["total_bytes"], len(both["items"]))


def test_one_file_comes_as_it_is(cli: Cli, farm: Farm, job_id: str) -> None:
    """To stdout, or into a file that is new; which node's has to be said."""
    get = ("job", "artifacts", "get")
    assert b"one\n" == cli(*get, "--node", farm.hosts[1], job_id, "d/a").out
    assert b"" == cli(*get, "--node", "0", "--to", "x", job_id, "d/a", "--text").err
    assert "one\n" == (cli.folder / "x").read_text()

    refused = {
        "File exists": cli(*get, "--node", "0", "--to", "x", job_id, "d/a", "--json"),
        "add --node": cli(*get, job_id, "d/a", "--json"),
        "want our stdout": cli(*get, "--node", "0", "--json", job_id, "d/a"),
        "no regular file": cli(*get, "--node", "0", "--json", "--to", "y", job_id, "d/p"),
        "has no artifact": cli(*get, "--node", "0", "--json", "--to", "y", job_id, "../x"),
    }
    assert [2, 2, 2, 5, 5] == [done.code for done in refused.values()]
    assert all(words in done.error["message"] for words, done in refused.items())
    assert not (cli.folder / "y").exists()


def test_the_zip_is_whole_however_it_is_taken(cli: Cli, job_id: str) -> None:
    """Through a pipe or into a file: the same bytes."""
    piped = cli("job", "artifacts", "zip", job_id).out
    saved = cli("job", "artifacts", "zip", "--json", "--to", "all.zip", job_id).data

    assert len(piped) == saved["bytes"] == os.path.getsize(cli.folder / "all.zip")
    assert piped == (cli.folder / "all.zip").read_bytes()
    assert 3 == len(zipfile.ZipFile(io.BytesIO(piped)).namelist())


def test_a_zip_before_the_end_says_that_more_may_come(cli: Cli, farm: Farm) -> None:
    """What is here by now is given."""
    job_id = cli.submit("--on", farm.hosts[0], "--collect", "x", "--", "sleep", "1000")
    done = cli("job", "artifacts", "zip", "--text", job_id)

    assert (0, True) == (done.code, b"that are here by now" in done.err)
    assert ["manifest.json"] == zipfile.ZipFile(io.BytesIO(done.out)).namelist()
    assert 0 == cli("job", "cancel", "--grace", "0", "--wait-stopped", "60s", job_id).code
