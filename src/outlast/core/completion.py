"""The ends of jobs, each with its place in the order in which they were stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .job import Job


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The end of one job."""

    job: Job
    """As it stands now: what is learnt after its end included."""

    cursor: str
    """Its place: whoever asks for what came since gets those behind it."""


@dataclass(frozen=True, kw_only=True)
class CompletionPage:
    """Some ends, in their order."""

    completions: tuple[Completion, ...]
    next_cursor: str
    """Where to go on. Always given, also where nothing came."""

    def __iter__(self) -> Iterator[Completion]:
        return iter(self.completions)

    def __len__(self) -> int:
        return len(self.completions)
