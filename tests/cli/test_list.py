"""`outlast job list`, and what hangs on it: finding, counting on, removing, trying again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Cli

pytestmark = pytest.mark.slow  # what is printed is the same under any Python

GOLDEN = Path(__file__).with_name("job_list.txt")


def test_the_table_is_as_it_was(cli: Cli) -> None:
    """A golden file: ids, times and how long it took stand for themselves."""
    cli.ended("--name", "nightly report", "--", "true")
    cli.ended("--shell", "exit 3")
    cli.ended("--", "sh", "-c", "a command that is much longer than there is room for it here")
    cli("job", "cancel", "--grace", "0", "--wait-stopped", "10s", cli.running("--", "sleep", "60"))
    cli.running("--", "sleep", "61")
    shown = cli("job", "list", "--text").text
    masked = re.sub(r"job_\w{26}", f"job_{'0' * 26}", shown)
    masked = re.sub(r"\d\d:\d\d:\d\d", "00:00:00", masked)
    masked = re.sub(r" +\d+(\.\d)?s  ", lambda match: f"{'0s':>{len(match[0]) - 2}}  ", masked)

    assert GOLDEN.read_text() == masked
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_jobs_are_found_by_what_they_are(cli: Cli) -> None:
    """Status, labels and age; all conditions hold at once."""
    good = cli.ended("--label", "team=db", "--label", "x=1", "--", "true")
    bad = cli.ended("--label", "team=db", "--", "false")
    running = cli.running("--", "sleep", "60")

    def found(*arguments: str) -> list[str]:
        return cli("job", "list", "--output", "id", *arguments).text.split()

    assert [running, bad, good] == found()
    assert [bad, good] == found("--label", "team=db")
    assert [good] == found("--label", "team=db", "--label", "x=1")
    assert [bad] == found("--status", "failed")
    assert [running, bad] == found("--status", "failed", "--status", "running")
    assert [running, bad] == found("--status", "failed,running")
    assert [running, bad, good] == found("--since", "1h")
    assert [] == found("--since", "0")
    assert [running] == found("--limit", "1")


def test_pages_follow_each_other(cli: Cli) -> None:
    """By cursor, without gap or repetition."""
    ids = [cli.submit("--", "true") for _ in range(3)]
    first = cli("job", "list", "--limit", "2").data
    second = cli("job", "list", "--limit", "2", "--cursor", first["next_cursor"]).data

    assert ids[::-1] == [job["job_id"] for job in first["items"] + second["items"]]
    assert second["next_cursor"] is None
    assert "result" not in first["items"][0]


def test_old_jobs_are_removed_by_age(cli: Cli) -> None:
    """Those that ended before; one that runs is left alone."""
    gone, kept = cli.ended("--label", "a=b", "--", "true"), cli.ended("--", "true")
    running = cli.running("--label", "a=b", "--", "sleep", "60")

    assert [] == cli("job", "delete", "--older-than", "1h").data["deleted"]
    assert [gone] == cli("job", "delete", "--older-than", "0", "--label", "a=b").data["deleted"]
    assert [kept] == cli("job", "delete", "--older-than", "0s").data["deleted"]
    assert [running] == cli("job", "list", "--output", "id").text.split()
    assert not (cli.home / "jobs" / gone).exists()


def test_a_retry_is_a_new_job_that_names_the_old_one(cli: Cli) -> None:
    """The same spec again, with the environment of now."""
    old = cli.ended("--name", "again", "--shell", 'echo "$MOOD"; exit 1')
    cli.env["MOOD"] = "better"
    data = cli("job", "retry", old).data
    again = cli("job", "wait", data["job_id"]).data

    assert (old, "again") == (data["retry_of"], data["name"])
    assert "better\n" == again["result"]["stdout"]


def test_a_job_that_runs_is_not_retried(cli: Cli) -> None:
    """Only what has ended can be tried again."""
    done = cli("job", "retry", cli.running("--", "sleep", "60"))

    assert (2, "not_terminal") == (done.code, done.error["code"])


def test_any_of_several_is_waited_for(cli: Cli) -> None:
    """The exit code is of those that have ended."""
    slow, quick = cli.submit("--", "sleep", "60"), cli.submit("--", "true")
    done = cli("job", "wait", "--any", slow, quick)

    assert 0 == done.code
    assert [False, True] == [job["terminal"] for job in done.data["items"]]
    assert 3 == cli("job", "wait", "--all", "--timeout", "0.1s", slow, quick).code
