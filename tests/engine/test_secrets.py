"""Secrets, read for their jobs and shown to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast.core.job import JobId, JobSpec
from outlast.engine import verbs
from outlast.engine.secrets import resolve_secrets
from outlast.errors import InvalidRequest


def test_references_are_read_once_for_all_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable as it is, a file without its last line break; `~` is the caller's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("two\nlines\n\n")
    specs = [
        JobSpec(command=("true",), secret_env={"A": "env:GIVEN", "B": "file:~/token"}),
        JobSpec(command=("true",), secret_env={"C": "env:GIVEN"}),
        JobSpec(command=("true",)),
    ]

    assert {"env:GIVEN": "", "file:~/token": "two\nlines\n"} == resolve_secrets(
        specs, {"GIVEN": ""}
    )


def test_all_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    """By reference and reason; no value is in the words."""
    (tmp_path / "binary").write_bytes(b"hunter2\xff")
    references = ["env:GONE", f"file:{tmp_path}/gone", f"file:{tmp_path}/binary", "vault:x"]
    spec = JobSpec(
        command=("true",), secret_env={f"V{n}": each for n, each in enumerate(references)}
    )
    with pytest.raises(InvalidRequest) as refused:
        resolve_secrets([spec], {"OTHER": "hunter2"})

    told = "\n".join(refused.value.faults)
    assert len(references) == len(refused.value.faults)
    assert all(reference in told for reference in references)
    assert "No such file" in told
    assert "not text" in told
    assert "hunter2" not in told


def test_a_request_shows_no_secret_where_it_is_printed() -> None:
    """In a traceback or a log: only what it asks for."""
    secrets = {"env:PW": "hunter2"}
    submit = verbs.Submit(specs=(), secrets=secrets, stdin=b"hunter2")
    retry = verbs.Retry(JobId("job_1"), secrets=secrets)

    assert ("Submit(0 specs)", "Retry(job_1)") == (repr(submit), repr(retry))
