"""Jobs over HTTP: submitted, asked for, waited for, listed, deleted, tried again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .conftest import Caller, Service

JSON_PROBLEM = "application/problem+json"


def told(answer: httpx.Response) -> tuple[int, str]:
    """What a problem says to programs, having looked at what every one is owed."""
    problem = answer.json()
    assert JSON_PROBLEM == answer.headers["content-type"]
    assert answer.status_code == problem["status"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


def test_a_job_lives_its_life_over_http(service: Service, caller: Caller) -> None:
    """Stored at once, its end told at once, listed, its output read, deleted and then gone."""
    ask = caller.client
    submitted = ask.post("/jobs", json={"shell": "echo hello; exit 3", "labels": {"a": "b"}})
    job_id = submitted.json()["job_id"]
    assert (202, f"/jobs/{job_id}") == (submitted.status_code, submitted.headers["location"])
    assert int(submitted.headers["retry-after"]) >= 1

    ended = ask.get(f"/jobs/{job_id}", headers={"Prefer": "wait=60"})
    assert "wait=60" == ended.headers["preference-applied"]
    assert "retry-after" not in ended.headers
    job = ended.json()
    assert ("failed", "exit_nonzero", 3, "hello\n") == (
        *(job[key] for key in ("status", "reason", "exit_code")),
        job["result"]["stdout"],
    )
    assert f"outlast job status --server {service.url} {job_id}" == job["status_command"]

    tag = ended.headers["etag"]
    again = ask.get(f"/jobs/{job_id}", headers={"If-None-Match": tag})
    assert (304, b"", tag) == (again.status_code, again.content, again.headers["etag"])
    head = ask.head(f"/jobs/{job_id}")
    assert (200, b"", tag) == (head.status_code, head.content, head.headers["etag"])
    found = ask.get("/jobs", params={"status": "failed", "label": "a=b", "since": "1h"}).json()
    assert [job_id] == [each["job_id"] for each in found["items"]]
    none = ask.get("/jobs", params={"label": "a=c"}).json()
    assert {"items": [], "next_cursor": None} == none

    refused = ask.post(f"/jobs/{job_id}/retry", json={"hold": 1, "held": True})
    assert (422, 2) == (refused.status_code, len(refused.json()["faults"]))
    for verb in ("hold", "release", "redeliver"):
        unasked = ask.post(f"/jobs/{job_id}/{verb}", json={"held": False})
        assert (422, ["'held' is not a key of this request"]) == (
            unasked.status_code,
            unasked.json()["faults"],
        )
    retried = ask.post(f"/jobs/{job_id}/retry")
    assert (202, job_id) == (retried.status_code, retried.json()["retry_of"])
    assert caller.ended(retried.json()["job_id"])["exit_code"] == 3

    assert {"deleted": [job_id]} == ask.delete(f"/jobs/{job_id}").json()
    assert (410, "expired") == told(ask.get(f"/jobs/{job_id}"))
    assert (404, "not_found") == told(ask.get("/jobs/job_nobody"))


def test_each_view_has_a_tag_of_its_own(caller: Caller) -> None:
    """Who has the plain answer is given the full one, and the other way round; each knows its own."""
    ask = caller.client
    job_id = ask.post("/jobs", json={"command": ["true"]}).json()["job_id"]
    caller.ended(job_id)
    full = {"Prefer": "view=full"}
    plain_tag, full_tag = (
        ask.get(f"/jobs/{job_id}", headers=wanted).headers["etag"] for wanted in ({}, full)
    )

    def asked(tag: str, wanted: dict[str, str]) -> int:
        return ask.get(f"/jobs/{job_id}", headers={"If-None-Match": tag, **wanted}).status_code

    assert (304, 200) == (asked(plain_tag, {}), asked(plain_tag, full))
    assert (200, 304) == (asked(full_tag, {}), asked(full_tag, full))


def test_a_preference_to_wait_is_kept(caller: Caller) -> None:
    """What ends in time is answered with 200, what does not with 202 and where to ask."""
    ask = caller.client
    quick = ask.post("/jobs", json={"command": ["true"]}, headers={"Prefer": "wait=60"})
    slow = ask.post("/jobs", json={"command": ["sleep", "600"]}, headers={"Prefer": "wait=0"})

    assert (200, "complete") == (quick.status_code, quick.json()["status"])
    assert (202, False, "wait=0") == (
        slow.status_code,
        slow.json()["terminal"],
        slow.headers["preference-applied"],
    )


def test_a_key_is_one_job(caller: Caller) -> None:
    """The same request again is the same job; with another payload it is refused."""
    ask = caller.client
    key = {"Idempotency-Key": "nightly-1"}
    first = ask.post("/jobs", json={"command": ["true"]}, headers=key)
    again = ask.post("/jobs", json={"command": ["true"]}, headers=key)
    other = ask.post("/jobs", json={"command": ["false"]}, headers=key)

    assert first.json()["job_id"] == again.json()["job_id"]
    assert (None, "true") == tuple(
        each.headers.get("idempotency-replayed") for each in (first, again)
    )
    assert (422, "conflict") == told(other)


def test_many_jobs_are_stored_or_none(caller: Caller) -> None:
    """A list of specs is one submission: its jobs in order, or every fault of all of them."""
    ask = caller.client
    specs = [{"command": ["true"], "name": name} for name in ("a", "b", "c")]
    stored = ask.post("/jobs", json={"jobs": specs, "keys": ["1", None, "3"]})
    refused = ask.post("/jobs", json={"jobs": [*specs, {"command": []}, {"comand": ["x"]}]})

    assert 202 == stored.status_code
    assert ["a", "b", "c"] == [job["name"] for job in stored.json()["items"]]
    assert (422, "invalid_request") == told(refused)
    assert 2 <= len(refused.json()["faults"])
    assert 3 == len(ask.get("/jobs").json()["items"])


def test_what_a_command_reads_comes_with_the_request(caller: Caller) -> None:
    """As text or as base64; a path would be one of the server's."""
    text = caller.submit(command=["cat"], stdin_text="schön\n")
    data = caller.submit(command=["od", "-An", "-tx1"], stdin_base64="AP8=")

    assert "schön\n" == caller.ended(text["job_id"])["result"]["stdout"]
    assert " 00 ff\n" == caller.ended(data["job_id"])["result"]["stdout"]


