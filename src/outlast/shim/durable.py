"""Small files that are there whole or not at all, whatever dies in between."""

from __future__ import annotations

import os


def write(path: str, data: bytes, mode: int = 0o600) -> None:
    """Put *data* at *path*, on the disk by the time that this returns, with exactly that *mode*."""
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(fd, mode)
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(f"{path}.new", path)
