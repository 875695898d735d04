"""The page's files as they are served: to anybody, whole, small, and with nothing else allowed."""

from __future__ import annotations

import re

import pytest

from outlast.doors.http.page.assets import FOLDER, assets

from ..http.conftest import Caller, Service

FIRST_VIEW_BYTES = 150 * 1024
OURS = sorted(name for name in assets() if name.endswith(".js") and not name.startswith("vendor"))


def first_view() -> set[str]:
    """What a browser loads before it shows the list: the page, its styles, and all they import."""
    found: set[str] = set()
    wanted = {"index.html"}
    while wanted:
        name = wanted.pop()
        found.add(name)
        text = assets()[name].data.decode()
        if name.endswith(".html"):
            wanted |= set(re.findall(r'(?:src|href)="static/([^"]+)"', text))
        elif name.endswith(".js") and not name.startswith("vendor"):
            wanted |= set(re.findall(r'^import [^(]*?"\./([^"]+)";$', text, re.MULTILINE))
        wanted -= found
    return found


def test_the_first_view_is_light() -> None:
    """As it is installed, before a byte of it is compressed; and it is all there."""
    names = first_view()

    assert {"index.html", "main.js", "list.js", "look.css", "vendor/preact.js"} <= names
    assert sum(len(assets()[name].data) for name in names) <= FIRST_VIEW_BYTES


@pytest.mark.parametrize("name", OURS)
def test_no_module_makes_markup_of_data_or_code_of_text(name: str) -> None:
    """What a job says is put into the page as text, and nothing else can be done in it."""
    text = (FOLDER / name).read_text()
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function"
        r"|DOMParser|createContextualFragment|https?://(?!www\.w3\.org)",
        text,
    )

    assert [] == found


def test_anybody_may_have_the_files_and_nothing_else(service: Service) -> None:
    """They hold nothing of a job; what they ask does, and takes a token."""
    anybody = service.client(token="")
    answers = {path: anybody.get(path) for path in ("/", "/static/main.js", "/favicon.ico")}

    assert [200, 200, 200] == [answer.status_code for answer in answers.values()]
    assert "text/html; charset=utf-8" == answers["/"].headers["content-type"]
    assert "text/javascript; charset=utf-8" == answers["/static/main.js"].headers["content-type"]
    assert "image/svg+xml" == answers["/favicon.ico"].headers["content-type"]
    assert [401, 401] == [anybody.get(path).status_code for path in ("/page/me", "/page/jobs")]


def test_nothing_runs_in_the_page_but_its_files(caller: Caller) -> None:
    """The policy has no word that lets in what stands inline, or elsewhere."""
    answer = caller.client.get("/")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )

    assert ("'none'", "'self'", "'self'") == (
        policy["default-src"],
        policy["script-src"],
        policy["style-src"],
    )
    assert "'none'" == policy["frame-ancestors"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)


def test_a_file_is_sent_once(caller: Caller) -> None:
    """Who has it is told that it is still the same; who can unpack it gets it packed."""
    first = caller.client.get("/static/main.js", headers={"Accept-Encoding": "gzip"})
    plain = caller.client.get("/static/main.js", headers={"Accept-Encoding": "identity"})
    again = caller.client.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})

    assert ("gzip", assets()["main.js"].data) == (first.headers["content-encoding"], first.content)
    assert ("no-cache", first.content) == (plain.headers["cache-control"], plain.content)
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../rows.py",
        "/static/%2e%2e/assets.py",
        "/static//etc/passwd",
        "/static/",
        "/static/x",
    ],
)
def test_no_other_file_can_be_had(caller: Caller, path: str) -> None:
    """Names are looked up among those that were installed: no path is ever opened."""
    answer = caller.client.get(path)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


def test_rows_tell_what_a_job_runs(caller: Caller) -> None:
    """In a list, by ids, and with its spec; no secret is in it, since a spec has none."""
    job = caller.submit(
        shell="exit  3", name="n", labels={"a": "b"}, timeout_ms=5000, idle_timeout_ms=4000
    )
    caller.ended(job["job_id"])
    (row,) = caller.client.get("/page/jobs").json()["items"]
    those = caller.client.get("/page/jobs", params={"ids": f"{job['job_id']},job_none"}).json()
    spec = caller.client.get(f"/page/jobs/{job['job_id']}/spec").json()

    assert ("exit 3", "", "failed", 3, 5000) == tuple(
        row[key] for key in ("title", "where", "status", "exit_code", "timeout_ms")
    )
    assert [row] == those["items"]
    assert ("exit  3", 4000) == (spec["shell"], spec["clocks"]["idle_timeout_ms"])
    assert 404 == caller.client.get("/page/jobs/job_none/spec").status_code
    assert 422 == caller.client.get("/page/jobs", params={"ids": ",".join("abc" * 600)}).status_code


def test_who_asks_is_told_what_they_may(caller: Caller) -> None:
    """And what time it is here: the page's clocks run by the service's."""
    me = caller.client.get("/page/me").json()

    assert ["read", "run", "admin"] == me["scopes"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", me["now"])
