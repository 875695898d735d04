"""Values that are defined without source: they are what the standard library's own would be."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from outlast.core.frozen import frozen


class Plain:
    """What both kinds below are made from."""

    name: str
    size: int = 1
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="s", repr=False)
    note: str = field(default="", compare=False)

    @property
    def twice(self) -> int:
        return 2 * self.size


def _made(how: Any) -> Any:
    space = {"__annotations__": dict(Plain.__annotations__), "__doc__": Plain.__doc__}
    space |= {name: vars(Plain)[name] for name in ("size", "tags", "secret", "note", "twice")}
    return how(type("Plain", (), {**space, "__qualname__": "Plain", "__module__": __name__}))


Theirs = _made(dataclass(frozen=True, kw_only=True))
Ours = _made(frozen)


@frozen
class Base:
    """Has a field, and is inherited from."""

    at: int


class Named(Base):
    """No field of its own."""


@frozen
class More(Base):
    """One more field, that is said, before one that need not be."""

    by: str
    to: str | None = None


@pytest.mark.parametrize("given", [{"name": "a"}, {"name": "b", "size": 3, "tags": ["x"]}])
def test_it_is_what_the_standard_library_makes(given: dict[str, Any]) -> None:
    """Fields, defaults, text, copies with a change, and a mapping of it."""
    theirs, ours = Theirs(**given), Ours(**given)

    assert repr(theirs) == repr(ours)
    assert asdict(theirs) == asdict(ours)
    assert repr(replace(theirs, size=9)) == repr(replace(ours, size=9))
    assert [each.name for each in fields(theirs)] == [each.name for each in fields(ours)]
    assert is_dataclass(ours)
    assert theirs.twice == ours.twice


@pytest.mark.parametrize("kind", [Theirs, Ours], ids=["theirs", "ours"])
def test_what_is_made_for_one_is_not_anothers(kind: Any) -> None:
    """A default that is made is made anew."""
    assert kind(name="a").tags is not kind(name="a").tags


@pytest.mark.parametrize(
    "given", [{}, {"size": 1}, {"name": "a", "colour": "red"}, {"size": 1, "colour": "red"}]
)
@pytest.mark.parametrize("kind", [Theirs, Ours], ids=["theirs", "ours"])
def test_its_fields_are_all_given_and_no_others(kind: Any, given: dict[str, Any]) -> None:
    """A missing one and an unknown one do not make up for each other."""
    with pytest.raises(TypeError, match=r"name|colour"):
        kind(**given)


@pytest.mark.parametrize("kind", [Theirs, Ours], ids=["theirs", "ours"])
def test_nothing_changes_it(kind: Any) -> None:
    """Neither a field nor anything else is set or removed."""
    one = kind(name="a")
    with pytest.raises(FrozenInstanceError, match="assign to field 'size'"):
        one.size = 2
    with pytest.raises(FrozenInstanceError, match="delete field 'size'"):
        del one.size

    assert 1 == one.size


@pytest.mark.parametrize("kind", [Theirs, Ours], ids=["theirs", "ours"])
def test_what_is_not_compared_makes_no_other(kind: Any) -> None:
    """A field may be left out of what tells values apart."""
    assert kind(name="a", note="x") == kind(name="a", note="y")


def test_it_is_told_apart_by_kind_and_fields() -> None:
    """Equal ones have one hash; another kind with the same fields is another."""
    same, other = Base(at=1), Named(at=1)

    assert Base(at=1) == same
    assert hash(Base(at=1)) == hash(same)
    assert Base(at=2) != same
    assert other != same
    assert Named(at=1) == other
    assert "Named(at=1)" == repr(other)


def test_a_field_is_inherited() -> None:
    """Before its own, and all of them are given by name: in any order."""
    assert "More(at=1, by='me', to=None)" == repr(More(by="me", at=1))
    with pytest.raises(TypeError, match="it lacks 'at'"):
        More(by="me")  # type: ignore[call-arg]  # what is tried


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_it_can_be_copied(again: Any) -> None:
    """By whoever copies anything: an equal one comes of it."""
    assert More(at=1, by="me") == again(More(at=1, by="me"))
