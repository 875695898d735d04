"""What SQLite is asked about deliveries, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

_DELIVERY: Final = """
    d.seq, d.delivery_id, j.job_id, d.url, d.secret, d.event, d.is_servers, d.state, d.attempts,
    d.since, d.created_ms, d.due_ms FROM deliveries AS d JOIN jobs AS j ON j.seq = d.job_seq
"""

ADD: Final = """
    INSERT OR IGNORE INTO deliveries (delivery_id, job_seq, url, origin, secret, event, is_servers,
        state, attempts, since, created_ms, due_ms)
    SELECT ?, seq, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM jobs WHERE job_id = ?
"""
"""A new one, of a job that is there."""

DUE: Final = f"""
    SELECT {_DELIVERY}
    WHERE d.due_ms <= ? AND d.delivery_id NOT IN (SELECT value FROM json_each(?))
        AND d.origin NOT IN (SELECT value FROM json_each(?))
    ORDER BY d.due_ms, d.seq LIMIT ?
"""  # noqa: S608 - columns are ours
"""Those that are due, but for some, and but for those to some."""

NEXT_DUE: Final = "SELECT min(due_ms) FROM deliveries WHERE due_ms IS NOT NULL"
"""When the next one is due."""

FIND: Final = f"""
    SELECT {_DELIVERY}
    WHERE (:job_id IS NULL OR j.job_id = :job_id)
        AND (:states = '[]' OR d.state IN (SELECT value FROM json_each(:states)))
    ORDER BY d.seq DESC LIMIT :limit
"""  # noqa: S608 - columns are ours
"""The newest, of a job or of all, in some states or in any."""

TRIES: Final = """
    SELECT delivery_seq, attempt, at_ms, took_ms, status, error FROM delivery_tries
    WHERE delivery_seq IN (SELECT value FROM json_each(?)) ORDER BY delivery_seq, attempt
"""
"""The tries of many, by a JSON list of their places."""

ADD_TRY: Final = """
    INSERT OR IGNORE INTO delivery_tries (delivery_seq, attempt, at_ms, took_ms, status, error)
    SELECT seq, ?, ?, ?, ?, ? FROM deliveries WHERE delivery_id = ? AND attempts = ?
"""
"""A try, if it is the next one."""

RECORD: Final = """
    UPDATE deliveries SET state = ?, attempts = ?, due_ms = ? WHERE delivery_id = ? AND attempts = ?
"""
"""How one stands after a try, if that was the next one."""

AGAIN: Final = """
    UPDATE deliveries SET state = 'due', due_ms = ?, since = attempts
    WHERE state <> 'delivered' AND job_seq = (SELECT seq FROM jobs WHERE job_id = ?)
"""
"""Those of a job that are not delivered, due once more."""
