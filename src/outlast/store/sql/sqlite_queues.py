"""What SQLite is asked about queues, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

_QUEUE: Final = "name, width, max_cpus, max_memory_bytes, state, created_ms"

ALL: Final = f"SELECT {_QUEUE} FROM queues ORDER BY name"  # noqa: S608 - columns are ours
"""All that were created, by name."""

BY_NAME: Final = f"SELECT {_QUEUE} FROM queues WHERE name = ?"  # noqa: S608 - columns are ours
"""One of them."""

WAITING: Final = """
    SELECT queue, count(*) FROM jobs INDEXED BY jobs_in_queue
    WHERE completed_ms IS NULL AND status = 'queued' GROUP BY queue
"""
"""How many jobs of each queue have not begun."""

RUNNING: Final = """
    SELECT queue, sum(running), sum(running = 0) FROM (
        SELECT j.queue AS queue, sum(n.status = 'running') AS running
        FROM jobs AS j INDEXED BY jobs_in_queue JOIN nodes AS n ON n.job_seq = j.seq
        WHERE j.completed_ms IS NULL AND j.status = 'running' GROUP BY j.seq
    ) GROUP BY queue
"""
"""How many nodes of each queue run, and how many of its jobs have begun and wait to be tried again."""

WAITING_IN: Final = WAITING.replace("GROUP BY", "AND queue IS ? GROUP BY")
RUNNING_IN: Final = RUNNING.replace("GROUP BY j.seq", "AND j.queue IS ? GROUP BY j.seq")
"""The same of one queue."""

UNFINISHED: Final = """
    SELECT count(*) FROM jobs INDEXED BY jobs_in_queue
    WHERE completed_ms IS NULL AND status IN ('queued', 'running') AND queue = ?
"""
"""How many jobs of a queue have not ended."""

ADD: Final = f"INSERT INTO queues ({_QUEUE}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - columns are ours
"""A new one."""

PUT: Final = f"INSERT OR REPLACE INTO queues ({_QUEUE}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - columns are ours
"""One as it is to be from now on."""

DELETE: Final = "DELETE FROM queues WHERE name = ?"
"""One that is there no more."""
