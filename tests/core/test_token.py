"""How tokens are written, and which are still good."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.principal import Scope
from outlast.core.token import PREFIX, check_token, digest_of, is_token, write_token
from outlast.errors import InvalidRequest
from outlast.testing import FakeClock
from outlast.testing.tokens import a_token


@given(st.binary(min_size=32, max_size=32))
def test_every_token_is_known_as_one(chance: bytes) -> None:
    """By its beginning, its letters and its checksum; no two of them are the same."""
    token = write_token(chance)

    assert token.startswith(PREFIX)
    assert token.isascii()
    assert is_token(token)
    assert token != write_token(bytes(reversed(chance))) or chance == bytes(reversed(chance))


@given(st.integers(8, 56), st.sampled_from("0Az"))
def test_a_slip_of_the_pen_is_no_token(at: int, letter: str) -> None:
    """One letter that is another is told by the checksum, without anybody being asked."""
    token = write_token(bytes(range(32)))
    other = token[:at] + letter + token[at + 1 :]

    assert (other == token) == is_token(other)


@pytest.mark.parametrize("chance", [b"", b"x" * 31, b"x" * 33])
def test_a_token_has_all_its_chance(chance: bytes) -> None:
    """Of fewer bytes, or of more, none is made."""
    with pytest.raises(ValueError, match="32 bytes"):
        write_token(chance)


def test_a_digest_is_of_the_whole() -> None:
    """The hash that everybody knows (SHA-256), of the text as it is sent."""
    assert (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" == digest_of("abc").hex()
    )


def test_a_token_is_good_until_it_is_not() -> None:
    """Until it expires, or somebody revokes it."""
    clock = FakeClock()
    later = clock.now() + timedelta(days=1)
    token = a_token(clock, expires_at=later)
    revoked = a_token(clock, revoked_at=clock.now())

    assert ["valid", "expired"] == [token.state(clock.now()), token.state(later)]
    assert [True, False] == [token.is_good(clock.now()), token.is_good(later)]
    assert ("revoked", False) == (revoked.state(clock.now()), revoked.is_good(clock.now()))


@pytest.mark.parametrize(
    ("name", "scope", "policy", "secrets", "expected"),
    [
        ("ci", Scope.RUN, "web", {"A"}, 0),
        ("ci", Scope.ADMIN, None, set(), 0),
        ("local", Scope.RUN, None, set(), 1),
        ("", Scope.RUN, None, set(), 1),
        ("a b", Scope.READ, None, {"A", "no name"}, 3),
        ("ci", Scope.ADMIN, "web", {"A"}, 2),
    ],
)
def test_what_cannot_be_made_is_told(
    name: str, scope: Scope, policy: str | None, secrets: set[str], expected: int
) -> None:
    """Every fault at once."""
    found: tuple[str, ...] = ()
    try:
        check_token(name, scope, policy=policy, secrets=frozenset(secrets))
    except InvalidRequest as error:
        found = error.faults

    assert expected == len(found)
