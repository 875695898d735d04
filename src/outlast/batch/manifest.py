"""
What became of each input, as a file: `{schema_version, source_root, output_root, entries}`.

The same answers give the same bytes: no clock, no order of events, no width is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from ..core.job import Job
from ..core.state import JobStatus, Reason
from ..errors import InvalidRequest

SCHEMA_VERSION: Final = 1

STILL_RUNNING: Final = "job_timeout"
"""The error code of a job that has not ended: the caller's patience has. No failure."""

NOT_SUBMITTED: Final = "not_submitted"
"""The error code of an input for which there is no job: the run was stopped before."""

OUTPUT_MISSING: Final = "artifacts_missing"
"""The error code of a job that is complete, and whose output is not there."""

OUTPUT_VARIABLE: Final = "OUTLAST_BATCH_OUTPUT"
INPUT_VARIABLE: Final = "OUTLAST_BATCH_INPUT"
CODES_VARIABLE: Final = "OUTLAST_BATCH_CODES"
"""What the commands of a batch find in their environment, and what `collect` reads there."""

_ENTRY_KEYS: Final = frozenset(
    {"source_file_path", "job_id", "status", "output_path", "error_code"}
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One input. *output_path* is relative to the manifest's output root."""

    source_file_path: str
    job_id: str | None = None
    status: str = JobStatus.FAILED
    output_path: str | None = None
    error_code: str | None = NOT_SUBMITTED

    @property
    def is_terminal(self) -> bool:
        return self.status not in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def is_failure(self) -> bool:
        """Whether it went wrong. What still runs has not."""
        return self.error_code not in (None, STILL_RUNNING)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A batch as its file has it."""

    source_root: str
    output_root: str | None
    entries: tuple[Entry, ...]

    def with_entries(self, entries: Iterable[Entry]) -> Manifest:
        """Return the same batch with *entries*, sorted."""
        return replace(self, entries=tuple(sorted(entries, key=lambda e: e.source_file_path)))

    def to_bytes(self) -> bytes:
        """Return the file: keys sorted, two spaces deep, UTF-8."""
        data = {
            "schema_version": SCHEMA_VERSION,
            "source_root": self.source_root,
            "output_root": self.output_root,
            "entries": [vars(entry) for entry in self.entries],
        }
        text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        # A name that is no UTF-8 has lone surrogates in it, which JSON writes as it does `\n`.
        return text.encode("utf-8", "backslashreplace")


def read_manifest(data: bytes, name: str) -> Manifest:
    """
    Return the manifest that *data* is; *name* is what it is called where it is none.

    Raises:
        InvalidRequest: It is no manifest, or one of a later Outlast.
    """
    try:
        found = json.loads(data)
        version = found["schema_version"]
        if version != SCHEMA_VERSION:
            raise InvalidRequest(
                f"{name} has schema version {version!r:.20}, and this Outlast knows {SCHEMA_VERSION}"
            )
        return Manifest(
            source_root=_text(found["source_root"]),
            output_root=_text_or_none(found["output_root"]),
            entries=tuple(map(_entry, found["entries"])),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest(
            f"{name} is no manifest of a batch",
            suggestion="outlast batch --manifest writes one",
        ) from None


def _entry(found: Any) -> Entry:
    if set(found) != _ENTRY_KEYS:
        raise ValueError(found)
    if found["job_id"] is None and found["status"] != JobStatus.FAILED:
        raise ValueError(found)
    return Entry(
        source_file_path=_text(found["source_file_path"]),
        job_id=_text_or_none(found["job_id"]),
        status=JobStatus(found["status"]),
        output_path=_text_or_none(found["output_path"]),
        error_code=_text_or_none(found["error_code"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


class Seen(NamedTuple):
    """What an entry needs to know of its job."""

    job_id: str
    status: str
    code: str | None
    """Null for a job that is complete, `job_timeout` for one that goes on, else why not."""


def seen_of(job: Job) -> Seen:
    """Return what an entry needs to know of *job*."""
    return Seen(job.id, str(job.status), error_code(job))


def entry_of(path: str, seen: Seen, *, output_path: str | None, is_there: bool) -> Entry:
    """
    Return the entry of the input *path*.

    *output_path* is where its output is to be, if it has one; *is_there*, whether it is.
    """
    code = seen.code
    if code is None and output_path is not None and not is_there:
        code = OUTPUT_MISSING
    return Entry(
        source_file_path=path,
        job_id=seen.job_id,
        status=seen.status,
        output_path=output_path if code is None else None,
        error_code=code,
    )


def error_code(job: Job) -> str | None:
    """Return null for a job that is complete, `job_timeout` for one that goes on, else why."""
    if not job.is_terminal:
        return STILL_RUNNING
    if job.status == JobStatus.COMPLETE:
        return None
    if job.reason == Reason.EXIT_NONZERO:
        told = read_codes(job.spec.env.get(CODES_VARIABLE, ""))
        return told.get(job.exit_code or 0, str(job.reason))
    return str(job.reason)


def write_codes(codes: Mapping[int, str]) -> str:
    """Return what exit codes of a command mean, as a variable holds it: `65=broken 66=empty`."""
    return " ".join(f"{code}={meaning}" for code, meaning in sorted(codes.items()))


def read_codes(text: str) -> dict[int, str]:
    """Return the meanings that `write_codes` wrote, without what it cannot have written."""
    pairs = (word.partition("=") for word in text.split())
    return {int(code): meaning for code, _, meaning in pairs if code.isdecimal() and meaning}
