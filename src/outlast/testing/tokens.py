"""What every store of tokens promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

from ..core.principal import Scope
from ..core.token import Token, digest_of
from ..errors import Conflict, NotFound
from ..ports.tokens import Tokens
from .clock import FakeClock
from .demand import raises

OpenTokens: TypeAlias = Callable[[], Tokens]


def a_token(clock: FakeClock, **fields: Any) -> Token:
    """Return a new token."""
    token_id = f"tok_{clock.new_token()}"
    return Token(
        id=token_id,
        **{
            "name": "ci",
            "digest": digest_of(token_id),
            "scope": Scope.RUN,
            "created_at": clock.now(),
            **fields,
        },
    )


class TokensContract:
    """
    Inherit from this, and give the fixture `open_tokens`: a function that opens the tokens of the
    same database once more.
    """

    def test_where_nothing_was_made_nobody_is_known(self, open_tokens: OpenTokens) -> None:
        """And to revoke or to use what is not there changes nothing."""
        tokens = open_tokens()

        assert () == tokens.find()
        assert None is tokens.by_digest(b"\0" * 32)
        for name in ("ci", "", "\0", "x" * 10_000):
            with raises(NotFound):
                tokens.revoke(name, at=FakeClock().now())

    def test_a_token_comes_back_as_it_was_made(self, open_tokens: OpenTokens) -> None:
        """By its digest and in the list, which is in the order of making."""
        clock = FakeClock()
        first = a_token(clock)
        second = a_token(
            clock,
            name="deploy",
            scope=Scope.ADMIN,
            policy="web",
            secrets=frozenset({"A", "B"}),
            expires_at=clock.now() + timedelta(days=30),
        )
        for token in (first, second):
            open_tokens().add(token)

        assert (first, second) == open_tokens().find()
        assert second == open_tokens().by_digest(second.digest)
        assert None is open_tokens().by_digest(first.digest[:-1])

    def test_a_name_is_one_token_s(self, open_tokens: OpenTokens) -> None:
        """Of many that are made at once under one name, one is; the others are told."""
        clock = FakeClock()
        made = [a_token(clock) for _ in range(8)]

        def try_add(token: Token) -> bool:
            try:
                open_tokens().add(token)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            added = list(threads.map(try_add, made))

        assert [made[added.index(True)]] == list(open_tokens().find())
        assert 1 == sum(added)

    def test_what_was_revoked_or_has_expired_makes_way(self, open_tokens: OpenTokens) -> None:
        """Both stay in the list; a name is free again, and one that is used goes on being so."""
        clock, tokens = FakeClock(), open_tokens()
        gone = a_token(clock)
        tokens.add(gone)
        revoked = tokens.revoke("ci", at=clock.now())
        short = a_token(clock, expires_at=clock.now() + timedelta(minutes=1))
        tokens.add(short)
        with raises(Conflict):
            tokens.add(a_token(clock))
        clock.advance(timedelta(minutes=1))
        last = a_token(clock)
        tokens.add(last)

        assert replace(gone, revoked_at=revoked.revoked_at) == revoked
        assert [False, False, True] == [each.is_good(clock.now()) for each in tokens.find()]
        with raises(NotFound):
            tokens.revoke("nobody", at=clock.now())

    def test_what_was_asked_before_is_not_believed_for_ever(self, open_tokens: OpenTokens) -> None:
        """A token that was found good is not, as soon as it was revoked, here or elsewhere."""
        clock, tokens, elsewhere = FakeClock(), open_tokens(), open_tokens()
        for revoking in (tokens, elsewhere):
            token = a_token(clock)
            assert None is tokens.by_digest(token.digest)
            revoking.add(token)
            assert [token, token] == [tokens.by_digest(token.digest) for _ in range(2)]
            revoking.revoke("ci", at=clock.now())
            found = tokens.by_digest(token.digest)
            assert found is not None
            assert not found.is_good(clock.now())

    def test_a_use_is_noted(self, open_tokens: OpenTokens) -> None:
        """For every other process, and of no other token."""
        clock, tokens = FakeClock(), open_tokens()
        used, other = a_token(clock), a_token(clock, name="other")
        tokens.add(used)
        tokens.add(other)
        clock.advance(timedelta(minutes=5))
        tokens.used(used.id, at=clock.now())
        tokens.used("tok_nobody", at=clock.now())

        assert (replace(used, last_used_at=clock.now()), other) == open_tokens().find()

    def test_closing_twice_is_closing(self, open_tokens: OpenTokens) -> None:
        """The second close does nothing, and what was stored is there for the next to open."""
        tokens, token = open_tokens(), a_token(FakeClock())
        tokens.add(token)
        tokens.close()
        tokens.close()

        assert (token,) == open_tokens().find()
