"""The OpenAPI document is true: whoever goes by it, and whoever does not, is answered as it says."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..world import PATIENCE_S, end_all

HERE = Path(__file__).parent
SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))


@pytest.fixture
def url(home: Path, tmp_path: Path) -> Iterator[str]:
    """A service that may be sent anything."""
    with (tmp_path / "log").open("wb") as log:
        argv = [sys.executable, str(HERE / "limited.py")]
        service = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log)
    assert service.stdout is not None
    assert select.select([service.stdout], [], [], PATIENCE_S)[0]
    yield service.stdout.readline().decode().strip()
    service.terminate()
    service.communicate(timeout=PATIENCE_S)
    end_all(home)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_found_by_whoever_asks_everything(url: str, tmp_path: Path) -> None:
    """All checks of schemathesis, on the same requests each time: examples, edges, chance, chains."""
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{url}/openapi.json", "--header", "Authorization: Bearer anybody"),
            *("--checks", "all", "--max-examples", "8", "--generation-deterministic"),
            *("--no-color", "--request-timeout", str(PATIENCE_S)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout[-20_000:] + done.stderr
