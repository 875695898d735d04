"""
The documentation is true: what it shows on a console was printed there, and what it lists is all there is.

A page with `<!-- tried -->` in it, or with what it needs behind (`<!-- tried: needs sshd -->`, `needs
a container engine`), has its `console` blocks run from the first to the last, in one shell and a fresh home. What follows a command on the page must be what it prints. Before the two
are compared, ids, times, process numbers and paths that differ each time are made alike; `...`
stands for anything within a line, and alone on a line for any number of lines. What `outlast` shows there is
what it shows on a terminal; what a command keeps from it (`$(...)`, `> file`, `|`) is what it gives to no terminal.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from outlast import errors
from outlast.core.container import Container, parse_tmpfs
from outlast.core.hindrance import Kind
from outlast.core.hosts import NOT_IN_SESSIONS
from outlast.core.limits import CONTAINER_MEMORY_BYTES, CONTAINER_PIDS, CONTAINER_TIMEOUT
from outlast.core.outcome import Exit
from outlast.core.state import Reason
from outlast.doors.cli.rows import ROWS
from outlast.framework.schemas import (
    ARTIFACT,
    COLLECTED,
    DELIVERY,
    JOB,
    NODE,
    QUEUE,
    RESULT,
    SCHEDULE,
    SESSION,
)
from outlast.settings import Settings, load_settings
from outlast.testing.sshd import SSHD
from outlast.wiring import make_link

from .rigs.docker import Docker
from .rigs.engine import IMAGE

DOCS = Path(__file__).resolve().parent.parent / "docs"
TRIED = "<!-- tried"
NEEDS_SSHD = "<!-- tried: needs sshd -->"
NEEDS_ENGINE = "<!-- tried: needs a container engine -->"
PAGES = sorted(
    str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if TRIED in page.read_text()
)
PATIENCE_S = 400

TRY = DELIVERY["properties"]["tries"]["items"]

IN_SECONDS = {
    "how-to/agent-proof.md",
    "how-to/cancel.md",
    "how-to/follow.md",
    "how-to/limits.md",
    "how-to/many.md",
    "how-to/wait-briefly.md",
    "tutorial/ten-hosts.md",
    "tutorial/two-minutes.md",
}
"""
Pages that show how far a job comes in a few seconds, on a machine that has nothing else to do. On
a busy one, all their seconds are longer alike.
"""

SECONDS = (
    r"(\bsleep |\btime\.sleep\(|\btimeout --signal=KILL "
    r"|--(?:wait|timeout|idle-timeout|wait-stopped) )(\d+)"
)
SLOWEST = 5

MADE_ALIKE = (
    (r"job_[0-9A-Z]{26}|job_01[0-9A-Z]*\.\.\.", "JOB"),
    (r" --home \S+", ""),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b(\d+m )?\d+(\.\d+)?[sm]( ago)?\b", "SECONDS"),
    (r"\bpid \d+", "pid N"),
    (r"^.*\bKilled\b.*$", "Killed"),
    (r" +", " "),
)

AS_ON_A_TERMINAL = """\
#!/bin/sh
[ "$(readlink /proc/$$/fd/1)" = "$SHOWN" ] && export OUTLAST_OUTPUT=text
exec "$@"
"""
"""Whoever reads along has a terminal: text is shown there, and JSON goes wherever else it is sent."""

BEFORE = """\
shopt -s expand_aliases
export SHOWN=$(readlink /proc/$$/fd/1)
alias outlast='sh "$TERMINAL" outlast' python='sh "$TERMINAL" python'
"""

END_ALL = (
    "outlast job list --status running --status queued --output id"
    " | outlast job cancel --grace 0 --wait-stopped 10s -"
)


class Shown(NamedTuple):
    """One command of a page, and what the page shows below it."""

    command: str
    lines: list[str]


def shown_in(page: str) -> list[Shown]:
    """Every command in the `console` blocks of a page, in their order."""
    found: list[Shown] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Shown(line[2:], []))
            elif line.startswith("> "):
                found[-1] = Shown(f"{found[-1].command}\n{line[2:]}", [])
            else:
                found[-1].lines.append(line)
    return found


def made_alike(line: str) -> str:
    for pattern, word in MADE_ALIKE:
        line = re.sub(pattern, word, line)
    return line.rstrip()


def pattern_of(lines: list[str]) -> str:
    """What the lines of a page stand for, as a regular expression."""
    whole = ""
    for line in map(made_alike, lines):
        inner = ".*".join(re.escape(part) for part in line.split("..."))
        whole += r"(?:.*\n)*?" if line == "..." else f"{inner}\n"
    return whole


def run_in_a_shell(commands: list[str], folder: Path) -> list[str]:
    """Run all of them in one shell, and return what each printed, on both streams."""
    mark = "-- end of a command --"
    told = f"_code=$?; echo '{mark}'; (exit $_code)"
    script = folder.parent / "commands.sh"
    script.write_text(BEFORE + "\n".join(f"{command}\n{told}" for command in commands))
    (folder.parent / "terminal.sh").write_text(AS_ON_A_TERMINAL)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TERMINAL": str(folder.parent / "terminal.sh"),
        **{name: value for name, value in os.environ.items() if name.startswith("OUTLAST_")},
    }
    done = subprocess.run(
        ["/bin/bash", str(script)],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout.split(f"{mark}\n")[: len(commands)]


def slowness() -> int:
    """How many times longer than on a quiet machine it takes to start a supervisor; it stays."""
    began = time.monotonic()
    assert make_link(load_settings()).start_one(began + PATIENCE_S)
    return min(SLOWEST, 1 + int(2 * (time.monotonic() - began)))


@pytest.fixture(scope="module")
def an_engine() -> Iterator[str]:
    """A container engine for the pages that need one: its address. It has an image, `alpine`."""
    lacks = Docker.missing()
    if lacks is not None and not os.environ.get("CI"):
        pytest.skip(lacks)
    # Not below pytest's own folders: should a run be killed, its mounts would spoil the next one.
    started = Docker(Path(tempfile.mkdtemp(prefix="outlast-engine-")))
    try:
        started.start()
        started.ask("POST", f"/images/{IMAGE}/tag?repo=alpine&tag=latest")
        yield started.address
    finally:
        started.stop()


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S + 100)
@pytest.mark.parametrize("name", PAGES)
def test_a_console_shows_what_is_printed(
    name: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Each command of the page prints what stands below it."""
    page = (DOCS / name).read_text()
    if NEEDS_SSHD in page and SSHD is None and not os.environ.get("CI"):
        pytest.skip("no sshd here: apt-get install openssh-server")
    if NEEDS_ENGINE in page:
        address = request.getfixturevalue("an_engine")
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)
    shown = shown_in(page)
    folder = tmp_path / "here"
    shutil.copytree(DOCS.parent / "examples", folder / "examples")
    commands = [each.command for each in shown]
    if name in IN_SECONDS:
        factor = slowness()
        commands = [
            re.sub(SECONDS, lambda found: f"{found[1]}{int(found[2]) * factor}", command)
            for command in commands
        ]
    printed = run_in_a_shell(commands, folder)
    run_in_a_shell([END_ALL], folder)

    assert len(shown) == len(printed)
    for each, text in zip(shown, printed, strict=True):
        told = "".join(f"{made_alike(line)}\n" for line in text.splitlines())
        assert re.fullmatch(pattern_of(each.lines), told), f"$ {each.command}\n{text}"


