"""What we set out to reach, once; the benchmarks find the value under each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .figure import TIMES


@dataclass(frozen=True)
class Target:
    """A figure to reach: at most *limit*, or at least, where *at_least* is set."""

    key: str
    figure: str
    """The benchmark that measures it."""

    what: str
    limit: float
    unit: str = TIMES
    at_least: bool = False

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def share(self, value: float) -> float:
        """Return how much of the limit is used: 1 is just reached, less is better."""
        if self.at_least:
            return self.limit / value if value > 0 else float("inf")
        return value / self.limit


TARGETS = (
    Target(
        "status", "startup", "`outlast job status ID`, whole process ÷ import of sqlite3, json", 3.0
    ),
    Target(
        "submit", "startup", "`outlast submit -- true`, whole process ÷ import of sqlite3, json", 4
    ),
    Target("submit_rival", "startup", "`outlast submit -- true` ÷ `awaitless run true`", 0.5),
    Target("start", "latency", "`submit` returns → first instruction, p50", 4, "ms"),
    Target("wake", "latency", "command ends → a blocked `wait` returns, p50", 4, "ms"),
    Target(
        "rate",
        "throughput",
        f"1,000 {TIMES} `true`, two at a time: jobs/s ÷ `xargs -P2`",
        0.35,
        TIMES,
        True,
    ),
    Target("rate_parallel", "throughput", "the same ÷ GNU parallel", 1, TIMES, True),
    Target("batch", "batch", "1,000 files in a batch: wall ÷ GNU parallel --joblog --resume", 1.3),
    Target("batch_attach", "batch", "the same batch again: attaches to 1,000 jobs", 1, "s"),
    Target("batch_memory", "batch", "its peak of memory with 1,000 files, to with 100", 1.2),
    Target("queues_submit", "queues", "`submit` while 100,000 jobs wait ÷ while one does", 1.5),
    Target("queues_start", "queues", "`submit` returns → first instruction, the same", 1.5),
    Target(
        "queues_started", "queues", "that time while they wait, one after another, p50", 4, "ms"
    ),
    Target("queues_pause", "queues", "pause a queue and go on with it, the same", 1.5),
    Target("cancel", "cancel", "`cancel`, grace 0 → the whole tree is gone, p50", 15, "ms"),
    Target("late", "deadlines", "200 deadlines at once: killed late by, p99", 100, "ms"),
    Target("early", "deadlines", "the earliest of them, after its deadline", 0, "ms", True),
    Target("shim", "idle", "2,000 sleeping jobs: private memory per job", 1.5, "MiB"),
    Target("supervisor", "idle", "the same: supervisor, resident", 60, "MiB"),
    Target("idle_cpu", "idle", "the same: CPU of all of ours", 1, "% of a core"),
    Target(
        "scale_status", "scale", "`status` with 1,000,000 finished jobs ÷ with a page of them", 1.3
    ),
    Target("scale_list", "scale", "`list`, first page, the same", 1.3),
    Target("scale_submit", "scale", "`submit`, the same", 1.3),
    Target(
        "ssh_300", "ssh", "`true` on 300 hosts ÷ bare asyncssh, the same number of round trips", 1.5
    ),
    Target("ssh_100", "ssh", "the same, 100 hosts", 1.5),
    Target("ssh_10", "ssh", "the same, 10 hosts", 1.5),
    Target("ssh_1", "ssh", "the same, one host", 1.5),
    Target(
        "ssh_ansible_100", "ssh", "100 hosts: Ansible ad hoc, async ÷ ours", 3, TIMES, at_least=True
    ),
    Target("ssh_ansible_10", "ssh", "the same, 10 hosts", 3, TIMES, at_least=True),
    Target("ssh_idle", "ssh", "300 sleeping nodes: CPU of the supervisor", 3, "% of a core"),
    Target("container_ms", "containers", "a job in a container over Docker's library", 30, "ms"),
    Target("container_command_ms", "containers", "the same over `docker run --rm`", 30, "ms"),
    Target(
        "container_adds_ms",
        "containers",
        "what a container adds to `outlast run`, over `docker run --rm`",
        30,
        "ms",
    ),
    Target("container_cli_ms", "containers", "`outlast run` over `docker run --rm`", 30, "ms"),
    Target("container_removed_ms", "containers", "the same, until it is removed", 30, "ms"),
    Target("container_crowd", "containers", "20 at once, wall ÷ the same of Docker's library", 1.2),
    Target("container_crowd_command", "containers", "the same ÷ 20 `docker run --rm`", 1.2),
    Target("container_crowd_cli", "containers", "20 `outlast run` ÷ `docker run --rm`", 1.2),
    Target("container_crowd_removed", "containers", "the same, until all are removed", 1.2),
    Target("container_deadline_ms", "containers", "a container's limit, late by p99", 250, "ms"),
    Target("ssh_known", "ssh", "a command of seconds ends → its waiter returns, p50", 1000, "ms"),
    Target(
        "http_fastapi",
        "http",
        "`GET /jobs/ID`: requests in a second of its processor ÷ a bare route of FastAPI",
        0.7,
        TIMES,
        True,
    ),
    Target("http_starlette", "http", "the same ÷ a bare route of Starlette", 0.4, TIMES, True),
    Target("http_post", "http", "`POST /jobs` on disk, 16 clients", 300, "/s", True),
    Target("http_event", "http", "a line is printed → an SSE client has it, p50", 20, "ms"),
    Target("http_streams", "http", "1,000 idle streams: memory over none", 60, "MiB"),
    Target("http_streams_cpu", "http", "the same: CPU of the server", 2, "% of a core"),
    Target("mcp_run", "mcp", "`job_run` of `sleep 0.3` → its answer, p50", 0.35, "s"),
    Target("mcp_answer", "mcp", "the answer for a finished `true`", 250, "tokens"),
    Target("mcp_tools", "mcp", "all of `tools/list`", 4000, "tokens"),
    Target("mcp_lost", "mcp", "50 calls that wait at once: lost", 0, "calls"),
)

AIMS: Mapping[str, float] = {"rate": 0.47}
"""Beyond the target: what task-spooler, which keeps nothing on disk, was once measured at."""
