"""The rules of the house that no linter knows, each held by a test."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import outlast

pytestmark = pytest.mark.slow  # about the repository, which is the same under any Python

ROOT = Path(__file__).resolve().parent.parent
CODE = ("src", "tests", "examples", "benchmarks")
LONGEST_MODULE = 400
MOST_METHODS = 6


def tracked_files() -> list[Path]:
    """Every file in the repository; in an unpacked archive, every file that is there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode == 0 and listing.stdout:
        names = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        names = [
            path
            for path in ROOT.rglob("*")
            if not any(
                part.startswith(".") or part in {"site", "build", "dist", "__pycache__"}
                for part in path.relative_to(ROOT).parts
            )
        ]
    return [path for path in names if path.is_file()]


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    """The text of a file, or nothing if it is not text."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode(errors="replace")


def numbered_comments(source: str) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


# ------------------------------------------------------------------------------------------ modules


def is_longer_than_it_says(source: str) -> bool:
    """Whether a module is over the ceiling without having written down why."""
    if source.count("\n") <= LONGEST_MODULE:
        return False
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return not re.search(
        rf"^Longer than {LONGEST_MODULE} lines because \S", docstring, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("lines", "docstring", "expected"),
    [
        pytest.param(LONGEST_MODULE, "Short.", False, id="at the ceiling"),
        pytest.param(LONGEST_MODULE + 1, "Long.", True, id="over it, silently"),
        pytest.param(
            LONGEST_MODULE + 1,
            "Long.\n\nLonger than 400 lines because one table is easier to read than two.",
            False,
            id="over it, with the reason",
        ),
        pytest.param(
            LONGEST_MODULE + 1,
            "Long.\n\nLonger than 400 lines because ",
            True,
            id="over it, with half a reason",
        ),
    ],
)
def test_the_ceiling_is_measured(lines: int, docstring: str, expected: bool) -> None:
    """The rule for long modules finds what it is meant to find."""
    head = f'"""{docstring}"""\n'
    source = head + "\n" * (lines - head.count("\n"))

    assert expected == is_longer_than_it_says(source)


def test_no_module_is_longer_than_one_can_hold_in_mind() -> None:
    """A module has at most 400 lines, or says at its top why it has more."""
    too_long = [name_of(p) for p in python_files("src") if is_longer_than_it_says(p.read_text())]

    assert [] == too_long


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    """A module is named after the one concept it holds."""
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    found = [
        name_of(path)
        for path in python_files(*CODE)
        if drawers & set(path.relative_to(ROOT).with_suffix("").parts)
    ]

    assert [] == found


def public_methods(protocol: type) -> list[str]:
    """What somebody who implements *protocol* has to write, inherited promises included."""
    return sorted(
        {
            name
            for part in protocol.__mro__
            if getattr(part, "_is_protocol", False)
            for name, member in vars(part).items()
            if not name.startswith("_")
            and (inspect.isroutine(member) or isinstance(member, property))
        }
    )


def protocols_in(package: str) -> list[type]:
    try:
        top = importlib.import_module(package)
    except ModuleNotFoundError as missing:
        if missing.name != package:
            raise
        return []
    modules = [top] + [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(top.__path__, prefix=f"{package}.")
    ]
    return [
        member
        for module in modules
        for member in vars(module).values()
        if inspect.isclass(member)
        and member.__module__ == module.__name__
        and getattr(member, "_is_protocol", False)
    ]


def test_a_port_asks_for_little() -> None:
    """Each Protocol in `outlast.ports` has at most six methods."""
    too_wide = {
        protocol.__qualname__: public_methods(protocol)
        for protocol in protocols_in("outlast.ports")
        if len(public_methods(protocol)) > MOST_METHODS
    }

    assert {} == too_wide


def test_the_public_surface_is_what_it_says() -> None:
    """`outlast.__all__` is sorted, and names exactly what the package gives, to type checkers too."""
    for name in outlast.__all__:
        getattr(outlast, name)  # a name that is imported on demand is public as well
    given = {
        name
        for name in {*dir(outlast), *outlast.__all__}
        if (not name.startswith("_") or name in outlast.__all__)
        and name not in {"annotations", "TYPE_CHECKING"}
        and (name in outlast.__all__ or not inspect.ismodule(getattr(outlast, name)))
    }

    assert sorted(given) == list(outlast.__all__)
    tree = ast.parse((ROOT / "src" / "outlast" / "__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert given <= {alias.name for each in imports for alias in each.names}


# --------------------------------------------------------------------------------------- exemptions

EXEMPTION = re.compile(
    r"""
    \#\s*(?: noqa (?::\s*[A-Z]+[0-9]+ (?:[,\s]+[A-Z]+[0-9]+)* )?
         |   type:\s*ignore (?:\[[^]]*\])?
         |   pragma:\s*no\s+(?:cover|branch)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_unexplained(comment: str) -> bool:
    """Whether *comment* asks for an exemption and does not say, in two words or more, why."""
    exempted, markers = EXEMPTION.subn(" ", comment)
    return markers > 0 and len(re.findall(r"[A-Za-z]{2,}", exempted)) < 2  # "see" is no reason


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# the usual remark", False),
        ("# " + "noqa", True),
        ("# " + "noqa: S603", True),
        ("# " + "noqa: S603, PLR0912", True),
        ("# " + "noqa: S603 - the command is a constant", False),
        ("# " + "type: ignore[attr-defined]", True),
        ("# " + "type: ignore[attr-defined]  # Linux only, probed above", False),
        ("# " + "pragma: no cover", True),
        ("# " + "pragma: no cover - runs in the forked child", False),
        ("# " + "pragma: no branch", True),
    ],
)
def test_an_exemption_is_recognised(comment: str, expected: bool) -> None:
    """The rule for exemptions tells those with a reason from those without."""
    assert expected == is_unexplained(comment)


