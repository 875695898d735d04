"""The page as people meet it: a real Chromium, before a real service."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from outlast.shim import tree
from outlast.testing import no_leaks

from ..http.conftest import Service, caller, service
from ..world import PATIENCE_S

__all__ = ["caller", "service"]
"""The service of the tests over HTTP, and who asks it without a page."""

CHROMIUM = shutil.which("chromium")
OPTIONS = (
    "--no-sandbox",  # it does not begin as root otherwise, and what it shows is ours
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK = (1280, 800)
PHONE = (390, 780)
expect.set_options(timeout=PATIENCE_S * 1000)


drivers: set[int] = set()
"""The processes that drive browsers. What a browser starts and ends is its own affair."""


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """As everywhere; but for the browser, which is there for longer than a test."""
    with no_leaks(below=drivers):
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: while there is one, its thread can run no event loop of another's."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("no browser here: apt-get install chromium")  # CI has it: `.ci/run`
    before = set(tree.descendants(os.getpid()))
    with sync_playwright() as playwright:
        drivers.update(set(tree.descendants(os.getpid())) - before)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS])
        yield browser
        browser.close()
    drivers.clear()


class Visitor:
    """Somebody with a browser of their own, who is let in."""

    def __init__(self, browser: Browser, service: Service) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.service = service
        self.said: list[str] = []
        """What the browser complained of: a policy that was broken, a script that failed."""

    def open(
        self,
        at: str = "#/",
        *,
        size: tuple[int, int] = DESK,
        colours: str = "light",
        motion: str = "reduce",
        **options: Any,
    ) -> Page:
        """Open the page in a new window, by a link that works once."""
        answer = self.service.client().post("/login/links")
        assert answer.status_code == 201, answer.text
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=colours,  # type: ignore[arg-type]  # one of its words
            reduced_motion=motion,  # type: ignore[arg-type]  # as above
            **options,
        )
        context.set_default_timeout(PATIENCE_S * 1000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on(
            "console", lambda line: self.said.append(line.text) if line.type == "error" else None
        )
        page.goto(f"{self.service.url}{answer.json()['link']}")
        expect(page.locator(".link")).to_have_text("live")
        if at != "#/":
            page.goto(f"{self.service.url}/{at}")
        return page

    def leave(self) -> None:
        """Close all windows, and forget what the browser complained of until then."""
        self.close()
        self.said.clear()

    def close(self) -> None:
        while self._contexts:
            self._contexts.pop().close()


@pytest.fixture
def visitor(browser: Browser, service: Service) -> Iterator[Visitor]:
    """Somebody with a browser. No script may have failed in it, and nothing been kept from running."""
    visitor = Visitor(browser, service)
    yield visitor
    visitor.close()
    assert [] == visitor.said


def axe(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page as it is shown now (WCAG 2.2, A and AA)."""
    source = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    page.evaluate(source)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate(
        "tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", tags
    )
    return [
        f"{each['id']}: {each['help']}: {json.dumps([node['html'][:200] for node in each['nodes'][:3]])}"
        for each in found["violations"]
    ]


def module(page: Page, name: str, expression: str, argument: Any = None) -> Any:
    """Return what *expression* is, where `it` is one of the page's modules and `arg` is given."""
    return page.evaluate(
        f"async (arg) => {{ const it = await import('/static/{name}'); return {expression}; }}",
        argument,
    )
