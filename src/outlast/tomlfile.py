"""A file of TOML that somebody wrote for us."""

from __future__ import annotations

from typing import Any

from .errors import InvalidRequest


def read(path: str) -> dict[str, Any]:
    """Return what the file at *path* says. Raises `InvalidRequest` where it cannot be read, or is none."""
    try:
        with open(path, "rb") as file:
            import tomllib

            return tomllib.load(file)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise InvalidRequest(f"{path} is not TOML: {error}") from None