def test_every_exemption_gives_its_reason() -> None:
    """Whoever silences a tool says why, on the same line."""
    unexplained = [
        f"{name_of(path)}:{line}: {comment}"
        for path in python_files(*CODE)
        for line, comment in numbered_comments(path.read_text())
        if is_unexplained(comment)
    ]

    assert [] == unexplained


SKIPS = {
    "pytest.skip",
    "pytest.xfail",
    "pytest.importorskip",
    "pytest.mark.skip",
    "pytest.mark.skipif",
    "pytest.mark.xfail",
    "unittest.skip",
}


def skips_without_reason(source: str) -> list[int]:
    """The lines on which a test is given up without a word."""
    tree = ast.parse(source)
    explained = set()
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in SKIPS:
            continue
        words = [word.value for word in call.keywords if word.arg in {"reason", "msg"}]
        if ast.unparse(call.func) in {"pytest.skip", "pytest.xfail", "unittest.skip"}:
            words += call.args[:1]
        if any(not (isinstance(word, ast.Constant) and not word.value) for word in words):
            explained.add(call.func)
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in SKIPS and node not in explained
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("pytest.skip('no cgroup here')", []),
        ("pytest.skip(why)", []),
        ("pytest.skip()", [1]),
        ("pytest.skip('')", [1]),
        ("@pytest.mark.skip\ndef test(): ...", [1]),
        ("@pytest.mark.skipif(True, reason='Linux only')\ndef test(): ...", []),
        ("@pytest.mark.skipif(True)\ndef test(): ...", [1]),
        ("pytest.importorskip('huey')", [1]),
        ("pytest.importorskip('huey', reason='a peer, only in the benchmarks')", []),
    ],
)
def test_a_skip_is_recognised(source: str, expected: list[int]) -> None:
    """The rule for skips tells those with a reason from those without."""
    assert expected == skips_without_reason(source)


