"""Where the service listens: a socket that is nobody else's, in a folder where nobody else writes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from outlast.doors.http.listening import bind_unix, is_exposed
from outlast.errors import InvalidRequest


def test_a_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    """Whatever umask there is; of the folders above, those like /tmp do."""
    with bind_unix(str(tmp_path / "s")):
        assert 0o600 == stat.S_IMODE((tmp_path / "s").stat().st_mode)


@pytest.mark.parametrize(
    ("folder", "above"), [(0o777, 0o755), (0o775, 0o755), (0o1777, 0o755), (0o755, 0o777)]
)
def test_no_socket_is_put_where_others_can_put_theirs(
    tmp_path: Path, folder: int, above: int
) -> None:
    """Into the folder, or in the folder's place; a link to it hides nothing. Nothing is left there."""
    place = tmp_path / "above" / "folder"
    place.mkdir(parents=True)
    (tmp_path / "link").symlink_to(place)
    place.chmod(folder)
    place.parent.chmod(above)

    with pytest.raises(InvalidRequest, match="others can write to") as told:
        bind_unix(str(tmp_path / "link" / "s"))

    assert f"chmod go-w {place if above == 0o755 else place.parent}" in str(told.value.suggestion)
    assert [] == list(place.iterdir())


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [
        (None, None, False),
        ("127.0.0.1", None, False),
        ("localhost", "http://localhost:8642", False),
        ("0.0.0.0", None, True),
        ("127.0.0.1", "https://jobs.example.com", True),
        (None, "https://jobs.example.com", True),
    ],
)
def test_it_is_known_whether_other_machines_reach_it(
    host: str | None, url: str | None, expected: bool
) -> None:
    """By its address, or by way of a proxy at another one."""
    assert expected is is_exposed(host, url)
