"""The log of a real service on stderr: a line for each request, and nothing that is secret."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..world import PATIENCE_S, eventually
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds

SECRET = "do-not-log-me"


def lines(service: Service) -> list[dict[str, Any]]:
    """Return what was logged so far; each whole line is one object."""
    whole, _, _ = service.log.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def logged(service: Service, **facts: Any) -> list[dict[str, Any]]:
    """Return the lines that have these facts."""
    return [line for line in lines(service) if facts.items() <= line.items()]


def test_each_request_is_a_line_of_json(service: Service) -> None:
    """With whose it was and which job; by its route: no token, body, query or path of anybody's."""
    service.stop()
    service.start("--port", "0", "--log-format", "json")
    ask = service.client()
    token = (service.home / "token").read_text().strip()
    job = Caller(ask).submit(
        shell=f": {SECRET}", env={"A": SECRET}, headers={"X-Request-ID": "mine"}
    )
    job_id = job["job_id"]
    ask.get(f"/jobs/{job_id}", params={"token": SECRET})
    ask.get(f"/jobs/{SECRET}")
    ask.get(f"/{SECRET}")
    service.client(token=SECRET).get("/jobs")
    service.stop()

    (submitted,) = logged(service, event="request", request_id="mine")
    took = submitted.pop("duration_ms")
    assert took > 0
    assert submitted.pop("time").endswith("Z")
    expected = {
        "level": "info",
        "event": "request",
        "request_id": "mine",
        "principal": "local",
        "job_id": job_id,
        "method": "POST",
        "route": "/jobs",
        "status": 202,
    }
    assert expected == submitted
    assert 1 == len(logged(service, route="/jobs/{job_id}", job_id=job_id, status=422))
    assert 1 == len(logged(service, route="/jobs/{job_id}", job_id=None, status=404))
    assert 1 == len(logged(service, route="none", principal="local", status=404))
    assert 1 == len(logged(service, principal=None, method="GET", status=401))
    assert not [word for word in (SECRET, token) if word in service.log.read_text()]


def test_what_the_server_says_itself_goes_the_same_way(service: Service) -> None:
    """In the same form, from its start to its end, and what it says of bytes that are no HTTP."""
    service.stop()
    service.start("--port", "0", "--log-format", "json")
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), PATIENCE_S) as connection:
        connection.sendall(b"no http at all\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    eventually(lambda: logged(service, level="warning", event="log", logger="uvicorn.error"))
    service.stop()

    words = [line["message"] for line in logged(service, event="log")]
    assert "Application startup complete." in words
    assert "Application shutdown complete." in words


def test_text_says_the_same_and_silence_is_the_default(service: Service, caller: Caller) -> None:
    """For people; who asks for no log finds only what is wrong on stderr."""
    caller.client.get("/healthz")
    service.stop()
    assert "" == service.log.read_text()

    service.start("--port", "0", "--log-format", "text")
    service.client(token="").get("/healthz", headers={"X-Request-ID": "mine"})
    eventually(lambda: " INFO event=request request_id=mine method=GET route=/healthz status=200 "
               in service.log.read_text())  # fmt: skip
