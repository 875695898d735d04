"""A home whose settings allow loopback, and a receiver there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rigs.receiver import KEY, Receiver

ALLOW = """
[webhooks]
allow = ["127.0.0.0/8"]
retries = ["100ms", "200ms", "400ms"]
"""


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A reference to the key that is signed with."""
    path = tmp_path / "hook.key"
    path.write_text(f"{KEY}\n")
    return f"file:{path}"


@pytest.fixture
def allowed(home: Path) -> Path:
    """The home, which sends to loopback, and tries again at once."""
    configure(home, ALLOW)
    return home


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that takes all."""
    with Receiver() as receiver:
        yield receiver


def configure(home: Path, text: str) -> None:
    """Write the settings of a home, which need not be there."""
    home.mkdir(0o700, exist_ok=True)
    (home / "config.toml").write_text(text)
