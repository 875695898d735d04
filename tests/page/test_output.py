"""What a job prints, in a browser: shown as text whatever it is, and quick however much it is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ..http.conftest import Caller
from .conftest import Visitor

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python

MARKUP = "<img src=x onerror=window.owned=1><script>window.owned=1</script>"
SEQUENCES = r"\033]0;owned\007after \033]8;;javascript:alert(1)\033\\\\link\033]8;;\033\\\\ \033[31mred\033[0m"


def test_nothing_that_a_job_says_is_more_than_text(visitor: Visitor, caller: Caller) -> None:
    """A name, a label, an error, a command, output in both streams: markup stays what it is."""
    job = caller.submit(
        command=[
            "sh",
            "-c",
            f'printf "%s\\n" "$1"; printf "{SEQUENCES}\\n"; echo "$1" >&2; exit 3',
            "sh",
            MARKUP,
        ],
        name=MARKUP[:60],
        labels={"label": MARKUP[:40]},
    )
    caller.ended(job["job_id"])
    page = visitor.open()
    expect(page.get_by_role("list", name="Jobs, newest first")).to_contain_text("<img src=x")
    page.goto(f"{page.url.partition('#')[0]}#/jobs/{job['job_id']}")
    shown = page.locator(".lines")
    expect(shown).to_contain_text(MARKUP)
    expect(shown).to_contain_text("after link red")
    expect(shown.locator(".fg-1")).to_have_text("red")
    page.get_by_role("button", name=re.compile("^stderr")).click()
    expect(shown).to_contain_text(MARKUP)

    assert 0 == page.locator("main img, main script, main a[href^=javascript]").count()
    assert page.evaluate("window.owned === undefined")


def test_a_hundred_megabytes_are_as_quick_as_a_line(visitor: Visitor, caller: Caller) -> None:
    """The end is shown at once, of which few lines are in the document; what is at the other end is found."""
    job = caller.submit(
        shell="echo first needle here; yes 'some words of a line that is printed again and again'"
        " | head -c 100000000; echo; echo last needle here",
        name="large",
    )
    caller.ended(job["job_id"])
    page = visitor.open(f"#/jobs/{job['job_id']}")
    expect(page.locator(".lines")).to_contain_text("last needle here")
    assert page.locator(".lines .line").count() <= 3001
    page.keyboard.press("/")
    page.keyboard.type("NEEDLE")
    expect(page.locator(".hits")).to_have_text("2 of 2 hits")
    page.keyboard.press("Enter")
    expect(page.locator(".line.hit")).to_have_text("first needle here")
    expect(page.locator(".line.hit")).to_be_in_viewport()
    expect(page.locator(".line.hit")).to_have_attribute("data-number", "1")
    page.keyboard.press("Enter")
    expect(page.locator(".line.hit")).to_have_text("last needle here")
    page.get_by_role("slider").fill("50000000")
    expect(page.locator(".whereabouts")).to_contain_text(re.compile(r"4\d MiB of 95 MiB"))
    expect(page.locator(".lines .line").first).to_contain_text("some words")
    page.locator(".scroll").evaluate("it => { it.scrollTop = 0 }")
    expect(page.locator(".lines .line").first).to_contain_text("some words")
    assert page.locator(".lines .line").count() <= 3001


@pytest.mark.parametrize("times_slower", [1, 20])
def test_a_flood_is_followed_without_falling_behind(
    visitor: Visitor, caller: Caller, times_slower: int
) -> None:
    """Not every line of it is drawn; the last one is, also where the job is over before the page is."""
    page = visitor.open()
    page.context.new_cdp_session(page).send(
        "Emulation.setCPUThrottlingRate", {"rate": times_slower}
    )
    job = caller.submit(
        shell="for i in 1 2 3 4 5 6 7 8; do seq 1 200000; sleep 0.2; done; echo the end",
        name="flood",
    )
    page.goto(f"{page.url.partition('#')[0]}#/jobs/{job['job_id']}")
    expect(page.locator(".lines")).to_contain_text("the end")
    assert page.locator(".lines .line").count() <= 3001
