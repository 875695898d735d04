"""The exit code says how a job stands."""

from __future__ import annotations

import pytest

from .conftest import Cli

pytestmark = pytest.mark.slow  # what is printed is the same under any Python

FATES = [
    pytest.param(["--", "true"], 0, 0, id="complete"),
    pytest.param(["--", "sh", "-c", "exit 37"], 4, 37, id="its own verdict"),
    pytest.param(["--shell", "kill -11 $$"], 4, 128 + 11, id="a signal"),
    pytest.param(["--timeout", "100ms", "--grace", "0", "--", "sleep", "60"], 7, 124, id="timeout"),
    pytest.param(
        ["--idle-timeout", "100ms", "--grace", "0", "--", "sleep", "60"], 7, 124, id="idle timeout"
    ),
    pytest.param(["--script", "gone"], 4, 125, id="could not start"),
]


@pytest.mark.parametrize(("spec", "code", "own"), FATES)
def test_each_fate_has_its_code(cli: Cli, spec: list[str], code: int, own: int) -> None:
    """`run`, `job status`, `job wait` and `job result` agree; `--exit-status` gives the command's."""
    (cli.folder / "gone").write_text("#!/nonexistent/interpreter\n")
    ran = cli("run", "--wait", "60s", *spec)
    job_id = cli("job", "list", "--output", "id").text.strip()
    asked = [
        cli("job", verb, *extra, job_id).code
        for extra in ([], ["--exit-status"])
        for verb in ("status", "wait", "result")
    ]

    assert [code, code, code, code, own, own, own] == [ran.code, *asked]
    assert own == cli("run", "--exit-status", "--wait", "60s", *spec).code


def test_a_job_that_runs_is_3(cli: Cli) -> None:
    """Not ended is no failure: 3, and 125 where the code belongs to the command."""
    job_id = cli.running("--", "sleep", "60")

    assert 3 == cli("job", "status", job_id).code
    assert 3 == cli("job", "wait", "--timeout", "0.1s", job_id).code
    assert 3 == cli("job", "result", job_id).code
    assert 125 == cli("job", "status", "--exit-status", job_id).code
    assert 3 == cli("run", "--wait", "0.1s", "--", "sleep", "60").code
    assert 125 == cli("run", "--exit-status", "--wait", "0.1s", "--", "sleep", "60").code


def test_a_queued_job_is_3(cli: Cli) -> None:
    """Waiting for its turn is not ended either."""
    cli.env["OUTLAST_MAX_RUNNING"] = "1"
    cli.running("--", "sleep", "60")
    waiting = cli("job", "status", cli.submit("--", "true"))

    assert (3, "queued") == (waiting.code, waiting.data["status"])


def test_a_cancelled_job_is_8(cli: Cli) -> None:
    """Cancelling is accepted with 0; from then on the job is 8."""
    job_id = cli.running("--", "sleep", "60")
    cancelled = cli("job", "cancel", "--grace", "0", "--wait-stopped", "10s", job_id)

    assert (0, True) == (cancelled.code, cancelled.data["cancelled"])
    assert cancelled.data["stopped_at"] is not None
    assert 8 == cli("job", "status", job_id).code
    assert 125 == cli("job", "wait", "--exit-status", job_id).code
    again = cli("job", "cancel", job_id)
    assert (0, False) == (again.code, again.data["cancelled"])


def test_a_job_that_timed_out_in_the_queue_is_7(cli: Cli) -> None:
    """The queue's clock is a clock as well."""
    cli.env["OUTLAST_MAX_RUNNING"] = "1"
    cli.running("--", "sleep", "60")
    job_id = cli.submit("--queue-timeout", "100ms", "--", "true")
    waited = cli("job", "wait", job_id)

    assert (7, "queue_timeout") == (waited.code, waited.data["reason"])


@pytest.mark.parametrize("verb", ["status", "wait", "result", "logs", "cancel", "delete", "retry"])
def test_an_unknown_job_is_5(cli: Cli, verb: str) -> None:
    """Whatever is asked about a job that there is not."""
    done = cli("job", verb, "--json", "job_00000000000000000000000000")

    assert (5, "not_found") == (done.code, done.error["code"])


@pytest.mark.parametrize("verb", ["status", "wait", "result", "logs", "cancel", "retry"])
def test_a_deleted_job_is_5(cli: Cli, verb: str) -> None:
    """An id that was one is told as expired."""
    job_id = cli.ended("--", "true")
    assert {"deleted": [job_id]} == cli("job", "delete", job_id).data
    done = cli("job", verb, "--json", job_id)

    assert (5, "expired") == (done.code, done.error["code"])


def test_wrong_usage_is_2(cli: Cli) -> None:
    """And nothing was done."""
    assert 2 == cli("submit", "--timeout", "soon", "--", "true").code
    assert 2 == cli("job", "status").code
    assert 2 == cli("nonsense").code
    assert 125 == cli("run", "--exit-status", "--", "no-such-program").code
    assert [] == cli("job", "list").data["items"]


def test_what_is_out_of_reach_is_1(cli: Cli) -> None:
    """A home that cannot be used is not the caller's usage."""
    cli.home.mkdir(mode=0o700)
    (cli.home / "outlast.db").write_bytes(
        b"no database at all, but long enough to be looked at\n" * 4
    )
    done = cli("job", "list")
    (cli.home / "outlast.db").unlink()

    assert (1, "home_refused") == (done.code, done.error["code"])


def test_a_job_that_runs_is_not_deleted(cli: Cli) -> None:
    """2, with what to do first; the others named beside it are left as well."""
    job_id, other = cli.running("--", "sleep", "60"), cli.ended("--", "true")
    done = cli("job", "delete", other, job_id)

    assert (2, "not_terminal") == (done.code, done.error["code"])
    assert "job cancel" in done.error["suggestion"]
    assert 0 == cli("job", "status", other).code


def test_several_jobs_have_one_code(cli: Cli) -> None:
    """The same for all: that one. Complete and not: 6. One that runs: 3. One unknown: 5."""
    good, bad = cli.ended("--", "true"), cli.ended("--", "false")
    running = cli.running("--", "sleep", "60")

    assert 0 == cli("job", "status", good, good).code
    assert 4 == cli("job", "status", bad).code
    assert 6 == cli("job", "status", good, bad).code
    assert 3 == cli("job", "status", good, bad, running).code
    some = cli("job", "status", good, "job_nope", running)
    assert (5, "not_found") == (some.code, some.error["code"])
    assert [good, running] == [job["job_id"] for job in some.envelope["data"]["items"]]
