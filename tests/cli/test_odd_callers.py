"""Callers with little to give: no stdout, no directory any more, few descriptors, small limits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import PROGRAM, Cli


def _shell(cli: Cli, line: str) -> subprocess.CompletedProcess[str]:
    """Run *line* where `$0` is the program."""
    return subprocess.run(
        ["/bin/bash", "-c", line, PROGRAM],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=cli.environment(),
        cwd=cli.folder,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_dev_null(cli: Cli, closed: str) -> None:
    """As in cron lines: `outlast submit -- ... >&-`. The job is submitted, and nothing crashes."""
    done = _shell(cli, f'"$0" submit -- true {closed}')

    assert 0 == done.returncode, done
    assert "Traceback" not in done.stderr
    assert 1 == len(cli("job", "list").data["items"])


@pytest.mark.parametrize("call", ["job list --json", "job list --text", "run -- echo hello"])
def test_a_full_stdout_is_told_in_one_line(cli: Cli, call: str) -> None:
    """No traceback, no fault of ours; exit code 1, for the answer was not given."""
    done = _shell(cli, f'"$0" {call} > /dev/full')

    expected = "outlast: stdout cannot be written: No space left on device\n"
    assert (1, expected) == (done.returncode, done.stderr.splitlines(keepends=True)[-1])


def test_a_deleted_directory_is_the_callers_fault(cli: Cli) -> None:
    """It is named as what is wrong (2), and does no harm where another directory is asked for."""
    go = "mkdir gone && cd gone && rmdir ../gone &&"
    refused = _shell(cli, f'{go} "$0" run -- true')
    done = _shell(cli, f'{go} "$0" run --cwd / -- pwd')

    assert 2 == refused.returncode, refused
    assert "gone (deleted) is not there" in refused.stderr
    assert (0, "/\n") == (done.returncode, done.stdout), done


def test_a_descriptor_beyond_the_limit_hinders_no_supervisor(cli: Cli, tmp_path: Path) -> None:
    """A lock held at 251, a limit of 64: the supervisor starts, and does not keep the lock."""
    lock = tmp_path / "lock"
    done = _shell(
        cli,
        f"exec 251>{lock}; flock 251; ulimit -S -n 64; "
        f'"$0" run -- echo ran; exec 251>&-; flock -n {lock} echo free',
    )

    assert "ran\nfree\n" == done.stdout, done


def test_the_first_callers_limits_are_its_own(cli: Cli) -> None:
    """Its job has them; the supervisor that it starts, and the next caller's job, do not."""
    line = "echo $(ulimit -S -t) $(ulimit -S -f)"
    first = _shell(cli, f'ulimit -S -t 30; ulimit -S -f 100000; "$0" run --shell "{line}"')
    limits = Path(f"/proc/{cli.supervisor()}/limits").read_text().splitlines()
    soft = {text[:24].strip(): text[24:].split()[0] for text in limits}
    second = _shell(cli, f'"$0" run --shell "{line}"')

    assert "30" == first.stdout.split()[0], first
    assert "30" != soft["Max cpu time"]
    assert "30" != second.stdout.split()[0], second


def test_a_limit_of_file_sizes_is_told_as_what_it_is(cli: Cli) -> None:
    """No supervisor, or no database that fits: the limit and the remedy; and nothing is stored."""
    alone = _shell(cli, 'ulimit -f 1; "$0" submit --text -- true')
    small = _shell(cli, 'ulimit -f 1000; "$0" submit --text -- true')
    by_hand = _shell(cli, 'ulimit -f 1; "$0" supervisor run')
    cli.ended("--", "true")
    beside = _shell(cli, 'ulimit -f 1; "$0" submit --text -- true')
    assert cli("supervisor", "stop").data["stopped"]
    unread = _shell(cli, 'ulimit -f 1; "$0" job list --text')

    for done in (alone, small, by_hand, beside, unread):
        assert (1, False) == (done.returncode, "Traceback" in done.stderr)
        longest = "1,024,000" if done is small else "1,024"
        assert f"files of {longest} bytes at the most (ulimit -f)" in done.stderr
        assert "where that limit is not set" in done.stderr
    assert 1 == len(cli("job", "list").data["items"])


def test_a_job_has_its_callers_limit_of_file_sizes(cli: Cli) -> None:
    """A command that writes more is ended by the kernel, and that is told; its neighbour is not."""
    cli.ended("--", "true")
    line = "head -c 3000000 /dev/zero"
    limited = _shell(cli, f'ulimit -f 2000; "$0" run --wait none -- {line} | wc -c')
    free = _shell(cli, f'"$0" run --wait none -- {line} | wc -c')

    assert ("2048000\n", "3000000\n") == (limited.stdout, free.stdout), limited
    assert "is failed: signal 25 (SIGXFSZ)" in limited.stderr
