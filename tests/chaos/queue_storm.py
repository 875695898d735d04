"""Jobs in queues, that wait for each other and are tried again, under kills of their supervisor."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outlast import Client
from outlast.core.job import Job
from outlast.errors import ClientError
from outlast.testing import leaks

from ..world import fresh_client, words_of

WIDTHS = {"one": 1, "two": 2, "three": 3}
PATIENCE = "240s"


@dataclass(frozen=True)
class Errand:
    """What one job does: it fails *fails* times before it is complete, if it may try as often."""

    number: int
    queue: str
    fails: int
    retries: int
    priority: int
    sleep_s: float
    needs: int | None
    """The number of the job whose end it waits for."""

    @classmethod
    def draw(cls, number: int, chance: random.Random) -> Errand:
        """Return one of the errands there may be."""
        return cls(
            number=number,
            queue=chance.choice(sorted(WIDTHS)),
            fails=chance.choice([0, 0, 0, 1, 2]),
            retries=chance.choice([0, 2, 3]),
            priority=chance.choice([-5, 0, 0, 5]),
            sleep_s=chance.choice([0, 0.05, 0.2]),
            needs=chance.randrange(number) if number and chance.random() < 0.3 else None,
        )

    @property
    def starts(self) -> int:
        """How often it must have been started."""
        return min(self.fails, self.retries) + 1

    @property
    def code(self) -> int:
        """What its last attempt exits with."""
        return 0 if self.fails <= self.retries else 37

    def to_spec(self, folder: Path, ids: list[str]) -> dict[str, object]:
        """Return the job's spec. It writes down when each of its attempts began and ended."""
        file = f"{folder}/{self.number}"
        spec: dict[str, object] = {
            "shell": f"echo $(date +%s%N) >> {file}.began; sleep {self.sleep_s};"
            f" echo $(date +%s%N) >> {file}.ended;"
            f" test $(wc -l < {file}.began) -gt {self.fails} || exit 37",
            "queue": self.queue,
            "priority": self.priority,
        }
        if self.retries:
            spec |= {"retries": self.retries, "retry_delay": "50ms"}
        if self.needs is not None:
            spec["after"] = [f"any:{ids[self.needs]}"]
        return spec


class QueueStorm:
    """So many jobs, and blows at the supervisor while queues and jobs are changed."""

    def __init__(self, home: Path, folder: Path, seed: int, jobs: int, kills: int) -> None:
        self.home = home
        self.folder = folder
        self.chance = random.Random(seed)
        self.errands = [Errand.draw(number, self.chance) for number in range(jobs)]
        self.ids: list[str] = []
        self.kills = kills
        self.killed = 0

    def rage(self) -> None:
        """Submit, change and kill, in an order that the seed decides."""
        with fresh_client() as client:
            for name, width in WIDTHS.items():
                client.queues.create(name, width=width)
        while len(self.ids) < len(self.errands) or self.killed < self.kills:
            with fresh_client() as client:
                match self.chance.choice(["submit", "submit", "kill", "kill", "queue", "job"]):
                    case "submit" if len(self.ids) < len(self.errands):
                        self._submit(client)
                    case "kill" if self.killed < self.kills:
                        self._kill()
                    case "queue":
                        change = self.chance.choice([client.queues.pause, client.queues.resume])
                        change(self.chance.choice(sorted(WIDTHS)))
                    case "job" if self.ids:
                        self._change(client, self.chance.choice(self.ids))
            time.sleep(self.chance.uniform(0, 0.06))  # the moments of the kills are the subject

    def _submit(self, client: Client) -> None:
        errand = self.errands[len(self.ids)]
        job = client.submit(key=str(errand.number), **errand.to_spec(self.folder, self.ids))
        self.ids.append(job.id)

    def _kill(self) -> None:
        for pid in leaks.processes(self.home):
            if "outlast.wiring" in str(words_of(pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.killed += 1

    def _change(self, client: Client, job_id: str) -> None:
        with suppress(ClientError):  # it may have begun by now: then nothing of it changes
            match self.chance.choice(["hold", "release", "priority"]):
                case "hold":
                    client.hold(job_id)
                case "release":
                    client.release(job_id)
                case _:
                    client.move(job_id, priority=self.chance.randint(-20, 20))

    def settle(self) -> dict[int, Job]:
        """Open everything, and return every job once it is over, asked for by somebody new."""
        with fresh_client() as client:
            for name in WIDTHS:
                client.queues.resume(name)
            for job_id in self.ids:
                with suppress(ClientError):  # only what has not begun can be released
                    client.release(job_id)
            client.wait_all(self.ids, timeout=PATIENCE)
            return {number: client.get(job_id) for number, job_id in enumerate(self.ids)}

    def faults(self, jobs: dict[int, Job]) -> list[str]:
        """Return everything that is not as it must be, a line each."""
        found = []
        for errand in self.errands:
            node, told = jobs[errand.number].nodes[0], f"job {errand.number}"
            if node.exit_code != errand.code:
                found.append(f"{told}: {node.reason}, {node.exit_code}, true is {errand.code}")
            if (starts := len(self._times(errand, "began"))) != errand.starts:
                found.append(f"{told}: started {starts} times, {errand.starts} are true")
            if errand.needs is not None:
                needed = self._times(self.errands[errand.needs], "ended")[-1]
                if self._times(errand, "began")[0] < needed:
                    found.append(f"{told}: began before what it was to wait for had ended")
        for name, width in WIDTHS.items():
            if (most := self._most_at_once(name)) > width:
                found.append(f"{most} at once in {name}, which is {width} wide")
        return found

    def _times(self, errand: Errand, what: str) -> list[int]:
        path = self.folder / f"{errand.number}.{what}"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def _most_at_once(self, queue: str) -> int:
        """How many commands of a queue ran at the same time, by what they wrote down themselves."""
        steps = []
        for errand in self.errands:
            if errand.queue == queue:
                steps += [(at, 1) for at in self._times(errand, "began")]
                steps += [(at, -1) for at in self._times(errand, "ended")]
        running = most = 0
        for _, step in sorted(steps):
            running += step
            most = max(most, running)
        return most