PYTHON = [
    "../README.md",
    "how-to/follow.md",
    "how-to/library.md",
    "how-to/many.md",
    "how-to/test.md",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_the_python_of_a_page_runs(name: str, home: Path, tmp_path: Path) -> None:
    """All of a page's `python` blocks, one after the other, beside the programs that they start."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (DOCS / name).read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "Makefile").write_text("all:\n\t@echo built\n")
    for program in ("migrate.sh", "convert.sh"):
        (tmp_path / program).write_text('#!/bin/sh\necho "$0 $*"\n')
        (tmp_path / program).chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert blocks
    assert 0 == done.returncode, done.stderr


def test_there_are_pages_that_are_tried() -> None:
    """The lesson is one of them."""
    assert "tutorial/two-minutes.md" in PAGES


# What is listed --------------------------------------------------------------------------------


def rows_of(page: str) -> list[str]:
    """What the first column of a page's tables names in code."""
    return named_in((DOCS / page).read_text())


def named_in(text: str) -> list[str]:
    """What the first column of its tables names in code."""
    cells = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def all_errors(kind: type[errors.ClientError] = errors.ClientError) -> list[type]:
    return [kind, *(found for below in kind.__subclasses__() for found in all_errors(below))]


def test_every_error_is_documented() -> None:
    """With its code, its exit code, and whether trying again may help."""
    page = (DOCS / "reference" / "errors.md").read_text()
    for kind in all_errors():
        if not kind.__module__.startswith("outlast.errors"):
            continue
        again = "yes" if kind.retryable else "no"
        row = rf"^\| `{kind.__name__}` \| `{kind.code}` \| {kind.exit_code} \| {kind.http_status} \| {again} \|"
        assert re.search(row, page, re.MULTILINE), row


def test_every_field_of_a_job_is_documented() -> None:
    """And nothing that is none; so is each kind of what a job waits for, and all there is to it."""
    fields = {*JOB["properties"], *NODE["properties"], *RESULT["properties"], *map(str, Kind)}
    fields |= {"stdout_bytes", "stderr_bytes", *NODE["properties"]["image"]["properties"]}
    reasons = set(map(str, Reason))  # among which are `signal` and `cancelled`, fields as well
    assert fields - reasons == set(rows_of("reference/job.md")) - reasons
    page = (DOCS / "reference" / "job.md").read_text()
    facts = JOB["properties"]["waiting_for"]["items"]["properties"]
    assert [] == [name for name in facts if f"`{name}`" not in page]


@pytest.mark.parametrize(
    ("title", "schema"),
    [
        ("A queue", QUEUE["properties"]),
        ("A schedule", SCHEDULE["properties"]),
        ("A session", SESSION["properties"]),
        ("A webhook that", DELIVERY["properties"] | TRY["properties"]),
    ],
)
def test_every_field_beside_jobs_is_documented(title: str, schema: dict[str, Any]) -> None:
    """Of queues, schedules, sessions and webhooks; and nothing that is none."""
    page = (DOCS / "reference" / "others.md").read_text()
    (part,) = (each for each in page.split("\n## ") if each.startswith(title))
    assert set(schema) == set(named_in(part))


def test_every_field_of_an_artifact_is_documented() -> None:
    """Of a file, and of a node that has collected."""
    assert {*ARTIFACT["properties"], *COLLECTED} == set(rows_of("reference/artifacts.md"))


def test_every_reason_is_documented() -> None:
    """Where a caller meets it: at the job."""
    assert set(map(str, Reason)) <= set(rows_of("reference/job.md"))


def test_every_key_of_a_spec_is_documented() -> None:
    """Under its own name, beside its option."""
    page = (DOCS / "reference" / "spec.md").read_text()
    for row in ROWS:
        assert re.search(rf"^\| `{re.escape(row.key)}` \|.*`{row.option}", page, re.MULTILINE), row


@pytest.mark.parametrize("page", ["how-to/containers.md", "explanation/containers.md"])
def test_the_defaults_of_the_cage_are_documented(page: str) -> None:
    """As many as there are: the numbers of the tables are those of the code."""
    text = (DOCS / page).read_text()
    usual = Container(image="any")
    (tmpfs,) = map(parse_tmpfs, usual.tmpfs)
    numbers = {
        usual.user.partition(":")[0],
        f"{tmpfs[1] >> 20} MiB",
        f"`{tmpfs[0]}`",
        f"{CONTAINER_MEMORY_BYTES >> 20} MiB",
        f" {CONTAINER_PIDS} ",
        f" {CONTAINER_TIMEOUT.total_seconds():.0f} s",
    }

    assert set() == {each for each in numbers if each not in text}


def test_every_setting_is_documented() -> None:
    """By its variable and by its key in the file; only the home has none, which the file is in."""
    names = set(rows_of("reference/settings.md"))
    settings = set(Settings(home="/").written())
    assert {f"OUTLAST_{name.upper()}" for name in settings} <= names
    assert settings - {"home"} <= names


AMONG_OURSELVES = {"OUTLAST_TELLS_STARTER"}
"""A supervisor's word to whoever starts it, of one process to the other."""


def test_every_variable_is_documented() -> None:
    """Those that are read and those that are set, whether they are settings or not."""
    page = (DOCS / "reference" / "settings.md").read_text()
    named = {
        name
        for module in (DOCS.parent / "src").rglob("*.py")
        for name in re.findall(r'"(OUTLAST_[A-Z_]*[A-Z])"', module.read_text())
    }

    assert {"OUTLAST_HOME", "OUTLAST_OUT"} < named
    assert AMONG_OURSELVES == {name for name in named if f"`{name}`" not in page}


@pytest.mark.parametrize("page", ["reference/spec.md", "how-to/sessions.md"])
def test_what_goes_with_no_session_is_documented(page: str) -> None:
    """All of it, where sessions are told of."""
    (told,) = re.findall(
        r"`session` \| .*|- A session has its host and its order: .*\n.*", (DOCS / page).read_text()
    )

    assert set() == set(NOT_IN_SESSIONS) - set(re.findall(r"`(\w+)`", told))


def test_every_exit_code_is_documented() -> None:
    """On the page that is about nothing else."""
    page = (DOCS / "reference" / "exit-codes.md").read_text()
    for name, code in vars(Exit).items():
        if not name.startswith("_"):
            assert re.search(rf"^\| \*\*{code}\*\* \|", page, re.MULTILINE), name


def test_what_the_code_refers_to_is_there() -> None:
    """A comment that names a page of the documentation names one that is there."""
    source = DOCS.parent / "src"
    named = {
        name
        for module in source.rglob("*.py")
        for name in re.findall(r"docs/[\w/.-]+\.md", module.read_text())
    }
    assert named
    assert [] == [name for name in sorted(named) if not (DOCS.parent / name).is_file()]


@pytest.mark.parametrize(
    "name", ["README", "SECURITY", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG"]
)
def test_a_page_at_the_root_leads_somewhere(name: str) -> None:
    """Whatever it links to within the repository is there; the site's own links mkdocs holds."""
    root = DOCS.parent
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", (root / f"{name}.md").read_text())

    assert [] == [link for link in links if not (root / link).exists()]


ROOMS = "clock|core|doors|engine|executors|framework|home|ports|settings|shim|store|wiring"


def is_in_the_code(dotted: str) -> bool:
    """Whether a name such as `shim.tree._children` is one of a module, or of something in it."""
    first, *rest = dotted.split(".")
    found: Any = importlib.import_module(f"outlast.{first}")
    for name in rest:
        if not hasattr(found, name):
            if importlib.util.find_spec(f"{found.__name__}.{name}") is None:
                return False
            importlib.import_module(f"{found.__name__}.{name}")
        found = getattr(found, name)
    return True


def test_a_gotcha_names_what_relies_on_it() -> None:
    """Every place in the code that the page names is there."""
    page = (DOCS / "gotchas.md").read_text()
    named = re.findall(rf"`((?:{ROOMS})(?:\.\w+)+)`", page)

    assert len(named) > 30
    assert [] == [name for name in named if not is_in_the_code(name)]
