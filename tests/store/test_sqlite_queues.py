"""Queues in SQLite keep what every store of queues promises; how fast, and in which words."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from outlast.core.job import Limits
from outlast.core.queue import Queue, QueueStanding, QueueState
from outlast.errors import Conflict, NotTerminal
from outlast.ports.queues import Queues
from outlast.ports.store import Entry, Store
from outlast.store import open_queues as open_at
from outlast.store import open_store
from outlast.store.sql import sqlite_queues as sql
from outlast.testing import FakeClock, QueuesContract
from outlast.testing.jobs import a_job
from outlast.testing.queues import OpenQueues


@pytest.fixture
def open_queues(tmp_path: Path) -> Iterator[OpenQueues]:
    with ExitStack() as stack:

        def both() -> tuple[Store, Queues]:
            path = tmp_path / "outlast.db"
            jobs, queues = closing(open_store(path)), closing(open_at(path))
            return stack.enter_context(jobs), stack.enter_context(queues)

        yield both


class TestQueues(QueuesContract):
    """The contract."""


def test_where_there_is_no_database_there_is_default(tmp_path: Path) -> None:
    """Before the first job, and looking makes none."""
    with closing(open_at(tmp_path / "outlast.db")) as queues:
        assert {} == queues.find()
        assert (QueueStanding(queue=Queue(name="default")),) == queues.standings()
    assert [] == [*tmp_path.iterdir()]


def test_what_is_refused_says_what_to_do(open_queues: OpenQueues) -> None:
    """Which queue, how many jobs, and the command that helps."""
    store, queues = open_queues()
    queues.add(disk := Queue(name="disk"))
    store.add([Entry(job=a_job(FakeClock(), queue="disk"))])

    with pytest.raises(Conflict, match="already"):
        queues.add(disk)
    with pytest.raises(NotTerminal, match="1 of its jobs") as told:
        queues.delete("disk")
    assert "outlast queue drain disk" in str(told.value.suggestion)
    queues.change("disk", state=QueueState.DRAINING, max_cpus=2.0)
    small = a_job(FakeClock(), queue="disk")
    small = replace(small, spec=replace(small.spec, limits=Limits(cpus=2.5)))
    with pytest.raises(Conflict) as refused:
        store.add([Entry(job=small)])
    drained, too_big = refused.value.faults
    assert drained.startswith("the queue disk is being drained")
    assert "limits.cpus is 2.5, and the queue disk has 2" == too_big


@pytest.mark.parametrize("query", [sql.WAITING, sql.RUNNING], ids=["waiting", "running"])
def test_standings_of_many_jobs_read_an_index(tmp_path: Path, query: str) -> None:
    """Of those alone that have not ended: 100,000 that wait are counted in 20 ms."""
    open_store(tmp_path / "outlast.db", migrate=True).close()
    with closing(sqlite3.connect(tmp_path / "outlast.db")) as database:
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]

    assert [step for step in plan if re.search(r"SEARCH .* INDEX jobs_in_queue \(status=", step)]
    assert not [step for step in plan if re.match(r"SCAN (jobs|nodes|j|n)\b", step)]
