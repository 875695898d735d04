#!/usr/bin/env python3
"""
Made `home-v1.db` and `home-v1.json`, once, with the code of schema 1. Kept to show what is in
them; running it with later code would make something else, so it refuses to.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outlast.core.job import Job
from outlast.ports.store import Entry, Query
from outlast.store import open_store
from outlast.store.sql.sqlite import SCHEMA
from outlast.testing import FakeClock
from outlast.testing.jobs import SECOND, a_full_job, a_job, some_lives

HERE = Path(__file__).parent
DATABASE = HERE / "home-v1.db"
EXPECTED = HERE / "home-v1.json"


def as_json(job: Job) -> dict[str, Any]:
    """Everything that is known of *job*, as JSON has it."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(job), default=str))
    return data


def main() -> None:
    """Make both files anew."""
    if SCHEMA != 1 or DATABASE.exists():
        raise SystemExit("home-v1.db is frozen: it stays what schema 1 made it")
    clock = FakeClock(seed=1)
    with closing(open_store(DATABASE)) as store:
        store.add([Entry(job=a_full_job(clock), key="k", fingerprint="f")])
        some_lives(store, clock)
        gone = a_job(clock)
        store.add([Entry(job=gone, key="gone", fingerprint="g")])
        store.expire([gone.id], at=clock.now(), forget_before=clock.now() - SECOND)
        jobs = store.find(Query(oldest_first=True)).jobs
    expected = {"jobs": [as_json(job) for job in jobs], "gone": gone.id}
    EXPECTED.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
