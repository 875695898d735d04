"""One job in a browser: submitted, followed, cancelled; with the line broken, and nobody logged in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from outlast.clock import SystemClock
from outlast.core.job import Job, JobSpec, nodes_of
from outlast.core.state import JobStatus, NodeStatus
from outlast.ports.store import Entry
from outlast.store import open_store

from ..http.conftest import Caller, Service
from ..world import eventually
from .conftest import Visitor

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python

COUNTS = "i=0; while [ ! -e stop ]; do i=$((i+1)); echo line $i; sleep 0.05; done; echo over"


def lines(page: Page) -> list[str]:
    """What is shown of the output, line by line."""
    return [text for text in page.locator(".lines .line").all_inner_texts() if text]


def test_a_job_is_submitted_followed_and_cancelled(visitor: Visitor, caller: Caller) -> None:
    """By the form, with the same as command lines; a cancel asks before, and is told."""
    page = visitor.open("#/new")
    page.get_by_label("Shell line").last.fill("echo begun; sleep 600")
    page.get_by_label("Name").fill("by hand")
    page.get_by_label("Labels").fill("env=test")
    page.get_by_label("Run limit").fill("10m")
    same = page.get_by_label("Command", exact=True).last
    expect(same).to_have_text(
        "outlast submit --name 'by hand' --label env=test --timeout 600s --shell 'echo begun; sleep 600'"
    )
    page.get_by_role("button", name="curl").click()
    expect(same).to_contain_text("$OUTLAST_TOKEN")
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("heading", name="by hand")).to_be_visible()
    expect(page.locator(".lines")).to_contain_text("begun")
    expect(page.get_by_role("group", name="Clocks")).to_contain_text("of 10m")
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cancel this job?")
    expect(dialog).to_contain_text("killed 10s later")
    dialog.get_by_role("button", name="Leave it").click()
    expect(page.get_by_text("running", exact=True)).to_be_visible()
    page.keyboard.press("x")
    dialog.get_by_label("Kill it at once").check()
    dialog.get_by_role("button", name="Cancel it").click()
    expect(page.locator(".standing")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    (job,) = caller.client.get("/jobs").json()["items"]
    assert ("cancelled", {"env": "test"}) == (job["status"], job["labels"])


def test_what_is_wrong_with_a_form_is_told_beside_its_fields(
    visitor: Visitor, caller: Caller
) -> None:
    """The page's own faults and the service's, all at once; nothing was started."""
    page = visitor.open("#/new")
    page.get_by_role("button", name="Submit").click()
    field = page.locator("#field-text")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill("true")
    page.get_by_label("Labels").fill("env=" + "x" * 4000)
    page.get_by_label("Name").fill("n" * 300)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".fault").first).to_be_visible()
    assert page.locator("[aria-invalid=true]").count() >= 1
    assert [] == caller.client.get("/jobs").json()["items"]
    visitor.leave()  # a refusal is in the browser's own log


def test_a_broken_line_and_a_reload_lose_nothing(
    service: Service, visitor: Visitor, caller: Caller
) -> None:
    """While it is broken the page says so; then each line is there, once, in order."""
    job = caller.submit(shell=COUNTS, name="counter", cwd=str(service.folder))
    page = visitor.open(f"#/jobs/{job['job_id']}")
    expect(page.locator(".lines")).to_contain_text("line 5")
    page.context.set_offline(True)
    expect(page.get_by_text("The service does not answer.")).to_be_visible()
    shown = len(lines(page))
    eventually(lambda: printed(caller, job["job_id"]) > shown + 20, "more output")
    page.context.set_offline(False)
    expect(page.get_by_text("The service does not answer.")).to_have_count(0)
    page.reload()
    expect(page.locator(".lines")).to_contain_text(f"line {shown + 20}")
    (service.folder / "stop").touch()
    expect(page.locator(".lines")).to_contain_text("over")

    told = lines(page)
    assert [*(f"line {i}" for i in range(1, len(told))), "over"] == told
    expect(page.locator(".standing")).to_contain_text("complete")
    visitor.leave()  # what could not be fetched is in the browser's own log


def test_a_page_that_began_without_an_answer_takes_up_by_itself(visitor: Visitor) -> None:
    """The line broke before the page knew who is here: it asks again until it is told."""
    page = visitor.open()
    page.route("**/page/me", lambda route: route.abort("connectionrefused"))
    page.reload()
    expect(page.get_by_text("Waiting for the service…")).to_be_visible()
    page.unroute_all()
    expect(page.get_by_text("Nothing runs here, and nothing has.")).to_be_visible()
    expect(page.get_by_text("The service does not answer.")).to_have_count(0)
    visitor.leave()  # what could not be fetched is in the browser's own log


def test_a_view_that_could_not_be_fetched_is_told_and_fetched_again(visitor: Visitor) -> None:
    """The line broke as a view's module was wanted: it says so, with a way out."""
    page = visitor.open()
    page.route("**/queues.js", lambda route: route.abort("connectionrefused"))
    page.keyboard.press("q")
    expect(page.get_by_text("This part of the page could not be fetched.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Load it again").click()
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    visitor.leave()  # as above


def printed(caller: Caller, job_id: str) -> int:
    """How many lines a job has printed."""
    return caller.client.get(f"/jobs/{job_id}/output").content.count(b"\n")


def test_a_session_that_is_over_is_told_with_what_to_do(service: Service, visitor: Visitor) -> None:
    """The service was started again, and knows nobody; a token that is pasted opens the page."""
    page = visitor.open()
    port = service.url.rpartition(":")[2]
    service.stop()
    expect(page.get_by_text("The service does not answer.")).to_be_visible()
    service.start("--port", port)
    expect(page.get_by_role("heading", name="Your session here is over")).to_be_visible()
    expect(page.get_by_text("outlast token create")).to_be_visible()
    page.get_by_label("Token").fill("outlast_wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Token").fill((service.home / "token").read_text().strip())
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("Nothing runs here, and nothing has.")).to_be_visible()
    visitor.leave()  # refusals are in the browser's own log


