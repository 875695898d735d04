"""The manifest: its shape to the letter, the same bytes for the same answers, whatever happens."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.batch.disk import check_manifest_place, load_manifest, save_manifest
from outlast.batch.keep import Keeper
from outlast.batch.manifest import (
    CODES_VARIABLE,
    NOT_SUBMITTED,
    OUTPUT_MISSING,
    Entry,
    Manifest,
    entry_of,
    read_codes,
    read_manifest,
    seen_of,
    write_codes,
)
from outlast.batch.progress import Progress, counts
from outlast.core.job import Job
from outlast.core.state import TERMINAL_JOB, JobStatus, Reason
from outlast.errors import InvalidRequest
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

PATHS = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20)
WHY = st.sampled_from([None, "job_timeout", *map(str, Reason)])
ENTRIES = st.builds(
    Entry,
    source_file_path=PATHS,
    job_id=st.none() | st.just("job_1"),
    status=st.sampled_from(list(map(str, JobStatus))),
    output_path=st.none() | PATHS,
    error_code=WHY,
).filter(lambda entry: entry.job_id is not None or entry.status == JobStatus.FAILED)
MANIFESTS = st.builds(
    Manifest,
    source_root=PATHS,
    output_root=st.none() | PATHS,
    entries=st.lists(ENTRIES, unique_by=lambda entry: entry.source_file_path).map(tuple),
)
EMPTY = Manifest(source_root="/in", output_root="/out", entries=())


def job(status: str, reason: str | None = None, exit_code: int | None = None, **env: str) -> Job:
    made = a_job(FakeClock())
    node = replace(made.nodes[0], exit_code=exit_code)
    spec = replace(made.spec, env=env)
    return replace(made, status=JobStatus(status), reason=reason, nodes=(node,), spec=spec)


def test_it_is_what_the_contract_says() -> None:
    """Four keys, entries of exactly five, sorted, two spaces deep, and a line's end."""
    entries = [
        Entry(source_file_path="b", job_id="job_2", status="running", error_code="job_timeout"),
        Entry(
            source_file_path="a",
            job_id="job_1",
            status="complete",
            output_path="a.md",
            error_code=None,
        ),
    ]
    expected = """\
{
  "entries": [
    {
      "error_code": null,
      "job_id": "job_1",
      "output_path": "a.md",
      "source_file_path": "a",
      "status": "complete"
    },
    {
      "error_code": "job_timeout",
      "job_id": "job_2",
      "output_path": null,
      "source_file_path": "b",
      "status": "running"
    }
  ],
  "output_root": "/out",
  "schema_version": 1,
  "source_root": "/in"
}
"""
    assert expected == EMPTY.with_entries(entries).to_bytes().decode()


@pytest.mark.parametrize(
    ("made", "is_there", "expected"),
    [
        (job("queued"), False, ("queued", None, "job_timeout")),
        (job("running"), True, ("running", None, "job_timeout")),
        (job("complete"), True, ("complete", "a.md", None)),
        (job("complete"), False, ("complete", None, OUTPUT_MISSING)),
        (job("failed", "timeout"), True, ("failed", None, "timeout")),
        (job("failed", "idle_timeout"), True, ("failed", None, "idle_timeout")),
        (job("cancelled", "cancelled"), True, ("cancelled", None, "cancelled")),
        (job("failed", "exit_nonzero", 9), True, ("failed", None, "exit_nonzero")),
        (
            job("failed", "exit_nonzero", 9, **{CODES_VARIABLE: "8=x 9=broken"}),
            True,
            ("failed", None, "broken"),
        ),
    ],
)
def test_an_entry_says_how_its_job_stands(
    made: Job, is_there: bool, expected: tuple[str, str | None, str | None]
) -> None:
    """Its status is the job's; what runs is told by `job_timeout` and is no failure; else why."""
    entry = entry_of("a", seen_of(made), output_path="a.md", is_there=is_there)

    assert expected == (entry.status, entry.output_path, entry.error_code)
    assert (made.id, "a") == (entry.job_id, entry.source_file_path)
    assert entry.is_failure == (expected[2] not in (None, "job_timeout"))
    assert entry.is_terminal == (made.status in TERMINAL_JOB)


def test_no_id_is_a_failure() -> None:
    """Whatever kept it from being submitted."""
    entry = Entry(source_file_path="a")

    assert ("failed", NOT_SUBMITTED, True) == (entry.status, entry.error_code, entry.is_failure)


@given(MANIFESTS)
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    """Any name that a file can have, one that is no UTF-8 included."""
    manifest = manifest.with_entries(manifest.entries)
    data = manifest.to_bytes()

    assert manifest == read_manifest(data, "M.json")
    assert data == read_manifest(data, "M.json").to_bytes()
    assert json.loads(data)


@given(MANIFESTS, st.randoms(use_true_random=False))
def test_the_order_of_events_is_not_in_it(manifest: Manifest, chance: object) -> None:
    """Whichever job ended first, the bytes are the same."""
    shuffled = list(manifest.entries)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random of Hypothesis's

    assert (
        manifest.with_entries(manifest.entries).to_bytes()
        == manifest.with_entries(shuffled).to_bytes()
    )


LIVES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(ENTRIES, min_size=1, max_size=4),
    min_size=1,
)


