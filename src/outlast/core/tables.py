"""The tables of the file of settings. Read only where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .secret import read_secrets


def read_tables(tables: Mapping[str, Any], path: str, faults: list[str]) -> dict[str, Any]:
    """Return what the tables of the file at *path* say, by their names; tells what is wrong."""
    values: dict[str, Any] = {}
    if tables.get("secrets"):
        values["secrets"] = read_secrets(tables["secrets"], f"{path}: ", faults)
    if "webhooks" in tables:
        from .webhooksettings import read_settings

        values["webhooks"] = read_settings(tables["webhooks"], f"{path}: ", faults)
    return values
