"""Tokens in SQLite keep what every store of tokens promises, and keep no token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outlast.core.token import digest_of, write_token
from outlast.store import open_tokens as open_at
from outlast.testing import FakeClock, TokensContract
from outlast.testing.tokens import OpenTokens, a_token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outlast.db"


@pytest.fixture
def open_tokens(path: Path) -> Iterator[OpenTokens]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_at(path)))


class TestTokens(TokensContract):
    """The contract."""


def test_no_file_of_the_database_has_a_token(path: Path, open_tokens: OpenTokens) -> None:
    """Neither the file nor the log beside it: only what was made of it by a hash."""
    text = write_token(b"\x17" * 32)
    open_tokens().add(a_token(FakeClock(), digest=digest_of(text)))

    kept = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert digest_of(text) in kept
    assert text.encode() not in kept
    assert text[8:40].encode() not in kept
