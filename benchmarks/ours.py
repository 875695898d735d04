"""
Our own side: the one module that knows how to ask Outlast for anything.

Everything else in this package goes through `Ours`, so that a change of our interface is met here.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from .harness import clean_environment
from .peers import AT_ONCE, program

NAME = "outlast"
KEEPS = "everything: jobs, commands, exit codes, output"


def missing() -> str | None:
    """Return why our side cannot be measured, or None."""
    try:
        outlast = import_module("outlast")
        for name in ("Client",):
            getattr(outlast, name)
        subprocess.run([program("outlast"), "manifest"], capture_output=True, check=True)
    except (ImportError, AttributeError, OSError, subprocess.CalledProcessError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def version() -> str:
    """Return our version."""
    return import_module("importlib.metadata").version("outlast")  # type: ignore[no-any-return]  # found late


class Ours:
    """
    One home, its supervisor up, and a client on it: `with Ours(folder) as ours`.

    The home is left where it is; see `harness.Plan`.
    """

    def __init__(self, folder: Path, *, max_running: int = AT_ONCE) -> None:
        self.home = folder / "home"
        self._settings = {"OUTLAST_HOME": str(self.home), "OUTLAST_MAX_RUNNING": str(max_running)}
        self.env = clean_environment() | self._settings

    def __enter__(self) -> Self:
        # a supervisor that the client starts takes its settings from this process
        self._before = {name: os.environ.get(name) for name in self._settings}
        os.environ.update(self._settings)
        self.client: Any = import_module("outlast").Client(home=self.home)
        self.run_true(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.cli("supervisor", "stop")
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value

    # -------------------------------------------------------------------------- whole processes

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line of our CLI."""
        return [program("outlast"), *arguments]

    def cli(self, *arguments: str) -> Any:
        """Run our CLI, and return the `data` of its envelope."""
        done = subprocess.run(
            self.argv(*arguments), env=self.env, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)["data"]

    def supervisor_pid(self) -> int:
        """Return the process id of the running supervisor."""
        return int(self.cli("supervisor", "status")["pid"])

    # ------------------------------------------------------------------------------ the library

    def submit(self, command: Sequence[str], **spec: Any) -> str:
        """Submit one job, and return its id."""
        return str(self.client.submit(list(command), **spec).id)

    def submit_many(self, commands: Sequence[Sequence[str]], **spec: Any) -> list[str]:
        """Submit jobs in one call, and return their ids in the same order."""
        jobs = self.client.submit_many([{"command": list(each), **spec} for each in commands])
        return [str(job.id) for job in jobs]

    def wait(self, job_id: str, timeout_s: float = 300) -> Any:
        """Return the job once it has ended."""
        return self.client.wait(job_id, timeout=timeout_s)

    def cancel(self, job_id: str) -> None:
        """Cancel a job without grace."""
        self.client.cancel(job_id, grace=timedelta(0))

    def another_client(self) -> Any:
        """Return one more client on the same home, for a thread of its own."""
        return import_module("outlast").Client(home=self.home)

    def list_page(self) -> object:
        """Return the first page of the list of jobs."""
        return self.client.list()

    def run_true(self, count: int) -> None:
        """
        Run `true` *count* times, submitted in one call; return when all have ended.

        The width is the supervisor's. They start in order, so that those behind the last are the
        only ones that can still be running when it has ended; that all had is checked by their
        own records.
        """
        ids = self.submit_many([[program("true")]] * count)
        for job_id in reversed(ids[-2 * AT_ONCE :]):
            self.wait(job_id)
        self._waited_for = (ids, time.time())

    def check_all_complete(self) -> None:
        """
        Demand that every job of the last `run_true` was complete when it returned.

        Raises:
            RuntimeError: One was not.
        """
        ids, until = self._waited_for
        for job_id in ids:
            job = self.client.get(job_id)
            if str(job.status) != "complete" or seconds(job.completed_at) > until + 0.001:
                raise RuntimeError(f"{job_id} was {job.status} when all should have ended")

    def started_at(self, job_id: str) -> float:
        """Return when a job's command was started, in seconds of UTC (a whole millisecond)."""
        return seconds(self.client.get(job_id).nodes[0].started_at)

    # ------------------------------------------------------------------------------- the store

    def fill(self, count: int) -> None:
        """
        Put *count* finished jobs into the store, as a supervisor would have left them.

        They lie a second apart, the newest an hour back: none is near its retention.
        """
        core = import_module("outlast.core.job")
        state = import_module("outlast.core.state")
        ports = import_module("outlast.ports.store")
        clock = import_module("outlast.clock").SystemClock()
        home = import_module("outlast.home").Home(str(self.home))
        home.prepare()
        store = import_module("outlast.store").open_store(home.database)
        spec = core.JobSpec(command=(program("true"),))
        newest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        try:
            for begun in range(0, count, 10_000):
                entries = []
                for number in range(begun, min(begun + 10_000, count)):
                    at = newest - timedelta(seconds=count - number)
                    times = {"started_at": at, "completed_at": at, "stopped_at": at}
                    node = core.Node(
                        status=state.NodeStatus.COMPLETE, attempt=1, exit_code=0, **times
                    )
                    job = core.Job(
                        id=clock.new_job_id(at),
                        spec=spec,
                        nodes=(node,),
                        status=state.JobStatus.COMPLETE,
                        created_at=at,
                        **times,
                    )
                    entries.append(ports.Entry(job=job))
                store.add(entries)
        finally:
            store.close()


def seconds(moment: datetime | str) -> float:
    """Return a moment of UTC as seconds."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp()
