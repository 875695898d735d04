"""
Executors, one module each. A module here *is* an executor, save the fake one: nothing lists them.

Each has `make(**options)`, which returns an `Executor`, and `capabilities(env)`, for whoever asks what
it can do here without making one.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidRequest
from ..ports.executor import Capabilities, Executor

FAKE: Final = "fake"
"""For tests, by way of `outlast.testing`. No job may run there by accident: it would not run."""


def available() -> tuple[str, ...]:
    """Names of the executors that this installation has, sorted."""
    import pkgutil  # here: whoever asks for one by its name needs no list

    names = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(names - {FAKE}))


def load(name: str, **options: Any) -> Executor:
    """
    Return the executor called *name*, for the home and the settings in *options*.

    Raises:
        InvalidRequest: There is none of that name.
    """
    executor: Executor = _module(name).make(**options)
    return executor


def capabilities(name: str, env: Mapping[str, str]) -> Capabilities:
    """
    Return what the executor called *name* can do on this machine, for the caller with *env*.

    Raises:
        InvalidRequest: There is none of that name.
    """
    can: Capabilities = _module(name).capabilities(env)
    return can


def _module(name: str) -> Any:
    module = f"{__name__}.{name}"
    try:
        if name != FAKE:
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    raise InvalidRequest(f"no executor {name!r}; there are {', '.join(available())}")
