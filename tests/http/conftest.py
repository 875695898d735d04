"""The service as its callers meet it: a process of its own, spoken to over real sockets."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..world import PATIENCE_S, end_all

PROGRAM = str(Path(sys.executable).with_name("outlast"))


class Service:
    """`outlast serve`, for as long as a test."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.log = folder / "serve.log"
        self.options: tuple[str, ...] = ("--port", "0")
        self.process: subprocess.Popen[bytes] | None = None
        self.told: dict[str, Any] | None = None
        self.url = ""
        self._clients: list[httpx.Client] = []

    def start(self, *options: str) -> None:
        """Start it, and return once it listens."""
        self.options = options or self.options
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", *self.options, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"OUTLAST_HOME": str(self.home)},
                cwd=self.folder,
            )
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], self.log.read_text()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        envelope = json.loads(line)
        self.told = told = envelope["data"]
        assert told is not None, line
        self.warnings: list[str] = envelope["warnings"]
        self.url = told["url"]

    def client(self, *, token: str | None = None) -> httpx.Client:
        """Return a caller with the token of the home, or another one; "" is none."""
        if token is None:
            token = (self.home / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        path = self.url.removeprefix("unix://") if self.url.startswith("unix:") else None
        client = httpx.Client(
            base_url="http://localhost" if path else self.url,
            transport=httpx.HTTPTransport(uds=path),
            headers=headers,
            timeout=PATIENCE_S,
        )
        self._clients.append(client)
        return client

    def stop(self) -> int:
        """Ask it to leave, and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self._gone()

    def kill(self) -> None:
        """Kill it at once."""
        assert self.process is not None
        self.process.kill()
        self._gone()

    def _gone(self) -> int:
        assert self.process is not None
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def refused(*options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the error of a service that cannot begin."""
    done = subprocess.run(
        [PROGRAM, "serve", *options, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)["error"]


class Caller:
    """What a test asks again and again, with the checks that each answer is owed."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def submit(self, *, headers: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
        """Submit a job, and return it."""
        answer = self.client.post("/jobs", json=spec, headers=headers)
        assert answer.status_code in (200, 202), answer.text
        job: dict[str, Any] = answer.json()
        assert answer.headers["location"] == f"/jobs/{job['job_id']}"
        return job

    def ended(self, job_id: str) -> dict[str, Any]:
        """Return the job once it has ended."""
        answer = self.client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60"})
        job: dict[str, Any] = answer.json()
        assert job["terminal"], job
        return job

    def running(self, job_id: str) -> dict[str, Any]:
        """Return the job once its command has started, by its events."""
        for event in self.events(f"/jobs/{job_id}/events"):
            if event["event"] == "status" and event["data"]["started_at"] is not None:
                job: dict[str, Any] = event["data"]
                return job
        raise AssertionError("it never started")

    def unpacked(self, path: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return the manifest of a zip, which stands first in it, and the files beside it."""
        answer = self.client.get(path)
        assert (200, "application/zip") == (answer.status_code, answer.headers["content-type"])
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            first, *names = archive.namelist()
            assert "manifest.json" == first
            return json.loads(archive.read(first)), {name: archive.read(name) for name in names}

    def events(self, path: str, **headers: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream, until whoever asks has enough."""
        with self.client.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            event: dict[str, Any] = {}
            for line in answer.iter_lines():
                name, colon, value = line.partition(": ")
                if not line and "data" in event:
                    yield event | {"data": json.loads(event["data"])}
                    event = {}
                elif colon and name:
                    event[name] = value


@pytest.fixture
def service(home: Path, tmp_path: Path) -> Iterator[Service]:
    """The service over a fresh home."""
    folder = tmp_path / "service"
    folder.mkdir()
    service = Service(home, folder)
    service.start()
    yield service
    service.close()
    end_all(home)


@pytest.fixture
def caller(service: Service) -> Caller:
    """Somebody with the token of the home."""
    return Caller(service.client())
