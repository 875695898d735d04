"""
Prints the diagrams of the documentation from what they show, so that neither can stray.

`python docs/diagrams.py` prints them all; with `--write` it puts each into its page, between the
markers that name it. `tests/test_diagrams.py` compares the pages with what is printed here.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from outlast.core.moves import MOVES

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"states": "docs/explanation/states.md", "layers": "ARCHITECTURE.md"}
"""Where each diagram stands."""


def states() -> str:
    """The table of moves as a state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(MOVES))}"]
    for status, row in MOVES.items():
        lines += [f"    {status} --> {target}: {event.__name__}" for event, target in row.items()]
        if not row:
            lines.append(f"    {status} --> [*]")
    return "\n".join(lines)


def layers() -> str:
    """The contract that dependencies point inwards: an arrow is "may import"."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (rows,) = (each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    rooms = [re.sub(r"\(?outlast\.(\w+)\)?", r"\1", row).replace(" | ", ", ") for row in rows]
    return "\n".join(
        [
            "flowchart TD",
            *(f'    layer{number}["{names}"]' for number, names in enumerate(rooms)),
            *(f"    layer{number} --> layer{number + 1}" for number in range(len(rooms) - 1)),
        ]
    )


DIAGRAMS = {"states": states, "layers": layers}


def fenced(name: str) -> str:
    """A diagram as it stands in its page, markers included."""
    return (
        f"<!-- diagram {name}: printed by docs/diagrams.py -->\n"
        f"```mermaid\n{DIAGRAMS[name]()}\n```\n"
        f"<!-- end of diagram {name} -->"
    )


def drawn_anew(name: str, page: str) -> str:
    """The text of a page with its diagram as it is now."""
    marked = rf"<!-- diagram {name}: .*?<!-- end of diagram {name} -->"
    text, found = re.subn(marked, lambda _: fenced(name), page, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"the markers of diagram {name} were found {found} times, not once")
    return text


def main(arguments: list[str]) -> None:
    """Print every diagram, or write each into its page."""
    for name, page in PAGES.items():
        if arguments == ["--write"]:
            path = ROOT / page
            path.write_text(drawn_anew(name, path.read_text()))
        else:
            sys.stdout.write(f"{fenced(name)}\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
