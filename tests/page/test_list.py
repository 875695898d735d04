"""The list of jobs in a browser: as they change, found, walked by keys, and many."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from outlast.clock import SystemClock
from outlast.core.job import Job, JobSpec, nodes_of
from outlast.core.state import JobStatus, NodeStatus
from outlast.ports.store import Entry
from outlast.store import open_store

from ..http.conftest import Caller, Service
from .conftest import PHONE, Visitor

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python


def store_jobs(home: Path, count: int) -> None:
    """Put ended jobs into a home: the last a minute ago, a minute between them, each tenth failed."""
    clock = SystemClock()
    now = clock.now()
    entries = []
    for i in range(count):
        began = now - timedelta(minutes=count - i)
        ended = began + timedelta(seconds=20)
        failed = i % 10 == 0
        spec = JobSpec(command=("work", str(i)), name=f"job {i:04}", labels={"batch": str(i % 7)})
        times = {"started_at": began, "completed_at": ended, "stopped_at": ended}
        reason = "exit_nonzero" if failed else None
        node = replace(
            nodes_of(spec)[0],
            status=NodeStatus.FAILED if failed else NodeStatus.COMPLETE,
            reason=reason,
            exit_code=3 if failed else 0,
            attempt=1,
            **times,
        )
        status = JobStatus.FAILED if failed else JobStatus.COMPLETE
        job = Job(
            id=clock.new_job_id(began),
            spec=spec,
            nodes=(node,),
            status=status,
            reason=reason,
            created_at=began,
            **times,
        )
        entries.append(Entry(job=job))
    store = open_store(home / "outlast.db", migrate=True)
    store.add(entries)
    store.close()


def rows(page: Page) -> Locator:
    """The rows that are drawn."""
    return page.get_by_role("list", name="Jobs, newest first").get_by_role("listitem")


def names(page: Page) -> list[str]:
    """The names of the rows that are drawn, from above."""
    return rows(page).locator("b").all_inner_texts()


def test_a_job_is_shown_as_it_comes_and_as_it_changes(visitor: Visitor, caller: Caller) -> None:
    """Nobody loads anything again; what ended is said to whoever hears the page."""
    page = visitor.open()
    expect(page.get_by_text("Nothing runs here, and nothing has.")).to_be_visible()
    job = caller.submit(name="quick one", shell="read line", stdin="/dev/zero", timeout_ms=600_000)
    row = rows(page).filter(has_text="quick one")

    expect(row).to_contain_text("running")
    expect(row).to_contain_text("of 10m")
    caller.client.post(f"/jobs/{job['job_id']}/cancel", json={})
    expect(row).to_contain_text("cancelled")
    expect(page.locator("#said")).to_contain_text("quick one: cancelled")


def test_jobs_are_found_by_status_label_words_and_time(service: Service, visitor: Visitor) -> None:
    """All of these hold at once; Escape shows everything again."""
    store_jobs(service.home, 60)
    page = visitor.open()
    page.get_by_role("button", name="failed").click()
    expect(rows(page)).to_have_count(6)
    assert ["job 0050", "job 0040", "job 0030", "job 0020", "job 0010", "job 0000"] == names(page)

    page.keyboard.press("/")
    page.keyboard.type("batch=1")
    expect(rows(page)).to_have_count(1)  # 50 is 1 modulo 7
    assert ["job 0050"] == names(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_label("Words, or label=value").fill("work 3")
    expect(rows(page).filter(has_text="job 0053")).to_be_visible()
    page.get_by_role("button", name="Jobs with the label batch=4").first.click()
    expect(page.get_by_label("Words, or label=value")).to_have_value("batch=4")
    page.get_by_label("Words, or label=value").fill("no such job")
    expect(page.get_by_text("No job is like that.")).to_be_visible()
    page.get_by_role("button", name="Show all jobs").click()
    strip = page.get_by_role("slider")
    strip.press("ArrowLeft")
    strip.press("ArrowLeft")
    expect(strip).to_have_attribute("aria-valuetext", re.compile(r"running, 0 waiting"))
    strip.press("Enter")
    expect(rows(page)).not_to_have_count(60)


def test_the_list_is_walked_by_keys(service: Service, visitor: Visitor) -> None:
    """j and k, Enter opens, Escape comes back to where one was; ? tells the keys, c submits."""
    store_jobs(service.home, 60)
    page = visitor.open()
    expect(rows(page).first).to_contain_text("job 0059")
    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.get_by_role("link", name="job 0058")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="job 0058")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".row.selected")).to_contain_text("job 0058")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="job 0057")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("j")
    expect(page.get_by_role("link", name="job 0017")).to_be_in_viewport()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="New job")).to_be_visible()


def test_a_key_counts_from_when_the_list_is_drawn(service: Service, visitor: Visitor) -> None:
    """A view heard keys only once it had been painted: one pressed before that was lost."""
    store_jobs(service.home, 60)
    page = visitor.open()
    expect(rows(page).first).to_contain_text("job 0059")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="job 0059")).to_be_visible()
    page.evaluate(
        """() => new MutationObserver((_, observer) => {
             if (!document.querySelector(".row.selected")) return;
             observer.disconnect();
             dispatchEvent(new KeyboardEvent("keydown", { key: "j" }));
           }).observe(document.body, { childList: true, subtree: true })"""
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="job 0058")).to_be_focused()


def test_ten_thousand_jobs_are_a_list_like_any_other(service: Service, visitor: Visitor) -> None:
    """Few rows are in the document; all of the day is counted; the oldest is found by a word."""
    store_jobs(service.home, 10_000)
    page = visitor.open()
    expect(rows(page).first).to_contain_text("job 9999")
    assert rows(page).count() < 60
    page.get_by_label("Words, or label=value").fill("job 0017")
    expect(page.get_by_text("Looked through 10,000 jobs: all there are.")).to_be_visible()
    assert ["job 0017"] == names(page)
    page.get_by_label("Words, or label=value").fill("")
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(rows(page).last).to_contain_text("job 0000")
    expect(page.get_by_role("button", name="failed")).to_contain_text("1,000")


def test_it_works_on_a_phone(service: Service, visitor: Visitor) -> None:
    """Nothing is wider than the screen, a row is two lines, and one is opened by a tap."""
    store_jobs(service.home, 30)
    page = visitor.open(size=PHONE, has_touch=True, is_mobile=True)
    expect(rows(page).first).to_contain_text("job 0029")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.get_by_role("link", name="job 0027").tap()
    expect(page.get_by_role("heading", name="job 0027")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
