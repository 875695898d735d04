"""What answers at an engine's socket, whatever it says: one error for all that is no answer, and no end without one."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outlast.shim.engine import EngineError, Stream, answer_of, pick

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No example is late: others may have the machine."""

PATIENCE_S = 30.0

BODY = b'{"Id": "one"}'
HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def chunked(pieces: list[bytes]) -> bytes:
    """Return a body in chunks of these."""
    told = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(told) + b"0\r\n\r\n"


def told(data: bytes, ask: Callable[[Stream], object]) -> object:
    """Return what *ask* makes of an engine that says *data*, and hangs up."""
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(Stream(ours, time.monotonic() + PATIENCE_S)) as stream:
        ours.settimeout(PATIENCE_S)
        sender = threading.Thread(target=_say, args=(theirs, data))
        sender.start()
        try:
            return ask(stream)
        finally:
            ours.close()
            sender.join()


def _say(peer: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # nobody listens to all of it
        peer.sendall(data)
    peer.close()


def bit_by_bit(stream: Stream) -> bytes:
    """Read as one who polls does: what has come, whenever something has."""
    found = b""
    while not stream.is_over:
        found += stream.read()
    return found


BYTES = st.binary(max_size=200)
WORDS = st.sampled_from(
    [
        *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2 ", b"200", b"100", b"101", b"204", b"404", b"500"),
        *(
            b" OK",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"0\r\n\r\n",
            b"5\r\nabcde\r\n",
            b"-5\r\n",
            b"0x5\r\n",
        ),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"5", b"-5", b"1_0", b"1" * 40),
        *(
            b"{",
            b"}",
            b"[" * 5000,
            BODY,
            WHOLE,
            HEAD,
            b"f" * 20,
            b"message",
            b'{"message": 5}',
            b"null",
        ),
    ]
)
SPOKEN = st.one_of(BYTES, st.lists(st.one_of(WORDS, BYTES), max_size=12).map(b"".join))


@UNHURRIED
@given(SPOKEN)
@example(b"")
@example(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcdefgh\r\n0\r\n\r\n")
@example(HEAD + b"Content-Length: -5\r\n\r\nabc")
@example(HEAD + b"\r\n" + b"[" * 100_000)
@example(HEAD.replace(b"200", b"500") + b"\r\n" + b"[" * 100_000)
@example(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
@pytest.mark.parametrize("ask", [answer_of, bit_by_bit, Stream.read_head])
def test_no_answer_is_told_as_that(ask: Callable[[Stream], object], data: bytes) -> None:
    """Whatever is said: it is an answer, a refusal or an OSError, and never nothing for ever."""
    with suppress(OSError, EngineError):
        told(data, ask)


@UNHURRIED
@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(0, 400))
@pytest.mark.parametrize("ask", [Stream.read_all, bit_by_bit])
def test_chunks_are_put_together(
    ask: Callable[[Stream], object], pieces: list[bytes], cut: int
) -> None:
    """To the byte; one that is cut is an error, and never a shorter answer."""
    whole = chunked(pieces)

    assert b"".join(pieces) == told(whole, ask)
    if cut < len(whole) - 2:  # what comes behind the last chunk is of no account
        with pytest.raises(OSError, match="went away"):
            told(whole[:cut], ask)


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_an_answer_that_is_cut_is_none(cut: int) -> None:
    """Wherever that is."""
    with pytest.raises(OSError, match="went away"):
        told(WHOLE[:cut], answer_of)


def test_a_whole_answer_is_read() -> None:
    """With a length, in chunks, up to its end; behind heads that announce it; and no more than it."""
    say = [
        *(WHOLE, chunked([BODY]), chunked([BODY[:3], BODY[3:]]), HEAD + b"\r\n" + BODY),
        *(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, WHOLE + b"HTTP/1.1 500 No\r\n\r\n"),
    ]

    assert [{"Id": "one"}] * len(say) == [told(data, answer_of) for data in say]
    assert told(b"HTTP/1.1 204 No Content\r\n\r\n", answer_of) is None


@pytest.mark.parametrize("ask", [answer_of, bit_by_bit, Stream.read_head])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "no such container"}', "no such container"),
        (b'{"cause": "a cause"}', "a cause"),
        (b"plain\n  words", "plain words"),
        (b"", "HTTP status 500"),
        (b"x" * 200_000, "x" * 2000),
        (b"[]", "[]"),
    ],
)
def test_a_refusal_has_the_engine_s_words(
    ask: Callable[[Stream], object], body: bytes, words: str
) -> None:
    """As one line, and not for ever."""
    head = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(EngineError) as caught:
        told(head + body, ask)

    assert (500, words) == (caught.value.status, str(caught.value))


ENDLESS = {
    "a head": (b"", b"X: y\r\n"),
    "a head's line": (b"", b"x"),
    "heads": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "an answer": (HEAD + b"\r\n", b" " * 65_536),
    "an answer in chunks": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n%s\r\n" % (b" " * 65_536),
    ),
    "a chunk's size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_given_up(name: str) -> None:
    """After as much as no engine says: memory does not grow without bound."""
    first, again = ENDLESS[name]
    ours, theirs = socket.socketpair()
    said = 0

    def say() -> None:
        nonlocal said
        with suppress(OSError):
            theirs.sendall(first)
            while True:
                theirs.sendall(again * max(1, 65_536 // len(again)))
                said += 65_536

    with ours, theirs:
        sender = threading.Thread(target=say)
        sender.start()
        with pytest.raises(OSError, match="at the engine's socket"):
            answer_of(Stream(ours, time.monotonic() + 10 * PATIENCE_S))
        ours.close()
        sender.join()

    assert said <= 1 << 27


@pytest.mark.parametrize(
    "data", [b"", HEAD, WHOLE[:-1], b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nno"]
)
def test_what_does_not_go_on_is_given_up(data: bytes) -> None:
    """After as long as it was to take, however little by little it came."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        with pytest.raises(TimeoutError):
            answer_of(Stream(ours, time.monotonic() + 0.05))


def test_whoever_polls_waits_for_nobody() -> None:
    """Half a head, half a refusal: there is nothing to read yet, and no wait for the rest."""
    ours, theirs = socket.socketpair()
    refusal = b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message": "no"}'
    with ours, theirs, closing(Stream(ours, time.monotonic() + PATIENCE_S)) as stream:
        for at in range(len(refusal) - 1):
            theirs.sendall(refusal[at : at + 1])
            assert b"" == stream.read()
        theirs.sendall(refusal[-1:])
        with pytest.raises(EngineError, match="no"):
            stream.read()


@UNHURRIED
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["State", "Id"]), x),
    )
)
def test_only_what_is_meant_is_picked(answer: object) -> None:
    """From an answer of any shape."""
    try:
        found = pick(json.loads(json.dumps(answer)), str, "State", "Id")
    except OSError:
        return
    assert isinstance(answer, dict)
    assert found == answer["State"]["Id"]
