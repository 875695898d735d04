"""Conversions of real documents: each in its own job, and each bad one told by its reason."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pypdf
import pytest

from outlast.convert.routes import KINDS, TARGETS, kind_of, parts_for
from outlast.convert.sniff import check
from outlast.convert.verdict import CODES, Refused

from .conftest import Folder
from .documents import BAD, MARKDOWN, make_bad, make_documents, make_pdf
from .documents import convert as make

pytestmark = pytest.mark.slow  # documents, each by a process of its own

WAIT = ("--wait", "100s")


def convert(to: str, source: Path, made: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the converter's process on one document."""
    argv = [sys.executable, "-m", "outlast.convert", "--to", to, *options, str(source), str(made)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good document of each kind."""
    folder = tmp_path_factory.mktemp("originals")
    text = folder / "a.md"
    text.write_text(MARKDOWN.format(number=7))
    for kind in ("docx", "html", "odt", "rtf", "epub", "pptx", "rst", "org", "ipynb", "tex"):
        make(text, folder / f"a.{kind}")
    (folder / "a.pdf").write_bytes(make_pdf("Report 7"))
    (folder / "a.txt").write_text("Report 7\n")
    (folder / "a.csv").write_text("Report,7\n1,2\n")
    (folder / "a.tsv").write_text("Report\t7\n1\t2\n")
    return folder


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"xlsx"}))
def test_every_kind_becomes_every_other(
    originals: Path, tmp_path: Path, kind: str, to: str
) -> None:
    """And what was written is in it."""
    made = tmp_path / f"made.{to}"
    done = convert(to, originals / f"a.{kind}", made)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["made." + to] == [path.name for path in tmp_path.iterdir()]
    text = text_of(made)
    assert "Report" in text
    assert "7" in text


def text_of(path: Path) -> str:
    """What a reader finds in a document."""
    if path.suffix == ".pdf":
        return "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    if path.suffix == ".docx":
        plain = path.with_suffix(".again.txt")
        assert 0 == convert("txt", path, plain).returncode
        return plain.read_text()
    return path.read_text()


@pytest.mark.parametrize(("name", "word"), BAD.items())
def test_a_bad_document_is_told_by_its_reason(
    bad_documents: Path, tmp_path: Path, name: str, word: str
) -> None:
    """By exit code for programs, in words for people; and nothing is made."""
    done = convert("md", bad_documents / name, tmp_path / "made.md")

    assert word == CODES[done.returncode]
    assert done.stderr.startswith(f"{word}: ")
    assert [] == list(tmp_path.iterdir())


@pytest.fixture(scope="session")
def bad_documents(tmp_path_factory: pytest.TempPathFactory, originals: Path) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "docx-0.docx").write_bytes((originals / "a.docx").read_bytes())
    make_bad(folder)
    return folder


def test_a_document_that_fills_the_memory_is_told(tmp_path: Path) -> None:
    """Its process is limited, and no other one."""
    source = tmp_path / "large.csv"
    source.write_text("a,b,c,d\n" * 400_000)
    done = convert("html", source, tmp_path / "made.html", "--memory", str(400 << 20))

    assert "memory_limit" == CODES[done.returncode], done.stderr
    assert not (tmp_path / "made.html").exists()


def test_text_keeps_its_characters(tmp_path: Path) -> None:
    """What means something in Markdown or HTML means nothing in a text."""
    source = tmp_path / "a.txt"
    source.write_text("# not a title\n\n<b>*not bold*</b> & [x](y)\n")
    convert("md", source, tmp_path / "a.md")
    convert("txt", tmp_path / "a.md", tmp_path / "again.txt")

    assert source.read_text() == (tmp_path / "again.txt").read_text()


def test_a_document_reads_no_file_and_asks_no_host(tmp_path: Path) -> None:
    """Whatever it refers to: it is only converted."""
    (tmp_path / "secret").write_text("secret words")
    source = tmp_path / "a.rst"
    source.write_text(f"before\n\n.. include:: {tmp_path}/secret\n\nafter\n")
    made = tmp_path / "a.txt"
    done = convert("txt", source, made)

    assert done.returncode != 0 or "secret" not in made.read_text()


def test_what_is_bad_is_found_without_reading_all_of_it(bad_documents: Path) -> None:
    """A bomb is not unpacked to be recognised as one."""
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="unpacks to"):
            check(str(bad_documents / "bomb.docx"), "docx", max_bytes=1 << 30)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.DOCX", "docx"), ("a.htm", "html"), ("a.png", None), ("a", None), ("a.tar.md", "md")],
)
def test_a_kind_is_told_by_the_extension(name: str, expected: str | None) -> None:
    """Of those that can be read."""
    assert expected == kind_of(name)


def test_nothing_is_needed_to_copy() -> None:
    """A document that is already what it is to become."""
    assert () == parts_for("pdf", "pdf")
    assert ("pypdf", "pandoc", "typst") == (*parts_for("pdf", "docx"), "typst")


@pytest.mark.timeout(1000)
def test_two_hundred_documents(folder: Folder) -> None:
    """All good ones are converted, each bad one has its reason, and none takes another down."""
    good = make_documents(folder.inputs)
    given = ("convert", "--to", "txt", "--keep-name", "-o", str(folder.out), str(folder.inputs))
    done = folder.cli(*given, "--wait", "1s")
    assert good >= 200
    assert done.code in (0, 1)
    folder.file = folder.out / "manifest.json"
    for _ in range(12):
        if folder.batch("collect", "--wait", "60s", str(folder.file)).data["terminal"]:
            break
    codes = folder.column("error_code")

    assert BAD == {name: code for name, code in codes.items() if code}
    assert good == sum(code is None for code in codes.values())
    assert all((folder.out / f"{name}.txt").stat().st_size for name in set(codes) - set(BAD))
    again = folder.cli(*given, "--wait", "1s")
    assert (1, 0, good + len(BAD)) == (
        again.code,
        again.data["submitted"],
        again.data["attached"],
    )


def test_a_document_that_takes_too_long_is_ended(folder: Folder) -> None:
    """At its own limit, which is not the batch's."""
    (folder.inputs / "a.csv").write_text("a,b,c,d\n" * 3_000_000)
    (folder.inputs / "b.md").write_text("short")
    given = ("--timeout", "8s", "--keep-name", "-o", str(folder.out), str(folder.inputs))
    folder.cli("convert", "--to", "html", *WAIT[:1], "25s", *given)
    folder.file = folder.out / "manifest.json"

    assert {"a.csv": "timeout", "b.md": None} == folder.column("error_code")


def test_what_cannot_be_read_is_left_out_and_told(folder: Folder) -> None:
    """Of a folder; named itself, it is refused."""
    (folder.inputs / "a.md").write_text("text")
    (folder.inputs / "a.png").write_bytes(b"\x89PNG")
    given = ("--to", "txt", "-o", str(folder.out))
    done = folder.cli("convert", *given, *WAIT, str(folder.inputs))

    assert (0, 1) == (done.code, done.data["total"])
    assert "a.png" in done.talk
    assert 2 == folder.cli("convert", *given, str(folder.inputs / "a.png")).code


def test_the_routes_are_told(folder: Folder) -> None:
    """What becomes what, by what, and what is missing for it."""
    routes = folder.cli("convert", "--routes").data["routes"]

    assert len(KINDS) * len(TARGETS) == len(routes)
    assert {"from": "pdf", "to": "md", "by": ["pypdf", "pandoc"], "missing": []} in routes


def test_a_plan_is_told_and_nothing_done(folder: Folder) -> None:
    """`--dry-run`."""
    (folder.inputs / "a.docx").write_bytes(b"PK")
    done = folder.cli(
        "convert", "--dry-run", "--to", "md", "-o", str(folder.out), str(folder.inputs)
    )

    assert [("a.docx", "a.md")] == [
        (item["source_file_path"], item["output_path"]) for item in done.data["plan"]
    ]
    assert not folder.out.exists()
