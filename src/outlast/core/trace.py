"""The span of whoever asks, as <https://www.w3.org/TR/trace-context/> has it: `VERSION-TRACE-SPAN-FLAGS`."""

from __future__ import annotations

import re
from typing import Final

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

KNOWN_FLAGS: Final = 0b11
"""Sampled, and made by chance; all others are nobody's yet."""


def read_traceparent(text: str | None) -> str | None:
    """
    Return *text* as version 00 has it; None where it makes no sense.

    The standard has it so: who cannot read it begins a trace of their own, and it is no error.
    """
    match = _PARENT.fullmatch((text or "").strip())
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return f"00-{trace}-{span}-{int(flags, 16) & KNOWN_FLAGS:02x}"
