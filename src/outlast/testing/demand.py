"""A demand of the contracts: pytest is needed only where they are run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..errors import ClientError

E = TypeVar("E", bound=ClientError)


@contextmanager
def raises(kind: type[E]) -> Iterator[list[E]]:
    """Demand that the block raises *kind*, and give what it raised in a list."""
    told: list[E] = []
    try:
        yield told
    except kind as error:
        told.append(error)
    else:
        raise AssertionError(f"{kind.__name__} was not raised")
