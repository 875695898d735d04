"""Queues in a browser: widened by hand, paused, drained; and who waits in them, for what."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ..http.conftest import PROGRAM, Caller, Service
from ..world import eventually
from .conftest import Visitor

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python


def create(caller: Caller, name: str, **limits: Any) -> None:
    """Make a queue."""
    answer = caller.client.post("/queues", json={"name": name, **limits})
    assert answer.status_code == 201, answer.text


def card(page: Page, name: str) -> Locator:
    """What is shown of a queue."""
    return page.get_by_role("region", name=f"Queue {name}")


def waiting(page: Page, name: str) -> Locator:
    """The jobs that wait in it, in order."""
    return page.get_by_role("list", name=f"Waiting in {name}, in order").get_by_role("listitem")


def queue_of(caller: Caller, name: str) -> dict[str, Any]:
    """How it stands."""
    items = caller.client.get("/queues").json()["items"]
    return {each["queue"]: each for each in items}[name]


def test_a_width_is_drawn_typed_and_taken_away(visitor: Visitor, caller: Caller) -> None:
    """By arrow keys, by the mouse, as a number; what is freed by it begins, and the page shows it."""
    create(caller, "disk", width=1)
    for name in ("one", "two", "three"):
        caller.submit(name=name, shell="sleep 600", queue="disk")
    page = visitor.open()
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Queues")).to_be_focused()
    disk = card(page, "disk")
    expect(disk).to_contain_text("1 running 2 waiting")
    bar = disk.get_by_role("slider", name="Width of disk, drawn")
    field = disk.get_by_role("spinbutton", name="At most")
    bar.focus()
    page.keyboard.press("ArrowRight")
    expect(field).to_have_value("2")
    expect(disk).to_contain_text("2 running 1 waiting")
    assert 2 == queue_of(caller, "disk")["width"]

    box = bar.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 20, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(disk).to_contain_text("3 running 0 waiting")
    expect(bar).to_have_attribute("aria-valuetext", "no limit")
    eventually(lambda: queue_of(caller, "disk")["width"] is None, "no limit")

    field.fill("40")
    field.press("Enter")
    eventually(lambda: queue_of(caller, "disk")["width"] == 40, "forty")
    expect(bar).to_have_attribute("aria-valuetext", "40 at once")


def test_a_queue_is_paused_and_drained(visitor: Visitor, caller: Caller) -> None:
    """The keyboard stays where it is, and it is said; what somebody else changes is shown as well."""
    create(caller, "disk", width=1)
    page = visitor.open("#/queues")
    disk = card(page, "disk")
    disk.get_by_role("button", name="Pause disk").press("Enter")
    expect(disk.get_by_role("button", name="Resume disk")).to_be_focused()
    expect(disk).to_contain_text("Paused: it takes jobs, and begins none.")
    expect(page.locator("#said")).to_contain_text("The queue disk is paused")
    assert "paused" == queue_of(caller, "disk")["state"]
    job = caller.submit(name="later", shell="exit 0", queue="disk")
    expect(waiting(page, "disk")).to_contain_text("its queue is paused")

    assert 200 == caller.client.post("/queues/disk/resume", json={}).status_code
    expect(disk.get_by_role("button", name="Pause disk")).to_be_visible()
    caller.ended(job["job_id"])
    expect(disk).to_contain_text("0 running 0 waiting")
    disk.get_by_role("button", name="Drain disk").click()
    expect(disk).to_contain_text("Draining: what is in it runs, and it takes no more.")
    disk.get_by_role("button", name="Delete disk").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(disk).to_have_count(0)


def test_it_is_shown_who_waits_for_what(visitor: Visitor, caller: Caller) -> None:
    """In their order, each with what keeps it; moved, one waits elsewhere; both ends of a need link."""
    create(caller, "disk", width=1)
    create(caller, "tape", width=1)
    first = caller.submit(name="first", shell="sleep 600", queue="disk")
    caller.running(first["job_id"])
    caller.submit(name="plain", shell="exit 0", queue="disk")
    caller.submit(name="urgent", shell="exit 0", queue="disk", priority=5)
    caller.submit(name="tomorrow", shell="exit 0", queue="disk", delay_ms=86_400_000)
    caller.submit(name="after it", shell="exit 0", queue="disk", after=[first["job_id"]])
    page = visitor.open("#/queues")
    line = waiting(page, "disk")
    expect(line).to_contain_text(
        [
            re.compile("urgent.*its turn comes next.*priority 5"),
            re.compile("plain.*its turn, after 1 other"),
            re.compile("tomorrow.*begins in .* at the earliest"),
            re.compile("after it.*waits for first.*to complete"),
        ]
    )
    line.get_by_role("button", name="Hold urgent").press("Enter")
    expect(line.filter(has_text="urgent")).to_contain_text("held, until it is released")
    expect(line.first).to_contain_text(re.compile("plain.*its turn comes next"))
    page.get_by_role("button", name="Move plain").click()
    dialog = page.get_by_role("dialog", name="Where does it wait?")
    dialog.get_by_label("Queue").select_option("tape")
    dialog.get_by_label("Priority").fill("-3")
    assert 200 == caller.client.post("/queues/tape/pause", json={}).status_code
    # What is drawn anew beside it leaves what was typed as it is.
    expect(card(page, "tape")).to_contain_text("Paused")
    dialog.get_by_role("button", name="Move it").click()
    expect(waiting(page, "tape")).to_contain_text(re.compile("plain.*priority -3"))
    expect(line).to_have_count(3)

    line.get_by_role("link", name="urgent").click()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("button", name="Hold")).to_be_visible()
    expect(page.locator(".standing")).to_contain_text("queued")
    page.keyboard.press("q")
    expect(line.first).to_contain_text(re.compile("urgent.*its turn comes next"))
    line.get_by_role("link", name="first").click()
    facts = page.get_by_role("region", name="The job")
    expect(facts.get_by_role("link", name="disk")).to_be_visible()
    facts.get_by_role("link", name="after it").click()
    expect(page.get_by_role("heading", name="after it")).to_be_visible()
    expect(page.locator(".standing")).to_contain_text("waits for first, running to complete")
    expect(facts).to_contain_text("first, running to complete")
    assert 200 == caller.client.post(f"/jobs/{first['job_id']}/cancel", json={}).status_code
    expect(page.locator(".standing")).to_contain_text("its need failed")
    expect(facts).to_contain_text("first, cancelled to complete")


def test_a_new_job_says_where_it_waits_and_for_what(visitor: Visitor, caller: Caller) -> None:
    """Its queue, priority, needs and second tries; what is wrong with them is told beside them."""
    first = caller.submit(shell="exit 3")["job_id"]
    page = visitor.open("#/new")
    page.get_by_label("Shell line").last.fill("exit 4")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Queue", exact=True).fill("disk")
    page.get_by_label("Priority").fill("-21")
    page.get_by_label("After").fill(f"failed:{first}")
    page.get_by_label("Retries").fill("1")
    page.get_by_label("At its end").fill("echo told")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_label("Priority")).to_be_focused()
    page.get_by_label("Priority").fill("-2")
    expect(page.get_by_label("Command", exact=True).last).to_have_text(
        f"outlast submit --queue disk --priority -2 --after failed:{first} --retries 1"
        " --on-end 'echo told' --shell 'exit 4'"
    )
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".standing")).to_contain_text("failed")
    job = caller.ended(page.url.rpartition("/")[2])
    assert ("disk", -2, 4, 2) == tuple(
        job[key] for key in ("queue", "priority", "exit_code", "attempt")
    )
    assert "complete" == caller.ended(job["on_end_job"])["status"]


def test_it_is_told_what_there_must_be_room_for(service: Service, visitor: Visitor) -> None:
    """What a job was said to need, where its turn comes next, and in its own view."""
    service.stop()
    (service.home / "config.toml").write_text("[resources]\ngpu = 2\n")
    service.start()
    caller = Caller(service.client())
    first = caller.submit(shell="sleep 600", resources={"gpu": 2})
    caller.running(first["job_id"])
    page = visitor.open("#/new")
    page.get_by_label("Shell line").last.fill("sleep 600")
    page.get_by_label("Name").fill("second")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Resources").fill("gpu=3")
    page.get_by_role("button", name="Submit").click()
    needs = page.get_by_label("Resources")
    expect(needs).to_be_focused()
    expect(needs).to_have_accessible_description(re.compile("needs 3 of gpu.*has 2"))
    needs.fill("gpu")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".standing")).to_contain_text("this machine has no room for gpu=1 now")
    page.keyboard.press("q")
    expect(waiting(page, "default")).to_have_text(
        re.compile("second.*this machine has no room for gpu=1 now; its turn comes next")
    )
    visitor.leave()  # a refusal is in the browser's own log


def test_earlier_attempts_are_told(visitor: Visitor, caller: Caller) -> None:
    """Each with its own outcome, and when it is tried again: in the job's view, and in its queue's."""
    create(caller, "disk")
    job = caller.submit(
        name="flaky", shell="exit 75", queue="disk", retries=1, retry_delay_ms=3_600_000
    )
    page = visitor.open(f"#/jobs/{job['job_id']}")
    expect(page.locator(".standing")).to_contain_text("waiting to be tried again")
    facts = page.get_by_role("region", name="Node local")
    expect(facts.get_by_role("listitem")).to_have_text(re.compile("^failed, exit 75 after"))
    expect(facts).to_contain_text(re.compile("next attempt.*in "))
    page.get_by_role("region", name="The job").get_by_role("link", name="disk").click()
    expect(card(page, "disk").get_by_role("list", name="Running in disk")).to_contain_text(
        re.compile("flaky.*tries again.*in ")
    )


def test_what_each_attempt_printed_is_shown(
    service: Service, visitor: Visitor, caller: Caller
) -> None:
    """That of the current one as it comes, and that of an earlier one for whoever chooses it."""
    (service.folder / "tries").touch()
    job = caller.submit(
        shell="n=$(wc -l < tries); echo x >> tries; echo begin $n; until [ -e go$n ]; do"
        " sleep 0.02; done; echo end $n; [ $n = 1 ]",
        cwd=str(service.folder),
        retries=1,
        retry_delay_ms=1,
    )
    page = visitor.open(f"#/jobs/{job['job_id']}")
    lines = page.locator(".lines")
    expect(lines).to_have_text("begin 0")
    (service.folder / "go0").touch()
    expect(lines).to_have_text("begin 1")
    page.get_by_label("Attempt").select_option("1")
    expect(lines).to_have_text("begin 0end 0")
    (service.folder / "go1").touch()
    expect(page.locator(".standing")).to_contain_text("complete")
    expect(lines).to_have_text("begin 0end 0")
    page.get_by_label("Attempt").select_option("2")
    expect(lines).to_have_text("begin 1end 1")


def test_who_only_reads_sees_queues_and_changes_none(
    service: Service, visitor: Visitor, caller: Caller
) -> None:
    """The width as words, and no button; who may run jobs moves them, and no more."""
    create(caller, "disk", width=3)
    assert 200 == caller.client.post("/queues/disk/pause", json={}).status_code
    caller.submit(name="waits", shell="exit 0", queue="disk")
    page = visitor.open("#/queues")
    enter(page, service, "read")
    disk = card(page, "disk")
    expect(disk).to_contain_text("Runs at most 3 at once.")
    expect(waiting(page, "disk")).to_have_count(1)
    expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("slider")).to_have_count(0)

    enter(page, service, "run")
    expect(page.get_by_role("main").get_by_role("button")).to_have_text(["Hold", "Move"])
    visitor.leave()  # that nobody was let in is in the browser's own log


def enter(page: Page, service: Service, scope: str) -> None:
    """Leave, and come back with a new token of that scope."""
    done = subprocess.run(
        [PROGRAM, "token", "create", f"only-{scope}", "--scope", scope, "--json"],
        env=os.environ | {"OUTLAST_HOME": str(service.home)},
        capture_output=True,
        check=True,
    )
    page.context.clear_cookies()
    page.reload()
    page.get_by_label("Token").fill(json.loads(done.stdout)["data"]["token"])
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".whose")).to_contain_text(f"only-{scope}")
