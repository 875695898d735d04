"""Completions in SQLite keep what every store of completions promises."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outlast.ports.completions import Completions
from outlast.ports.store import Store
from outlast.store import open_completions as open_at
from outlast.store import open_store
from outlast.testing import CompletionsContract
from outlast.testing.completions import OpenCompletions

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opening(stack: ExitStack, path: Path) -> OpenCompletions:
    def both() -> tuple[Store, Completions]:
        jobs, completions = closing(open_store(path)), closing(open_at(path))
        return stack.enter_context(jobs), stack.enter_context(completions)

    return both


@pytest.fixture
def open_completions(tmp_path: Path, opened: ExitStack) -> OpenCompletions:
    return opening(opened, tmp_path / "outlast.db")


@pytest.fixture
def open_others(tmp_path: Path, opened: ExitStack) -> OpenCompletions:
    return opening(opened, tmp_path / "other.db")


class TestCompletions(CompletionsContract):
    """The contract."""


def test_ends_of_before_are_there(tmp_path: Path) -> None:
    """A database of an older release has its ends as completions, in the order of their times."""
    path = tmp_path / "outlast.db"
    shutil.copy(DATA / "home-v1.db", path)
    open_store(path, migrate=True).close()
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT job_id FROM jobs WHERE completed_ms NOT NULL ORDER BY completed_ms, seq"
        ).fetchall()

    with closing(open_at(path)) as completions:
        page = completions.after(None, limit=100)

    assert [job_id for (job_id,) in rows] == [each.job.id for each in page]
    assert rows
