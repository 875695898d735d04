"""Text for a terminal: nothing in it can steer one."""

from __future__ import annotations


def plain(text: str, *, keep: str = "") -> str:
    """Return *text* with control characters, and bytes that are no UTF-8, written out."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )
