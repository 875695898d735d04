"""
The process that converts one document: `python -m outlast.convert --to md INPUT OUTPUT`.

A process of its own for each, so that a document that fills the memory, runs for ever or crashes
its reader takes nothing with it. The output is there wholly or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import resource
import shutil
import subprocess
import sys
import tempfile

from .pdf import read_pages
from .routes import PANDOC_READS, PANDOC_WRITES, TARGETS, kind_of, missing_parts, parts_for
from .sniff import check
from .verdict import Refused

MAX_BYTES = 256 << 20
"""Of an input. What a document of that size needs is more than the memory limit's default."""

HEAP_SHARE = 0.75
"""What Pandoc may use of the memory: the rest is what it reads and writes."""

TITLE_APART = frozenset({"docx", "latex", "odt", "org", "rst"})
"""Formats whose title Pandoc takes out of the text; Markdown and plain text would be without it."""

OUT_OF_HEAP = 251
"""Pandoc's exit code when its heap is full (GHC's runtime, EXIT_HEAPOVERFLOW)."""


def main() -> int:
    """Convert, and return the exit code: 0, or what `verdict` has for the reason."""
    parser = argparse.ArgumentParser(prog="python -m outlast.convert")
    parser.add_argument("--to", required=True, choices=TARGETS)
    parser.add_argument("--memory", type=int, help="bytes of address space, of each process")
    parser.add_argument("--max-bytes", type=int, default=MAX_BYTES)
    parser.add_argument("input")
    parser.add_argument("output")
    asked = parser.parse_args()
    if asked.memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (asked.memory, asked.memory))
    try:
        return _convert(asked)
    except Refused as refused:
        print(f"{refused.word}: {refused}", file=sys.stderr)  # noqa: T201 - a program's way to say why
        return refused.exit_code
    except MemoryError:
        print("memory_limit: it needs more memory than it may use", file=sys.stderr)  # noqa: T201 - as above
        return Refused("memory_limit", "").exit_code


def _convert(asked: argparse.Namespace) -> int:
    kind = kind_of(asked.input)
    if kind is None:
        raise Refused("unsupported", "nothing here reads such a file")
    check(asked.input, kind, max_bytes=asked.max_bytes)
    if missing := missing_parts(parts_for(kind, asked.to)):
        raise Refused("converter_missing", f"{', '.join(missing)}: pip install 'outlast[convert]'")
    folder, name = os.path.split(os.path.abspath(asked.output))
    with tempfile.TemporaryDirectory(prefix=f".{name[:100]}.", dir=folder) as work:
        made = os.path.join(work, f"made{TARGETS[asked.to]}")
        source = os.path.abspath(asked.input)
        _make(kind, asked.to, source, made, work=work, memory=asked.memory)
        os.replace(made, asked.output)
    return 0


def _make(kind: str, to: str, source: str, made: str, *, work: str, memory: int | None) -> None:
    if kind == to:
        shutil.copyfile(source, made)
        return
    if kind == "pdf":
        pages = read_pages(source)
        if to == "txt":
            with open(made, "w", encoding="utf-8", errors="replace") as file:
                file.write("\n\f\n".join(page.strip("\n") for page in pages) + "\n")
            return
        source, reader = _as_html("\n\n".join(pages), work), "html"
    elif kind == "txt":
        with open(source, encoding="utf-8", errors="replace") as file:
            source, reader = _as_html(file.read(), work), "html"
    else:
        reader = PANDOC_READS[kind]
    written = os.path.join(work, "written.typ") if to == "pdf" else made
    _pandoc(source, reader, to, written, work=work, memory=memory)
    if to == "pdf":
        _typst(written, made, work)
    elif to in ("md", "txt") and not _has_text(made):
        raise Refused("no_text", "there is no text in it")


def _as_html(text: str, work: str) -> str:
    """Write text as a page of paragraphs, and return its path: so no character means anything."""
    path = os.path.join(work, "text.html")
    blocks = [block for block in text.replace("\0", "\ufffd").split("\n\n") if block.strip()]
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        file.write('<!DOCTYPE html><meta charset="utf-8">\n')
        file.writelines(f"<p>{html.escape(block.strip())}</p>\n" for block in blocks)
    return path


def _pandoc(source: str, reader: str, to: str, made: str, *, work: str, memory: int | None) -> None:
    from pypandoc import get_pandoc_path  # type: ignore[import-untyped]  # it has no types

    # The sandbox: a document reads no file and asks no host, whatever it says.
    argv = [get_pandoc_path(), "--sandbox", "--from", reader, "--to", PANDOC_WRITES[to]]
    argv += ["--output", made, "--wrap", "none"]
    if to in ("html", "docx", "pdf"):
        argv.append("--standalone")
    if to in ("md", "txt") and reader in TITLE_APART:
        argv += ["--lua-filter", os.path.join(os.path.dirname(__file__), "title.lua")]
    if to == "html":
        title = os.path.splitext(os.path.basename(source))[0]
        argv += ["--embed-resources", "--metadata", f"pagetitle={title}"]
    if to == "pdf":
        argv += ["--extract-media", "."]  # names in the document are relative to the folder
    if memory is not None:
        argv += ["+RTS", f"-M{int(memory * HEAP_SHARE)}", "-RTS"]
    done = subprocess.run([*argv, source], capture_output=True, cwd=work, check=False)
    if done.returncode == 0:
        return
    told = done.stderr.decode(errors="replace").strip()
    lines = told.splitlines()[:3] or [f"Pandoc ended with {done.returncode}"]
    if done.returncode == OUT_OF_HEAP or "memory" in told.lower():
        raise Refused("memory_limit", lines[0])
    raise Refused("damaged", " ".join(lines))


def _typst(source: str, made: str, work: str) -> None:
    import typst

    try:
        typst.compile(source, output=made, root=work)
    except RuntimeError as error:
        raise Refused("damaged", f"Typst makes no PDF of it: {str(error)[:500]}") from None


def _has_text(path: str) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return any(line.strip() for line in file)
    return False


if __name__ == "__main__":
    sys.exit(main())
