"""Jobs of random shape, and kills at random moments; then what each of them has to answer for."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outlast import Client
from outlast.core.job import Job
from outlast.errors import ClientError
from outlast.shim import spool
from outlast.testing import leaks

from ..world import eventually, fresh_client, launchers_of, record_of, shims_of, words_of

DAEMON = "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; "
OUTPUT = "head -c 20000 /dev/zero; "


@dataclass(frozen=True)
class Shape:
    """What a job's command does, and how it may truly end."""

    number: int
    script: str
    ends: frozenset[tuple[str | None, int | None, int | None]]
    """Reason, exit code and signal of every true end."""

    spec: tuple[tuple[str, object], ...] = ()
    is_cancelled: bool = False

    @classmethod
    def draw(cls, number: int, chance: random.Random) -> Shape:
        """Return one of the shapes a job may have."""
        before = chance.choice(["", "", OUTPUT, DAEMON, "sleep 1000 & "])
        sleep = f"sleep {chance.choice([0, 0, 0.05, 0.2, 0.5])}; "
        kind = chance.choice(
            ["zero", "code", "code", "signal", "timeout", "deaf", "cancel", "none"]
        )
        spec: dict[str, object] = {"grace": chance.choice([0, 0, "200ms"])}
        ends: set[tuple[str | None, int | None, int | None]]
        match kind:
            case "zero":
                script, ends = before + sleep + "exit 0", {(None, 0, None)}
            case "code":
                code = chance.randint(1, 255)
                script, ends = before + sleep + f"exit {code}", {("exit_nonzero", code, None)}
            case "signal":
                number_ = chance.choice([1, 2, 6, 9, 11, 15])
                script = before + sleep + f"kill -{number_} $$; sleep 1000"
                ends = {("signal", None, number_)}
            case "none":
                script, ends = "exec /no/such/program", {("exit_nonzero", 127, None)}
            case _:
                deaf = "trap '' TERM; " if kind == "deaf" else ""
                script = deaf + before + "while :; do sleep 0.05; done"
                if kind == "cancel":
                    ends = {("cancelled", None, None)}
                else:
                    spec["timeout"] = f"{chance.randint(100, 900)}ms"
                    ends = {("timeout", -1, None)}
        return cls(number, script, frozenset(ends), tuple(spec.items()), kind == "cancel")

    def to_spec(self, folder: Path) -> dict[str, object]:
        """Return the job's spec: its command first leaves a line in a file of its own."""
        return {
            "shell": f'echo started >> "{folder}/{self.number}"; {self.script}',
            "labels": {"n": str(self.number)},
            **dict(self.spec),
        }


SUBMITTER = """
import json, sys, outlast
client = outlast.Client()
specs = json.loads(sys.argv[1])
client.submit_many(specs, keys=[spec["labels"]["n"] for spec in specs])
"""


