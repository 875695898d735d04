"""Jobs on hosts under random blows to all that is between them and us; then what each answers for."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from outlast.core.job import Job, Node
from outlast.errors import ClientError
from outlast.testing.sshd import Farm

from ..rigs.cutter import Cutter
from ..world import eventually, fresh_client

PATIENCE_S = 240.0

NEVER_BEGAN = ("connect_failed", "connect_timeout")
"""How a node may truly end that has met its host in a bad moment, before it was sent there."""


@dataclass(frozen=True)
class Errand:
    """What a job's command does on each of its hosts, and how it truly ends."""

    number: int
    hosts: tuple[int, ...]
    lines: int
    sleep_s: float
    end: str
    ends: tuple[str | None, int | None, int | None]
    """Reason, exit code and signal."""

    spec: dict[str, object] = field(default_factory=dict)
    is_cancelled: bool = False

    @classmethod
    def draw(cls, number: int, hosts: int, chance: random.Random) -> Errand:
        """Return one of the errands there may be."""
        kind = chance.choice(["zero", "code", "code", "signal", "timeout", "cancel"])
        end, ends, spec = "exit 0", (None, 0, None), {"grace": 0}
        if kind == "code":
            code = chance.choice([1, 37, 137, 255])
            end, ends = f"exit {code}", ("exit_nonzero", code, None)
        elif kind == "signal":
            end, ends = "kill -9 $$", ("signal", None, 9)
        elif kind == "timeout":
            end, ends, spec = "sleep 1000", ("timeout", -1, None), {"grace": 0, "timeout": 3}
        elif kind == "cancel":
            end, ends = "sleep 1000", ("cancelled", None, None)
        return cls(
            number=number,
            hosts=tuple(sorted(chance.sample(range(hosts), chance.randint(1, hosts)))),
            lines=chance.choice([0, 1, 500, 20_000]),
            sleep_s=chance.choice([0, 0.2, 1, 3]) * (kind not in ("timeout", "cancel")),
            end=end,
            ends=ends,
            spec=spec,
            is_cancelled=kind == "cancel",
        )

    def shell(self, starts: Path) -> str:
        """Return its line of shell: each start leaves a line in a file that is its host's."""
        return (
            f"set -- $SSH_CONNECTION; echo started >> {starts}/{self.number}-$3;"
            f" seq {self.lines}; sleep {self.sleep_s}; echo last; {self.end}"
        )

    @property
    def output(self) -> bytes:
        """What it prints."""
        return b"".join(b"%d\n" % n for n in range(1, self.lines + 1)) + b"last\n"


