"""What shells offer while somebody types."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import PATIENCE_S, PROGRAM, Cli, Done


def asked(cli: Cli, line: str, shell: str = "bash") -> Done:
    """Ask what could come at the end of *line*, as Click's scripts for shells do."""
    words = line.split(" ")
    at = words[-1] if shell == "fish" else str(len(words) - 1)
    cli.env |= {"_OUTLAST_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": at}
    done = cli()
    for name in ("_OUTLAST_COMPLETE", "COMP_WORDS", "COMP_CWORD"):
        del cli.env[name]
    return done


def offered(cli: Cli, line: str, shell: str = "bash") -> list[str]:
    done = asked(cli, line, shell)
    assert (0, "") == (done.code, done.talk)
    return [line for line in done.text.splitlines() if line]


def check(cli: Cli, line: str, expected: list[str], shell: str = "bash") -> None:
    """See that this is offered. A machine that is slow just now may offer nothing: asked again."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := offered(cli, line, shell)) and expected and time.monotonic() < deadline:
        pass
    assert expected == found, line


def nobody_supervises(cli: Cli) -> None:
    """Have the supervisor leave; one that was on its way up as another one left goes as well."""
    while cli("supervisor", "stop").data["stopped"]:
        pass


def test_each_verb_is_offered_the_jobs_that_it_is_for(cli: Cli) -> None:
    """Newest first, each once; no supervisor is started for it."""
    ended = cli.ended("--name", "nightly: a, b", "--", "false")
    queued, held = cli.submit("--delay", "1d", "--", "true"), cli.submit("--hold", "--", "true")
    nobody_supervises(cli)

    everything = [f"plain,{each}" for each in (held, queued, ended)]
    of_a_need = [f"plain,failed:{each}" for each in (held, queued, ended)]
    for line, expected in (
        ("outlast job status ", everything),
        ("outlast job logs --follow job_", everything),
        (f"outlast job status {queued} ", [everything[0], everything[2]]),
        (f"outlast job artifacts list {ended[:-1]}", [everything[2]]),
        ("outlast job cancel ", everything[:2]),
        ("outlast job retry ", everything[2:]),
        ("outlast job hold ", [everything[1]]),
        ("outlast job release ", [everything[0]]),
        ("outlast job list --after ", everything),
        ("outlast submit --after failed:", of_a_need),
    ):
        check(cli, line, expected)
    said = "failed, nightly: a, b"
    check(cli, "outlast job retry ", ["plain", ended, said], "zsh")
    check(cli, "outlast job retry ", [f"plain,{ended}\t{said}"], "fish")
    assert None is cli("supervisor", "status").data["pid"]


def test_queues_and_schedules_are_offered(cli: Cli) -> None:
    """Those that were created, and not those that stand there already."""
    for name in ("disk", "tape"):
        cli("queue", "create", name)
    cli("schedule", "add", "report", "--every", "1d", "--", "true")
    nobody_supervises(cli)

    disk, default, tape = "plain,disk", "plain,default", "plain,tape"
    for line, expected in (
        ("outlast queue pause ", [default, disk, tape]),
        ("outlast queue pause disk ", [default, tape]),
        ("outlast queue drain ", [disk, tape]),
        ("outlast submit --queue d", [default, disk]),
        ("outlast job move --queue t", [tape]),
        ("outlast schedule show ", ["plain,report"]),
        ("outlast schedule add ", []),
        ("outlast submit -- ./b", ["file,./b"]),
        ("outlast submit --script ", ["file,"]),
    ):
        check(cli, line, expected)
    assert None is cli("supervisor", "status").data["pid"]


def test_bash_completes_by_what_it_is_told(cli: Cli) -> None:
    """As the page about the command line says it is set up; also what stands behind = and :."""
    for name in ("disk", "tape"):
        cli("queue", "create", name)
    held = cli.submit("--hold", "--", "true")
    expected = f"pause\ntape\ntape\n{held}\n"
    script = """
        eval "$(_OUTLAST_COMPLETE=bash_source outlast)"
        asked=("queue pau" "queue resume t" "submit --queue = t" "submit --after failed : job_")
        for line in "${asked[@]}"; do
            COMP_WORDS=(outlast $line) COMPREPLY=()
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            "$(complete -p outlast | sed 's/.*-F \\([^ ]*\\).*/\\1/')" outlast
            printf '%s\\n' "${COMPREPLY[@]}"
        done
    """
    path = f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}"

    def completed() -> str:
        done = subprocess.run(
            ["bash", "--norc", "-c", script],
            env=cli.environment() | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert "" == done.stderr
        return done.stdout

    deadline = time.monotonic() + PATIENCE_S
    while (found := completed()) != expected and time.monotonic() < deadline:
        pass
    assert expected == found


@pytest.mark.parametrize("wrong", ["home", "database", "settings", "server"])
def test_whatever_is_wrong_nothing_is_said(cli: Cli, tmp_path: Path, wrong: str) -> None:
    """Where nothing is, nothing is made; and a server that does not answer is not waited for."""
    home = tmp_path / "another"
    line = f"outlast --home {home} job logs "
    if wrong == "database":
        home.mkdir()
        (home / "outlast.db").write_text("no database")
    elif wrong == "settings":
        cli.env["OUTLAST_MAX_RUNNING"] = "many"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        if wrong == "server":
            line = f"outlast --server http://127.0.0.1:{mute.getsockname()[1]} job logs "
        begun = time.monotonic()
        assert [] == offered(cli, line)
        assert time.monotonic() - begun < 20  # half a minute would be waited for an answer
    assert home.exists() is (wrong == "database")
