"""Requests to a server: what is tried again, how often, and what is told in the end."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from outlast.errors import BadAnswer, ClientError, Conflict, Unauthorized, Unavailable

from .conftest import BREAK, HANG_UP, Scripted, answer, problem, transport_to

Make = Callable[..., Scripted]


def test_one_connection_serves_many_requests(scripted: Make) -> None:
    """And carries the token in a header, each time."""
    server = scripted(answer(200, {"a": 1}))
    with transport_to(server.url) as transport:
        told = [transport.ask_object("GET", ["jobs", "job_1"]) for _ in range(3)]

    assert [{"a": 1}] * 3 == told
    assert [b"GET /jobs/job_1 HTTP/1.1"] * 3 == server.requests
    assert all(b"Authorization: Bearer t0ken\r\n" in head for head in server.heads)
    assert 1 == len(server._open)


@pytest.mark.parametrize("lost", [HANG_UP, BREAK], ids=["hung up", "reset"])
def test_what_may_happen_twice_is_asked_again(scripted: Make, lost: bytes) -> None:
    """Its answer was lost: whoever gives it the second time is told that it is a repetition."""
    server = scripted(answer(200, {}), lost, lost, answer(200, {"a": 1}))
    with transport_to(server.url) as transport:
        transport.ask("GET", ["healthz"])
        told = transport.ask("POST", ["jobs"], body={"jobs": []})

    assert (True, 4) == (told.is_repeated, len(server.requests))
    assert [b'{"jobs": []}'] * 3 == server.bodies[1:]


def test_what_must_not_happen_twice_is_not(scripted: Make) -> None:
    """Whoever asked is told that it may have been done."""
    server = scripted(answer(200, {}), HANG_UP, answer(200, {}))
    with transport_to(server.url) as transport:
        transport.ask("GET", ["healthz"])
        with pytest.raises(Unavailable, match="it hung up") as caught:
            transport.ask("POST", ["sessions"], body={}, is_safe=False)

    assert "It may have been done or not: look before you ask again" == caught.value.suggestion
    assert 2 == len(server.requests)


def test_a_server_that_has_too_much_to_do_is_given_the_time_that_it_asks_for(
    scripted: Make,
) -> None:
    """Also by what must not happen twice: it was not done."""
    busy = problem(429, "rate_limited", retryable=True, after=1)
    server = scripted(busy, answer(200, {"a": 1}))
    with transport_to(server.url) as transport:
        told = transport.ask_object("POST", ["sessions"], body={}, is_safe=False)

    assert ({"a": 1}, 2) == (told, len(server.requests))


def test_patience_ends(scripted: Make) -> None:
    """What is told is what the server, or what stands before it, has said last."""
    server = scripted(answer(502, "<html><title>Bad Gateway</title>", "text/html", Retry_After="9"))
    with transport_to(server.url) as transport, pytest.raises(Unavailable) as caught:
        transport.ask("GET", ["jobs"], patience_s=5)

    assert "502 Bad Gateway with what is no answer of Outlast's, text/html: 'Bad Gateway'" in str(
        caught.value
    )
    assert 1 == len(server.requests)


def test_a_fault_is_told_at_once(scripted: Make) -> None:
    """A conflict stays one, however often it is asked for."""
    server = scripted(problem(422, "conflict", faults=["that key is taken"], job_id="job_1"))
    with transport_to(server.url) as transport, pytest.raises(Conflict) as caught:
        transport.ask("POST", ["jobs"], body={})

    assert (("that key is taken",), "job_1") == (caught.value.faults, caught.value.job_id)
    assert 1 == len(server.requests)


def test_a_code_of_another_version_is_of_a_kind_that_callers_know(scripted: Make) -> None:
    """With the code as it is."""
    server = scripted(problem(403, "quota_used_up"))
    with transport_to(server.url) as transport, pytest.raises(ClientError) as caught:
        transport.ask("GET", ["jobs"])

    assert ("quota_used_up", "Forbidden") == (
        caught.value.code,
        type(caught.value).__mro__[1].__name__,
    )


def test_a_redirect_is_told_and_not_followed(scripted: Make) -> None:
    """The token goes to whom it was meant for."""
    elsewhere = scripted(answer(200, {}))
    server = scripted(answer(307, "", Location=f"{elsewhere.url}/jobs"))
    with transport_to(server.url) as transport, pytest.raises(BadAnswer) as caught:
        transport.ask("GET", ["jobs"])

    assert f"it sends us to '{elsewhere.url}/jobs'" in str(caught.value)
    assert [] == elsewhere.requests


def test_a_page_that_is_not_ours_is_told_as_that(scripted: Make) -> None:
    """Whatever its status: asking again would change nothing."""
    server = scripted(answer(200, "<html><title>Welcome to nginx!</title>", "text/html"))
    with transport_to(server.url) as transport, pytest.raises(BadAnswer) as caught:
        transport.ask_object("GET", ["jobs"])

    assert "text/html: 'Welcome to nginx!'" in str(caught.value)
    assert (False, 1) == (caught.value.retryable, len(server.requests))


def test_the_remedy_for_a_missing_token_is_told(scripted: Make) -> None:
    """How to give one, and nothing of the one that was wrong."""
    server = scripted(problem(401, "unauthorized"))
    with transport_to(server.url, "wr0ng") as transport, pytest.raises(Unauthorized) as caught:
        transport.ask("GET", ["jobs"])

    assert str(caught.value.suggestion).startswith("Give its token: OUTLAST_TOKEN, or OUTLAST_")
    assert "wr0ng" not in repr(caught.value) + repr(vars(transport.server))


def test_no_server_is_told_at_once() -> None:
    """Where none ever answered, none is waited for."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with transport_to(url) as transport, pytest.raises(Unavailable, match="Connection refused"):
        transport.ask("GET", ["jobs"], patience_s=600)


def test_what_speaks_no_http_is_told(scripted: Make) -> None:
    """An SSH server at that port, say."""
    server = scripted(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    with transport_to(server.url) as transport, pytest.raises(Unavailable) as caught:
        transport.ask("GET", ["jobs"], patience_s=0)

    assert "what answers does not speak HTTP (BadStatusLine)" in str(caught.value)


def test_an_answer_that_comes_bit_by_bit_and_breaks_off_is_told(scripted: Make) -> None:
    """Half a zip is never taken for a whole one."""
    head = answer(200, "x" * 10, "application/zip").replace(b"Length: 10", b"Length: 99")
    server = scripted(head, HANG_UP)
    with (
        transport_to(server.url) as transport,
        transport.stream(["zip"], kind="application/zip") as stream,
    ):
        server._open[-1].shutdown(socket.SHUT_RDWR)
        with pytest.raises(Unavailable, match="it hung up"):
            list(stream.pieces())
