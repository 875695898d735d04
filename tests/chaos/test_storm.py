"""Random jobs under random kills of supervisor, launcher, shims and clients."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from .storm import Storm

FIXED_SEED = 20261120


def weather(home: Path, tmp_path: Path, seed: int, jobs: int, kills: int) -> None:
    """Let it rage and settle; print the seed, by which it can be had again."""
    sys.stdout.write(f"\nOUTLAST_CHAOS_SEED={seed}: {jobs} jobs, {kills} kills\n")
    sys.stdout.flush()
    folder = tmp_path / "starts"
    folder.mkdir()
    storm = Storm(home, folder, seed, jobs, kills)
    storm.rage()
    ended = storm.settle()
    told = Counter(job.reason or "complete" for job in ended.values())
    words = ", ".join(f"{number} {reason}" for reason, number in told.most_common())
    sys.stdout.write(f"{storm.killed} kills; {words}\n")

    assert [] == storm.faults(ended), f"make chaos SEED={seed}"


@pytest.mark.slow
def test_a_small_storm_that_is_known(home: Path, tmp_path: Path) -> None:
    """Twenty jobs under twenty kills, the same ones each time."""
    weather(home, tmp_path, FIXED_SEED, jobs=20, kills=20)


@pytest.mark.slow
def test_a_small_storm_of_today(home: Path, tmp_path: Path) -> None:
    """Twenty jobs under twenty kills, others each time; the seed is told."""
    weather(home, tmp_path, random.SystemRandom().randrange(10**9), jobs=20, kills=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_great_storm(home: Path, tmp_path: Path) -> None:
    """Two hundred jobs under two hundred kills: none lost, none run twice, no code made up."""
    seed = int(os.environ.get("OUTLAST_CHAOS_SEED") or random.SystemRandom().randrange(10**9))
    weather(home, tmp_path, seed, jobs=200, kills=200)
