"""Whether the page can be used by whoever comes: axe-core on each view, by day, by night, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from ..http.conftest import Caller, Service
from .conftest import DESK, PHONE, Visitor, axe
from .test_job import store_many_nodes
from .test_list import store_jobs

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python

COLOURS = (
    "for i in 0 1 2 3 4 5 6 7; do printf '\\033[3%sm dark %s\\033[0m \\033[9%sm bright\\033[0m\\n' $i $i $i;"
    " done; echo oh >&2; exit 1"
)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_view_is_for_everybody(
    service: Service, visitor: Visitor, caller: Caller, colours: str, size: tuple[int, int]
) -> None:
    """Contrast, names, order, landmarks; and nothing is wider than the screen."""
    many = store_many_nodes(service.home, 100)
    store_jobs(service.home, 30)
    job = caller.submit(shell=COLOURS, name="colours", idle_timeout_ms=60_000)
    caller.ended(job["job_id"])
    running = caller.submit(shell="sleep 600", name="runs")
    caller.running(running["job_id"])
    caller.client.post("/queues", json={"name": "disk", "width": 1})
    caller.client.post("/queues/disk/pause", json={})
    caller.submit(shell="exit 0", name="in turn", queue="disk", priority=3)
    later = caller.submit(shell="exit 0", name="later", queue="disk", after=[running["job_id"]])
    weekly = {"cron": "0 8 * * mon", "tz": "UTC", "job": {"shell": "exit 0"}}
    assert 200 == caller.client.put(f"/schedules/{'w' * 64}", json=weekly).status_code
    page = visitor.open(size=size, colours=colours)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        if wrong := axe(page):
            found[name] = wrong

    expect(page.get_by_role("link", name="runs")).to_be_visible()
    look("list")
    go(page, f"jobs/{job['job_id']}")
    expect(page.locator(".lines")).to_contain_text("dark 7")
    look("an ended job")
    go(page, f"jobs/{running['job_id']}")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    look("a running job")
    page.get_by_role("button", name="Cancel", exact=True).click()
    look("a question")
    page.keyboard.press("Escape")
    go(page, f"jobs/{many.id}")
    expect(page.get_by_role("group", name="Nodes", exact=True)).to_be_visible()
    look("many nodes")
    go(page, "new")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".fault").first).to_be_visible()
    look("the form")
    look_at_schedules(page, look)
    go(page, "queues")
    expect(page.get_by_role("list", name="Waiting in disk, in order")).to_contain_text("in turn")
    look("queues")
    page.get_by_role("button", name="Move in turn").click()
    look("where to")
    page.keyboard.press("Escape")
    go(page, f"jobs/{later['job_id']}")
    expect(page.get_by_role("region", name="The job")).to_contain_text("runs")
    look("a job that waits")
    go(page, "")
    page.get_by_label("Words, or label=value").fill("nothing is called so")
    look("nothing found")
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_role("heading", name="Your session here is over")).to_be_visible()
    look("nobody let in")
    visitor.leave()  # that nobody is let in is in the browser's own log

    assert {} == found


def look_at_schedules(page: Page, look: Callable[[str], None]) -> None:
    """Show the form of a new one, with what is wrong, and the one that is there, paused."""
    go(page, "new/schedule")
    page.get_by_role("button", name="Add schedule").click()
    expect(page.locator(".fault").first).to_be_visible()
    look("the form of a schedule")
    go(page, "schedules")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    look("schedules")


def go(page: Page, view: str) -> None:
    """Show another view."""
    page.evaluate("view => { location.hash = `#/${view}` }", view)


def test_colours_are_chosen_and_kept(visitor: Visitor) -> None:
    """As the system has them, light, or dark; after a reload as well."""
    page = visitor.open(colours="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    by_day = page.evaluate(ground)
    page.get_by_role("button", name="Colours: system. Change").click()
    page.get_by_role("button", name="Colours: light. Change").click()
    by_night = page.evaluate(ground)
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark. Change")).to_be_visible()

    assert by_day != by_night
    assert by_night == page.evaluate(ground)
