"""The page's parts by themselves, in the browser that they are for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from outlast.doors.http.page.assets import assets

from .conftest import module

pytestmark = pytest.mark.slow  # about a browser, which is the same under any Python

ORIGIN = "http://page.test"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that has the modules, and no service."""
    context = browser.new_context()
    page = context.new_page()

    def give(route: Route) -> None:
        found = assets().get(route.request.url.removeprefix(f"{ORIGIN}/static/"))
        if found is None:
            route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            route.fulfill(body=found.data, content_type=found.media_type)

    page.route("**/*", give)
    page.goto(ORIGIN)
    yield page
    context.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("plain", [["plain", {}]], id="plain"),
        pytest.param(
            "\x1b[31;1mred\x1b[0m not",
            [["red", {"fg": 1, "bold": True}], [" not", {}]],
            id="a colour, and bold",
        ),
        pytest.param("\x1b[38;5;196mx", [["x", {"fg": "rgb(255 0 0)"}]], id="one of 256"),
        pytest.param(
            "\x1b[48;2;1;2;300mx", [["x", {"bg": "rgb(1 2 255)"}]], id="24 bits, too many"
        ),
        pytest.param("\x1b[97;44mx", [["x", {"fg": 15, "bg": 4}]], id="bright"),
        pytest.param("\x1b]0;title\x07text", [["text", {}]], id="a title of the window"),
        pytest.param("\x1b]0;never ended", [], id="a title that never ends"),
        pytest.param(
            "\x1b]8;;http://e.test/\x1b\\link\x1b]8;;\x1b\\",
            [["link", {}]],
            id="a link is its text",
        ),
        pytest.param("\x1b[2J\x1b[1;1Hx\x1b[K", [["x", {}]], id="moves of the cursor"),
        pytest.param("\x1bP+q544e\x1b\\x", [["x", {}]], id="a question to the terminal"),
        pytest.param(" 10 %\r 20 %\r", [[" 20 %", {}]], id="a bar that was drawn over"),
        pytest.param("a\x00\x08b", [["a␀␈b", {}]], id="control characters are seen"),
        pytest.param("\u202egpj.exe", [["⟨202E⟩gpj.exe", {}]], id="text is not turned round"),
        pytest.param("<b>&amp;", [["<b>&amp;", {}]], id="markup is text"),
    ],
)
def test_colours_are_read_and_all_else_is_left_out(
    page: Page, line: str, expected: list[list[object]]
) -> None:
    """Pieces of text with styles; no sequence is shown as text, and none does anything."""
    found = module(page, "ansi.js", "it.pieces(arg).found.map(p => [p.text, p.style])", line)

    assert expected == found


def test_a_colour_goes_on_into_the_next_line(page: Page) -> None:
    """As on a terminal, until something ends it."""
    found = module(
        page,
        "ansi.js",
        "(() => { const one = it.pieces('\\x1b[32ma'); return it.pieces('b\\x1b[39mc', one.style).found; })()",
    )

    assert [{"text": "b", "style": {"fg": 2}}, {"text": "c", "style": {}}] == found


def test_bytes_are_cut_into_lines_that_know_where_they_are(page: Page) -> None:
    """A last line may be open; one without an end is cut between characters, not in one."""
    cut = "it.cut(new TextEncoder().encode(arg), 100).map(l => [l.at, l.end, l.text.length, l.isWhole])"
    long = module(page, "lines.js", cut, "ü" * 5000)

    assert [[100, 103, 2, True], [103, 104, 1, False]] == module(page, "lines.js", cut, "ab\nc")
    assert [[100, 8292, 4096, True], [8292, 10100, 904, False]] == long


@pytest.mark.parametrize(
    ("needle", "chunk", "expected"),
    [
        pytest.param("needle", 7, [3, 20, 33], id="across pieces, in either case"),
        pytest.param("ä", 1, [12], id="a character of two bytes, byte by byte"),
        pytest.param("absent", 5, [], id="not there"),
    ],
)
def test_a_search_finds_every_hit_however_it_comes(
    page: Page, needle: str, chunk: int, expected: list[int]
) -> None:
    """The offsets are bytes of the output, whatever pieces it came in, and each is found once."""
    text = "ab needle xyä ..... NEEDLE ......Needleneedl"
    offsets = [text.encode().find(part) for part in (b"needle", b"NEEDLE", b"Needle")]
    expected = offsets if needle == "needle" else expected
    found = module(
        page,
        "scan.js",
        """(async () => {
            const bytes = new TextEncoder().encode(arg.text);
            async function* flow() {
              for (let i = 0; i < bytes.length; i += arg.chunk) yield bytes.slice(i, i + arg.chunk);
            }
            let last;
            for await (const state of it.scan(flow(), arg.needle)) last = state;
            return [last.hits, last.count, last.scanned];
        })()""",
        {"text": text, "chunk": chunk, "needle": needle},
    )

    assert [expected, len(expected), len(text.encode())] == found


