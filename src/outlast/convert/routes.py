"""Which kinds of documents there are, which become which, and by what."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Final

TARGETS: Final = {"md": ".md", "html": ".html", "docx": ".docx", "pdf": ".pdf", "txt": ".txt"}
"""What a document can become, and the extension of that."""

PANDOC_READS: Final[Mapping[str, str]] = {
    "csv": "csv",
    "docx": "docx",
    "epub": "epub",
    "html": "html",
    "ipynb": "ipynb",
    "md": "gfm",
    "odt": "odt",
    "org": "org",
    "pptx": "pptx",
    "rst": "rst",
    "rtf": "rtf",
    "tex": "latex",
    "tsv": "tsv",
    "xlsx": "xlsx",
}
"""Kinds, and what Pandoc calls them (`pandoc --list-input-formats`)."""

PANDOC_WRITES: Final[Mapping[str, str]] = {
    "md": "gfm",
    "html": "html5",
    "docx": "docx",
    "pdf": "typst",
    "txt": "plain",
}

KINDS: Final = (*sorted(PANDOC_READS), "pdf", "txt")
"""Every kind that can be read. A kind is the extension that its files have."""

_ALIASES: Final = {"htm": "html", "xhtml": "html", "markdown": "md", "text": "txt", "log": "txt"}

PACKAGES: Final = {"pandoc": "pypandoc", "pypdf": "pypdf", "typst": "typst"}
"""The parts that do the work, and the module that each is installed as."""


def kind_of(path: str) -> str | None:
    """Return the kind that a file's name says it is; None for one that cannot be read."""
    ext = os.path.splitext(path)[1].lower().removeprefix(".")
    kind = _ALIASES.get(ext, ext)
    return kind if kind in KINDS else None


def parts_for(kind: str, to: str) -> tuple[str, ...]:
    """Return the parts that lead from *kind* to the target *to*, in their order."""
    if kind == to:
        return ()
    read = ("pypdf",) if kind == "pdf" else ()
    if to == "txt" and kind == "pdf":
        return read
    return (*read, "pandoc", *(("typst",) if to == "pdf" else ()))


def missing_parts(parts: Collection[str]) -> list[str]:
    """Return those of *parts* that are not installed."""
    from importlib.util import find_spec

    return [part for part in parts if find_spec(PACKAGES[part]) is None]
