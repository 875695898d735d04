"""The server's policy: what tokens may run, from the file that the settings name or find."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .errors import InvalidRequest
from .settings import Settings

if TYPE_CHECKING:
    from .core.policy import Policy

NAME: Final = "policy.toml"
"""The file in the home, where the settings name none."""


def load_policies(settings: Settings) -> dict[str, Policy]:
    """
    Return the policies in force, by the names of their sections; none where there is no file.

    Raises:
        InvalidRequest: It cannot be read, or makes no sense; all faults are listed. Nobody is to
            be let in then: what was meant to be refused is not known.
    """
    import tomllib

    from .core.policyreader import read_policies

    path = settings.policy or f"{settings.home}/{NAME}"
    if settings.policy is None and not os.path.lexists(path):
        return {}
    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise InvalidRequest(f"{path} is not TOML: {error}") from None
    policies, faults = read_policies(data, path)
    if faults:
        raise InvalidRequest(*faults)
    return policies
