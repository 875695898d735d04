"""`outlast serve` itself: where it listens, what it says of that, how it leaves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from outlast.doors.cli.schemas import SCHEMAS

from .conftest import Caller, Service, refused

pytestmark = pytest.mark.slow  # real processes, for seconds


def test_it_says_where_it_listens_and_leaves_when_asked(service: Service, caller: Caller) -> None:
    """One line, as its schema has it; the token is its user's alone; a job goes on without it."""
    job = caller.submit(command=["sleep", "600"])
    caller.running(job["job_id"])
    code = service.stop()
    assert service.told is not None
    mode = os.stat(service.told["token_file"]).st_mode

    assert set(SCHEMAS["serving"]["required"]) == set(service.told)
    assert (0, 0o600, service.url) == (code, stat.S_IMODE(mode), service.told["url"])
    service.start()
    again = Caller(service.client()).client.get(f"/jobs/{job['job_id']}").json()
    assert "running" == again["status"]


def test_it_listens_at_a_socket(service: Service, tmp_path: Path) -> None:
    """For its user alone, in place of one that a dead service left; it is removed at the end."""
    path = tmp_path / "s"
    service.stop()
    service.start("--unix", str(path))
    service.kill()
    assert path.exists()
    service.start("--unix", str(path))
    mode = stat.S_IMODE(path.stat().st_mode)
    answer = service.client().get("/jobs")

    assert (0o600, 200, f"unix://{path}") == (mode, answer.status_code, service.url)
    assert (0, False) == (service.stop(), path.exists())


def test_an_address_that_is_taken_is_told(service: Service) -> None:
    """With what would help; and so is one that is no address."""
    port = service.url.rpartition(":")[2]
    taken = refused("--port", port)
    unknown = refused("--host", "no such host")

    assert (1, "unavailable") == (taken[0], taken[1]["code"])
    assert "--port 0" in taken[1]["suggestion"]
    assert (2, "invalid_request") == (unknown[0], unknown[1]["code"])
