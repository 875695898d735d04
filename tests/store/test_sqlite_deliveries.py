"""Deliveries in SQLite keep what every store of deliveries promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outlast.ports.deliveries import Deliveries
from outlast.ports.store import Store
from outlast.store import open_deliveries as open_at
from outlast.store import open_store
from outlast.testing import DeliveriesContract
from outlast.testing.deliveries import OpenDeliveries


@pytest.fixture
def open_deliveries(tmp_path: Path) -> Iterator[OpenDeliveries]:
    with ExitStack() as stack:

        def both() -> tuple[Store, Deliveries]:
            path = tmp_path / "outlast.db"
            jobs, deliveries = closing(open_store(path)), closing(open_at(path))
            return stack.enter_context(jobs), stack.enter_context(deliveries)

        yield both


class TestDeliveries(DeliveriesContract):
    """The contract."""
