"""Schedules in SQLite keep what every store of schedules promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outlast.ports.schedules import Schedules
from outlast.ports.store import Store
from outlast.store import open_schedules as open_at
from outlast.store import open_store
from outlast.testing import SchedulesContract
from outlast.testing.schedules import OpenSchedules


@pytest.fixture
def open_schedules(tmp_path: Path) -> Iterator[OpenSchedules]:
    with ExitStack() as stack:

        def both() -> tuple[Store, Schedules]:
            path = tmp_path / "outlast.db"
            jobs, schedules = closing(open_store(path)), closing(open_at(path))
            return stack.enter_context(jobs), stack.enter_context(schedules)

        yield both


class TestSchedules(SchedulesContract):
    """The contract."""


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Where there is no database there is none after it, either."""
    with closing(open_at(tmp_path / "outlast.db")) as schedules:
        assert ((), None) == (schedules.find(), schedules.next_due())
    assert [] == [*tmp_path.iterdir()]
