"""Rules held against what a host prints, and the transcript, without any host."""

from __future__ import annotations

import signal
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlast.core.dialogue import Rule
from outlast.executors.ssh.dialogue import Dialogue, Reply, TooSlow, as_error
from outlast.executors.ssh.transcript import Echo, Mask


def answers(rules: list[Rule], *heard: bytes) -> list[str | None]:
    """What is answered after each piece."""
    dialogue = Dialogue(rules, {"env:PW": "hush"})
    replies = []
    for data in heard:
        dialogue.hear(data)
        replies.append(dialogue.reply())
    return [None if reply is None else reply.text for reply in replies]


PASSWORD = Rule("assword: ?$", answer_from="env:PW")
HEARD = {
    "a prompt": ([b"Password: "], ["hush"]),
    "in pieces": ([b"Pass", b"word", b": "], [None, None, "hush"]),
    "after lines": ([b"Welcome\r\nto all\r\nPassword: "], ["hush"]),
    "with a line's end behind it": ([b"Password:\r\n"], ["hush"]),
    "with empty lines behind it": ([b"Password: \r\n\r\n  "], ["hush"]),
    "scrolled by": ([b"Password: \r\nnot needed\r\n# "], [None]),
    "answered once": ([b"Password: ", b"\r\nthank you\r\n"], ["hush", None]),
    "asked again": ([b"Password: ", b"\r\nwrong\r\nPassword: "], ["hush", "hush"]),
    "coloured": ([b"\x1b[1;31mPass\x1b[0mword:\x1b[K "], ["hush"]),
    "a colour cut in two": ([b"Pass\x1b[3", b"1mword: "], [None, "hush"]),
    "a window's title": ([b"\x1b]0;host\x07Password: "], ["hush"]),
    "over-written": ([b"working 99%\rPassword: "], ["hush"]),
    "no UTF-8": ([b"\xff\xfePassword: "], ["hush"]),
    "at the end of a flood": ([b"x" * 100_000 + b"\nPassword: "], ["hush"]),
    "half of a word": ([b"Password"], [None]),
}


@pytest.mark.parametrize(("heard", "said"), HEARD.values(), ids=HEARD)
def test_what_stands_in_the_last_line_is_answered(
    heard: list[bytes], said: list[str | None]
) -> None:
    """However it comes; what has scrolled by is no question any more."""
    assert said == answers([PASSWORD], *heard)


def test_rules_answer_in_their_order_until_they_are_worn_out() -> None:
    """The first that fits and has answers left; then the next; then none, and which one is known."""
    rules = [Rule("> $", "one", times=1), Rule("> $", "two", times=2), Rule("[y/n]", "y")]

    assert ["one", "two", "two", None] == answers(rules, *[b"\r\n> "] * 4)
    dialogue = Dialogue(rules[:1], {})
    dialogue.hear(b"> ")
    assert (Reply("one", is_secret=False, enter=True), None) == (
        dialogue.reply(),
        dialogue.worn_out,
    )
    dialogue.hear(b"\r\n> ")
    assert (None, rules[0]) == (dialogue.reply(), dialogue.worn_out)
    dialogue.hear(b"working\r\n")
    assert (None, None) == (dialogue.reply(), dialogue.worn_out)


def test_a_prompt_may_have_several_lines() -> None:
    """If it reaches into the last one."""
    rule = Rule(r"(?s)will be lost.*\? $", "yes")

    assert ["yes"] == answers([rule], b"All data will be lost.\r\nGo on? ")
    assert [None] == answers([rule], b"All data will be lost.\r\nGo on? \r\nNo.\r\n")


def test_an_empty_match_is_none() -> None:
    """A prompt that may be nothing is asked when there is something of it."""
    assert [None, None, "y"] == answers([Rule("[?]*", "y")], b"", b"working\r\nmore", b" sure?")


def test_a_secret_is_told_from_a_text() -> None:
    """So that nobody shows it."""
    dialogue = Dialogue([PASSWORD._replace(enter=False)], {"env:PW": "hush"})
    dialogue.hear(b"Password: ")

    assert Reply("hush", is_secret=True, enter=False) == dialogue.reply()


def test_whether_somebody_asks_is_seen_by_the_cursor() -> None:
    """It stands behind something; the line is shown as people can read it."""
    dialogue = Dialogue([PASSWORD], {})
    seen = []
    for data in (b"working\r\n", b"Serial\x1b[0m number: ", b"\r\n", b"  "):
        dialogue.hear(data)
        seen.append((dialogue.is_asked, dialogue.last_line))

    assert [
        (False, "working"),
        (True, "Serial number:"),
        (False, "Serial number:"),
        (False, "Serial number:"),
    ] == seen
    assert "a b" == as_error("a\x07b ")
    assert "..." + "x" * 200 == as_error("y" + "x" * 200)


@pytest.mark.parametrize("prompt", ["(x+x+)+y", "(?:x*)*z", "x*x*x*x*x*z", "(x|x)*z"])
def test_a_pattern_that_never_ends_is_ended(prompt: str) -> None:
    """By a limit of processor time; whose signal it was has it again."""
    before = signal.getsignal(signal.SIGVTALRM)
    dialogue = Dialogue([Rule(prompt, "")], {})
    dialogue.hear(b"x" * 4096)
    began = time.process_time()
    with pytest.raises(TooSlow):
        dialogue.reply()

    assert time.process_time() - began < 5
    assert before == signal.getsignal(signal.SIGVTALRM)
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_VIRTUAL)


# The transcript ------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([b"a", b"b", b"ab", b"abab", b"abc", b"cab", b"\n"]), max_size=30),
    st.sampled_from(["abc", "abab", "aab", "a"]),
)
@example([b"ab", b"ab", b"c"], "abc")
def test_a_secret_is_hidden_however_it_is_cut(pieces: list[bytes], secret: str) -> None:
    """What is shown in pieces is what would be shown of the whole, and never has it."""
    mask = Mask([secret])
    shown = b"".join([*map(mask.take, pieces), mask.end()])

    assert secret.encode() not in shown
    assert Mask([secret]).whole(b"".join(pieces)) == shown


def test_of_two_secrets_the_longer_is_hidden() -> None:
    """Where one begins with the other, and comes in pieces."""
    mask = Mask(["hunter", "hunter2", "", "two\nlines"])
    shown = [mask.take(data) for data in (b"a hunter", b"2 b hunter", b" lin", b"es\r\n")]

    assert b"a (hidden) b (hidden) (hidden)\r\n" == b"".join(shown)


def test_half_a_secret_is_one_too() -> None:
    """At the end, where the other half never came; a letter of it is none."""
    shown = []
    for data in (b"is hunt", b"is h"):
        mask = Mask(["hunter2"])
        shown.append(mask.take(data) + mask.end())

    assert [b"is (hidden)", b"is h"] == shown


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"ops\r\nHost: "], b"\r\nHost: ", id="repeated"),
        pytest.param([b"o", b"p", b"s", b"\r", b"\n"], b"\r\n", id="letter by letter"),
        pytest.param([b"\r\nHost: "], b"\r\nHost: ", id="not repeated"),
        pytest.param([b"opsis\r\n"], b"opsis\r\n", id="something that begins alike"),
        pytest.param([b"op"], b"op", id="half of it, and no more"),
        pytest.param([b"***\r\n"], b"***\r\n", id="stars"),
    ],
)
def test_what_a_terminal_repeats_is_taken_out(pieces: list[bytes], expected: bytes) -> None:
    """And nothing else is."""
    echo = Echo()
    echo.expect(b"ops")

    assert expected == b"".join([*map(echo.take, pieces), echo.end()])
