"""The SSH executor keeps the contract of executors, on real hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outlast import executors
from outlast.clock import SystemClock
from outlast.executors.ssh import CONFIG
from outlast.home import Home
from outlast.ports.executor import Captured, Executor, Launch
from outlast.testing import ExecutorContract
from outlast.testing.executor import MakeExecutor
from outlast.testing.sshd import Farm


class TestSshExecutor(ExecutorContract):
    """Real commands on a real sshd."""

    @pytest.fixture
    def make_executor(self, home: Path, farm: Farm) -> MakeExecutor:
        """A fresh one each time, on the same home and hosts."""
        self.farm = farm
        Home(str(home)).prepare()

        def make() -> Executor:
            return executors.load("ssh", home=str(home), floor_bytes=0, clock=SystemClock())

        return make

    def launch(self, folder: Path, shell: str, *, key: str = "", **spec: Any) -> Launch:
        """Return the order to run a line of shell on the first host."""
        local = super().launch(folder, shell, key=key, **spec)
        captured = Captured(env={CONFIG: str(self.farm.config)})
        return Launch(key=local.key, spec=local.spec, captured=captured, node=self.farm.hosts[0])
