"""Schedules in a browser: added, run by hand, paused, removed; and whose jobs are whose."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from outlast.clock import SystemClock
from outlast.core.job import JobSpec
from outlast.core.onend import on_end_id
from outlast.core.schedule import Schedule, ScheduleState, Timing
from outlast.store import open_schedules

from ..http.conftest import Caller, Service
from ..world import eventually
from .conftest import Visitor
from .test_queues import enter

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python


def card(page: Page, name: str) -> Locator:
    """What is shown of a schedule."""
    return page.get_by_role("region", name=f"Schedule {name}")


def add(caller: Caller, name: str, **said: Any) -> None:
    """Add a schedule whose time does not come by itself."""
    timing = {} if "every" in said else {"cron": "0 0 29 2 *", "tz": "UTC"}
    answer = caller.client.put(f"/schedules/{name}", json=timing | said)
    assert answer.status_code == 200, answer.text


def store_missed(home: Path, name: str) -> None:
    """Put a paused schedule into a home, whose times have passed while nobody was there."""
    now = SystemClock().now()
    schedules = open_schedules(home / "outlast.db")
    schedules.add(
        Schedule(
            id="sch_1",
            name=name,
            timing=Timing(cron="30 2 * * *", tz="UTC"),
            spec=JobSpec(command=("true",)),
            state=ScheduleState.PAUSED,
            created_at=now,
            missed_count=3,
            missed_at=now - timedelta(hours=2, minutes=1),
            error="its token is good no more",
        )
    )
    schedules.close()


def test_a_schedule_is_added_by_the_form(visitor: Visitor, caller: Caller) -> None:
    """Its next times are told while it is typed, and whatever is wrong beside its field."""
    add(caller, "report", job={"shell": "exit 1"})
    page = visitor.open()
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Schedules")).to_be_focused()
    page.get_by_role("link", name="New schedule").click()
    page.get_by_role("textbox", name="Name").fill("report")
    when = page.get_by_role("textbox", name="Expression")
    when.fill("0 8 * * mon-fro")
    expect(when).to_have_accessible_description(re.compile("mon-fro.*bad day-of-week"))
    when.fill("0 8 * * mon-fri")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    expect(when).to_have_accessible_description(
        re.compile(r"Next: .*, 08:00; .*08:00; .*08:00 \(Europe/Berlin\)")
    )
    page.locator("#field-text").fill("exit 3")
    page.get_by_label("Run limit").fill("10m")
    page.get_by_label("Run once for all").check()
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Retries").fill("101")
    page.get_by_role("button", name="Add schedule").click()
    expect(page.get_by_label("Retries")).to_be_focused()
    page.get_by_label("Retries").fill("1")
    page.get_by_role("button", name="Add schedule").click()
    name = page.get_by_role("textbox", name="Name")
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description(re.compile("there is another schedule report"))
    page.get_by_label("Put it in the place of the one that is there").check()
    expect(page.get_by_label("Command", exact=True).last).to_have_text(
        "outlast schedule add report --cron '0 8 * * mon-fri' --tz Europe/Berlin --missed once"
        " --replace --timeout 600s --retries 1 --shell 'exit 3'"
    )
    page.get_by_role("button", name="Add schedule").click()

    expect(card(page, "report")).to_contain_text(
        re.compile("0 8 .*Europe/Berlin.*exit 3.*next run.*, 08:00, Europe/Berlin.*none yet")
    )
    told = caller.client.get("/schedules/report").json()
    assert ("once", 600_000, 1) == (
        told["missed"],
        told["job"]["timeout_ms"],
        told["job"]["retries"],
    )
    visitor.leave()  # that one was there already is in the browser's own log


def test_a_schedule_is_run_paused_and_removed(visitor: Visitor, caller: Caller) -> None:
    """Its last run is shown as it goes, with a link that leads to it and back; a removal asks first."""
    add(caller, "report", job={"shell": "echo all is well; exit 3"})
    page = visitor.open("#/schedules/report")
    shown = card(page, "report")
    shown.get_by_role("button", name="Run report now").press("Enter")
    last = shown.get_by_role("link", name="failed, exit 3: the last run of report")
    expect(last).to_be_visible()
    last.click()
    expect(page.locator(".lines")).to_have_text("all is well")
    page.get_by_role("region", name="The job").get_by_role("link", name="report").click()
    shown.get_by_role("link", name="its jobs of report").click()
    expect(page.get_by_label("Words, or label=value")).to_have_value("schedule=report")
    expect(page.get_by_role("list", name="Jobs, newest first").get_by_role("listitem")).to_have_count(1)  # fmt: skip

    page.keyboard.press("s")
    shown.get_by_role("button", name="Pause report").press("Enter")
    expect(shown.get_by_role("button", name="Resume report")).to_be_focused()
    expect(shown).to_contain_text("none while it is paused")
    expect(page.locator("#said")).to_contain_text("report is paused")
    assert 200 == caller.client.post("/schedules/report/resume", json={}).status_code
    expect(shown.get_by_role("button", name="Pause report")).to_be_visible()
    shown.get_by_role("button", name="Remove report").click()
    dialog = page.get_by_role("dialog", name="Remove the schedule report?")
    dialog.get_by_role("button", name="Leave it").click()
    assert 200 == caller.client.get("/schedules/report").status_code
    shown.get_by_role("button", name="Remove report").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(shown).to_have_count(0)
    expect(page.get_by_text("Nothing runs by itself here.")).to_be_visible()
    assert 404 == caller.client.get("/schedules/report").status_code


def test_what_was_missed_or_left_out_is_told(
    service: Service, visitor: Visitor, caller: Caller
) -> None:
    """And why, with how often; whoever runs it by hand meanwhile is refused, beside it."""
    store_missed(service.home, "nightly")
    add(caller, "tick", every=1, job={"shell": "sleep 600"})
    eventually(lambda: caller.client.get("/schedules/tick").json()["skipped_count"], "two at once")
    page = visitor.open("#/schedules")
    expect(card(page, "nightly")).to_contain_text(
        re.compile(
            "no job began: its token is good no more.*3 times, as nobody was there or none might begin; the last 2 h ago"
        )
    )
    expect(card(page, "tick")).to_contain_text(
        re.compile("running.*left out.* times?, as the run before had not ended; the last ")
    )
    card(page, "tick").get_by_role("button", name="Run tick now").click()
    expect(card(page, "tick").get_by_role("alert")).to_contain_text("has not ended")
    assert 200 == caller.client.delete("/schedules/tick").status_code
    visitor.leave()  # a refusal is in the browser's own log


def test_who_may_not_run_its_job_changes_no_schedule(
    service: Service, visitor: Visitor, caller: Caller
) -> None:
    """With the scope `read`, or under a policy that allows another: all is seen, and no button is there."""
    (service.home / "policy.toml").write_text(
        '[default]\nexecutors = ["local"]\ncommands = ["true"]\n'
    )
    service.stop()
    service.start()
    there = Caller(service.client())
    add(there, "ours", job={"command": ["true"]})
    add(there, "theirs", job={"shell": "exit 3"})
    page = visitor.open("#/schedules")
    enter(page, service, "read")
    expect(card(page, "theirs")).to_contain_text("exit 3")
    expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="New schedule")).to_have_count(0)

    enter(page, service, "run")
    expect(page.get_by_role("link", name="New schedule")).to_be_visible()
    expect(card(page, "ours").get_by_role("button")).to_have_count(3)
    expect(card(page, "theirs").get_by_role("button")).to_have_count(0)
    visitor.leave()  # that nobody was let in is in the browser's own log


def test_a_job_leads_to_its_end_s_job_and_back(visitor: Visitor, caller: Caller) -> None:
    """What runs since it has ended is a link, with how that ended; and each attempt to what it printed."""
    job = caller.submit(
        name="flaky",
        shell="echo try ${OUTLAST_ATTEMPT##*/}; exit 75",
        retries=1,
        retry_delay_ms=1,
        on_end="echo told",
    )
    caller.ended(job["job_id"])
    caller.ended(on_end_id(job["job_id"]))
    page = visitor.open(f"#/jobs/{job['job_id']}")
    expect(page.locator(".lines")).to_have_text("try 2")
    page.get_by_role("link", name="output of try 1").click()
    expect(page.locator(".lines")).to_have_text("try 1")
    expect(page.get_by_label("Attempt")).to_have_value("1")
    facts = page.get_by_role("region", name="The job")
    facts.get_by_role("link", name=re.compile("^flaky: on end.*complete")).click()
    expect(page.locator(".lines")).to_have_text("told")
    facts.get_by_role("link", name=re.compile("^flaky.*failed")).click()
    expect(page.locator(".lines")).to_have_text("try 2")


def test_a_queue_that_nobody_created_is_told_of(visitor: Visitor, caller: Caller) -> None:
    """Where a job was submitted to it: in the answer's header, and in the job's view."""
    assert 201 == caller.client.post("/queues", json={"name": "disk"}).status_code
    asked: list[dict[str, Any]] = [
        {"command": ["true"]},
        {"command": ["true"], "queue": "disk"},
        {"command": ["true"], "queue": "tape", "queue_width": 1},
        {"jobs": [{"command": ["true"], "queue": name} for name in ("a", "disk", "b", "a")]},
    ]
    told = [caller.client.post("/jobs", json=each).headers.get("x-warning") for each in asked]
    assert [None, None, None] == told[:3]
    assert re.match(r"nobody has created the queues 'a', 'b', and each is", str(told[3]))

    page = visitor.open("#/new")
    page.locator("#field-text").fill("exit 0")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Queue", exact=True).fill("dsik")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("nobody has created a queue 'dsik'")).to_be_visible()


def test_a_schedule_for_a_queue_that_nobody_created_is_told_of(
    visitor: Visitor, caller: Caller
) -> None:
    """In the answer's header, and where the schedule is shown."""
    assert 201 == caller.client.post("/queues", json={"name": "disk"}).status_code
    jobs: list[dict[str, Any]] = [
        {"command": ["true"]},
        {"command": ["true"], "queue": "default"},
        {"command": ["true"], "queue": "disk"},
        {"command": ["true"], "queue": "tape", "queue_width": 1},
        {"command": ["true"], "queue": "dsik"},
    ]
    told = [
        caller.client.put(f"/schedules/s{i}", json={"every": "1h", "job": job}).headers.get(
            "x-warning", ""
        )
        for i, job in enumerate(jobs)
    ]
    assert [""] * 4 == told[:4]
    assert "was disk meant? outlast schedule add --replace s4 --queue disk ...;" in told[4]

    page = visitor.open("#/new/schedule")
    page.get_by_role("textbox", name="Name").fill("nightly")
    page.get_by_role("textbox", name="Expression").fill("@daily")
    page.locator("#field-text").fill("exit 0")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Queue", exact=True).fill("dsik")
    page.get_by_role("button", name="Add schedule").click()
    shown = page.get_by_label("Schedule nightly", exact=True)
    expect(shown.get_by_text("Nobody has created a queue 'dsik'")).to_be_visible()