def test_every_skip_gives_its_reason() -> None:
    """A test that is given up says what is missing."""
    silent = [
        f"{name_of(path)}:{line}"
        for path in python_files("tests")
        for line in skips_without_reason(path.read_text())
    ]

    assert [] == silent


def test_every_test_is_a_sentence() -> None:
    """Each test says in its docstring what it shows."""
    mute = [
        f"{name_of(path)}:{node.lineno}: {node.name}"
        for path in python_files("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert [] == mute


def records_without_docstring(source: str) -> list[str]:
    """Return the names of the dataclasses that do not say what they are."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        and not ast.get_docstring(node)
        and any(re.match(r"(dataclass|frozen)\b", ast.unparse(d)) for d in node.decorator_list)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@frozen\nclass A:\n    b: int", ["A"]),
        ("@dataclass(frozen=True)\nclass A:\n    b: int", ["A"]),
        ("@frozen\nclass A:\n    'It is told.'", []),
        ("class A:\n    b: int", []),
    ],
)
def test_records_without_docstring_are_found(source: str, expected: list[str]) -> None:
    """The rule for records tells those that say what they are from those that do not."""
    assert expected == records_without_docstring(source)


def test_every_record_says_what_it_is() -> None:
    """Where one does not, `dataclasses` writes its signature there: some 3 ms of each import."""
    mute = [
        f"{name_of(path)}: {name}"
        for path in python_files("src")
        for name in records_without_docstring(path.read_text())
    ]

    assert [] == mute


# ------------------------------------------------------------------------- what no file may contain

MACHINE_PATH = re.compile(r"(?<![\w.~}$-])/(?:(?:work|root)/|home/[a-z])")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cd " + "/" + "work/main", True),
        ("/" + "root/.cache", True),
        ("/" + "home/ann/jobs", True),
        ("$HOME/" + "work/main", False),
        ("https://example.org/" + "work/1", False),
        ("net" + "work/main", False),
        ("framework", False),
    ],
)
def test_a_machine_path_is_recognised(text: str, expected: bool) -> None:
    """The rule for paths tells this machine's from everybody's."""
    assert expected == bool(MACHINE_PATH.search(text))


def lines_that_match(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """No file names a folder that only one machine has."""
    assert [] == lines_that_match(MACHINE_PATH)


def registry_hosts() -> set[str]:
    """The hosts that this machine's package clients are set up with, asked of them."""
    told = ""
    for question in (
        [sys.executable, "-m", "pip", "config", "list"],
        ["npm", "config", "get", "registry"],
    ):
        try:
            told += subprocess.run(
                question, capture_output=True, text=True, timeout=20, check=False
            ).stdout
        except (FileNotFoundError, subprocess.TimeoutExpired):
            continue  # a client that is not here has nothing to tell
    apt = Path("/etc/apt")
    for sources in [apt / "sources.list", *apt.glob("sources.list.d/*")]:
        if sources.is_file():
            told += sources.read_text()
    return hosts_in(told)


def hosts_in(text: str) -> set[str]:
    """The host of each web address in *text*, without user, password and port."""
    found = re.findall(r"https?://(?:[^@/\s'\"]*@)?([^/:\s'\"]+)", text)
    return {host for host in found if "." in host}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("global.index-url='https://me:pw@pkg.example:8080/simple'", {"pkg.example"}),
        ("http://pkg.example/", {"pkg.example"}),
        ("global.index-url='http://localhost/simple'", set()),
        ("global.find-links='/opt/wheels'", set()),
    ],
)
def test_a_host_is_recognised(text: str, expected: set[str]) -> None:
    """The rule for registries takes the host, and no password, out of an address."""
    assert expected == hosts_in(text)


def test_no_file_names_a_package_registry() -> None:
    """Whoever installs from here decides from where: no file names the host of a registry."""
    hosts = registry_hosts()
    pattern = re.compile("|".join(map(re.escape, sorted(hosts))) or r"(?!)")

    assert [] == lines_that_match(pattern)
