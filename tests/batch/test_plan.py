"""Keys, outputs and decisions: when work is the same, and when it must be done again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outlast.batch.manifest import OUTPUT_VARIABLE
from outlast.batch.plan import (
    BATCH_LABEL,
    KEY_LABEL,
    Attach,
    Known,
    Order,
    Submit,
    canonical,
    collisions,
    decide,
    item_of,
    order_faults,
    output_of,
    parse_max_errors,
    spec_of,
)
from outlast.core.job import Job, JobId
from outlast.core.state import JobStatus
from outlast.errors import InvalidRequest
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

ORDER = Order(
    source_root="/in",
    output_root="/out",
    command=("convert", "{input}", "{output}"),
    options={"timeout_ms": 60000},
    ext=".md",
)


def key(order: Order, path: str = "a.txt", content: str = "1") -> str:
    return item_of(order, path, content).key


@pytest.mark.parametrize(
    "other",
    [
        replace(ORDER, source_root="/moved"),
        replace(ORDER, max_parallel=3),
        replace(ORDER, options={"timeout_ms": 60000, "labels": {"a": "b"}, "name": "n"}),
        replace(ORDER, options={"timeout_ms": 60000, "retention_ms": 1}),
        replace(ORDER, queue="disk"),
        replace(ORDER, options={"timeout_ms": 60000, "priority": 5, "after": ["job_1"]}),
        replace(ORDER, options={"timeout_ms": 60000, "delay_ms": 5, "hold": True}),
    ],
    ids=[
        "a folder that was moved",
        "width",
        "labels and name",
        "retention",
        "queue",
        "whose turn it is",
        "when it begins",
    ],
)
def test_the_same_work_has_the_same_key(other: Order) -> None:
    """What says how long to keep it, what to call it, when, or beside how many, is no part of it."""
    assert key(ORDER) == key(other)


@pytest.mark.parametrize(
    "other",
    [
        key(ORDER, path="b.txt"),
        key(ORDER, content="2"),
        key(replace(ORDER, command=("convert", "-q", "{input}", "{output}"))),
        key(replace(ORDER, output_root="/elsewhere")),
        key(replace(ORDER, ext=".html")),
        key(replace(ORDER, options={"timeout_ms": 1000})),
        key(replace(ORDER, shell="convert {input} {output}", command=())),
    ],
    ids=["path", "content", "command", "output root", "output path", "options", "by a shell"],
)
def test_other_work_has_another_key(other: str) -> None:
    """Relative path, content, command, output path, execution options: each of them counts."""
    assert key(ORDER) != other


def test_work_without_output_is_done_on_its_input() -> None:
    """`gzip {input}` over one folder is not done because it was done over another one like it."""
    order = Order(source_root="/a", command=("gzip", "{input}"))

    assert key(order) != key(replace(order, source_root="/b"))


def test_two_ways_to_write_an_option_are_one() -> None:
    """An hour is 60 minutes."""
    assert canonical({"timeout": "1h"}) == canonical({"timeout": "60m"})


@pytest.mark.parametrize(
    ("ext", "keep_name", "path", "expected"),
    [
        (".md", False, "sub/a.docx", "sub/a.md"),
        (".md", True, "sub/a.docx", "sub/a.docx.md"),
        (None, False, "sub/a.docx", "sub/a.docx"),
        ("", False, "a.txt.gz", "a.txt"),
        (".md", False, ".profile", ".profile.md"),
    ],
)
def test_an_output_is_named_after_its_input(
    ext: str | None, keep_name: bool, path: str, expected: str
) -> None:
    """In the same folders below the output root."""
    assert expected == output_of(replace(ORDER, ext=ext, keep_name=keep_name), path)


def test_two_inputs_for_one_output_are_refused() -> None:
    """Whoever ended last would have won."""
    assert 1 == len(collisions(ORDER, ["a.docx", "a.pdf", "b.pdf"]))
    assert [] == collisions(replace(ORDER, keep_name=True), ["a.docx", "a.pdf"])


def test_an_input_is_not_written_over() -> None:
    """Neither its own nor another one's."""
    assert 1 == len(collisions(replace(ORDER, output_root="/in", ext=None), ["a.txt"]))


