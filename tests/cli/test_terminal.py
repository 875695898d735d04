"""On a terminal: output as it comes, a clock and a bar, Ctrl-C detaches, a second one cancels."""

from __future__ import annotations

import re
from collections.abc import Callable

from .conftest import Cli, Terminal

Open = Callable[..., Terminal]


def test_ctrl_c_detaches(cli: Cli, terminal: Open) -> None:
    """3, the job goes on, and the way back is told."""
    run = terminal("run", "--shell", "echo begun; sleep 60")
    run.until("begun")
    run.interrupt()
    shown = run.until("Ctrl-C again cancels it")
    job_id = cli("job", "list", "--output", "id").text.strip()

    assert 3 == run.end()
    assert f"detached: {job_id} goes on" in shown
    assert "job status" in shown
    assert "running" == cli("job", "status", job_id).data["status"]


def test_a_second_ctrl_c_cancels(cli: Cli, terminal: Open) -> None:
    """8, and the job is cancelled."""
    run = terminal("run", "--grace", "0", "--shell", "echo begun; sleep 60")
    run.until("begun")
    run.interrupt()
    run.until("Ctrl-C again cancels it")
    run.interrupt()

    assert 8 == run.end()
    assert "cancelled" == cli("job", "list").data["items"][0]["status"]


def test_closing_the_terminal_ends_no_job(cli: Cli, terminal: Open) -> None:
    """The viewer goes, the job stays."""
    run = terminal("run", "--shell", "echo begun; sleep 60")
    run.until("begun")
    run.hang_up()

    assert "running" == cli("job", "list").data["items"][0]["status"]


def test_a_clock_and_a_bar_are_shown(cli: Cli, terminal: Open) -> None:
    """What the command tells of its progress, below its output."""
    line = """echo begun; echo '{"progress_pct": 40, "message": "half way"}' >> $OUTLAST_PROGRESS
              until [ -e go ]; do sleep 0.02; done; echo over"""
    run = terminal("run", "--shell", line)
    run.until_line(r"running +\d\S* .* 40 % +half way")
    (cli.folder / "go").touch()

    assert 0 == run.end()
    assert "is complete" in run.text
    assert "begun" in run.text
    assert "over" in run.text


def test_no_colour_is_obeyed(cli: Cli, terminal: Open) -> None:
    """NO_COLOR: no colour in the bar, in a table, in a status."""
    cli.env["NO_COLOR"] = "1"
    run = terminal("run", "--", "sleep", "0.7")
    assert 0 == run.end()
    listed = terminal("job", "list")
    assert 0 == listed.end()

    assert not re.search(r"\x1b\[[0-9;]*m", run.text + listed.text)


def test_a_commands_own_line_is_left_alone(cli: Cli, terminal: Open) -> None:
    """A prompt without a line break is not drawn over."""
    run = terminal("run", "--shell", "printf 'Password: '; sleep 1; echo; echo over")
    assert 0 == run.end()

    assert "Password: \r\nover" in run.text


def test_answers_are_text(cli: Cli, terminal: Open) -> None:
    """On a terminal nobody reads JSON, unless they ask."""
    job_id = cli.ended("--", "true")
    status, asked = terminal("job", "status", job_id), terminal("job", "status", "--json", job_id)

    assert (0, 0) == (status.end(), asked.end())
    assert re.search(rf"^{job_id}  \S*complete", status.text)
    assert asked.text.startswith('{"ok":true')


def test_the_table_fits_eighty_columns(cli: Cli, terminal: Open) -> None:
    """Whatever the names and commands are, no line wraps."""
    cli.ended("--name", "a name that is much longer than what is left for it", "--", "true")
    cli.ended("--name", "広い文字はふたつの桁を取るのでここで切られる", "--", "true")
    cli.ended("--shell", "exit 3 # " + "x" * 200)
    cli.running("--timeout", "3650d", "--", "sleep", "60")
    listed = terminal("job", "list")
    assert 0 == listed.end()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", listed.text).replace("\r", "").splitlines()

    assert 5 == len(lines)
    assert all(len(line.encode("utf-16-le")) // 2 + wide(line) <= 80 for line in lines), lines


def wide(line: str) -> int:
    return sum(1 for character in line if "\u2e80" <= character <= "\uffef")
