"""Waiting for files to grow."""

from __future__ import annotations

import select
from pathlib import Path

from outlast.engine.growth import Growth


def test_a_file_that_grew_is_told_until_it_was_cleared(tmp_path: Path) -> None:
    """Also one that was made only after it had been asked for."""
    path = tmp_path / "stdout"
    growth = Growth()
    assert growth.fd is not None
    try:
        growth.watch([str(path)])
        path.write_bytes(b"before anybody watched")
        growth.watch([str(path)])
        growth.clear()
        with path.open("ab") as file:
            file.write(b"more")
        told = select.select([growth.fd], [], [], 5)[0]
        growth.clear()
        still = select.select([growth.fd], [], [], 0)[0]
    finally:
        growth.close()
    growth.close()

    assert ([True], [], None) == ([bool(told)], still, growth.fd)
