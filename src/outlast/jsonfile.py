"""A file of JSON that is replaced as a whole: whoever reads finds the old or the new, after any death."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any


def write(path: str, data: Any) -> None:
    """Have the file at *path* say *data*. On disk when this returns. Raises OSError."""
    with open(f"{path}.new", "w") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    with contextlib.suppress(OSError):  # not every file system takes a folder
        fd = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