@given(lives=LIVES, broken_off=st.integers(0, 30), data=st.data())
def test_interruptions_leave_no_trace(
    tmp_path_factory: pytest.TempPathFactory,
    lives: dict[str, list[Entry]],
    broken_off: int,
    data: st.DataObject,
) -> None:
    """
    Statuses come in any order, a first run is broken off anywhere, with or without a last write;
    the second run's manifest is that of a run which nothing has happened to.
    """
    path = str(tmp_path_factory.mktemp("run") / "M.json")
    news = [replace(entry, source_file_path=name) for name, each in lives.items() for entry in each]
    order = data.draw(st.permutations(news))
    last = {entry.source_file_path: entry for entry in order}
    inputs = "abcdef"

    first = Keeper(path, EMPTY, inputs, clock=FakeClock())
    for entry in order[:broken_off]:
        first.note(entry)
        first.save_soon()
    if data.draw(st.booleans(), "killed softly"):
        first.save()
    begun = load_manifest(path) if os.path.exists(path) else EMPTY
    second = Keeper(path, begun, inputs, clock=FakeClock())
    for name in inputs:
        second.note(last.get(name, Entry(source_file_path=name)))
        second.save_soon()
    second.save()

    expected = EMPTY.with_entries(last.get(n, Entry(source_file_path=n)) for n in inputs)
    assert expected.to_bytes() == Path(path).read_bytes()


def test_a_run_that_is_broken_off_keeps_what_was_known() -> None:
    """What it has not come to stays as the file had it."""
    known = Entry(source_file_path="a", job_id="job_1", status="complete", error_code=None)
    keeper = Keeper("/nowhere", EMPTY.with_entries([known]), ["a", "b"], clock=FakeClock())

    assert {"a": known} == keeper._entries


def test_it_is_written_with_the_first_id(tmp_path: Path) -> None:
    """And not before: an entry without an id is nothing to come back with."""
    path = tmp_path / "M.json"
    keeper = Keeper(str(path), EMPTY, ["a", "b"], clock=FakeClock())
    keeper.note(Entry(source_file_path="a"))
    keeper.save_soon()
    assert not path.exists()
    keeper.note(
        Entry(source_file_path="b", job_id="job_1", status="queued", error_code="job_timeout")
    )
    keeper.save_soon()

    assert ["a", "b"] == [e.source_file_path for e in load_manifest(str(path)).entries]


def test_what_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    """So that whoever watches the file is not woken for nothing."""
    path = tmp_path / "M.json"
    save_manifest(str(path), EMPTY)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    save_manifest(str(path), EMPTY)

    assert before == (path.stat().st_mtime_ns, path.stat().st_ino)
    assert ["M.json"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"name": "a web app\'s"}',
        '{"schema_version": 1, "source_root": "/", "output_root": null, "entries": [{}]}',
        '{"schema_version": 2, "source_root": "/", "output_root": null, "entries": []}',
        "[" * 5000,
        EMPTY.with_entries([Entry(source_file_path="a", status="running")]).to_bytes().decode(),
    ],
)
def test_somebody_elses_file_is_not_written_over(tmp_path: Path, text: str) -> None:
    """`manifest.json` is a name that others use as well."""
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(InvalidRequest):
        check_manifest_place(str(path))


@given(st.dictionaries(st.integers(1, 255), st.sampled_from(["broken", "empty"])))
def test_the_meaning_of_exit_codes_travels_with_the_job(codes: dict[int, str]) -> None:
    """As a variable of its environment."""
    assert codes == read_codes(write_codes(codes))


def test_progress_tells_what_ended_lately() -> None:
    """Done, running, failed, rate, time left."""
    progress = Progress(10)
    for second, name in enumerate("abcde"):
        progress.note(
            Entry(source_file_path=name, status="running", error_code="job_timeout"), second
        )
        progress.note(Entry(source_file_path=name, status="complete", error_code=None), second + 1)
    progress.note(Entry(source_file_path="f", status="failed", error_code="timeout"), 6)
    progress.note(Entry(source_file_path="g", status="running", error_code="job_timeout"), 6)

    assert (5, 1, 1) == (progress.done, progress.failed, progress.running)
    assert "6 of 10, 1 running, 1 failed, 1.0/s, 4s left" == progress.line(6)


def test_counts_are_of_entries() -> None:
    """Each in one kind."""
    entries = [
        Entry(source_file_path="a", status="complete", error_code=None),
        Entry(source_file_path="b", status="complete", error_code=OUTPUT_MISSING),
        Entry(source_file_path="c", status="queued", error_code="job_timeout"),
        Entry(source_file_path="d"),
    ]

    assert {"total": 4, "complete": 1, "running": 0, "queued": 1, "failed": 2} == counts(entries)


def test_two_runs_that_write_at_once_tear_nothing(tmp_path: Path) -> None:
    """The file is always one of theirs, whole."""
    path = str(tmp_path / "M.json")
    manifests = [
        EMPTY.with_entries(Entry(source_file_path=f"{size}") for size in range(size))
        for size in (3, 300)
    ]
    whole = {manifest.to_bytes() for manifest in manifests}
    writers = []
    for manifest in manifests:
        if (pid := os.fork()) == 0:
            for _ in range(100):
                save_manifest(path, manifest)
            os._exit(0)
        writers.append(pid)
    seen = set()
    while writers:
        if os.path.exists(path):
            seen.add(Path(path).read_bytes())
        writers = [pid for pid in writers if os.waitpid(pid, os.WNOHANG)[0] == 0]

    assert seen <= whole
    assert ["M.json"] == os.listdir(tmp_path)
