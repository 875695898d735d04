"""The local executor keeps the contract of executors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import executors
from outlast.clock import SystemClock
from outlast.core.sight import Alive, Exited, Sight
from outlast.errors import InvalidRequest
from outlast.executors.local import pool
from outlast.home import Home
from outlast.ports.executor import Executor, Handle
from outlast.shim import cgroup, survival
from outlast.testing import ExecutorContract
from outlast.testing.executor import MakeExecutor, Watch, drive


class TestLocalExecutor(ExecutorContract):
    """Real commands in the test's own home."""

    @pytest.fixture
    def make_executor(self, home: Path) -> Iterator[MakeExecutor]:
        """A fresh one each time, on the same home; their launchers are reaped at the end."""
        Home(str(home)).prepare()

        def make() -> Executor:
            return executors.load("local", home=str(home), floor_bytes=1 << 20, clock=SystemClock())

        yield make
        for launcher in pool._REAPED_LATER:
            launcher.wait(30)

    def test_a_record_that_does_not_say_what_is_outlived_is_read(
        self, make_executor: MakeExecutor, tmp_path: Path, home: Path
    ) -> None:
        """Shims of an older Outlast did not write it down: then nobody knows."""

        async def begin(watch: Watch) -> Handle:
            handle = await watch.start(self.launch(tmp_path, "exit 37"))
            await watch.over()
            return handle

        async def read(watch: Watch) -> list[Sight]:
            watch.see(handle)
            return await watch.over()

        handle = drive(make_executor, begin)
        said = {each.survives for each in drive(make_executor, read) if isinstance(each, Alive)}
        record = home / "jobs" / handle.key / "record"
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        lines[0].pop("survives")
        record.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        told = drive(make_executor, read)

        assert {survival.survives()} == said
        assert [None, None] == [each.survives for each in told if isinstance(each, Alive | Exited)]


def test_limits_without_a_controller_are_refused() -> None:
    """Just those, each with the controller that it would need."""
    refused = executors.capabilities("local", {}).refused_limits
    missing = {
        name: controller
        for name, controller in cgroup.CONTROLLERS.items()
        if controller not in cgroup.available_controllers()
    }

    assert missing.keys() == refused.keys()
    assert all(repr(controller) in refused[name] for name, controller in missing.items())
    assert all("have it run in a container" in each for each in refused.values())


def test_an_executor_that_is_not_there_is_told_with_those_that_are() -> None:
    """The name is refused, and the ones that this installation has are listed."""
    with pytest.raises(InvalidRequest, match="local"):
        executors.load("nowhere")
    with pytest.raises(InvalidRequest, match="local"):
        executors.capabilities("nowhere", {})
