"""`outlast hosts list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ....framework.lazy import verb
from ..spec import ssh_options

if TYPE_CHECKING:
    from ....core.hostspec import HostSpec
    from ....core.inventory import Inventory
    from ....framework.caller import Caller
    from ....settings import Settings


@verb(
    "list",
    here=True,
    epilog="""
    outlast hosts list
    outlast hosts list web label:role=db
    """,
)
@click.argument("names", metavar="[HOST|GROUP...]", nargs=-1)
@ssh_options
def list_(caller: Caller, names: tuple[str, ...]) -> int:
    """
    List the hosts of the inventory, with what is in force for each.

    Nobody is asked anything. A HOST may be a group, label:NAME=VALUE, or all.
    """
    from ....inventory import load_inventory, select

    inventory = load_inventory(caller.settings)
    hosts = select(caller.settings, names)[0] if names else list(inventory.hosts)
    rows = [_row(host, inventory, caller.settings) for host in hosts]
    caller.answer(
        lambda: {"inventory": inventory.path, "hosts": rows},
        lambda: _table(rows),
        warnings=_warnings(inventory),
    )
    return 0


def _warnings(inventory: Inventory) -> list[str]:
    if inventory.path is not None:
        return []
    return ["there is no inventory: write hosts.toml in the home, or name a file by --inventory"]


def _row(name: str, inventory: Inventory, settings: Settings) -> dict[str, Any]:
    from ....core.hosts import parse_host
    from ....core.hostspec import HostSpec
    from ....core.limits import to_ms
    from ....errors import InvalidRequest

    known: HostSpec = inventory.known([name]).get(name, HostSpec())
    try:
        named = parse_host(name)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    clocks = {
        "connect_timeout_ms": known.connect_timeout,
        "timeout_ms": known.timeout,
    }
    usual = {
        "connect_timeout_ms": settings.connect_timeout_s * 1000,
        "timeout_ms": settings.command_timeout_s * 1000,
    }
    return {
        "host": name,
        "address": known.address,
        "user": named.user or known.user,
        "port": named.port or known.port,
        "jump": known.jump,
        "groups": list(inventory.groups_of(name)),
        "labels": dict(inventory.labels_of(name)),
        **{key: usual[key] if clock is None else to_ms(clock) for key, clock in clocks.items()},
    }


def _table(rows: list[dict[str, Any]]) -> str:
    from ....core.limits import format_duration, from_ms
    from ....framework.grid import table

    if not rows:
        return ""
    head = ("HOST", "ADDRESS", "BY", "CONNECT", "TIMEOUT", "GROUPS", "LABELS")
    return table(
        [
            head,
            *(
                (
                    row["host"],
                    _address(row),
                    row["jump"] or "",
                    format_duration(from_ms(row["connect_timeout_ms"])),
                    format_duration(from_ms(row["timeout_ms"])),
                    ",".join(row["groups"]),
                    ",".join(f"{name}={value}" for name, value in row["labels"].items()),
                )
                for row in rows
            ),
        ]
    )


def _address(row: dict[str, Any]) -> str:
    user = f"{row['user']}@" if row["user"] else ""
    port = f":{row['port']}" if row["port"] else ""
    return f"{user}{row['address'] or row['host']}{port}"
