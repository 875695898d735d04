"""Who is let in, by which name, from where, how often, and with how much."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from outlast.clock import SystemClock
from outlast.core.principal import Scope
from outlast.core.token import is_token, write_token
from outlast.doors.http.patience import Patience

from ..world import PATIENCE_S, eventually
from .guarded import Served, serving


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(home) as there:
        yield there


def said(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends the connection, however it does."""
    told = b""
    try:
        while piece := connection.recv(65536):
            told += piece
    except ConnectionResetError:
        pass
    return told


def audited(home: Path) -> list[dict[str, Any]]:
    """Return the lines of the audit log, but for the making of tokens."""
    lines = map(json.loads, (home / "audit.log").read_text().splitlines())
    return [line for line in lines if not line["event"].startswith("token.")]


# Tokens ------------------------------------------------------------------------------------------


def test_nothing_is_had_without_a_token(served: Served) -> None:
    """But that the server lives, and the page; not even whether there is such a route."""
    good = served.token("ci")

    assert [200, 200] == [served.ask("GET", path).status_code for path in ("/", "/healthz")]
    for path in ("/jobs", "/jobs/x/events", "/openapi.json", "/metrics", "/nowhere", "/healthz/"):
        answer = served.ask("GET", path)
        assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert 401 == served.ask("POST", "/healthz").status_code
    assert [] == served.calls
    assert "ci" == served.ask("GET", "/jobs", good).json()["name"]


