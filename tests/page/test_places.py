"""Where a job runs, chosen in a browser: in a container of a real engine, or on real hosts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from outlast.testing.sshd import Farm

from ..containers.conftest import engine, engines
from ..http.conftest import Caller
from ..rigs.engine import IMAGE, Engine
from .conftest import Visitor

__all__ = ["engine", "engines"]

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_a_job_for_a_container_is_submitted(
    engine: Engine, visitor: Visitor, caller: Caller
) -> None:
    """With the same as a command line; a form without an image says so until there is one."""
    page = visitor.open("#/new")
    page.get_by_label("Shell line").last.fill("echo from $((6 * 7)) within; echo oops >&2")
    page.get_by_role("radio", name="A container").check()
    image = page.locator("#field-container")
    page.get_by_role("button", name="Submit").click()
    expect(image).to_have_attribute("aria-invalid", "true")
    image.fill(IMAGE)
    expect(image).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Command", exact=True).last).to_contain_text(f"--container {IMAGE}")
    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".lines")).to_contain_text("from 42 within")
    expect(page.locator(".standing")).to_contain_text("complete")
    (job,) = caller.client.get("/jobs").json()["items"]
    assert [IMAGE] == [each["node"] for each in job["nodes"]]


def test_a_job_for_hosts_is_submitted(farm: Farm, visitor: Visitor, caller: Caller) -> None:
    """Names with commas or blanks between; each host has its place in the grid, and its output."""
    first, second = farm.hosts
    page = visitor.open("#/new")
    page.get_by_label("Shell line").last.fill("echo said there; pwd")
    page.get_by_role("radio", name="Hosts").check()
    page.get_by_role("button", name="Submit").click()
    hosts = page.locator("#field-on")
    expect(hosts).to_have_attribute("aria-invalid", "true")
    hosts.fill(f"{first}, {second}")
    expect(page.get_by_label("Command", exact=True).last).to_contain_text(f"--on {first}")
    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".standing")).to_contain_text("complete")
    expect(page.locator(".lines")).to_contain_text("said there")
    (job,) = caller.client.get("/jobs").json()["items"]
    assert [first, second] == [each["node"] for each in job["nodes"]]
    page.goto(f"{page.url.partition('#')[0]}#/jobs/{job['job_id']}?node=1")
    expect(page.locator(".lines .line").last).to_have_text(str(farm.home / second))
    assert ["said there", str(farm.home / second)] == page.locator(".lines .line").all_inner_texts()
