"""Why a document could not be converted: a word for programs, and the exit code that stands for it."""

from __future__ import annotations

from typing import Final

CODES: Final = {
    101: "damaged",
    102: "encrypted",
    103: "no_text",
    104: "misnamed",
    105: "too_large",
    106: "memory_limit",
    107: "unsupported",
    108: "converter_missing",
}
"""Exit codes of the converter's process; the words are error codes of the manifest."""


class Refused(Exception):
    """A document that cannot be converted. *word* is one of `CODES`."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word
        self.exit_code = next(code for code, known in CODES.items() if known == word)