def test_an_output_needs_a_place() -> None:
    """And an extension needs an output."""
    order = replace(ORDER, output_root=None)

    assert 2 == len(order_faults(order))


def test_a_job_knows_what_it_is_for() -> None:
    """In its labels, by which it is found, and in its environment, which the command reads."""
    item = item_of(ORDER, "sub/a.txt", "1")
    spec = spec_of(ORDER, item)

    assert ("convert", "/in/sub/a.txt", "/out/sub/a.md") == spec["command"]
    assert {BATCH_LABEL: ORDER.batch, KEY_LABEL: item.key} == spec["labels"]
    assert "/out/sub/a.md" == spec["env"][OUTPUT_VARIABLE]
    assert "sub/a.txt" == spec["name"]


def test_a_width_is_a_queue() -> None:
    """One that the supervisor keeps: whoever submitted may leave."""
    spec = spec_of(replace(ORDER, max_parallel=3), item_of(ORDER, "a.txt", "1"))

    assert 3 == spec["queue_width"]


def job(number: int, status: str, *, key: str = "k", reason: str | None = None) -> Job:
    made = a_job(FakeClock())
    spec = replace(
        made.spec, labels={KEY_LABEL: key}, env={OUTPUT_VARIABLE: "/out/a.md"}, command=("x",)
    )
    return replace(
        made, id=JobId(f"job_{number}"), spec=spec, status=JobStatus(status), reason=reason
    )


ITEM = replace(item_of(ORDER, "a.txt", "1"), key="k")
FAILED = job(1, "failed", reason="timeout")


@pytest.mark.parametrize(
    ("jobs", "how", "expected"),
    [
        ([], {}, "new"),
        ([job(1, "complete")], {}, "job_1"),
        ([job(1, "running")], {"is_there": False}, "job_1"),
        ([job(1, "queued")], {"retry_failed": True}, "job_1"),
        ([job(1, "complete")], {"is_there": False}, "output missing"),
        ([FAILED], {}, "job_1"),
        ([FAILED], {"is_there": False}, "job_1"),
        ([FAILED], {"retry_failed": True}, "failed"),
        ([job(1, "cancelled", reason="cancelled")], {"retry_failed": True}, "failed"),
        ([job(2, "complete"), FAILED], {"retry_failed": True}, "job_2"),
        ([job(2, "complete", key="other"), job(1, "complete")], {}, "overwritten"),
        ([job(2, "running", key="other")], {}, "new"),
    ],
)
def test_what_is_done_about_an_input(jobs: list[Job], how: dict[str, Any], expected: str) -> None:
    """Attach to the newest job of the same work, unless what it made is not there any more."""
    known = Known()
    known.take(jobs)
    asked = {"output": "/out/a.md", "is_there": True, "retry_failed": False} | how
    what = decide(ITEM, known, **asked)

    assert expected == (what.seen.job_id if isinstance(what, Attach) else what.why)


def test_what_still_writes_there_is_ended_first() -> None:
    """A changed input: the old job would write over what the new one made."""
    known = Known()
    known.take([job(1, "running", key="before the change")])
    what = decide(ITEM, known, output="/out/a.md", is_there=False, retry_failed=False)

    assert isinstance(what, Submit)
    assert ("job_1",) == what.replaces


@pytest.mark.parametrize(("text", "expected"), [("5", 5), ("10%", 40), ("1%", 4), ("100%", 400)])
def test_errors_are_counted_or_shared(text: str, expected: int) -> None:
    """Of 400 inputs."""
    assert expected == parse_max_errors(text, 400)


@pytest.mark.parametrize("text", ["0", "-1", "many", "0%", "101%", "", "%", "1.5"])
def test_no_number_of_errors_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidRequest):
        parse_max_errors(text, 400)
