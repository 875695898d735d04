"""What SQLite is asked about completions, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

NAME: Final = "SELECT name FROM completions_name"
"""What the order of this database is called."""

LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'completions'"
"""The last place that was ever given away."""

AFTER: Final = "SELECT seq, job_seq FROM completions WHERE seq > ? ORDER BY seq LIMIT ?"
"""The next ends behind a place, and which jobs they are of."""
