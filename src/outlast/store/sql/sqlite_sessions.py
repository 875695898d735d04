"""What SQLite is asked about sessions, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

_SESSION: Final = "session_id, name, host, hosts, created_ms, last_used_ms, closed_ms"

BY_NAME: Final = f"SELECT {_SESSION} FROM sessions WHERE name = ? AND closed_ms IS NULL"  # noqa: S608 - columns are ours
"""The open session of a name."""

ALL: Final = f"""
    SELECT {_SESSION} FROM sessions WHERE closed_ms IS NULL OR ?
    ORDER BY created_ms, rowid
"""  # noqa: S608 - columns are ours
"""The open sessions, or all; oldest first."""

ADD: Final = """
    INSERT INTO sessions (session_id, name, host, hosts, created_ms) VALUES (?, ?, ?, ?, ?)
"""
"""A new session."""

UNFINISHED: Final = """
    SELECT j.job_id, j.status, s.async_ms FROM session_jobs AS s JOIN jobs AS j ON j.seq = s.job_seq
    WHERE s.session_id = ? AND j.status IN ('queued', 'running') ORDER BY s.job_seq
"""
"""What has not ended in a session, in its order."""

RECONNECT: Final = "UPDATE sessions SET hosts = ? WHERE session_id = ? AND closed_ms IS NULL"
"""An open session, with what is known of its host now."""

_OF_JOB: Final = "session_jobs WHERE job_seq = (SELECT seq FROM jobs WHERE job_id = ?)"

LEFT: Final = f"SELECT async_ms FROM {_OF_JOB}"  # noqa: S608 - the words are ours
"""Since when a session's command goes on without its caller."""

LEAVE: Final = """
    UPDATE session_jobs SET async_ms = ?
    WHERE async_ms IS NULL AND job_seq = (
        SELECT seq FROM jobs WHERE job_id = ? AND status IN ('queued', 'running')
    )
"""
"""A session's command that has not ended, going on without its caller from now on."""

LAST: Final = """
    SELECT j.job_id FROM session_jobs AS s JOIN jobs AS j ON j.seq = s.job_seq
    WHERE s.session_id = ? ORDER BY s.job_seq DESC LIMIT 1
"""
"""The job that came last into a session."""

USE: Final = """
    UPDATE sessions SET last_used_ms = ? WHERE session_id = ? AND closed_ms IS NULL
"""
"""An open session, used now."""

CLOSE: Final = "UPDATE sessions SET closed_ms = ? WHERE session_id = ? AND closed_ms IS NULL"
"""An open session, closed now."""

ADD_JOB: Final = "INSERT INTO session_jobs (session_id, job_seq) VALUES (?, ?)"
"""A new job of a session."""

FORGET: Final = """
    DELETE FROM sessions
    WHERE closed_ms IS NOT NULL AND session_id NOT IN (SELECT session_id FROM session_jobs)
"""
"""Closed sessions of which no job is kept any more."""