class Storm:
    """So many jobs, submitted by clients that may be killed, under so many kills."""

    def __init__(self, home: Path, folder: Path, seed: int, jobs: int, kills: int) -> None:
        self.home = home
        self.folder = folder
        self.seed = seed
        self.chance = random.Random(seed)
        self.shapes = [Shape.draw(number, self.chance) for number in range(jobs)]
        self.kills = kills
        self.killed = 0

    def rage(self) -> None:
        """Submit, cancel and kill, in an order that the seed decides."""
        waiting = list(self.shapes)
        clients: list[subprocess.Popen[bytes]] = []
        due: list[Shape] = []
        while waiting or due or self.killed < self.kills:
            match self.chance.choice(["submit", "kill", "kill", "cancel", "look"]):
                case "submit" if waiting:
                    batch = [waiting.pop() for _ in range(min(len(waiting), 6))]
                    due += [shape for shape in batch if shape.is_cancelled]
                    clients.append(self._submit(batch))
                case "kill" if self.killed < self.kills:
                    self._kill(clients)
                case "cancel" if due:
                    self._cancel(due)
                case "look":
                    with fresh_client() as client, suppress(ClientError):
                        client.list()
            time.sleep(self.chance.uniform(0, 0.06))  # the moments of the kills are the subject
        for process in clients:
            process.wait(60)

    def _submit(self, batch: list[Shape]) -> subprocess.Popen[bytes]:
        import json

        specs = [shape.to_spec(self.folder) for shape in batch]
        return subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, json.dumps(specs)], stderr=subprocess.DEVNULL
        )

    def _kill(self, clients: list[subprocess.Popen[bytes]]) -> None:
        groups: list[list[int]] = [
            [pid for pid in leaks.processes(self.home) if "outlast.wiring" in str(words_of(pid))],
            launchers_of(self.home),
            shims_of(self.home),
            [process.pid for process in clients if process.poll() is None],
        ]
        pids = self.chance.choice(groups)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(sorted(pids)), signal.SIGKILL)
        self.killed += 1

    def _cancel(self, due: list[Shape]) -> None:
        shape = due[0]
        with fresh_client() as client, suppress(ClientError):
            for job in client.list(labels={"n": str(shape.number)}).jobs:
                client.cancel(job.id)
                due.pop(0)
            if self.killed >= self.kills:
                self._mend(client)

    def _mend(self, client: Client) -> None:
        """Submit again what a killed client did not: the key decides whether it is there."""
        there = {job.spec.labels["n"] for job in client.list(limit=1000).jobs}
        missing = [shape for shape in self.shapes if str(shape.number) not in there]
        if missing:
            client.submit_many(
                [shape.to_spec(self.folder) for shape in missing],
                keys=[str(shape.number) for shape in missing],
            )

    def settle(self) -> dict[int, Job]:
        """Return every job once it is over, asked for by somebody new."""
        with fresh_client() as client:
            self._mend(client)
            jobs = client.list(limit=1000).jobs
            for job in jobs:
                if self.shapes[int(job.spec.labels["n"])].is_cancelled and not job.is_terminal:
                    client.cancel(job.id)
            client.wait_all([job.id for job in jobs], timeout="90s")
            settled = [
                eventually(lambda job=job: n if (n := client.get(job.id)).is_settled else None,  # type: ignore[misc]  # bound at once
                           f"the end of {job.id}", within_s=90)
                for job in jobs
            ]  # fmt: skip
        return {int(job.spec.labels["n"]): job for job in settled}

    def faults(self, jobs: dict[int, Job]) -> list[str]:
        """Return everything that is not as it must be, a line each."""
        found = []
        if sorted(jobs) != list(range(len(self.shapes))):
            found.append(f"jobs lost or doubled: {len(jobs)} of {len(self.shapes)}")
        for number, job in sorted(jobs.items()):
            found += [f"job {number} ({job.id}): {fault}" for fault in self._faults(number, job)]
        return found

    def _faults(self, number: int, job: Job) -> list[str]:
        shape, node, found = self.shapes[number], job.nodes[0], []
        path = self.folder / str(number)
        starts = len(path.read_text().splitlines()) if path.exists() else 0
        told = (node.reason, node.exit_code, node.signal)
        if starts > 1:
            found.append(f"started {starts} times")
        record = record_of(self.home, job)
        # Shim and launcher killed, and nobody there when it was reaped: null and `lost` is honest.
        if told != ("lost", None, None):
            if told not in shape.ends:
                found.append(f"told {told}, true is one of {set(shape.ends)}; {shape.script}")
            if starts == 0 and not shape.is_cancelled:
                found.append(f"told {told}, and never started")
        elif record.ended is not None and not record.ended.get("unstarted"):
            found.append(f"told lost, and the record says {record.ended}")
        if (
            record.ended is not None
            and record.emptied is None
            and spool.is_held(f"{self.home}/jobs/{job.id}/0/1")
        ):
            found.append("somebody still holds its record")
        return found
