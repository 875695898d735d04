"""Sessions on the command line."""

from __future__ import annotations

import pytest

from outlast.testing.sshd import Farm

from .conftest import Cli


@pytest.mark.slow
def test_a_session_from_open_to_close(cli: Cli, farm: Farm) -> None:
    """Each command takes up where the last one left; the answers tell how it stands."""
    opened = cli("session", "open", "web", "--on", farm.hosts[0]).data
    assert ("web", farm.hosts[0], "idle", None) == (
        opened["session"],
        opened["host"],
        opened["state"],
        opened["last_job"],
    )
    assert 0 == cli("run", "--wait", "none", "--session", "web", "--", "cd", "/usr").code
    done = cli("run", "--wait", "none", "--session", "web", "--json", "--", "pwd").data
    assert ("web", "/usr\n") == (done["session"], done["result"]["stdout"])

    shown = cli("session", "show", "web").data
    assert ("idle", done["job_id"]) == (shown["state"], shown["last_job"])
    assert [shown] == cli("session", "list").data["items"]
    assert f"web on {farm.hosts[0]}: idle, the last is {done['job_id']}\n" == (
        cli("session", "show", "--text", "web").text
    )
    closed = cli("session", "close", "web").data
    assert "closed" == closed["state"]
    cli.settled(closed["last_job"])
    assert [] == cli("session", "list").data["items"]
    assert ["closed"] == [
        each["state"] for each in cli("session", "list", "--closed").data["items"]
    ]


def test_what_is_not_there_is_told(cli: Cli) -> None:
    """With the exit code of what was not found, and what would help."""
    for verb in ("show", "close"):
        done = cli("session", verb, "web")
        assert (5, "not_found") == (done.code, done.error["code"])
        assert "outlast session open" in done.error["suggestion"]
    assert (2, "invalid_request") == (
        (done := cli("submit", "--session", "web", "--", "true")).code,
        done.error["code"],
    )
    assert 2 == cli("session", "open", "web").code
    assert "outlast session open" in cli("session", "list", "--text").text


def test_a_name_is_taken_once(cli: Cli) -> None:
    """The second one is told of the first, and nothing is asked of any host."""
    assert 0 == cli("session", "open", "web", "--on", "nowhere.invalid").code
    done = cli("session", "open", "web", "--on", "elsewhere.invalid")

    assert (2, "conflict") == (done.code, done.error["code"])
    assert "nowhere.invalid" in done.error["message"]
