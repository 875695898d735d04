"""What lies on hosts and nobody needs: shown, asked about, removed; what runs is left alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast.testing.sshd import Farm

from ..world import eventually
from .conftest import Cli, Terminal


def lying(farm: Farm, host: str) -> Path:
    """The folder of ours on a host."""
    return farm.home / host / ".outlast"


@pytest.mark.slow
def test_what_nobody_needs_is_removed_and_nothing_else(
    cli: Cli, farm: Farm, terminal: Callable[..., Terminal]
) -> None:
    """
    What is over goes once somebody says so; what runs stays, and what no job here knows, unless
    all is to go. At last nothing of ours is there, and the next job finds its way all the same.
    """
    host, other = farm.hosts
    folder = lying(farm, host)
    kept = farm.home / "kept"
    # As if whoever removes it had been killed, with the host away from then on.
    over = cli.ended("--on", host, "--shell", f"cp -r ~/.outlast/jobs {kept}; exit 3")
    running = cli.running("--on", host, "--shell", "exec sleep 1000")
    eventually(lambda: len(list((folder / "jobs").iterdir())) == 1)
    shutil.copytree(kept / f"{over}.0.1", folder / "jobs" / f"{over}.0.1")
    foreign = f"job_{'0' * 26}"
    shutil.copytree(kept / f"{over}.0.1", folder / "jobs" / f"{foreign}.0.1")

    def left() -> set[str]:
        return {path.name.partition(".")[0] for path in (folder / "jobs").iterdir()}

    # Shown, and not touched: neither here, where nobody can be asked, nor where somebody says no.
    shown = cli("hosts", "clean", "--json")
    assert not shown.data["removed"]
    (found,) = shown.data["hosts"]
    assert {"over": True, "running": False, "foreign": False} == {
        each["state"]: each["remove"] for each in found["attempts"]
    }
    asked = terminal("hosts", "clean", host)
    assert f"- {host}: {over}/0/1 over" in asked.until("Remove what is marked?")
    asked.type("n")
    assert 0 == asked.end()
    assert {over, running, foreign} == left()

    asked = terminal("hosts", "clean", host)
    asked.until("Remove what is marked?")
    asked.type("y")
    assert 0 == asked.end()
    assert {running, foreign} == left()

    done = cli("hosts", "clean", "--all", "--yes", host, "127.0.0.9:1", other)
    assert 1 == done.code
    assert "127.0.0.9:1" in done.error["message"]
    assert {running} == left()
    assert not lying(farm, other).exists()

    cli("job", "cancel", "--grace", "0", running)
    cli.settled(running)
    assert 0 == cli("hosts", "clean", "--yes").code
    assert not folder.exists()
    assert 0 == cli("run", "--on", host, "--", "true").code
    assert "nothing to remove" in cli("hosts", "clean", "--text", other).text


@pytest.mark.slow
def test_what_open_sessions_keep_is_needed(cli: Cli, farm: Farm) -> None:
    """What a closed one has left behind goes, and what no session here knows only if all is to go."""
    host = farm.hosts[0]
    folder = lying(farm, host) / "sessions"
    known = []
    for name in ("open", "closed"):
        known.append(cli("session", "open", name, "--on", host).data["session_id"])
        cli.ended("--session", name, "--", "export", "A=1")
    copied = (folder / known[1]).read_bytes()
    cli.settled(cli("session", "close", "closed").data["last_job"])
    # As if the host had been away when it was closed.
    for left in (known[1], "ses_0"):
        (folder / left).write_bytes(copied)

    (found,) = cli("hosts", "clean", "--yes").data["hosts"]
    expected = {known[0]: "needed", known[1]: "over", "ses_0": "foreign"}
    assert expected == {each["session_id"]: each["state"] for each in found["sessions"]}
    assert {known[0], "ses_0"} == {path.name for path in folder.iterdir()}
    cli("hosts", "clean", "--yes", "--all", host)
    assert [known[0]] == [path.name for path in folder.iterdir()]

    cli.settled(cli("session", "close", "open").data["last_job"])
    cli("hosts", "clean", "--yes")
    assert not lying(farm, host).exists()


@pytest.mark.slow
def test_a_host_that_says_nothing_is_not_waited_for(cli: Cli, farm: Farm) -> None:
    """One lets us in and is mute, one has a shim that is: both are told, and nothing is removed."""
    mute, stuck = farm.hosts
    folder = lying(farm, stuck) / "jobs"
    (folder / f"job_{'0' * 26}.0.1").mkdir(parents=True)
    farm.stop()
    stop_at_serve = '*serve*) sleep 200 ;; *) exec /bin/sh -c "$SSH_ORIGINAL_COMMAND" ;;'
    farm.options[mute] = {"ForceCommand": "sleep 200"}
    farm.options[stuck] = {"ForceCommand": f"case $SSH_ORIGINAL_COMMAND in {stop_at_serve} esac"}
    farm.start()
    cli.env["JOB_CONNECT_TIMEOUT_SEC"] = "6"
    begun = time.monotonic()
    done = cli("hosts", "clean", "--all", "--yes", mute, stuck)

    assert time.monotonic() < begun + 150  # and not the 200 s that it takes them to say something
    assert 1 == done.code
    assert 2 == done.error["message"].count("no answer for 6s")
    assert 1 == len(list(folder.iterdir()))


def test_who_is_no_host_is_told(cli: Cli) -> None:
    """As wrong usage, all at once; and where no host was ever used there is nothing to do."""
    done = cli("hosts", "clean", "a b", "c d")

    assert 2 == done.code
    assert ["a b" in done.error["message"], "c d" in done.error["message"]] == [True, True]
    assert [] == cli("hosts", "clean").data["hosts"]


@pytest.mark.slow
def test_who_names_the_files_at_each_call_can_clean_as_well(
    cli: Cli, farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where neither is set: every verb that goes to a host, or says which one, takes both."""
    host = farm.hosts[0]
    inventory = tmp_path / "site.toml"
    inventory.write_text(f'[hosts.web1]\naddress = "{host}"\n')
    monkeypatch.delenv("OUTLAST_SSH_CONFIG")
    files = ("--inventory", str(inventory), "--ssh-config", str(farm.config))

    assert 0 == cli("session", "open", *files, "work", "--on", "web1").code
    assert 0 == cli("run", *files, "--session", "work", "--", "cd", "/").code
    assert 0 == cli("session", "close", *files, "work").code
    assert "complete" == cli.settled(cli("job", "list", "--output", "id").text.split()[0])["status"]
    assert 0 == cli("hosts", "clean", *files, "--yes", "--all", "web1").code
    assert not lying(farm, host).exists()
