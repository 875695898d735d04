"""Every verb has its route, and every route stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from outlast.engine.verbs import QUEUE_VERBS, VERBS
from outlast.schedules import Schedules

from .conftest import Caller

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"

BY_ANOTHER_NAME = {"wait": "watch"}
"""Waiting is a preference of `GET /jobs/ID`; for many, and for whatever comes, it is a stream."""


def operations(ask: httpx.Client) -> dict[str, str]:
    """Each operation's name, and its path."""
    document = ask.get("/openapi.json").json()
    return {
        each["operationId"]: path
        for path, methods in document["paths"].items()
        for each in methods.values()
    }


def test_every_verb_has_a_route_that_is_documented(caller: Caller) -> None:
    """Under its own name in the OpenAPI document, and with its path in the reference."""
    known = operations(caller.client)
    page = PAGE.read_text()
    for path in known.values():
        words = re.sub(r"\{(job_id|name|index|path)\}", lambda found: NAMES[found[1]], path)
        assert f"{words}`" in page, words

    of_queues = {f"{verb}_queue" for verb in QUEUE_VERBS} - {"list_queue"} | {"list_queues"}
    assert set() == of_queues - set(known)
    of_schedules = {name for name in vars(Schedules) if not name.startswith("_")}
    assert set() == {f"schedules.{verb}" for verb in of_schedules - IN_OTHER_WORDS} - set(known)
    assert set() == {BY_ANOTHER_NAME.get(verb, verb) for verb in VERBS} - set(known)


def test_every_parameter_of_a_query_is_documented(caller: Caller) -> None:
    """In the row of its route."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for path, methods in caller.client.get("/openapi.json").json()["paths"].items():
        words = re.sub(r"\{(job_id|name|index|path)\}", lambda found: NAMES[found[1]], path)
        for method, operation in methods.items():
            for each in operation.get("parameters", ()):
                if each["in"] == "query":
                    (row,) = (line for line in rows if f"`{method.upper()} {words}`" in line)
                    assert re.search(rf"`{each['name']}[`=]", row), (row, each["name"])


IN_OTHER_WORDS = {"put", "get"}
"""Methods of the library's schedules that are `add` and `show`, with a `Schedule` in hand."""

NAMES = {"job_id": "ID", "name": "NAME", "index": "N", "path": "PATH"}

FOR_BROWSERS = {"/login", "/login/links"}
"""The guard's own, by which a cookie is had: a program shows its token with each request."""

FOR_AGENTS = {"/mcp"}
"""A protocol of its own, that has its own document."""


def test_what_is_documented_is_in_the_document(caller: Caller) -> None:
    """But for what is for browsers, and is there without standing in it."""
    known = set(operations(caller.client).values())
    called = re.findall(r"`(?:GET|POST|PUT|DELETE) (/[\w/]+)`", PAGE.read_text())
    named = {
        re.sub(r"(?<=/)(ID|NAME|N|PATH)\b", lambda found: KEYS[found[1]], each) for each in called
    }

    assert FOR_BROWSERS | FOR_AGENTS == named - known
    assert {200} == {caller.client.get("/login").status_code}
    assert {201} == {caller.client.post("/login/links").status_code}


KEYS = {word: f"{{{name}}}" for name, word in NAMES.items()}
