"""
What the service costs over HTTP: asking, submitting, following, and being listened to by many.

`outlast serve` with its guard, tokens and headers, beside one bare route of FastAPI and of Starlette
that answers with the same JSON under the same uvicorn; one process each. Load is made by a process of
its own (`http_load`), in turns. Ratios are of the processor time that a server takes for an answer, which
whatever else the machine does changes less than a rate.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from .figure import OURS, Figure, Series, unmeasured
from .harness import Plan, clean_environment
from .http_bare import FRAMEWORKS
from .ours import Ours
from .peers import AT_ONCE, program
from .processes import cpu_ns, private_bytes

NAME = "http"
ASKING = 32
SUBMITTING = 16
STREAMS = 1000
EVERY_S = 0.05
MIB = 1 << 20
GET, BUSY_GET = f"{OURS} serve: GET /jobs/ID", f"{OURS} serve: GET of a job that runs"
TICKS = f"""
import time
while True:
    print(time.monotonic_ns(), flush=True)
    time.sleep({EVERY_S})
"""
"""Says when it says it."""


def measure(plan: Plan) -> Figure:
    """Measure, 7 turns of 3 s each, 200 events, 20 s of silence."""
    missing = _missing()
    if missing or not plan.ours:
        return _figure((unmeasured(GET, "/s", missing or "not there yet"),), {})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with Ours(plan.folder(NAME)) as ours, _serve(ours) as server:
            series, findings = _reads(plan, ours, server)
            for part in (_idle, _events, _submits):
                more, found = part(plan, ours, server)
                series += more
                findings |= found
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _figure(series, findings)


def _figure(series: tuple[Series, ...], findings: Mapping[str, float]) -> Figure:
    return Figure(
        name=NAME,
        title="Over HTTP",
        how=f"One process each, {ASKING} connections that ask, {SUBMITTING} that submit while all places"
        " are taken, so that jobs are stored and do not run; ratios are of processor time; a stream's event from the line's being"
        " written to its being read.",
        series=series,
        findings=findings,
    )


def _missing() -> str | None:
    there = all(importlib.util.find_spec(each) for each in ("fastapi", "uvicorn"))
    return None if there else "the extra http is not installed"


class Server:
    """A server that listens, and how to ask it."""

    def __init__(self, pid: int, port: int, token: str = "") -> None:
        self.pid = pid
        self.port = port
        self._token = token

    def request(self, call: str, body: Any = None, *, more: str = "") -> bytes:
        """Return a request as it goes over the wire. `{key}` stands in *more* for a number."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{call} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        if self._token:
            head += f"Authorization: Bearer {self._token}\r\n"
        if data:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        return f"{head}{more}\r\n".encode() + data

    def asked(self, request: bytes, connections: int, span_s: float) -> Load:
        """Ask for *span_s* seconds, and return what came of it."""
        argv = [sys.executable, "-m", "benchmarks.http_load"]
        before = cpu_ns(self.pid)
        done = subprocess.run(
            [*argv, str(self.port), str(connections), str(span_s)],
            input=request,
            stdout=subprocess.PIPE,
            check=True,
            timeout=60 + 3 * span_s,
        )
        told = json.loads(done.stdout)
        return Load(
            rate=told["answers"] / told["seconds"],
            cpu_us=(cpu_ns(self.pid) - before) / 1e3 / told["answers"],
            p50_ms=median(told["ms"]),
        )

    def stream(self, path: str) -> socket.socket:
        """Open a stream of events, and return its socket once the first has come."""
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        peer.sendall(self.request(f"GET {path}"))
        data = b""
        while b"event: " not in data:
            if not (piece := peer.recv(1 << 16)):
                raise RuntimeError(data)
            data += piece
        return peer


class Load:
    """What a server did under load."""

    def __init__(self, *, rate: float, cpu_us: float, p50_ms: float) -> None:
        self.rate, self.cpu_us, self.p50_ms = rate, cpu_us, p50_ms


