"""`job watch`: on a terminal a view that follows what happens, elsewhere a line for each change."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import time
from collections.abc import Callable

import pytest

from outlast import Client

from ..world import PATIENCE_S, eventually
from .conftest import Cli, Terminal

Open = Callable[..., Terminal]

STEERS = """echo '{"progress_pct": 40, "message": "half \\\\u001b[31m way"}' >> $OUTLAST_PROGRESS
            until [ -e go ]; do sleep 0.02; done"""
OURS = re.compile(rb"\x1b\[(\?1049[hl]|\?25[hl]|H|K|J)")
"""All that a view sends to a terminal beside text."""

LEFT = "\x1b[?25h\x1b[?1049l"


def width_of(line: str) -> int:
    return sum(2 if "\u2e80" <= character <= "\uffef" else 1 for character in line)


def test_a_view_follows_what_happens(cli: Cli, terminal: Open) -> None:
    """What runs and how far it is, what waits and for what, what has ended; then it leaves no trace."""
    cli.running("--name", "広い文字", "--shell", STEERS)
    cli.submit("--delay", "2h", "--shell", "true # \x1b]0;title\x07")
    cli.submit("--delay", "1h", "--name", "later", "--", "true")
    view = terminal("job", "watch")
    view.until_line(r"(?s)RUNNING.*広い.*40 % half .*WAITING.*later +until")
    (cli.folder / "go").touch()
    view.until_line(r"(?s)ENDED.*広い.*complete")
    view.interrupt()

    assert 0 == view.end()
    assert view.text.replace("^C", "").endswith(LEFT)
    assert b"\x1b" not in OURS.sub(b"", view.seen)
    assert b"\x07" not in view.seen


@pytest.mark.parametrize("columns", [0, 24, 80, 200])
def test_it_fits_the_terminal(cli: Cli, terminal: Open, columns: int) -> None:
    """
    No line wraps, and there are no more of them than the terminal has, or than is usual where it does
    not say how wide it is; the end is told to 143.
    """
    wide = {"command": ["true"], "delay": "1h", "name": "広い文字はふたつの桁を取る" * 4}
    with Client(home=cli.home) as client:
        client.submit_many([wide] * 30)
    view = terminal("job", "watch", columns=columns)
    view.until("WAITING")
    view.until("\x1b[J")
    os.kill(view._process.pid, signal.SIGTERM)

    assert 128 + signal.SIGTERM == view.end()
    assert view.text.endswith(LEFT)
    shown = view.text.split("\x1b[H")[1].split("\x1b[J")[0]
    lines = [re.sub(r"\x1b\[K|\r", "", line) for line in shown.split("\r\n")]
    assert 5 < len(lines) <= 24
    assert all(width_of(line) <= (columns or 80) for line in lines), lines


def test_elsewhere_there_is_a_line_for_each_change(cli: Cli) -> None:
    """As text and as JSON; only of the queue and with the labels that were asked for."""
    calls = [
        cli.start("job", "watch", "--queue", "disk", "--text"),
        cli.start("job", "watch", "--label", "a=b", "--json"),
    ]
    first = cli.submit("--queue", "disk", "--label", "a=b", "--delay", "1h", "--", "true")
    pipes = [call.stdout for call in calls]
    seen = [b"", b""]
    deadline = time.monotonic() + PATIENCE_S

    def read_until(words: bytes) -> None:
        while not all(words in each for each in seen):
            ready, _, _ = select.select(pipes, [], [], deadline - time.monotonic())
            assert ready, seen
            for pipe in ready:
                assert pipe is not None
                data = os.read(pipe.fileno(), 1 << 16)
                assert data, seen
                seen[pipes.index(pipe)] += data

    read_until(first.encode())
    cli("run", "--", "true")
    cli("job", "cancel", first)
    read_until(b"cancelled")
    for call in calls:
        call.send_signal(signal.SIGINT)
        assert 0 == call.wait(PATIENCE_S)

    text, lines = seen[0].decode(), [json.loads(line) for line in seen[1].splitlines()]
    assert text.splitlines()[-1].startswith(f"{first} cancelled")
    assert {first} == set(re.findall(r"job_\w+", text))
    assert {first} == {each["job_id"] for each in lines}
    assert ["queued", "cancelled"] == list(dict.fromkeys(each["status"] for each in lines))


def test_it_ends_with_its_reader(cli: Cli) -> None:
    """`outlast job watch | head -1` is over once head is, though nothing more happens."""
    waits = cli.submit("--delay", "1h", "--", "true")
    call = cli.start("job", "watch", "--text")
    assert call.stdout is not None
    assert waits in call.stdout.readline().decode()
    call.stdout.close()

    assert -signal.SIGPIPE == call.wait(PATIENCE_S)


def test_once_is_a_view_and_no_more(cli: Cli) -> None:
    """For a script, and for a look."""
    cli.ended("--shell", "exit 3")
    waiting = cli.submit("--delay", "1h", "--name", "later", "--", "true")
    again = cli.submit("--retries", "1", "--retry-delay", "1h", "--name", "again", "--", "false")
    eventually(lambda: "next_attempt_at" in cli("job", "status", again).data["nodes"][0])
    done, told = cli("job", "watch", "--once", "--text"), cli("job", "watch", "--once", "--json")

    assert re.search(
        r"WAITING\njob_\w+ +later +until .*\nENDED\njob_\w+ .*exit 3 +failed", done.text
    )
    assert "\x1b" not in done.text
    assert re.search(r"RUNNING\njob_\w+ .* again  try 2 in \d+", done.text)
    assert [waiting] == [each["job_id"] for each in told.data["queued"]]
