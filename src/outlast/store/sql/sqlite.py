"""
What SQLite is asked, by name, with a sentence each.

A module and not a file of SQL to be taken apart: `job status` reads it from bytecode. The schema
is in `sqlite_migrations`, and read only where a database is made or brought up to date.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x4F75746C
"""`Outl`, in the header of every database of ours; file(1) and we know it by that."""

SCHEMA: Final = 16
"""The number of the last migration, which is the `user_version` of a database that is up to date."""

JOB_COLUMNS: Final = (
    "job_id",
    "version",
    "spec",
    "capture",
    "status",
    "reason",
    "created_ms",
    "started_ms",
    "completed_ms",
    "stopped_ms",
    "traceparent",
    "queue",
    "priority",
    "held",
)
"""A job as it is read; `rows` has the same order."""

NODE_COLUMNS: Final = (
    "idx",
    "name",
    "executor",
    "status",
    "reason",
    "attempt",
    "boot_id",
    "exit_code",
    "signal",
    "error",
    "started_ms",
    "completed_ms",
    "stopped_ms",
    "stop_error",
    "late_exit_code",
    "containment",
    "degraded",
    "stdout_bytes",
    "stderr_bytes",
    "progress_pct",
    "message",
    "survives",
    "image_id",
    "image_digest",
    "claimed_ms",
    "earlier",
    "retry_ms",
)
"""A node as it is read and written; `rows` has the same order."""

_JOB: Final = ", ".join(JOB_COLUMNS)
_NODE: Final = ", ".join(NODE_COLUMNS)

JOB_BY_ID: Final = f"SELECT seq, {_JOB} FROM jobs WHERE job_id = ?"  # noqa: S608 - columns are ours
"""One job, with its place in the order of submission."""

NODES_OF_JOB: Final = f"SELECT {_NODE} FROM nodes WHERE job_seq = ? ORDER BY idx"  # noqa: S608 - columns are ours
"""The nodes of one job, by index."""

JOBS_BY_SEQ: Final = f"""
    SELECT seq, {_JOB} FROM jobs WHERE seq IN (SELECT value FROM json_each(?))
"""  # noqa: S608 - columns are ours
"""Many jobs, by a JSON list of their places; in no order."""

NODES_BY_SEQ: Final = f"""
    SELECT job_seq, {_NODE} FROM nodes
    WHERE job_seq IN (SELECT value FROM json_each(?)) ORDER BY job_seq, idx
"""  # noqa: S608 - columns are ours
"""The nodes of many jobs, by a JSON list of the jobs' places."""

TOMBSTONE: Final = "SELECT 1 FROM tombstones WHERE job_id = ?"
"""Whether there was such a job."""

KEY: Final = """
    SELECT job_id, fingerprint, 0 FROM jobs
    WHERE key IS NOT NULL AND principal = :principal AND key = :key
    UNION ALL
    SELECT job_id, fingerprint, 1 FROM tombstones
    WHERE key IS NOT NULL AND principal = :principal AND key = :key
"""
"""What a principal's key stands for, and whether only a tombstone is left of it."""

LAST_SEQ: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'"
"""The last place that was ever given away."""

LATEST: Final = "SELECT latest_ms FROM jobs ORDER BY seq DESC LIMIT 1"
"""The latest creation so far."""

CHOOSY: Final = """
    SELECT name, width, max_cpus, max_memory_bytes, state, created_ms FROM queues
    WHERE state = 'draining' OR max_cpus IS NOT NULL OR max_memory_bytes IS NOT NULL
"""
"""The queues that do not take any job."""

ADD_JOB: Final = f"""
    INSERT INTO jobs (seq, {_JOB}, principal, key, fingerprint, expires_ms, latest_ms)
    VALUES ({", ".join("?" * (len(JOB_COLUMNS) + 6))})
"""  # noqa: S608 - columns are ours
"""A new job, in its place."""

ADD_NODE: Final = f"""
    INSERT INTO nodes (job_seq, {_NODE}) VALUES ({", ".join("?" * (len(NODE_COLUMNS) + 1))})
"""  # noqa: S608 - columns are ours
"""A node of a new job."""

ADD_LABEL: Final = "INSERT INTO labels (job_seq, name, value) VALUES (?, ?, ?)"
"""A label of a new job."""

SAVE_JOB: Final = """
    UPDATE jobs
    SET version = version + 1, capture = ?, status = ?, reason = ?, started_ms = ?,
        completed_ms = ?, stopped_ms = ?, expires_ms = ?, queue = ?, priority = ?, held = ?
    WHERE job_id = ? AND version = ?
"""
"""A job as it stands now, if its version is still the one that was read."""

SAVE_NODE: Final = f"""
    UPDATE nodes SET {", ".join(f"{column} = ?" for column in NODE_COLUMNS)}
    WHERE job_seq = (SELECT seq FROM jobs WHERE job_id = ?) AND idx = ?
"""  # noqa: S608 - columns are ours
"""A node as it stands now."""

IS_KNOWN: Final = """
    SELECT 1 FROM jobs WHERE job_id = ? UNION ALL SELECT 1 FROM tombstones WHERE job_id = ?
"""
"""Whether there is such a job, or was."""

PRINCIPAL: Final = "SELECT principal FROM jobs WHERE job_id = ?"
"""For whom a job is."""

ADD_COMPLETION: Final = """
    INSERT OR IGNORE INTO completions (job_seq) SELECT seq FROM jobs WHERE job_id = ?
"""
"""The end of a job, behind all others, unless it stands there already."""

NEEDED: Final = """
    SELECT seq, expires_ms <= ? FROM jobs WHERE job_id = ?
"""
"""The place of a job that another one waits for, and whether its retention is over at a time."""

ADD_NEED: Final = "INSERT INTO needs (needed_seq, job_seq) VALUES (?, ?)"
"""That a new job waits for another one."""

UNWAITED: Final = """
    NOT EXISTS (
        SELECT 1 FROM needs AS n JOIN jobs AS w ON w.seq = n.job_seq
        WHERE n.needed_seq = {seq} AND w.status = 'queued'
    )
"""
"""Nobody who waits is still to learn the job's end."""

ADD_TOMBSTONE: Final = f"""
    INSERT INTO tombstones (job_id, principal, key, fingerprint, expired_ms)
    SELECT job_id, principal, key, fingerprint, ? FROM jobs
    WHERE job_id = ? AND {UNWAITED.format(seq="jobs.seq")}
"""  # noqa: S608 - the condition is ours
"""What is left of a job that is about to be deleted: one that nobody waits for."""

DELETE_JOB: Final = """
    DELETE FROM jobs WHERE job_id IN (SELECT job_id FROM tombstones WHERE job_id = ?)
"""
"""A job of which there is a tombstone, its nodes and its labels."""

FORGET: Final = "DELETE FROM tombstones WHERE expired_ms < ?"
"""Tombstones from before a time, and with them the last that is known of their keys."""

FIRST_SINCE: Final = "SELECT seq FROM jobs WHERE latest_ms >= ? ORDER BY latest_ms, seq LIMIT 1"
"""The place before which no job was created at or after a time."""
