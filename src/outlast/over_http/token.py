"""The token that is shown to a server, as this process was given it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import InvalidRequest
from ..settings import Settings


def read_token(settings: Settings, environ: Mapping[str, str] | None = None) -> str | None:
    """
    Return the token for the server: `OUTLAST_TOKEN`, or what stands in the token file; None where
    neither is there.

    Raises:
        InvalidRequest: The file cannot be read, or others can read it. It is not shown.
    """
    environ = os.environ if environ is None else environ
    if token := environ.get("OUTLAST_TOKEN"):
        return token
    if (path := settings.token_file) is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise InvalidRequest(
                    f"token_file: others can read {path}", suggestion=f"chmod 600 {path}"
                )
            return file.read().strip()
    except OSError as error:
        raise InvalidRequest(f"token_file: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidRequest(f"token_file: {path} is not text") from None
