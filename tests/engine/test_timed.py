"""A store that tells how long it takes is a store like the one behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outlast.core.job import JobId
from outlast.engine.timed import TimedStore
from outlast.errors import NotFound
from outlast.ports.store import Query, Store
from outlast.store import open_store as open_at
from outlast.testing import FakeClock, StoreContract
from outlast.testing.store import OpenStore


class TestTimedStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Iterator[OpenStore]:
        with ExitStack() as stack:

            def open_once_more() -> Store:
                store = stack.enter_context(closing(open_at(str(tmp_path / "outlast.db"))))
                return TimedStore(store, FakeClock(), lambda operation, seconds: None)

            yield open_once_more


def test_each_transaction_is_told_by_name_refused_ones_too(tmp_path: Path) -> None:
    """Once each, with its seconds by the clock."""
    told: list[tuple[str, float]] = []
    with closing(open_at(str(tmp_path / "outlast.db"))) as store:
        timed = TimedStore(store, FakeClock(), lambda *one: told.append(one))
        timed.add([])
        timed.find(Query())
        timed.save([])
        timed.expire([], at=FakeClock().now(), forget_before=FakeClock().now())
        with pytest.raises(NotFound):
            timed.get(JobId("job_none"))

    assert [(name, 0.0) for name in ("add", "find", "save", "expire", "get")] == told
