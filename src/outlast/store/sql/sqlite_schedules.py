"""What SQLite is asked about schedules, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = (
    *("schedule_id", "name", "cron", "every_ms", "tz", "missed", "overlap", "spec"),
    *("principal", "token_id", "state", "created_ms", "next_ms", "last_ms", "last_job_id"),
    *("missed_count", "missed_ms", "skipped_count", "skipped_ms", "error", "version"),
)
"""A schedule as it is read and written."""

_ALL: Final = ", ".join(COLUMNS)
STANDS: Final = COLUMNS[COLUMNS.index("state") :]
"""What changes of one; its version is the last."""

ADD: Final = f"INSERT INTO schedules ({_ALL}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - columns are ours
"""A new one."""

FIND: Final = f"""
    SELECT {_ALL} FROM schedules WHERE :name IS NULL OR name = :name ORDER BY name
"""  # noqa: S608 - columns are ours
"""All, or the one of a name."""

SAVE: Final = f"""
    UPDATE schedules SET {", ".join(f"{column} = ?" for column in STANDS)}
    WHERE schedule_id = ? AND version = ?
"""  # noqa: S608 - columns are ours
"""One as it stands now, if its version is still the one that was read."""

REMOVE: Final = "DELETE FROM schedules WHERE schedule_id = ?"
"""One, by its id."""

COUNT_OF_TOKEN: Final = "SELECT count(*) FROM schedules WHERE token_id = ?"
"""How many a token has added."""

NEXT_DUE: Final = "SELECT min(next_ms) FROM schedules WHERE next_ms IS NOT NULL"
"""When the next job is due."""
