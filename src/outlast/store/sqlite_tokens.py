"""Tokens in the database of the jobs. Read only where there is to do with one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final

from ..core.limits import from_epoch_ms, to_epoch_ms
from ..core.principal import SCOPES
from ..core.token import Token
from ..errors import Conflict, NotFound
from .sql import sqlite_tokens as sql
from .sqlite_connection import Connection

if TYPE_CHECKING:
    from ..ports.store import Version

MOST: Final = 1000
"""So many are remembered between two writes."""


class SqliteTokens:
    """The `Tokens` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str, *, version: Version | None = None) -> None:
        self._database = Connection(path)
        self._version = version or self._database.version
        self._writes = 0
        """By this very connection: of its own the database does not tell."""

        self._known: tuple[object, dict[bytes, Token]] = (None, {})
        """What was found last, as long as nobody has written since: every request asks."""

    def add(self, token: Token) -> None:
        with self._database.write() as database:
            database.execute(sql.EXPIRE, (token.name, to_epoch_ms(token.created_at)))
            if database.execute(sql.BY_NAME, (token.name,)).fetchone() is not None:
                raise Conflict(
                    f"there is a token {token.name} already",
                    suggestion=f"Take another name, or: outlast token revoke {token.name}",
                )
            database.execute(
                sql.ADD,
                (
                    token.id,
                    token.name,
                    token.digest,
                    str(token.scope),
                    token.policy,
                    dumps(sorted(token.secrets)),
                    *map(
                        _ms,
                        (token.created_at, token.expires_at, token.last_used_at, token.revoked_at),
                    ),
                ),
            )
        self._writes += 1

    def by_digest(self, digest: bytes) -> Token | None:
        mark = (self._version(), self._writes)
        known = self._known
        if known[0] != mark or len(known[1]) > MOST:
            # Another one, and not this one emptied: somebody may be about to put into it what was
            # found before the write.
            known = self._known = (mark, {})
        if digest not in known[1] and (found := self._find(digest)) is not None:
            known[1][digest] = found
        return known[1].get(digest)

    def _find(self, digest: bytes) -> Token | None:
        with self._database.read() as database:
            if database is None:
                return None
            row = database.execute(sql.BY_DIGEST, (digest,)).fetchone()
            return None if row is None else _token(row)

    def find(self) -> tuple[Token, ...]:
        with self._database.read() as database:
            rows = () if database is None else database.execute(sql.ALL).fetchall()
            return tuple(map(_token, rows))

    def revoke(self, name: str, *, at: datetime) -> Token:
        with self._database.write() as database:
            row = database.execute(sql.BY_NAME, (name,)).fetchone()
            if row is None:
                raise NotFound(
                    f"There is no token {name!r:.80} that could be revoked",
                    suggestion="See which there are: outlast token list",
                )
            token = replace(_token(row), revoked_at=at)
            database.execute(sql.REVOKE, (to_epoch_ms(at), token.id))
        self._writes += 1
        return token

    def used(self, token_id: str, *, at: datetime) -> None:
        with self._database.write() as database:
            database.execute(sql.USED, (to_epoch_ms(at), token_id))
        self._writes += 1

    def close(self) -> None:
        self._database.close()


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_epoch_ms(at)


def _token(row: Any) -> Token:
    token_id, name, digest, scope, policy, secrets, *times = row
    created_ms, *later = times
    expires, used, revoked = (None if ms is None else from_epoch_ms(ms) for ms in later)
    return Token(
        id=token_id,
        name=name,
        digest=digest,
        scope=SCOPES[scope],
        policy=policy,
        secrets=frozenset(loads(secrets)),
        created_at=from_epoch_ms(created_ms),
        expires_at=expires,
        last_used_at=used,
        revoked_at=revoked,
    )