def test_events_are_read_however_they_come(page: Page) -> None:
    """Byte by byte as well: names, ids, comments, several lines of data."""
    stream = ': hello\n\nevent: output\nid: 12\ndata: {"a":\ndata: 1}\n\nretry: 5\ndata: 2\r\n\n'
    read = """(() => {
        const told = [];
        const events = new it.Events((...all) => told.push(all));
        for (const piece of arg) events.take(piece);
        return told;
    })()"""
    expected = [["output", {"a": 1}, "12"], ["message", 2, None]]

    assert expected == module(page, "api.js", read, [stream])
    assert expected == module(page, "api.js", read, list(stream))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90_000),
        ("1.5s", 1500),
        ("1h30m", 5_400_000),
        ("250ms", 250),
        ("2 d", None),
        ("soon", None),
        ("", None),
    ],
)
def test_durations_are_read_as_on_the_command_line(
    page: Page, text: str, expected: int | None
) -> None:
    """Seconds, or numbers with units; anything else is nothing."""
    assert expected == module(page, "time.js", "it.parseDuration(arg)", text)


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0, "0s"), (340, "0.3s"), (42_000, "42s"), (303_000, "5m 3s"), (187_200_000, "2d 4h")],
)
def test_durations_are_written_as_on_the_command_line(page: Page, ms: int, expected: str) -> None:
    """At most two units."""
    assert expected == module(page, "time.js", "it.duration(arg)", ms)


def in_a_shell(text: str) -> list[str]:
    """The words that a shell makes of *text*."""
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' {text}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize(
    "text",
    ["a b", "'a b' \"c d\" e\\ f", "x=\"it's\" ''", "--opt='q\"r'", "printf '%s\\n' \"\\$HOME\""],
)
def test_a_command_line_is_taken_apart_as_a_shell_does(page: Page, text: str) -> None:
    """By quotes and backslashes; written again, it is the same words."""
    words = module(page, "request.js", "it.shellSplit(arg)", text)
    again = module(page, "words.js", "it.shellJoin(arg)", words)

    assert in_a_shell(text) == words
    assert words == in_a_shell(again)


def test_a_quote_that_is_never_closed_is_a_fault(page: Page) -> None:
    """Told beside the field, before anything is sent."""
    form = dict.fromkeys(
        (
            *("on", "image", "name", "labels", "env", "cwd", "idle_timeout", "queue_timeout"),
            *("grace", "queue", "after", "delay", "on_end", "memory"),
        ),
        "",
    )
    form |= {"kind": "command", "place": "here", "text": "echo 'a", "timeout": "later"}
    form |= {"priority": "21", "retries": "1.5", "cpus": "-1", "resources": "gpu gpu=x"}
    faults = module(page, "request.js", "it.readForm(arg).faults.map(f => f[0])", form)

    assert ["text", "timeout", "priority", "retries", "cpus", "resources"] == faults


def test_what_looks_like_more_certainty_is_not_shown(page: Page) -> None:
    """An exit code that nobody knows is none; a cancel that has not ended everything says so."""
    brief = "arg.map(it.brief)"
    rows = [
        {"status": "failed", "reason": "lost", "exit_code": None},
        {"status": "failed", "reason": "exit_nonzero", "exit_code": 3},
        {"status": "cancelled", "reason": "cancelled", "stopped_at": None},
        {"status": "cancelled", "reason": "cancelled", "stopped_at": "2026-01-01T00:00:00.000Z"},
        {"status": "failed", "reason": "timeout", "exit_code": -1},
    ]

    assert [
        "lost",
        "failed, exit 3",
        "cancelled, still stopping",
        "cancelled",
        "timed out",
    ] == module(page, "words.js", brief, rows)


def test_an_answer_that_an_event_has_overtaken_changes_nothing(page: Page) -> None:
    """A list is read while a job begins, and comes after the news of it: a job never goes back."""
    begun = {"job_id": "job_1", "status": "running", "title": "", "stopped_at": None}
    told = module(
        page,
        "jobs.js",
        """(() => {
            const jobs = new it.Jobs(() => {});
            return arg.map((row) => { jobs.put(row); return jobs.rows.get('job_1').status; });
        })()""",
        [
            begun,
            begun | {"status": "queued"},
            begun | {"status": "complete", "stopped_at": "2026-01-01T00:00:00.000Z"},
            begun,
            begun | {"status": "complete"},
        ],
    )

    assert ["running", "running", "complete", "complete", "complete"] == told


def test_what_is_told_while_it_is_fetched_is_shown_once(page: Page) -> None:
    """The beginning of an output may come both ways at the same time; what follows it is not lost."""
    shown = module(
        page,
        "viewer.js",
        """await (async () => {
            const scroller = document.createElement("div");
            scroller.append(document.createElement("div"));
            document.body.append(scroller);
            const bytes = (text) => new TextEncoder().encode(text);
            const frame = () => new Promise(requestAnimationFrame);
            let give = null;
            const view = new it.Viewer(scroller, () => new Promise((done) => { give = done; }), () => {});
            view.isLive = true;
            view.grew(8);
            while (!give) await frame();
            view.printed(bytes("one\\n"), 0);
            view.printed(bytes("two\\nthree\\n"), 4);
            give(bytes("one\\ntwo\\n"));
            while (view.end < 14) await frame();
            for (let i = 0; i < 3; i += 1) await frame();
            const lines = [...scroller.querySelectorAll(".line")].map((each) => each.textContent);
            view.close();
            scroller.remove();
            return lines;
        })()""",
    )

    assert ["one", "two", "three"] == shown
