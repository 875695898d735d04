"""The diagrams in the documentation, compared with what they show."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from outlast.core.moves import MOVES

pytestmark = pytest.mark.slow  # about the repository, which is the same under any Python

ROOT = Path(__file__).resolve().parent.parent


def load() -> ModuleType:
    """`docs/diagrams.py`, which is a script and no part of the package."""
    spec = importlib.util.spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


diagrams = load()


@pytest.mark.parametrize("name", diagrams.DIAGRAMS)
def test_a_page_shows_what_is_so(name: str) -> None:
    """Each page holds its diagram as it is printed now; `docs/diagrams.py --write` sees to it."""
    page = (ROOT / diagrams.PAGES[name]).read_text()

    assert diagrams.drawn_anew(name, page) == page


def test_the_states_are_drawn_move_by_move() -> None:
    """Each move of the table is one arrow, and each end leads out."""
    drawn = diagrams.states().splitlines()[2:]

    assert len(drawn) == sum(len(row) or 1 for row in MOVES.values())
    assert "    running --> running: ShimLost" in drawn
    assert "    cancelled --> [*]" in drawn


def test_the_layers_are_drawn_from_the_contract() -> None:
    """The first layer is the doors, the last is the errors, and arrows go down."""
    drawn = diagrams.layers().splitlines()

    assert '    layer0["doors"]' == drawn[1]
    assert any(line.endswith('["errors"]') for line in drawn)
    assert "    layer0 --> layer1" in drawn


def test_a_page_that_lost_its_markers_is_told() -> None:
    """A diagram is never silently left out of its page."""
    with pytest.raises(ValueError, match="found 0 times"):
        diagrams.drawn_anew("states", "a page without markers")
