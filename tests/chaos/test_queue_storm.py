"""Queues, needs and second tries under random kills of the supervisor."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from .queue_storm import QueueStorm


def weather(home: Path, tmp_path: Path, seed: int, jobs: int, kills: int) -> None:
    """Let it rage and settle; print the seed, by which it can be had again."""
    sys.stdout.write(f"\nOUTLAST_CHAOS_SEED={seed}: {jobs} jobs in queues, {kills} kills\n")
    sys.stdout.flush()
    folder = tmp_path / "starts"
    folder.mkdir()
    storm = QueueStorm(home, folder, seed, jobs, kills)
    storm.rage()
    ended = storm.settle()

    assert [] == storm.faults(ended), f"make chaos SEED={seed}"


@pytest.mark.slow
def test_a_small_storm_over_queues(home: Path, tmp_path: Path) -> None:
    """Each is started as often as it must be, no queue is wider than it is, who waits waits."""
    weather(home, tmp_path, random.SystemRandom().randrange(10**9), jobs=25, kills=15)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_great_storm_over_queues(home: Path, tmp_path: Path) -> None:
    """Two hundred jobs under two hundred kills."""
    seed = int(os.environ.get("OUTLAST_CHAOS_SEED") or random.SystemRandom().randrange(10**9))
    weather(home, tmp_path, seed, jobs=200, kills=200)