def store_many_nodes(home: Path, count: int) -> Job:
    """Put an ended job with many nodes into a home: each seventh failed."""
    clock = SystemClock()
    now = clock.now() - timedelta(minutes=5)
    ended = now + timedelta(minutes=2)
    spec = JobSpec(
        command=("uptime",), name="everywhere", on=tuple(f"web{i:03}" for i in range(count))
    )
    nodes = tuple(
        replace(
            node,
            status=NodeStatus.COMPLETE if node.index % 7 else NodeStatus.FAILED,
            reason=None if node.index % 7 else "connect_timeout",
            error=None if node.index % 7 else "ConnectTimeout: connection timed out after 30s",
            exit_code=0 if node.index % 7 else None,
            attempt=1,
            started_at=now if node.index % 7 else None,
            completed_at=ended,
            stopped_at=ended,
        )
        for node in nodes_of(spec)
    )
    job = Job(
        id=clock.new_job_id(now),
        spec=spec,
        nodes=nodes,
        status=JobStatus.PARTIAL,
        reason="connect_timeout",
        created_at=now,
        started_at=now,
        completed_at=ended,
        stopped_at=ended,
    )
    store = open_store(home / "outlast.db", migrate=True)
    store.add([Entry(job=job)])
    store.close()
    return job


def test_a_hundred_nodes_are_a_grid(service: Service, visitor: Visitor) -> None:
    """Counted by status, walked by arrow keys, each with its own facts."""
    job = store_many_nodes(service.home, 100)
    page = visitor.open(f"#/jobs/{job.id}")
    grid = page.get_by_role("group", name="Nodes", exact=True)
    expect(grid.get_by_role("button")).to_have_count(100)
    expect(page.locator(".standing")).to_contain_text("partial")
    page.get_by_role("button", name=re.compile(r"^failed\s*15$")).click()
    expect(grid.get_by_role("button")).to_have_count(15)
    first = grid.get_by_role("button", name=re.compile("web000"))
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")

    facts = page.get_by_role("region", name="Node web007")
    expect(facts).to_contain_text("ConnectTimeout: connection timed out after 30s")
    expect(page).to_have_url(re.compile(r"node=7"))


def test_an_ended_job_is_run_again_and_deleted(visitor: Visitor, caller: Caller) -> None:
    """Each after a question; the new job names the old one, and the deleted one is told as gone."""
    old = caller.submit(command=["false"], name="again")
    caller.ended(old["job_id"])
    page = visitor.open(f"#/jobs/{old['job_id']}")
    expect(page.locator(".standing")).to_contain_text("failed, exit 1")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("link", name=old["job_id"])).to_be_visible()
    page.get_by_role("link", name=old["job_id"]).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("list", name="Jobs, newest first")).to_be_visible()
    page.goto(f"{page.url.partition('#')[0]}#/jobs/{old['job_id']}")
    expect(page.get_by_text("This job was here, and is no more")).to_be_visible()
    visitor.leave()  # the answer 410 is in the browser's own log
