"""The manifest while it grows: in memory as things happen, on disk soon after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from .disk import save_manifest
from .manifest import Entry, Manifest
from .progress import Progress

if TYPE_CHECKING:
    from ..ports.clock import Clock

SOON_S: Final = 1.0
"""The file is at most so much behind, or ten times as long as writing it takes."""


class Keeper:
    """
    Holds one manifest's entries, and its file. True at any moment; whole once `save` returns.

    It begins with what the file says of the same inputs: what this run does not come to stays.
    """

    def __init__(
        self,
        path: str,
        manifest: Manifest,
        inputs: Iterable[str],
        *,
        clock: Clock,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._manifest = manifest
        self._inputs = tuple(inputs)
        wanted = frozenset(self._inputs)
        self._entries = {
            entry.source_file_path: entry
            for entry in manifest.entries
            if entry.source_file_path in wanted
        }
        self.progress = Progress(len(self._inputs))
        self._clock = clock
        self._tell = tell
        self._saved_at: float | None = None
        self._pause_s = SOON_S

    def note(self, entry: Entry, now_s: float | None = None) -> None:
        """Take in how an entry stands; *now_s* where that is news."""
        self._entries[entry.source_file_path] = entry
        self.progress.note(entry, now_s)
        self._tell(self.progress)

    def save_soon(self) -> None:
        """Write the file, unless it was just written. The first time it is, once there is an id."""
        now = self._clock.monotonic()
        if self._saved_at is None:
            if not any(entry.job_id for entry in self._entries.values()):
                return
        elif now - self._saved_at < self._pause_s:
            return
        save_manifest(self.path, self._manifest.with_entries(self._entries.values()))
        self._saved_at = self._clock.monotonic()
        self._pause_s = max(SOON_S, 10 * (self._saved_at - now))

    def save(self) -> Manifest:
        """Write the file with an entry for each input, and return what is in it."""
        entries = [self._entries.get(path, Entry(source_file_path=path)) for path in self._inputs]
        manifest = self._manifest.with_entries(entries)
        save_manifest(self.path, manifest)
        return manifest