class HostStorm:
    """So many jobs on the hosts of *farm*, under so many blows."""

    def __init__(self, farm: Farm, home: Path, seed: int, jobs: int, blows: int) -> None:
        self.farm = farm
        self.home = home
        self.starts = farm.folder / "starts"
        self.starts.mkdir()
        self.chance = random.Random(seed)
        self.errands = [Errand.draw(n, len(farm.hosts), self.chance) for n in range(jobs)]
        self.blows_to_come = blows
        self.struck: list[str] = []
        self.cutters: list[Cutter] = []

    @contextmanager
    def ways(self) -> Iterator[HostStorm]:
        """Have a way to each host that can be cut, for as long as it is entered."""
        with ExitStack() as stack:
            for host in self.farm.hosts:
                cutter = Cutter((host, self.farm.port))
                self.cutters.append(stack.enter_context(cutter.working()))
            key = " ".join((self.farm.folder / "host.pub").read_text().split()[:2])
            with self.farm.known_hosts.open("a") as file:
                file.writelines(f"[127.0.0.1]:{c.address[1]} {key}\n" for c in self.cutters)
            yield self

    def rage(self) -> None:
        """Submit, cancel and strike, in an order that the seed decides."""
        waiting = list(self.errands)
        due: list[Errand] = []
        while waiting or due or self.blows_to_come:
            match self.chance.choice(["submit", "strike", "strike", "cancel"]):
                case "submit" if waiting:
                    errand = waiting.pop()
                    self._submit(errand)
                    due += [errand] * errand.is_cancelled
                case "strike" if self.blows_to_come:
                    self.blows_to_come -= 1
                    self._strike()
                case "cancel" if due:
                    self._cancel(due.pop(0))
            time.sleep(self.chance.uniform(0, 0.3))  # the moments of the blows are the subject

    def _submit(self, errand: Errand) -> None:
        on = [f"127.0.0.1:{self.cutters[host].address[1]}" for host in errand.hosts]
        with fresh_client() as client:
            client.submit(
                on=on,
                shell=errand.shell(self.starts),
                labels={"n": str(errand.number)},
                key=str(errand.number),
                **errand.spec,
            )

    def _strike(self) -> None:
        blows: dict[str, Callable[[], None]] = {
            "supervisor": self._kill_supervisor,
            "session": lambda: self.farm.hang_up(self.chance.choice(self.farm.hosts)),
            "sshd": lambda: self._restart(self.chance.choice(self.farm.hosts)),
            "network": lambda: self.chance.choice(self.cutters).cut(),
        }
        name = self.chance.choice(sorted(blows))
        self.struck.append(name)
        blows[name]()

    def _kill_supervisor(self) -> None:
        with suppress(OSError, IndexError, ValueError):
            pid = int((self.home / "supervisor.lock").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
        with fresh_client() as client, suppress(ClientError):
            client.list()

    def _restart(self, host: str) -> None:
        self.farm.stop(host)
        time.sleep(self.chance.uniform(0, 0.3))  # that it is away for a while is the subject
        self.farm.start(host)

    def _cancel(self, errand: Errand) -> None:
        with fresh_client() as client, suppress(ClientError):
            for job in client.list(labels={"n": str(errand.number)}).jobs:
                client.cancel(job.id)

    def settle(self) -> dict[int, Job]:
        """Return every job once it is over, and nothing of it is left on its hosts."""
        with fresh_client() as client:
            for errand in self.errands:
                if errand.is_cancelled:
                    self._cancel(errand)
            ids = [job.id for job in client.list(limit=1000).jobs]
            jobs = [
                eventually(
                    lambda job_id=job_id: n if (n := client.get(job_id)).is_settled else None,  # type: ignore[misc]  # bound at once
                    f"the end of {job_id}",
                    within_s=PATIENCE_S,
                )
                for job_id in ids
            ]
        return {int(job.spec.labels["n"]): job for job in jobs}

    def faults(self, jobs: dict[int, Job]) -> list[str]:
        """Return everything that is not as it must be, a line each."""
        found = []
        if sorted(jobs) != list(range(len(self.errands))):
            found.append(f"jobs lost or doubled: {len(jobs)} of {len(self.errands)}")
        for number, job in sorted(jobs.items()):
            errand = self.errands[number]
            for node, place in zip(job.nodes, errand.hosts, strict=True):
                said = self._faults(errand, job, node, self.farm.hosts[place])
                found += [f"job {number} ({job.id}), {node.name}: {fault}" for fault in said]
        for host in self.farm.hosts:
            found += [
                f"left on {host}: {name}: {files}" for name, files in self.farm.left(host).items()
            ]
        found += [f"still running: {pid}" for pid in self._marked(jobs)]
        return found

    def _faults(self, errand: Errand, job: Job, node: Node, host: str) -> list[str]:
        path = self.starts / f"{errand.number}-{host}"
        starts = len(path.read_text().splitlines()) if path.exists() else 0
        told = (node.reason, node.exit_code, node.signal)
        if starts > 1:
            return [f"started {starts} times"]
        if starts == 0:
            never = node.reason in NEVER_BEGAN or node.reason == "cancelled"
            return [] if never else [f"told {told}, and never started"]
        if told != errand.ends:
            return [f"told {told}, true is {errand.ends}"]
        if errand.end.startswith(("exit", "kill")):
            with fresh_client() as client:
                output = client.output(job.id, node=node.index)
            if output != errand.output:
                return [f"{len(output)} bytes of output, not {len(errand.output)}"]
        return []

    def _marked(self, jobs: dict[int, Job]) -> list[str]:
        ids = [f"OUTLAST_JOB_ID={job.id}".encode() for job in jobs.values()]
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                words = path.read_bytes().split(b"\0")
                found += [path.parent.name for each in ids if each in words]
        return found
