"""What a file is by its content, whatever it is called."""

from __future__ import annotations

import os
import zipfile
from typing import Final

from .verdict import Refused

HEAD_BYTES: Final = 4096
MAX_UNPACKED_BYTES: Final = 2 << 30
"""A document that unpacks to more is no document: a small file may be made to fill a disk."""

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Compound files: Word, Excel and PowerPoint until 2003, and every encrypted one since."""

_IN_ZIP: Final = {
    "word/document.xml": "docx",
    "xl/workbook.xml": "xlsx",
    "ppt/presentation.xml": "pptx",
}
_MIME: Final = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/epub+zip": "epub",
}
_BINARY: Final = frozenset({"docx", "epub", "odt", "pdf", "pptx", "rtf", "xlsx"})
"""Kinds that are known by their first bytes; all others are text, and may be any text."""


def check(path: str, kind: str, *, max_bytes: int) -> None:
    """
    See that the file at *path* is of *kind*, as its name says, and of a size to be read.

    Raises:
        Refused: It is empty, too large, encrypted, damaged, or something else.
    """
    size = os.path.getsize(path)
    if size > max_bytes:
        raise Refused("too_large", f"it has {size:,} bytes, and {max_bytes:,} is the most")
    if size == 0:
        raise Refused("no_text", "the file is empty")
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    found = _kind(path, head)
    if found == "ole":
        _refuse_ole(path, kind)
    if found == kind or (found == "text" and kind not in _BINARY):
        return
    if found == "unknown":
        raise Refused("damaged" if kind in _BINARY else "misnamed", f"this is no {kind}")
    told = "text" if found == "text" else f"a {found}"
    raise Refused("misnamed", f"it is called a {kind}, and is {told}")


def _kind(path: str, head: bytes) -> str:
    if b"%PDF-" in head[:1024]:  # readers take it anywhere there (ISO 32000, annex H)
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(OLE):
        return "ole"
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    return "unknown" if b"\0" in head and not _is_utf_16(head) else "text"


def _is_utf_16(head: bytes) -> bool:
    return head.startswith((b"\xff\xfe", b"\xfe\xff"))


def _kind_of_zip(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_UNPACKED_BYTES:
                raise Refused("too_large", f"it unpacks to {unpacked:,} bytes")
            names = {entry.filename for entry in entries}
            if "mimetype" in names:
                kind = _MIME.get(archive.read("mimetype")[:100].strip())
                if kind is not None:
                    return kind
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
        raise Refused("damaged", f"it cannot be unpacked: {error}") from None
    return next((kind for name, kind in _IN_ZIP.items() if name in names), "zip")


def _refuse_ole(path: str, kind: str) -> None:
    with open(path, "rb") as file:
        data = file.read(1 << 20)
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Refused("encrypted", "it wants a password")
    raise Refused("misnamed", f"it is called a {kind}, and is an Office file of before 2007")
