"""Coming back to a batch by its manifest: how it stands, what has ended since, and ending it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import NotFound
from .disk import is_there
from .manifest import OUTPUT_VARIABLE, Entry, Manifest, entry_of, seen_of
from .plan import batch_of
from .run import jobs_of

if TYPE_CHECKING:
    from ..client import Client
    from ..core.job import Job


def look(
    client: Client,
    manifest: Manifest,
    *,
    wait: timedelta | None = timedelta(),
    tell: Callable[[Entry], None] = lambda _: None,
) -> Manifest:
    """
    Return *manifest* with what is known now of all that had not ended in it.

    Stays until all have ended, or for *wait*. What had ended is not asked for again.
    """
    entries = {entry.source_file_path: entry for entry in manifest.entries}
    unfinished = {entry.job_id: entry for entry in manifest.entries if not entry.is_terminal}

    def note(entry: Entry) -> None:
        entries[entry.source_file_path] = entry
        if entry.is_terminal:
            unfinished.pop(entry.job_id, None)
        tell(entry)

    missing = set(unfinished)
    for jobs in jobs_of(client, batch_of(manifest.source_root, manifest.output_root)):
        for job in jobs:
            if job.id in missing:
                missing.discard(job.id)
                note(_entry(manifest, unfinished[job.id], job))
    for job_id in sorted(id_ for id_ in missing if id_ is not None):
        try:
            note(_entry(manifest, unfinished[job_id], client.get(job_id)))
        except NotFound as error:
            old = unfinished[job_id]
            note(Entry(source_file_path=old.source_file_path, job_id=job_id, error_code=error.code))
    if unfinished and wait != timedelta():
        for job in client.watch([id_ for id_ in unfinished if id_ is not None], timeout=wait):
            if job.id in unfinished:
                note(_entry(manifest, unfinished[job.id], job))
    return manifest.with_entries(entries.values())


def cancel(client: Client, manifest: Manifest) -> Manifest:
    """Cancel what has not ended, and return the manifest as it then stands."""
    manifest = look(client, manifest)
    entries = []
    for entry in manifest.entries:
        if entry.is_terminal or entry.job_id is None:
            entries.append(entry)
        else:
            entries.append(_entry(manifest, entry, client.cancel(entry.job_id)))
    return manifest.with_entries(entries)


def _entry(manifest: Manifest, entry: Entry, job: Job) -> Entry:
    whole = job.spec.env.get(OUTPUT_VARIABLE)
    output = None
    if whole is not None and manifest.output_root is not None:
        output = os.path.relpath(whole, manifest.output_root)
    return entry_of(
        entry.source_file_path,
        seen_of(job),
        output_path=output,
        is_there=whole is not None and is_there(whole),
    )
