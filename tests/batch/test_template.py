"""Places in a command: which there are, what goes into them, and what is left alone."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.batch.template import PLACES, fill, fill_line, places_in, values_for, with_input

VALUES = values_for("sub/a b.tar.gz", "/in", "/out/sub/a b.txt")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{input}", "/in/sub/a b.tar.gz"),
        ("{output}", "/out/sub/a b.txt"),
        ("{stem}", "a b.tar"),
        ("{name}", "a b.tar.gz"),
        ("{ext}", ".gz"),
        ("{dir}", "/in/sub"),
        ("{path}", "sub/a b.tar.gz"),
        ("{output_dir}", "/out/sub"),
        ("{}", "/in/sub/a b.tar.gz"),
        ("{.}", "/in/sub/a b.tar"),
        ("{/}", "a b.tar.gz"),
        ("{//}", "/in/sub"),
        ("{/.}", "a b.tar"),
        ("-o{stem}.x", "-oa b.tar.x"),
        ("{{input}}", "{input}"),
        ("{{}}", "{}"),
        ("{print $1}", "{print $1}"),
        ("{unknown}", "{unknown}"),
        ("{{ x }}", "{{ x }}"),
    ],
)
def test_a_place_is_filled(word: str, expected: str) -> None:
    """Ours and GNU parallel's; doubled braces are one pair; other braces are the command's own."""
    assert (expected,) == fill([word], VALUES)


def test_a_line_for_the_shell_is_quoted() -> None:
    """So that a name with a space, or with a command in it, is one word."""
    values = values_for("$(rm x) 'y'.txt", "/in", None)

    assert ["cat", "/in/$(rm x) 'y'.txt"] == shlex.split(fill_line("cat {input}", values))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["wc", "-l"], ("wc", "-l", "{input}")),
        (["wc", "{}"], ("wc", "{}")),
        (["sort", "-o", "{output}"], ("sort", "-o", "{output}")),
        (["awk", "{print}"], ("awk", "{print}", "{input}")),
    ],
)
def test_the_input_comes_last_where_nothing_says_where(
    words: list[str], expected: tuple[str, ...]
) -> None:
    """As GNU parallel has it."""
    assert expected == with_input(words)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(NAMES, st.sampled_from(sorted(set(PLACES) - {"output", "output_dir"})))
def test_what_is_filled_in_is_not_filled_again(name: str, place: str) -> None:
    """A name with a place's look in it stays as it is: what goes in is what it stands for."""
    values = values_for(name, "/in", None)

    assert (values[place],) == fill([f"{{{place}}}"], values)
    assert {place} == places_in([f"{{{place}}}"])
