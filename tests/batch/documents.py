"""Two hundred real documents of every kind, and some that are no good. Made once, by what is tested."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path
from typing import Final

import pypdf
import typst
from pypandoc import get_pandoc_path  # type: ignore[import-untyped]  # it has no types

MARKDOWN: Final = """\
# Report {number}

Prices rose by *{number} %* in the north; the south was calm. Größe, naïve, 5 < 6 & 7 > 6.

| item | price |
|------|-------|
| tea  | {number} |
| salt | 2     |

- first
- second, with a [link](https://example.org/{number})
"""
MADE_FROM_MARKDOWN: Final = (
    "docx",
    "html",
    "odt",
    "rtf",
    "epub",
    "pptx",
    "rst",
    "org",
    "ipynb",
    "tex",
)
EACH: Final = 15

BAD: Final = {
    "damaged.pdf": "damaged",
    "damaged.docx": "damaged",
    "noise.pdf": "damaged",
    "encrypted.pdf": "encrypted",
    "encrypted.docx": "encrypted",
    "scanned.pdf": "no_text",
    "empty.txt": "no_text",
    "empty.docx": "no_text",
    "really-a-pdf.docx": "misnamed",
    "really-a-docx.pdf": "misnamed",
    "really-old.xlsx": "misnamed",
    "bomb.docx": "too_large",
    "huge.txt": "too_large",
}
"""Each bad document, and the reason it is refused for."""


def make_documents(folder: Path) -> int:
    """Write them into *folder*, and return how many are good."""
    text = folder / "source.md"
    for number in range(EACH):
        text.write_text(MARKDOWN.format(number=number))
        for kind in MADE_FROM_MARKDOWN:
            convert(text, folder / f"{kind}-{number}.{kind}")
        (folder / f"md-{number}.md").write_text(text.read_text())
        (folder / f"txt-{number}.txt").write_text(f"Plain {number}\n\n* no list\n")
        (folder / f"csv-{number}.csv").write_text(f"item,price\ntea,{number}\n")
        (folder / f"pdf-{number}.pdf").write_bytes(make_pdf(f"Report {number}\n\nSome text."))
    text.unlink()
    good = len(list(folder.iterdir()))
    make_bad(folder)
    return good


def convert(source: Path, to: Path) -> None:
    """Have Pandoc make a document of Markdown."""
    argv = [get_pandoc_path(), "--from", "gfm", "--standalone", "--metadata", "title=t"]
    subprocess.run([*argv, "--output", str(to), str(source)], check=True, capture_output=True)


def make_pdf(markup: str) -> bytes:
    return bytes(typst.compile(markup.encode()))


def make_bad(folder: Path) -> None:
    """Write one document for each reason to refuse one."""
    pdf, docx = make_pdf("Some text."), (folder / "docx-0.docx").read_bytes()
    (folder / "damaged.pdf").write_bytes(pdf[: len(pdf) // 3])
    (folder / "damaged.docx").write_bytes(docx[: len(docx) // 2])
    (folder / "noise.pdf").write_bytes(bytes(range(256)) * 20)
    (folder / "encrypted.pdf").write_bytes(with_password(pdf))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
    (folder / "encrypted.docx").write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    (folder / "really-old.xlsx").write_bytes(ole)
    (folder / "scanned.pdf").write_bytes(make_pdf("#rect(width: 4cm, height: 4cm, fill: gray)"))
    (folder / "empty.txt").touch()
    convert_nothing(folder / "empty.docx")
    (folder / "really-a-pdf.docx").write_bytes(pdf)
    (folder / "really-a-docx.pdf").write_bytes(docx)
    with (
        zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as file,
    ):
        for _ in range(2100):
            file.write(bytes(1 << 20))
    with open(folder / "huge.txt", "wb") as huge:
        huge.truncate(300 << 20)  # a hole: it takes no room on the disk


def with_password(pdf: bytes) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf))
    writer.encrypt("a password", algorithm="RC4-128")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def convert_nothing(to: Path) -> None:
    """Make a document with nothing in it, not so much as a title."""
    argv = [get_pandoc_path(), "--from", "gfm", "--output", str(to), "/dev/null"]
    subprocess.run(argv, check=True, capture_output=True)
