"""The command of a batch, with places in it for what differs from input to input."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final

PLACES: Final[Mapping[str, str]] = {
    "input": "the input file, absolute",
    "output": "the output file, absolute",
    "stem": "the input's name without its last extension",
    "name": "the input's name",
    "ext": "the input's last extension, with its dot",
    "dir": "the folder that the input is in",
    "path": "the input, relative to the folder that was given",
    "output_dir": "the folder that the output goes to",
    "": "as GNU parallel: the input",
    ".": "as GNU parallel: the input without its last extension",
    "/": "as GNU parallel: the input's name",
    "//": "as GNU parallel: the folder that the input is in",
    "/.": "as GNU parallel: the input's name without its last extension",
}
"""What may stand between braces. Braces around anything else are the command's own."""

OUTPUT_PLACES: Final = frozenset({"output", "output_dir"})

_NAMES: Final = "|".join(map(re.escape, PLACES))
_PLACE: Final = re.compile(rf"\{{\{{({_NAMES})\}}\}}|\{{({_NAMES})\}}")


def values_for(path: str, root: str, output: str | None) -> dict[str, str]:
    """Return what the places stand for: of the input *path* below *root*, and its *output*."""
    whole = os.path.join(root, path)
    folder, name = os.path.split(whole)
    stem, ext = os.path.splitext(name)
    values = {
        "input": whole,
        "stem": stem,
        "name": name,
        "ext": ext,
        "dir": folder,
        "path": path,
        "": whole,
        ".": os.path.join(folder, stem),
        "/": name,
        "//": folder,
        "/.": stem,
    }
    if output is not None:
        values |= {"output": output, "output_dir": os.path.dirname(output)}
    return values


def places_in(words: Sequence[str]) -> frozenset[str]:
    """Return the places that *words* have."""
    found = (match[2] for word in words for match in _PLACE.finditer(word))
    return frozenset(name for name in found if name is not None)


def with_input(words: Sequence[str]) -> tuple[str, ...]:
    """Return *words*, with the input at the end where no place says where anything goes."""
    return tuple(words) if places_in(words) else (*words, "{input}")


def fill(words: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return *words* with each place filled; `{{input}}` gives `{input}` itself."""
    return tuple(_fill(word, values, str) for word in words)


def fill_line(line: str, values: Mapping[str, str]) -> str:
    """Return a line for the shell with each place filled, quoted as one word of the shell's."""
    return _fill(line, values, shlex.quote)


def _fill(text: str, values: Mapping[str, str], quoted: Callable[[str], str]) -> str:
    def put(match: re.Match[str]) -> str:
        literal, name = match[1], match[2]
        return f"{{{literal}}}" if name is None else quoted(values[name])

    return _PLACE.sub(put, text)
