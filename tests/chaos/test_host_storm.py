"""Random jobs on hosts, under blows to supervisor, sessions, sshd's and the network between."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from outlast.testing.sshd import Farm

from .host_storm import HostStorm

FIXED_SEED = 20261121


def weather(farm: Farm, home: Path, seed: int, jobs: int, blows: int) -> None:
    """Let it rage and settle; print the seed, by which it can be had again."""
    sys.stdout.write(f"\nOUTLAST_CHAOS_SEED={seed}: {jobs} jobs on hosts, {blows} blows\n")
    sys.stdout.flush()
    with HostStorm(farm, home, seed, jobs, blows).ways() as storm:
        storm.rage()
        ended = storm.settle()
        told = Counter(node.reason or "complete" for job in ended.values() for node in job.nodes)
        for counted in (Counter(storm.struck), told):
            words = ", ".join(f"{number} {name}" for name, number in counted.most_common())
            sys.stdout.write(f"{words}\n")

        assert [] == storm.faults(ended), f"make chaos SEED={seed}"


@pytest.mark.slow
@pytest.mark.parametrize("farm", [3], indirect=True)
def test_a_small_storm_over_hosts(farm: Farm, home: Path) -> None:
    """Six jobs under ten blows, the same ones each time."""
    weather(farm, home, FIXED_SEED, jobs=6, blows=10)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("farm", [3], indirect=True)
def test_a_great_storm_over_hosts(farm: Farm, home: Path) -> None:
    """Sixty jobs under a hundred blows: the true end of each, all of its output, and no second run."""
    seed = int(os.environ.get("OUTLAST_CHAOS_SEED") or random.SystemRandom().randrange(10**9))
    weather(farm, home, seed, jobs=60, blows=100)
