"""
The query of a request: parameters that its route has, and no others.

A slip in one that narrows (`?statsu=failed`) would be answered with everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from fastapi.requests import Request
from fastapi.routing import APIRoute

from ...core.near import near
from ...errors import InvalidRequest

MOST_TOLD: Final = 20
"""So many that are unknown are told: a query may have thousands."""

SHOWN: Final = 80
"""So many letters of one are told, and compared."""


async def check_query(request: Request) -> None:
    """Raise `InvalidRequest` where the query has what the route of *request* does not take."""
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    # The two routes that go past FastAPI are plain ones, and take none.
    fields = route.dependant.query_params if isinstance(route, APIRoute) else ()
    taken = [each.alias for each in fields]
    unknown = (name for name in request.query_params if name not in taken)
    if faults := [_fault(name[:SHOWN], taken) for name in islice(unknown, MOST_TOLD)]:
        raise InvalidRequest(*faults)


def _fault(name: str, taken: Sequence[str]) -> str:
    if meant := near(name, taken):
        remedy = f"did you mean {meant}?"
    else:
        known = ", ".join(taken)
        remedy = f"there are {known}" if known else "it takes none"
    return f"{name!r} is not a query parameter of this request: {remedy}"
