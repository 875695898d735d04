"""The local executor keeps the contract of executors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import executors
from outlast.clock import SystemClock
from outlast.errors import InvalidRequest
from outlast.executors.local import pool
from outlast.home import Home
from outlast.ports.executor import Executor
from outlast.shim import cgroup
from outlast.testing import ExecutorContract
from outlast.testing.executor import MakeExecutor


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


def test_limits_without_a_controller_are_refused() -> None:
    """Just those, each with the controller that it would need."""
    refused = executors.capabilities("local").refused_limits
    missing = {
        name: controller
        for name, controller in cgroup.CONTROLLERS.items()
        if controller not in cgroup.available_controllers()
    }

    assert missing.keys() == refused.keys()
    assert all(repr(controller) in refused[name] for name, controller in missing.items())


def test_an_executor_that_is_not_there_is_told_with_those_that_are() -> None:
    """The name is refused, and the ones that this installation has are listed."""
    with pytest.raises(InvalidRequest, match="local"):
        executors.load("nowhere")
    with pytest.raises(InvalidRequest, match="local"):
        executors.capabilities("nowhere")
