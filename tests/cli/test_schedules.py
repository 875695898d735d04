"""Schedules on the command line."""

from __future__ import annotations

from pathlib import Path

from .conftest import Cli


def test_a_schedule_is_added_shown_run_and_removed(cli: Cli) -> None:
    """Its times are told, its job has its name and its environment of then, and it can be paused."""
    cli.env["STAGE"] = "then"
    shell = ("--shell", 'echo "$STAGE"')
    added = cli("schedule", "add", "report", "--cron", "0 8 * * mon-fri", "--tz", "Europe/Berlin", *shell)  # fmt: skip
    cli.env["STAGE"] = "now"
    shown = cli("schedule", "show", "report")
    job_id = cli("schedule", "run", "report", "--text").text.strip()
    cli.settled(job_id)
    states = [cli("schedule", verb, "report").data["state"] for verb in ("pause", "resume")]
    assert "report\n" == cli("schedule", "list", "--output", "id").text
    listed = cli("schedule", "list", "--text")
    removed = cli("schedule", "remove", "report")

    assert "supervisor install" in added.envelope["warnings"][0]
    assert [added.data["next_at"], 5] == [
        shown.data["next_times"][0],
        len(shown.data["next_times"]),
    ]
    assert b"then\n" == cli("job", "logs", job_id).out
    assert ["paused", "active"] == states
    assert listed.text.startswith("report: active, 0 8 * * mon-fri (Europe/Berlin); next at ")
    assert job_id in listed.text
    assert ("report", []) == (removed.data["name"], cli("schedule", "list").data["items"])


def test_people_are_told_when_it_runs_next(cli: Cli) -> None:
    """With what it runs; and what it lacks to outlive a reboot, unless there is a unit."""
    unit = Path(cli.folder, "config", "systemd", "user", "outlast.service")
    unit.parent.mkdir(parents=True)
    unit.touch()
    cli.env["XDG_CONFIG_HOME"] = str(Path(cli.folder, "config"))
    added = cli("schedule", "add", "sync", "--every", "15m", "--text", "--", "echo", "--all")
    shown = cli("schedule", "show", "sync", "--text").text.splitlines()
    removed = cli("schedule", "remove", "sync", "--text")
    at_eight = ("--cron", "0 8 * * *", "--tz", "Asia/Kolkata", "--text")
    elsewhere = cli("schedule", "add", "report", *at_eight, "--", "true").text
    due = cli("schedule", "show", "report", "--text").text.splitlines()[3:]

    assert "sync is removed: every 15m\n" == removed.text
    assert elsewhere.endswith(" 08:00:00+05:30\n")
    assert ["08:00:00+05:30"] * 5 == [line.split()[1] for line in due]
    assert ("", "sync: active, every 15m; next at ") == (added.talk, added.text[:33])
    assert ["runs: echo --all", "next:"] == shown[1:3]
    assert 8 == len(shown)


def test_a_queue_that_nobody_created_is_told_of(cli: Cli) -> None:
    """Its name may be mistyped: each of the schedule's jobs would go there."""
    cli("queue", "create", "nightly")
    every = ("--every", "1h")
    slip = cli("schedule", "add", "report", *every, "--queue", "nigthly", "--", "true")
    meant = cli("schedule", "add", "sync", *every, "--queue", "nightly", "--", "true")

    told = slip.envelope["warnings"][0]
    assert told.startswith("nobody has created a queue 'nigthly'")
    assert "was nightly meant? outlast schedule add --replace report --queue nightly ...;" in told
    assert "nobody has created" not in str(meant.envelope["warnings"])


def test_what_is_wrong_is_told_whole(cli: Cli) -> None:
    """Times, name and job at once; and one that is not there."""
    wrong = cli("schedule", "add", "a b", "--cron", "0 8 * *", "--overlap", "no", "--", "no-such-program")  # fmt: skip
    unknown = cli("schedule", "pause", "report")

    assert (2, 4) == (wrong.code, len(wrong.error["faults"])), wrong
    assert (5, "not_found") == (unknown.code, unknown.error["code"])
    assert [] == cli("schedule", "list").data["items"]
