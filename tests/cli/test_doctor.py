"""`outlast doctor`: what works here, and what would help."""

from __future__ import annotations

import json

from .conftest import Cli

CHECKS = [
    "home",
    "database",
    "python",
    "containment",
    "limits",
    "kernel",
    "containers",
    "free space",
    "supervisor",
]


def test_every_part_is_looked_at(cli: Cli) -> None:
    """Each ok, warn or fail; whoever is not ok says what would help. Nothing is made by looking."""
    done = cli("doctor")

    assert CHECKS == [check["check"] for check in done.data["checks"]]
    assert done.data["survives"] in ("logout", "session", "container")
    assert all(check["remedy"] for check in done.data["checks"] if check["status"] != "ok")
    assert 0 == done.code
    assert not cli.home.exists()


def test_a_used_home_is_looked_at(cli: Cli) -> None:
    """Its database is read, its supervisor asked."""
    cli.ended("--", "true")
    checks = {check["check"]: check for check in cli("doctor").data["checks"]}

    assert "MiB" in checks["database"]["message"]
    assert checks["supervisor"]["message"].startswith("pid ")


def test_what_is_wrong_is_told_with_its_remedy(cli: Cli) -> None:
    """A full disk, a home that others may read, a database that is none: exit code 1."""
    cli.ended("--", "true")
    cli("supervisor", "stop")
    cli.home.chmod(0o755)
    database = cli.home / "outlast.db"
    for name in ("outlast.db-wal", "outlast.db-shm"):
        (cli.home / name).unlink(missing_ok=True)
    database.write_bytes(b"this is no database\n" * 100)
    cli.env["OUTLAST_MIN_FREE"] = "900000g"
    done = cli("doctor")
    cli.home.chmod(0o700)
    database.unlink()
    checks = {check["check"]: check for check in done.data["checks"]}

    assert 1 == done.code
    assert ("warn", f"chmod 700 {cli.home}") == (
        checks["home"]["status"],
        checks["home"]["remedy"],
    )
    assert "fail" == checks["database"]["status"]
    assert ("fail", True) == (
        checks["free space"]["status"],
        "job delete --older-than" in checks["free space"]["remedy"],
    )


def test_a_home_that_was_moved_here_is_adopted(cli: Cli) -> None:
    """Refused everywhere, with that remedy; --adopt-home makes it ours, jobs and all."""
    job_id = cli.ended("--", "true")
    cli("supervisor", "stop")
    identity = cli.home / "home.json"
    identity.write_text(json.dumps(json.loads(identity.read_text()) | {"machine": "another"}))
    refused = cli("job", "status", job_id)

    assert (1, "home_refused") == (refused.code, refused.error["code"])
    assert "outlast doctor --adopt-home" in refused.error["suggestion"]
    assert (1, "fail") == (cli("doctor").code, cli("doctor").data["checks"][0]["status"])
    assert 0 == cli("doctor", "--adopt-home").code
    assert 0 == cli("job", "status", job_id).code


def test_a_home_in_use_is_not_adopted(cli: Cli) -> None:
    """Somebody else's supervisor has it."""
    cli.running("--", "sleep", "60")
    done = cli("doctor", "--adopt-home")

    assert (1, "unavailable") == (done.code, done.error["code"])


def test_each_setting_is_shown_with_where_it_comes_from(cli: Cli) -> None:
    """An argument, a variable, the home's file, or nowhere."""
    cli.home.mkdir()
    (cli.home / "config.toml").write_text('max_running = 3\nidle_exit = "90s"\n')
    cli.env |= {"OUTLAST_IDLE_EXIT": "20s", "OUTLAST_MIN_FREE": "1536m"}
    done = cli("doctor", "--home", str(cli.home))
    path = str(cli.home / "config.toml")

    assert path == done.data["config"]
    assert {
        "home": (str(cli.home), "argument"),
        "output": (None, "default"),
        "max_running": ("3", path),
        "resources": (None, "default"),
        "max_cpus": (None, "default"),
        "max_memory": (None, "default"),
        "idle_exit": ("20s", "OUTLAST_IDLE_EXIT"),
        "min_free": ("1536m", "OUTLAST_MIN_FREE"),
        "job_command_timeout_sec": ("600", "default"),
        "job_connect_timeout_sec": ("30", "default"),
        "ssh_config": (None, "default"),
        "inventory": (None, "default"),
        "server": (None, "default"),
        "token_file": (None, "default"),
        "allow_plain_http": ("no", "default"),
        "policy": (None, "default"),
        "max_schedules": ("1000", "default"),
    } == {each["setting"]: (each["value"], each["source"]) for each in done.data["settings"]}
    assert "      max_running 3  (config.toml)\n" in cli("doctor", "--text").text


def test_a_file_of_settings_that_makes_no_sense_is_refused(cli: Cli) -> None:
    """By whatever is called, with the file, the key and what would be right."""
    cli.home.mkdir()
    (cli.home / "config.toml").write_text("max_running = 'many'\n")
    for arguments in (("doctor",), ("job", "list"), ("submit", "--", "true")):
        done = cli(*arguments)
        assert (2, "invalid_request") == (done.code, done.error["code"])
        assert (
            f"{cli.home}/config.toml: max_running: 'many' is not a whole number above 0"
            == done.error["message"]
        )
    (cli.home / "config.toml").unlink()


def test_it_is_readable(cli: Cli) -> None:
    """A line a check, the remedy below it."""
    done = cli("doctor", "--text")

    assert all(name in done.text for name in CHECKS)
    assert "\nsurvives " in done.text
