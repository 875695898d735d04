"""The executor of containers keeps the contract of executors, on real engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast import executors
from outlast.clock import SystemClock
from outlast.core.container import Container
from outlast.core.state import Reason
from outlast.executors.container import forkserver
from outlast.home import Home
from outlast.ports.executor import Captured, Executor, Launch
from outlast.testing import ExecutorContract
from outlast.testing.executor import PATIENCE_S, MakeExecutor

from ..rigs.engine import IMAGE, Engine

pytestmark = pytest.mark.slow  # each has a container made

WORK = "/work"
"""Where a container sees the folder of its test."""


class TestContainerExecutor(ExecutorContract):
    """Real containers in the test's own home, with the test's folder to write to."""

    tells_signals = False
    many = 6

    @pytest.fixture
    def make_executor(self, home: Path, engine: Engine, tmp_path: Path) -> Iterator[MakeExecutor]:
        """A fresh one each time, on the same home and engine; their servers are reaped at the end."""
        self.engine = engine
        tmp_path.chmod(0o777)
        Home(str(home)).prepare()

        def make() -> Executor:
            return executors.load(
                "container", home=str(home), floor_bytes=1 << 20, clock=SystemClock()
            )

        yield make
        for server in forkserver._REAPED_LATER:
            server.wait(PATIENCE_S)

    def launch(self, folder: Path, shell: str, *, key: str = "", **spec: Any) -> Launch:
        """Return the order to run a line of shell in a container, in *folder*."""
        spec.setdefault("container", Container(image=IMAGE, mounts=(f"{folder}:{WORK}:rw",)))
        local = super().launch(Path(WORK), shell, key=key, **spec)
        captured = Captured(env={"OUTLAST_CONTAINER_ENGINE": self.engine.address})
        return Launch(key=local.key, spec=local.spec, captured=captured)

    def unstartable(self, folder: Path) -> tuple[Launch, Reason]:
        """For want of its image: a directory that is not there, an engine makes."""
        container = Container(image="nobody.invalid/none:1", pull="never")
        return self.launch(folder, "echo never", container=container), Reason.IMAGE_UNAVAILABLE