def test_a_job_inherits_nothing_of_its_caller(
    caller: Caller, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts in the home of the server's user, with what a command needs to find its way."""
    job = caller.submit(shell="pwd; env | cut -d= -f1")
    lines = caller.ended(job["job_id"])["result"]["stdout"].splitlines()

    assert {"PATH", "HOME"} <= set(lines[1:])
    assert not {"OUTLAST_HOME", "OUTLAST_TOKEN", "VIRTUAL_ENV"} & set(lines[1:])


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {}}, 422, "invalid_request"),
    ({"json": []}, 422, "invalid_request"),
    ({"json": {"command": ["no-such-program-anywhere"]}}, 422, "invalid_request"),
    ({"json": {"command": ["true"], "retry_of": "job_1"}}, 422, "invalid_request"),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "invalid_request"),
    ({"content": b'{"timeout_ms": NaN}', "headers": {"Content-Type": "application/json"}}, 422, "invalid_request"),
    ({"data": {"command": "true"}}, 415, "unsupported_media_type"),
    ({"json": {"command": ["true"]}, "headers": {"Idempotency-Key": ""}}, 422, "invalid_request"),
]  # fmt: skip


def test_bad_requests_are_problems(service: Service, caller: Caller) -> None:
    """Each says what is wrong with it, and nothing has happened; nobody is let in without a token."""
    ask = caller.client
    for request, status, code in REFUSED:
        assert (status, code) == told(ask.post("/jobs", **request)), request
    for path in ("/jobs?limit=0", "/jobs?status=odd", "/jobs?label=x", "/jobs?since=never"):
        assert (422, "invalid_request") == told(ask.get(path)), path
    assert (404, "not_found") == told(ask.get("/nowhere"))
    assert (405, "method_not_allowed") == told(ask.put("/jobs"))
    for token in ("", "wrong"):
        assert (401, "unauthorized") == told(service.client(token=token).get("/jobs"))
    assert [] == ask.get("/jobs").json()["items"]


MISTAKEN: list[tuple[str, str, list[str]]] = [
    ("GET", "/jobs?queu=x&limit=5&statsu", ["'queu' {}: did you mean queue?", "'statsu' {}: did you mean status?"]),
    ("GET", "/jobs/{id}?view=full", ["'view' {}: it takes none"]),
    ("POST", "/jobs?priority=3", ["'priority' {}: it takes none"]),
    ("POST", "/jobs/{id}/cancel?node=0", ["'node' {}: it takes none"]),
    ("DELETE", "/jobs/{id}?dry_run=1", ["'dry_run' {}: it takes none"]),
    ("GET", "/jobs/{id}/artifacts?stream=stdout", ["'stream' {}: there are node"]),
    ("GET", "/events?id={id}", ["'id' {}: there are ids"]),
    ("GET", "/page/jobs?limits=1", ["'limits' {}: did you mean limit?"]),
]  # fmt: skip


def test_a_query_has_nothing_that_nobody_takes(caller: Caller) -> None:
    """What would have narrowed is not passed over, and nothing has happened."""
    ask = caller.client
    job_id = caller.submit(command=["sleep", "600"])["job_id"]
    for method, path, faults in MISTAKEN:
        refused = ask.request(method, path.format(id=job_id), json={"command": ["true"]})
        assert (422, "invalid_request") == told(refused), path
        expected = [each.format("is not a query parameter of this request") for each in faults]
        assert expected == refused.json()["faults"]
    (job,) = ask.get("/jobs").json()["items"]
    assert (job_id, False) == (job["job_id"], job["terminal"])
    for lenient in ("/?utm=1", "/healthz?from=lb", "/readyz?from=lb", "/metrics?collect[]=jobs"):
        assert 200 == ask.get(lenient).status_code, lenient


def test_a_retry_that_is_asked_for_twice_is_one(caller: Caller) -> None:
    """Also where what it was to wait for has ended in between."""
    ask = caller.client
    runs = ask.post("/jobs", json={"command": ["sleep", "1000"]}).json()["job_id"]
    spec = {"command": ["true"], "after": [f"any:{runs}"]}
    old = ask.post("/jobs", json=spec).json()["job_id"]
    assert 200 == ask.post(f"/jobs/{old}/cancel").status_code
    key = {"Idempotency-Key": "again"}
    first = ask.post(f"/jobs/{old}/retry", headers=key).json()
    assert 200 == ask.post(f"/jobs/{runs}/cancel").status_code
    second = ask.post(f"/jobs/{old}/retry", headers=key).json()

    assert [{"job_id": runs, "on": "any"}] == first["after"]
    assert first["job_id"] == second["job_id"]
    assert "complete" == caller.ended(first["job_id"])["status"]
