"""A second try in a container is a container of its own, and nothing is left of either."""

from __future__ import annotations

import pytest

from ..rigs.engine import Engine
from .conftest import Run, fate

pytestmark = pytest.mark.slow  # each has a container made


def test_a_second_try_is_another_container(engine: Engine, run: Run) -> None:
    """It is tried as often as was said, each attempt tells what it came to, and none stays."""
    job = run("exit 75", retries=2, retry_delay="100ms", retry_on=["exit:75"])

    node = job.nodes[0]
    assert ("failed", "exit_nonzero", 75) == fate(job)
    assert 3 == node.attempt
    assert [("exit_nonzero", 75)] * 2 == [(each.reason, each.exit_code) for each in node.earlier]
    assert [] == engine.containers()
