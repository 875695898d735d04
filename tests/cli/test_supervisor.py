"""`outlast supervisor`: seen, stopped, installed; and no job is touched by any of it."""

from __future__ import annotations

import os
import signal
import subprocess

from .conftest import PROGRAM, Cli


def test_none_is_no_fault(cli: Cli) -> None:
    """It comes with the first job. Asking starts none."""
    done = cli("supervisor", "status")

    names = ("pid", "version", "running", "queued", "settings")
    assert dict.fromkeys(names) == done.data
    assert 0 == done.code
    assert not cli.home.exists()
    assert {"stopped": False, "pid": None} == cli("supervisor", "stop").data


def test_it_tells_what_it_does(cli: Cli) -> None:
    """pid, version, running, queued."""
    cli.env["OUTLAST_MAX_RUNNING"] = "1"
    cli.running("--", "sleep", "60")
    cli.submit("--", "true")
    data = cli("supervisor", "status").data
    os.kill(data["pid"], 0)

    assert (1, 1) == (data["running"], data["queued"])


def test_it_tells_under_which_settings_it_runs(cli: Cli) -> None:
    """Those of whoever started it; where they are not the asker's, that is said."""
    (cli.home).mkdir()
    (cli.home / "config.toml").write_text("max_running = 3\nmax_cpus = 1.5\n[resources]\ngpu = 2\n")
    cli.env |= {"OUTLAST_IDLE_EXIT": "60s", "OUTLAST_MIN_FREE": "1m", "OUTLAST_MAX_MEMORY": "1g"}
    cli.running("--", "sleep", "60")
    same = cli("supervisor", "status")
    cli.env["OUTLAST_MAX_RUNNING"] = "1000"
    other = cli("supervisor", "status")
    in_force = {
        "max_running": 3,
        "idle_exit_ms": 60_000,
        "min_free_bytes": 1 << 20,
        "resources": {"gpu": 2},
        "max_cpus": 1.5,
        "max_memory_bytes": 1 << 30,
    }

    assert (in_force, []) == (same.data["settings"], same.envelope["warnings"])
    assert in_force == other.data["settings"]
    told = (
        "max_running is 3 in the running supervisor, and 1,000 in your settings:"
        " after outlast supervisor stop, the next one takes yours"
    )
    assert [told] == other.envelope["warnings"]
    doctor = next(each for each in cli("doctor").data["checks"] if each["check"] == "supervisor")
    assert ("warn", told) == (doctor["status"], doctor["remedy"])
    shown = "\nmax_running 3\nresources gpu=2\nmax_cpus 1.5\nmax_memory_bytes 1,073,741,824\n"
    assert shown in cli("supervisor", "status", "--text").text


def test_stopping_it_touches_no_job(cli: Cli) -> None:
    """What runs goes on, and the next look starts another one."""
    job_id = cli.running("--shell", "sleep 1; echo done")
    first = cli("supervisor", "status").data["pid"]

    assert {"stopped": True, "pid": first} == cli("supervisor", "stop").data
    assert cli("supervisor", "status").data["pid"] is None
    assert ("complete", "done\n") == (
        cli.settled(job_id)["status"],
        cli("job", "logs", job_id).text,
    )


def test_it_runs_in_the_foreground(cli: Cli) -> None:
    """For service managers: until SIGTERM, and 0 then; a second one ends at once."""
    process = cli.start("supervisor", "run")

    assert process.pid == cli.supervisor()
    second = cli("supervisor", "run")
    assert (0, True) == (second.code, "another supervisor owns this home" in second.talk)
    assert "complete" == cli("job", "wait", cli.submit("--", "true")).data["status"]
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(60)


def test_a_unit_is_written_and_nothing_else(cli: Cli) -> None:
    """The path and the command that enables it are told; --print writes nothing."""
    config = cli.folder / "config"
    cli.env["XDG_CONFIG_HOME"] = str(config)
    printed = cli("supervisor", "install", "--print", "--text")
    assert not config.exists()
    data = cli("supervisor", "install").data
    path = config / "systemd" / "user" / "outlast.service"

    assert str(path) == data["path"]
    assert path.read_text() == data["unit"] == printed.text
    assert "systemd-run --user --scope" in data["unit"]
    assert f" -- {PROGRAM} supervisor run --home {cli.home}\n" in data["unit"]
    assert "systemctl --user enable --now outlast.service" in data["enable_command"]
    assert [path] == [each for each in config.rglob("*") if each.is_file()]


def test_a_unit_quotes_what_systemd_would_take_apart(cli: Cli) -> None:
    """A home with a space, a percent sign and a dollar."""
    odd = cli.folder / "50% of $HOME"
    unit = cli("supervisor", "install", "--print", "--home", str(odd)).data["unit"]
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))

    assert command.endswith(f' --home "{cli.folder}/50%% of $$HOME"')


def test_a_unit_is_one_that_systemd_accepts(cli: Cli) -> None:
    """Where there is a systemd to ask."""
    path = cli.folder / "outlast.service"
    path.write_text(cli("supervisor", "install", "--print", "--text").text)
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        return  # no systemd on this machine: the text is held by the tests above
    assert "outlast.service:" not in done.stderr