WRONG = {
    "nobody's": write_token(b"x" * 32),
    "no token": "secret",
    "nothing": "",
    "no letters": "outlast_\xe9",
    "very long": "outlast_" + "x" * 9000,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_token_is_refused(served: Served, wrong: str) -> None:
    """With the same words whatever is wrong with it, and without repeating it."""
    with served.connected() as connection:
        connection.sendall(
            b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
            + wrong.encode("latin-1")
            + b"\r\n\r\n"
        )
        answer = said(connection)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"there is no valid token with this request" in answer
    assert wrong == "" or wrong.encode("latin-1") not in answer
    assert [] == served.calls


def test_two_tokens_are_none(served: Served) -> None:
    """Whoever stands between might read the one, and we the other."""
    with served.connected() as connection:
        head = f"Authorization: Bearer {served.token('ci')}\r\n"
        connection.sendall(
            f"GET /jobs HTTP/1.1\r\nHost: localhost\r\n{head}{head}Connection: close\r\n\r\n".encode()
        )
        assert said(connection).startswith(b"HTTP/1.1 401 ")


def test_what_has_expired_or_was_revoked_lets_nobody_in(served: Served) -> None:
    """From that moment on."""
    short = served.token("short", expires=timedelta(milliseconds=1))
    gone = served.token("gone")
    assert 200 == served.ask("GET", "/jobs", gone).status_code
    served.access.revoke("gone")

    assert 401 == served.ask("GET", "/jobs", gone).status_code
    time.sleep(0.01)
    assert 401 == served.ask("GET", "/jobs", short).status_code


@pytest.mark.parametrize(
    ("scope", "expected"),
    [(Scope.READ, [200, 403, 403]), (Scope.RUN, [200, 200, 200]), (Scope.ADMIN, [200, 200, 200])],
)
def test_who_only_reads_changes_nothing(served: Served, scope: Scope, expected: list[int]) -> None:
    """Whatever the route; the service itself is not asked."""
    token = served.token("somebody", scope)
    calls = [("GET", "/jobs"), ("POST", "/jobs"), ("POST", "/jobs/x/cancel")]

    assert expected == [served.ask(*call, token).status_code for call in calls]
    assert expected.count(200) == len(served.calls)


def test_a_stream_ends_when_its_token_is_revoked(served: Served) -> None:
    """Without a proper end, so that whoever reads it knows; other streams go on."""
    gone, stays = served.token("gone"), served.token("stays")
    with httpx.Client(base_url=served.url, timeout=PATIENCE_S, trust_env=False) as client:
        streams = [
            client.stream("GET", "/jobs/x/events", headers={"Authorization": f"Bearer {token}"})
            for token in (gone, stays)
        ]
        with streams[0] as cut, streams[1] as other:
            read, left = cut.iter_raw(), other.iter_raw()
            assert [b"data: first\n\n"] * 2 == [next(read), next(left)]
            served.access.revoke("gone")
            with pytest.raises(httpx.RemoteProtocolError):
                next(read)
            assert (
                200 == client.get("/jobs", headers={"Authorization": f"Bearer {stays}"}).status_code
            )
            assert not other.is_closed


def test_a_stream_ends_when_its_token_expires(served: Served, home: Path) -> None:
    """By itself, without anybody revoking it."""
    token = served.token("short", expires=timedelta(days=1))
    with httpx.Client(base_url=served.url, timeout=PATIENCE_S, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("GET", "/jobs/x/events", headers=headers) as stream:
            read = stream.iter_raw()
            assert b"data: first\n\n" == next(read)
            with closing(sqlite3.connect(home / "outlast.db", isolation_level=None)) as database:
                database.execute("UPDATE tokens SET expires_ms = created_ms")
            with pytest.raises(httpx.RemoteProtocolError):
                next(read)


class Jumping(SystemClock):
    """The clock of a machine whose time of day is set while it runs."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_a_clock_that_jumps_lets_in_whom_it_should(home: Path) -> None:
    """Days ahead, what has expired is out, its stream too, and nobody else; back again, it is in."""
    clock = Jumping()
    with serving(home, clock=clock) as served:
        short, ever = served.token("short", expires=timedelta(days=1)), served.token("ever")
        with httpx.Client(base_url=served.url, timeout=PATIENCE_S, trust_env=False) as client:
            heads = [{"Authorization": f"Bearer {token}"} for token in (short, ever)]
            streams = [client.stream("GET", "/jobs/x/events", headers=each) for each in heads]
            with streams[0] as cut, streams[1] as other:
                read, left = cut.iter_raw(), other.iter_raw()
                assert [b"data: first\n\n"] * 2 == [next(read), next(left)]
                told = []
                for ahead in (timedelta(days=2), timedelta(days=-300), timedelta()):
                    clock.ahead = ahead
                    if not told:
                        with pytest.raises(httpx.RemoteProtocolError):
                            next(read)
                    told.append([client.get("/jobs", headers=each).status_code for each in heads])
                assert [[401, 200], [200, 200], [200, 200]] == told
                eventually(lambda: len(served.guard._open) == 1, "the other stream alone")


def test_a_token_is_noted_as_used(served: Served) -> None:
    """Some time after its first use; by a write a minute, and not one for each request."""
    token = served.token("ci")
    for _ in range(5):
        served.ask("GET", "/jobs", token)

    (used,) = eventually(
        lambda: [each for each in served.access.find() if each.last_used_at is not None]
    )
    assert "ci" == used.name


# Names and origins -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("localhost:9999", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("jobs.example.org", 200),
        ("evil.example.com", 421),
        ("localhost.evil.example.com", 421),
        ("127.0.0.1.evil.example.com", 421),
        ("localhost:80@evil.example.com", 421),
        ("localhost evil", 421),
        ("", 421),
    ],
)
def test_a_name_of_a_stranger_s_is_refused(home: Path, host: str, expected: int) -> None:
    """A page whose name was made to lead here (DNS rebinding) is told no, with any token."""
    with serving(home, names=("Jobs.example.org",)) as served:
        token = served.token("ci")
        with served.connected() as connection:
            connection.sendall(
                f"GET /jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            answer = said(connection)

    assert f"HTTP/1.1 {expected} " == answer[:13].decode()
    assert (expected == 200) == bool(served.calls)


@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.example.com"]])
def test_a_request_has_one_host(served: Served, hosts: list[str]) -> None:
    """With none nobody knows who was meant, and of two anybody may believe either."""
    token = served.token("ci")
    head = "".join(f"Host: {host}\r\n" for host in hosts)
    with served.connected() as connection:
        connection.sendall(
            f"GET /jobs HTTP/1.1\r\n{head}Authorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        status = said(connection)[9:12]

    assert status in (b"400", b"422")
    assert [] == served.calls


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_is_refused(served: Served, headers: dict[str, str]) -> None:
    """Another port of this machine included, on every route, whatever it brings along."""
    token = served.token("ci")
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("DELETE", "/jobs/x")):
        answer = served.ask(method, path, token, headers=headers)
        assert (403, "origin_refused") == (answer.status_code, answer.json()["code"])
        assert not [name for name in answer.headers if name.startswith("access-control-")]

    assert [] == served.calls
    assert 200 == served.ask("GET", "/jobs", token, headers={"Origin": served.url}).status_code


# Browsers ----------------------------------------------------------------------------------------


@contextmanager
def logged_in(served: Served) -> Iterator[httpx.Client]:
    """A browser that has opened the link."""
    principal = served.access.authenticate(served.token("person").encode())
    code = served.guard.logins.new_link(principal).removeprefix("once=")
    with httpx.Client(
        base_url=served.url,
        timeout=PATIENCE_S,
        trust_env=False,
        headers={"Origin": served.url, "Sec-Fetch-Site": "same-origin"},
    ) as browser:
        assert 200 == browser.post("/login", json={"once": code}).status_code
        assert 401 == browser.post("/login", json={"once": code}).status_code
        yield browser


def test_a_link_logs_in_once(served: Served) -> None:
    """By a cookie that no script can read, and that goes along from no other site."""
    with logged_in(served) as browser:
        assert {"name": "person", "scopes": ["read", "run"]} == browser.get("/login").json()
        (cookie,) = [each for each in browser.cookies.jar if each.name == "outlast_session"]
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert "Strict" == cookie.get_nonstandard_attr("SameSite")

        assert 200 == browser.delete("/login", headers={"X-Outlast": "1"}).status_code
        browser.cookies.set("outlast_session", cookie.value or "")
        assert 401 == browser.get("/jobs").status_code


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Outlast": "1"}, 200),
        ({}, 403),
        ({"X-Outlast": "1", "Origin": "https://evil.example.com"}, 403),
        ({"X-Outlast": "1", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
    ids=str,
)
def test_only_our_page_changes_something_by_a_cookie(
    served: Served, headers: dict[str, str], expected: int
) -> None:
    """A form of another site brings the cookie along at most; never our header, nor our origin."""
    with logged_in(served) as browser:
        assert 200 == browser.get("/jobs").status_code
        assert expected == browser.post("/jobs", headers=headers, content=b"{}").status_code
        assert (expected == 200) == ("POST /jobs" in served.calls)


def test_a_form_has_no_origin_to_hide_behind(served: Served) -> None:
    """With a cookie, and without any Origin, nothing is changed either."""
    with logged_in(served) as browser:
        del browser.headers["Origin"]
        assert 403 == browser.post("/jobs", headers={"X-Outlast": "1"}).status_code


def test_a_login_ends_with_its_token(served: Served) -> None:
    """A cookie is worth no more than what it was given for."""
    with logged_in(served) as browser:
        served.access.revoke("person")
        assert 401 == browser.get("/jobs").status_code


def test_a_link_is_an_administrator_s_to_give(served: Served) -> None:
    """Whoever else wants to log in shows a token instead."""
    admin, other = served.token("admin", Scope.ADMIN), served.token("other")

    assert 403 == served.ask("POST", "/login/links", other).status_code
    link = served.ask("POST", "/login/links", admin).json()["link"]
    code = link.partition("#once=")[2]
    assert "admin" == served.ask("POST", "/login", json={"once": code}).json()["name"]
    assert "outlast_session=" in served.ask("POST", "/login", other).headers["set-cookie"]


# How much, how long, how often -------------------------------------------------------------------


def test_a_hundred_megabytes_are_refused(served: Served) -> None:
    """By what is said of them, before the first is read; the connection ends."""
    token = served.token("ci")
    with served.connected() as connection:
        connection.sendall(
            f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 104857600\r\n\r\n".encode()
        )
        answer = said(connection)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"body_too_large"' in answer
    assert [] == served.calls


def test_a_body_without_a_length_is_counted(home: Path) -> None:
    """In pieces it may not be longer either, and the service hears nothing more of it."""
    with serving(home, body_bytes=1000) as served:
        token = served.token("ci")
        with served.connected() as connection:
            connection.sendall(
                f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
                + b"200\r\n"
                + b"x" * 512
                + b"\r\n200\r\n"
                + b"x" * 512
                + b"\r\n"
            )
            answer = said(connection)
        just = served.ask("POST", "/jobs", token, content=b"x" * 1000)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert 1000 == just.json()["bytes"]


def test_a_body_that_does_not_come_is_not_waited_for(home: Path) -> None:
    """Nor one that comes byte by byte: its time is that of the whole."""
    with serving(home, body_s=0.3) as served:
        token = served.token("ci")
        with served.connected() as connection:
            connection.sendall(
                f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                "Content-Length: 10\r\n\r\nxxx".encode()
            )
            answer = said(connection)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in answer


def test_a_head_that_does_not_end_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the first of a connection, nor one behind an answer, nor one that never begins."""
    monkeypatch.setattr(Patience, "head_s", 0.3)
    with serving(home) as served:
        for begun in (b"", b"GET /jobs HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: y"):
            with served.connected() as connection:
                connection.sendall(begun)
                assert said(connection).startswith(b"HTTP/1.1 408 ")
        monkeypatch.setattr(Patience, "head_s", PATIENCE_S)
        with served.connected() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            monkeypatch.setattr(Patience, "head_s", 0.3)
            connection.sendall(b"GET /hea")
            assert b"HTTP/1.1 408 " in said(connection)


def test_a_head_without_end_is_refused(served: Served) -> None:
    """However fast it comes."""
    with served.connected() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for _ in range(1000):
                connection.sendall(b"X-Y: " + b"z" * 1000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = said(connection)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_who_leaves_half_way_leaves_nothing_behind(served: Served) -> None:
    """A connection that is closed on one side ends its stream."""
    token = served.token("ci")
    with served.connected() as connection:
        connection.sendall(
            f"GET /jobs/x/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        told = b""
        while b"data: first" not in told:
            told += connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        said(connection)

    eventually(lambda: not served.guard._open, "the end of the stream")


def test_a_token_asks_so_often_and_no_more(home: Path) -> None:
    """Then it is told for how long to wait; an administrator and other tokens are not."""
    with serving(home, per_s=0.001, burst=3) as served:
        eager, other = served.token("eager"), served.token("other")
        admin = served.token("admin", Scope.ADMIN)
        told = [served.ask("GET", "/jobs", eager) for _ in range(4)]

        assert [200, 200, 200, 429] == [each.status_code for each in told]
        assert int(told[-1].headers["Retry-After"]) > 0
        assert 200 == served.ask("GET", "/jobs", other).status_code
        assert [200] * 5 == [served.ask("GET", "/jobs", admin).status_code for _ in range(5)]


def test_whoever_guesses_has_to_wait(home: Path) -> None:
    """After some failures from an address; a good token from there is let in all the same."""
    with serving(home, failures_per_s=0.001, failure_burst=3) as served:
        good = served.token("ci")
        guesses = [served.ask("GET", "/jobs", "outlast_guess") for _ in range(5)]

        assert [401, 401, 401, 429, 429] == [each.status_code for each in guesses]
        assert int(guesses[-1].headers["Retry-After"]) > 0
        assert 200 == served.ask("GET", "/jobs", good).status_code
        assert 3 == len(audited(home))


# What every answer has, and what is kept ---------------------------------------------------------


def test_every_answer_has_the_same_walls(served: Served) -> None:
    """What is refused, what is open to all, and what the service says."""
    token = served.token("ci")
    for answer in (
        served.ask("GET", "/"),
        served.ask("GET", "/jobs"),
        served.ask("GET", "/jobs", token),
        served.ask("GET", "/nowhere", token),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert "no-referrer" == answer.headers["Referrer-Policy"]
        assert "same-origin" == answer.headers["Cross-Origin-Opener-Policy"]
        assert "same-origin" == answer.headers["Cross-Origin-Resource-Policy"]
        assert answer.headers["X-Request-ID"]
    assert "no-store" == served.ask("GET", "/jobs", token).headers["Cache-Control"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("mine-1.2_3", True), ("x" * 65, False), ("a b", False), ("x\x01", False), (None, False)],
)
def test_a_request_has_an_id(served: Served, given: str | None, kept: bool) -> None:
    """The caller's, if it is one; else one of ours. The service, the answer and the problem have it."""
    token = served.token("ci")
    headers = {} if given is None else {"X-Request-ID": given}
    try:
        answer = served.ask("GET", "/jobs", token, headers=headers)
    except httpx.LocalProtocolError:
        return  # this client sends none such
    if answer.status_code == 400:
        return  # and the server takes none such
    told = answer.headers["X-Request-ID"]

    assert told == answer.json()["request_id"]
    assert kept == (told == given)
    refused = served.ask("GET", "/jobs", headers=headers)
    assert refused.headers["X-Request-ID"] == refused.json()["request_id"]


def test_who_changed_what_is_kept(served: Served, home: Path) -> None:
    """A line for each change and each refusal, with who and when; nothing that lets anybody in."""
    token, reader = served.token("ci"), served.token("eyes", Scope.READ)
    served.ask("GET", "/jobs", token)
    served.ask("POST", "/jobs", token, content=b'{"env": {"PASSWORD": "hunter2"}}')
    served.ask("POST", "/jobs/job_1/cancel", token, headers={"X-Request-ID": "mine"})
    served.ask("DELETE", "/jobs/job_1", reader)
    served.ask("GET", "/jobs/job_1", "outlast_guess")

    lines = audited(home)
    facts = [
        (line["event"], line.get("job_id"), line.get("principal"), line["status"]) for line in lines
    ]
    assert [
        ("job.submit", None, "ci", 200),
        ("job.cancel", "job_1", "ci", 200),
        ("job.delete", "job_1", "eyes", 403),
        ("request", None, None, 401),
    ] == facts
    assert "mine" == lines[1]["request_id"]
    assert all(line["address"] == "127.0.0.1" and line["at"].endswith("Z") for line in lines)
    text = (home / "audit.log").read_text()
    for secret in (token, reader, "hunter2", "outlast_guess"):
        assert secret not in text
    assert 0o600 == (home / "audit.log").stat().st_mode & 0o777
    assert is_token(token)