@contextmanager
def _serve(ours: Ours) -> Iterator[Server]:
    argv = ours.argv("serve", "--port", "0", "--json")
    process = subprocess.Popen(argv, env=ours.env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())["data"]
        token = Path(told["token_file"]).read_text().strip()
        yield Server(process.pid, int(told["url"].rpartition(":")[2]), token)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _bare(framework: str, answer: Path) -> Iterator[Server]:
    argv = [sys.executable, "-m", "benchmarks.http_bare", framework, str(answer)]
    process = subprocess.Popen(
        argv, env=clean_environment(), stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield Server(process.pid, int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(60)


Part = tuple[tuple[Series, ...], dict[str, float]]


def _reads(plan: Plan, ours: Ours, server: Server) -> Part:
    """Ask for a job that is over, each server in its turn; and for one that runs."""
    ended, running = ours.submit([program("true")]), ours.submit([program("sleep"), "1000"])
    ours.wait(ended)
    answer = ours.home.parent / "job.json"
    answer.write_text(json.dumps(_get(server, ended)))
    calls = {
        GET: (server, ended),
        BUSY_GET: (server, running),
    }
    with ExitStack() as stack:
        for framework in FRAMEWORKS:
            calls[f"{framework}, a bare route"] = (
                stack.enter_context(_bare(framework, answer)),
                ended,
            )
        loads: dict[str, list[Load]] = {name: [] for name in calls}
        span_s = plan.size(3, 1)
        for turn in range(plan.turns(7) + 1):
            names = list(calls)
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                asked, job_id = calls[name]
                load = asked.asked(asked.request(f"GET /jobs/{job_id}"), ASKING, span_s)
                if turn:  # the first warms up
                    loads[name].append(load)
    ours.cancel(running)
    ours.wait(running)
    series = tuple(
        Series(subject=name, unit=unit, values=tuple(getattr(load, what) for load in loads[name]))
        for what, unit in (("rate", "/s"), ("cpu_us", "us of its processor"))
        for name in calls
    )
    findings = {
        f"http_{framework.lower()}": median(
            bare.cpu_us / mine.cpu_us
            for mine, bare in zip(loads[GET], loads[f"{framework}, a bare route"], strict=True)
        )
        for framework in FRAMEWORKS
    }
    return series, findings


def _get(server: Server, job_id: str) -> Any:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as peer:
        peer.sendall(server.request(f"GET /jobs/{job_id}", more="Connection: close\r\n"))
        data = b"".join(iter(lambda: peer.recv(1 << 16), b""))
    return json.loads(data.partition(b"\r\n\r\n")[2])


def _submits(plan: Plan, ours: Ours, server: Server) -> Part:
    """Submit while the places are taken; then while jobs run beside it."""
    held = ours.submit_many([[program("sleep"), "1000"]] * AT_ONCE)
    request = server.request(
        "POST /jobs", {"command": [program("true")]}, more="Idempotency-Key: bench-{key}-%d\r\n"
    )
    turns, span_s = plan.turns(7), plan.size(3, 1)

    def load(number: int) -> Load:
        keyed = request.replace(b"%d", b"%d" % number)
        return server.asked(keyed, SUBMITTING, span_s)

    stored = [load(number) for number in range(turns + 1)][1:]
    for job_id in held:
        ours.cancel(job_id)
    beside = [load(turns + 1 + number) for number in range(max(1, turns // 3))]
    what = f"{OURS} serve: POST /jobs, {SUBMITTING} clients"
    series = (
        Series(subject=what, unit="/s", values=tuple(each.rate for each in stored)),
        Series(subject=f"{what}, answered", unit="ms", values=tuple(e.p50_ms for e in stored)),
        Series(
            subject=what, unit="us of its processor", values=tuple(each.cpu_us for each in stored)
        ),
        Series(
            subject=f"{what}, jobs running beside it",
            unit="/s",
            values=tuple(each.rate for each in beside),
        ),
    )
    return series, {"http_post": median(each.rate for each in stored)}


def _events(plan: Plan, ours: Ours, server: Server) -> Part:
    """Follow a job that says when it says something."""
    job_id = ours.submit([sys.executable, "-c", TICKS])
    late: list[float] = []
    with (
        server.stream(f"/jobs/{job_id}/events?stream=stdout") as peer,
        peer.makefile("rb") as lines,
    ):
        while len(late) < plan.size(200, 20):
            line = lines.readline()
            at = time.monotonic_ns()
            if not line.startswith(b"data: "):
                continue
            told = json.loads(line[6:]).get("text", "").split()
            if len(told) == 1:
                late.append((at - int(told[0])) / 1e6)
    ours.cancel(job_id)
    what = f"{OURS} serve: a line is printed → it is with whoever follows"
    return (Series(subject=what, unit="ms", values=tuple(late)),), {"http_event": median(late)}


def _idle(plan: Plan, ours: Ours, server: Server) -> Part:
    """Have many listen to a job of which there is nothing to hear."""
    job_id = ours.submit([program("sleep"), "1000"])
    count, span_s = plan.size(STREAMS, 100), plan.size(45, 5)
    before = private_bytes(server.pid)
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(server.stream(f"/jobs/{job_id}/events"))
        time.sleep(plan.size(5, 1))
        begun, used = time.monotonic(), cpu_ns(server.pid)
        time.sleep(span_s)
        used = cpu_ns(server.pid) - used
        cpu_pct = 100 * used / 1e9 / (time.monotonic() - begun)
        more_mib = (private_bytes(server.pid) - before) / MIB
    ours.cancel(job_id)
    what = f"{OURS} serve: {count:,} idle streams"
    series = (
        Series(subject=f"{what}, memory over none", unit="MiB", values=(more_mib,)),
        Series(subject=what, unit="% of a core", values=(cpu_pct,), note=f"{span_s} s"),
    )
    return series, {"http_streams": more_mib, "http_streams_cpu": cpu_pct}
