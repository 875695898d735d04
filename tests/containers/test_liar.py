"""What listens at the engine's socket lies: no end is made up of that."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outlast import Client, containers
from outlast.errors import Unavailable
from outlast.shim.failpoint import VARIABLE

from ..rigs.engine import IMAGE
from ..world import eventually
from .conftest import fate, over

pytestmark = pytest.mark.slow  # an engine that makes no sense is tried for ten seconds

Answer = Callable[[str, str], bytes]
"""What is said to a request, by its method and path; b"" hangs up."""


@contextmanager
def lying(path: Path, answer: Answer) -> Iterator[str]:
    """Have something listen at *path* that says what it is told to; its address."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, target = self.rfile.readline().decode().split(" ")[:2]
            self.wfile.write(answer(method, target.partition("?")[0]))

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        pass

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


def said(body: object, status: str = "200 OK") -> bytes:
    """Return an answer of HTTP with this as JSON."""
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(data), data)


LIES = {
    "garbage": b"\x00garbage\r\n\r\n" * 100,
    "nothing": b"",
    "a short id": said({"Id": "a"}, "201 Created"),
    "a part": said({"Id": "a" * 64})[:-1],
    "no container": said(["an", "answer"]),
}


@pytest.mark.parametrize("name", LIES)
def test_a_container_that_nobody_made_never_began(
    client: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is told as no engine, once that was tried for a while."""

    def answer(method: str, _: str) -> bytes:
        is_to_make = method == "POST"
        return LIES[name] if is_to_make else said({"message": "no such container"}, "404 No")

    with lying(tmp_path / "s", answer) as address:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)
        job = over(client, client.submit(shell="true", container=IMAGE))

    assert ("failed", "engine_unavailable", None) == fate(job)
    assert job.nodes[0].started_at is None


class Absurd:
    """An engine whose container has always ended, by its wait, and never began, by its state."""

    def __init__(self) -> None:
        self.waits = 0
        self.is_gone = False

    def answer(self, method: str, path: str) -> bytes:
        """Say what fits the request, and nothing that came before."""
        if self.is_gone or method == "DELETE":
            return said({"message": "no such container"}, "404 No")
        if path.endswith("/create"):
            return said({"Id": "a" * 64, "Warnings": []}, "201 Created")
        if path.endswith("/wait"):
            self.waits += 1
            return said({"StatusCode": 0})
        if path.endswith("/json"):
            state = {"Status": "paused", "ExitCode": 0, "StartedAt": "", "Pid": 0}
            return said({"Image": "sha256:a", "Id": "a" * 64, "State": state})
        return b"HTTP/1.1 200 OK\r\n\r\n"


def test_an_end_that_its_state_denies_is_none(
    client: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that end is told; once there is no such container, it is lost, with no code."""
    engine = Absurd()
    with lying(tmp_path / "s", engine.answer) as address:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)
        job = client.submit(shell="true", container=IMAGE)
        eventually(lambda: client.get(job.id).started_at, "its start")
        eventually(lambda: engine.waits >= 3, "its end, told three times")
        meanwhile = client.get(job.id).nodes[0]
        engine.is_gone = True
        job = over(client, job)

    assert ("running", None) == (str(meanwhile.status), meanwhile.exit_code)
    assert ("failed", "lost", None) == fate(job)


class Mute:
    """An engine that starts a container, tells its end, and refuses its log."""

    def __init__(self) -> None:
        self.state = "created"
        self.logs = 0
        self.is_gone = False

    def answer(self, method: str, path: str) -> bytes:
        """Say what fits the request, and nothing that came before."""
        if path.endswith("/create"):
            return said({"Id": "a" * 64, "Warnings": []}, "201 Created")
        if path.endswith("/start"):
            self.state = "running"
        if method == "DELETE":
            self.is_gone = True
        if self.is_gone:
            return said({"message": "no such container"}, "404 No")
        if path.endswith("/logs"):
            self.logs += 1
            return said({"message": "its log cannot be read"}, "409 No")
        if path.endswith("/wait"):
            eventually(lambda: self.logs > 2, "its log, asked for three times")
            self.state = "exited"
            return said({"StatusCode": 3})
        if path.endswith("/json"):
            state = {"Status": self.state, "ExitCode": 3, "StartedAt": "", "Pid": 0}
            return said({"Image": "sha256:a", "Id": "a" * 64, "State": state})
        return b"HTTP/1.1 200 OK\r\n\r\n"


def test_an_engine_that_gives_its_log_to_nobody(
    client: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is told all the same, and that there would have been output."""
    (token := tmp_path / "token").touch()
    monkeypatch.setenv(VARIABLE, f"keeper.after_start:{token}")  # the next shim asks for the log
    with lying(tmp_path / "s", Mute().answer) as address:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)
        job = over(client, client.submit(shell="true", container=IMAGE))

    assert ("failed", "exit_nonzero", 3) == fate(job)
    assert "its log cannot be read" in str(job.nodes[0].error)


@pytest.mark.parametrize("told", [[], None, {}, {"Components": {"a": 1}}, {"Components": [1]}])
def test_what_is_no_engine_is_told_as_that(
    told: object, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To who asks which engine there is, and what was left with it."""
    with lying(tmp_path / "s", lambda *_: said(told)) as address:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)
        for ask in (containers.engine, containers.survey):
            with pytest.raises(Unavailable, match="is no container engine"):
                ask()
