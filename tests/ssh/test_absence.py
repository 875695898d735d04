"""How long a host has been away, and when it is tried again."""

from __future__ import annotations

from outlast.executors.ssh.absence import SURE_S, Absence


def test_each_pause_is_twice_as_long_up_to_the_longest() -> None:
    """And none, once the host is there again."""
    absence = Absence()
    pauses = []
    for now in range(8):
        absence.note(now, longest_s=10)
        pauses.append(absence.pause_s)
    absence.end()

    assert [0.5, 1, 2, 4, 8, 10, 10, 10] == pauses
    assert 0 == absence.pause_s


def test_nobody_is_given_up_at_the_first_try_in_vain() -> None:
    """This machine may have slept: what it did not see counts for nothing, however late it is."""
    absence = Absence()
    absence.note(1000, longest_s=10)

    assert not absence.is_sure(1000, 5)
    assert absence.is_sure(1005, 5)
    assert not absence.is_sure(1000 + SURE_S - 1, 3600)
    assert absence.is_sure(1000 + SURE_S, 3600)
    absence.end()
    assert not absence.is_sure(5000, 0)
