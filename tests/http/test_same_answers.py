"""The same jobs, asked for here and by way of a server: the same answers and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from outlast import Client

from ..cli.conftest import PROGRAM, Cli, Done
from ..cli.test_completion import check
from ..world import eventually
from .conftest import Service

pytestmark = pytest.mark.slow  # what is printed is the same under any Python


AGE = r"([0-9.]+(ms|[smhd]) ?)+(ago)?"
"""What changes while one looks."""


class Both:
    """One caller beside the home, and one who has a server's address and token."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.here, self.there = Cli(service.home, folder), Cli(folder / "elsewhere", folder)
        self.differences: list[tuple[Any, Any, Any]] = []
        self._ways = (f"--home {service.home}", f"--server {service.url}")
        self.there.env = {
            "OUTLAST_SERVER": service.url,
            "OUTLAST_TOKEN": (service.home / "token").read_text().strip(),
        }

    def told(self, cli: Cli, *arguments: str, stdin: bytes = b"") -> tuple[int, Any, str]:
        """Return the exit code, the answer and the talk, without what each call has of its own."""
        done: Done = cli(*arguments, stdin=stdin)
        out: Any = done.out.decode("latin-1")  # a command's own bytes, maybe
        if out.startswith("{"):
            out = json.loads(out)
            del out["meta"]
            for job in _jobs(out):
                job.pop("poll_interval_ms")  # by the age of the job
        shown = json.dumps(out).replace(PROGRAM, "outlast")  # keys in their order
        for way in self._ways:
            shown = shown.replace(way, "--WAY")
        # An age that has one letter more has one space less before it.
        return done.code, re.sub(" +", " ", re.sub(AGE, "AGE", shown)), done.talk

    def check(self, *arguments: str, stdin: bytes = b"") -> tuple[int, Any, str]:
        """Ask both, and return what the one was told who is beside the home."""
        expected = self.told(self.here, *arguments, stdin=stdin)
        if expected != (told := self.told(self.there, *arguments, stdin=stdin)):
            self.differences.append((arguments, expected, told))
        return expected


def _jobs(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    data = envelope["data"] or {}
    found = data.get("items", [data])
    return [each for each in found if "poll_interval_ms" in each]


@pytest.fixture
def both(service: Service, tmp_path: Path) -> Both:
    folder = tmp_path / "here"
    folder.mkdir()
    return Both(service, folder)


def test_whoever_types_is_offered_the_same(both: Both) -> None:
    """Jobs, queues and schedules of the server's, to whoever names it."""
    held = both.there.submit("--hold", "--name", "held", "--", "true")
    both.here("queue", "create", "disk")
    both.here("schedule", "add", "report", "--every", "1d", "--", "true")
    for cli in (both.here, both.there):
        check(cli, "outlast job release ", ["plain", held, "queued, held"], "zsh")
        check(cli, "outlast queue pause ", ["plain,default", "plain,disk"])
        check(cli, "outlast schedule show ", ["plain,report"])


def test_whatever_is_asked_the_answer_is_the_same(both: Both) -> None:
    """Of jobs with each fate, by each verb that only asks, as JSON and as text."""
    here = both.here
    good = here.ended("--name", "good", "--label", "a=b", "--", "printf", r"out\n\0\377")
    bad = here.ended("--shell", "echo err >&2; exit 37")
    late = here.ended("--timeout", "100ms", "--grace", "0", "--", "sleep", "60")
    gone = here.ended("--", "true")
    here("job", "delete", gone)
    cancelled = here.submit("--", "sleep", "60")
    here("job", "cancel", "--grace", "0", "--wait-stopped", "20s", cancelled)
    runs = here.running("--shell", "echo hello; exec sleep 600")
    eventually(lambda: here("job", "logs", runs).out)
    ended = (good, bad, late, cancelled)

    for job_id in (*ended, runs, gone, "job_00000000000000000000000000", "nonsense", "../x", ""):
        for verb in ("status", "result", "logs"):
            both.check("job", verb, job_id)
    for job_id in (good, bad, runs):
        both.check("job", "status", "--text", job_id)
        both.check("job", "result", "--text", job_id)
        both.check("job", "logs", "--json", "--since-byte", "2", job_id)
    both.check("job", "wait", *ended)
    both.check("job", "cancel", late)
    both.check("job", "status", "--exit-status", bad)
    assert 3 == both.check("job", "wait", "--timeout", "0.2s", "--text", runs)[0]
    both.check("job", "wait", "--any", *ended)
    both.check("job", "status", *ended, gone)
    both.check("job", "status", "-", stdin="\n".join(ended).encode())
    for form in ("--json", "--text", "--output=id"):
        both.check("job", "list", form)
    both.check("job", "list", "--status", "failed", "--limit", "1", "--since", "1h")
    both.check("job", "list", "--label", "a=b")
    for wrong in (("--limit", "0"), ("--cursor", "x"), ("--status", "x"), ("--since", "x")):
        assert 2 == both.check("job", "list", *wrong)[0]
    both.check("job", "logs", "--stream", "stderr", bad)
    both.check("job", "logs", "--tail", "1", good)
    both.check("job", "logs", "--node", "7", good)
    both.check("job", "artifacts", "list", good)
    both.check("job", "artifacts", "get", good, "x")
    both.check("job", "delete", runs)
    both.check("job", "retry", runs)
    assert "held" in both.there("job", "retry", "--hold", good).data
    assert 5 == both.check("job", "list", "--after", "job_never")[0]
    both.check("job", "list", "--after", gone)
    waits = here.submit("--delay", "1d", "--after", f"any:{runs}", "--", "true")
    assert "held" in both.there("job", "hold", waits).data
    both.check("job", "hold", waits)
    assert "held" not in both.there("job", "release", waits).data
    both.check("job", "release", waits)
    for not_there in (runs, gone, "../x"):
        both.check("job", "hold", not_there)
    both.check("submit", "--after", f"{gone},job_never", "--", "true")
    both.check("submit", "--after", "ok:job_never", "--after", "x y", "--", "true")
    both.check("session", "list")
    both.check("session", "show", "nobody")
    both.check("session", "close", "nobody")
    both.check("session", "open", "no name", "--on", "a host")
    both.check("submit", "--timeout", "soon", "--cpus", "many", "--", "true")
    both.check("submit", "--", "no-such-program")
    both.check("submit")

    assert [] == both.differences


def test_a_job_of_a_server_s_is_a_job(service: Service, client: Client) -> None:
    """With its spec, its nodes and its times: what a program can ask of the one, it can of the other."""
    job = client.submit(["printf", "out"], labels={"a": "b"}, timeout="5m", key="k")
    job = client.wait(job.id)
    token = (service.home / "token").read_text()
    with Client(service.url, token=token) as there:
        read = there.get(job.id)

        for name in ("id", "spec", "status", "reason", "created_at", "completed_at", "exit_code"):
            assert getattr(job, name) == getattr(read, name)
        assert b"out" == there.output(job.id)
        assert client.result(job.id) == there.result(job.id)
        found = there.list(labels={"a": "b"}, status="complete", since="1h").jobs
        assert [job.id] == [each.id for each in found]
        assert f"Client({service.url!r})" == repr(there)
        assert token.strip() not in repr(vars(there))
