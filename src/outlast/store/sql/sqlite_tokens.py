"""What SQLite is asked about tokens, by name, with a sentence each."""

from __future__ import annotations

from typing import Final

_TOKEN: Final = "token_id, name, digest, scope, policy, secrets, created_ms, expires_ms, last_used_ms, revoked_ms"

BY_DIGEST: Final = f"SELECT {_TOKEN} FROM tokens WHERE digest = ?"  # noqa: S608 - columns are ours
"""The token of a digest."""

ALL: Final = f"SELECT {_TOKEN} FROM tokens ORDER BY created_ms, rowid"  # noqa: S608 - columns are ours
"""All of them, oldest first."""

BY_NAME: Final = f"SELECT {_TOKEN} FROM tokens WHERE name = ? AND revoked_ms IS NULL"  # noqa: S608 - columns are ours
"""The token of a name that nobody has revoked."""

EXPIRE: Final = """
    UPDATE tokens SET revoked_ms = expires_ms
    WHERE name = ? AND revoked_ms IS NULL AND expires_ms <= ?
"""
"""One that has expired makes way for another of its name."""

ADD: Final = f"INSERT INTO tokens ({_TOKEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - columns are ours
"""A new token."""

REVOKE: Final = "UPDATE tokens SET revoked_ms = ? WHERE token_id = ?"
"""One that is good no more."""

USED: Final = "UPDATE tokens SET last_used_ms = ? WHERE token_id = ?"
"""One that was used."""
