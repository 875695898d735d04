"""
Traces by OpenTelemetry, where its extra is installed and its variables ask for them.

Nothing of it is imported before they do: what asks here costs a look at the environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..home import Home
    from .jobs import JobTracing
    from .spans import Spans

log = logging.getLogger("outlast.tracing")

EXPORTER: Final = "OTEL_TRACES_EXPORTER"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL: Final = "http/protobuf"

MISSING: Final = (
    "OTEL_... asks for traces, which need an extra that is not installed:"
    " pip install 'outlast[otel]'. There are none"
)


def fault(environ: Mapping[str, str]) -> str | None:
    """Return why the traces that *environ* asks for cannot be had; "" where it asks for none."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    named = {each.strip().lower() for each in environ.get(EXPORTER, "").split(",")} - {""}
    if (not named and not any(map(environ.get, ENDPOINTS))) or named == {"none"}:
        return ""
    if named and named != {"otlp"}:
        return f"{EXPORTER}={environ[EXPORTER]!r:.80}: there is otlp, and none. There are no traces"
    protocol = next(filter(None, map(environ.get, PROTOCOLS)), PROTOCOL)
    if protocol != PROTOCOL:
        return f"{PROTOCOLS[1]}={protocol!r:.80}: there is {PROTOCOL}. There are no traces"
    return None


def open_spans(environ: Mapping[str, str] | None = None) -> Spans | None:
    """
    Return where this process hands its spans over; None where nobody asked for traces, or where
    they cannot be had, which is logged with what would help.
    """
    why = fault(os.environ if environ is None else environ)
    if why is None:
        try:
            from .spans import Spans

            return Spans()
        except ImportError:
            why = MISSING
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, jobs must run
            why = f"OTEL_... asks for traces in a way that cannot be done: {error}"
    if why:
        log.warning("%s", why)
    return None


def open_tracing(home: Home) -> JobTracing | None:
    """Return who tells of the jobs of *home*, as `open_spans` returns where to."""
    if (spans := open_spans()) is None:
        return None
    from .jobs import JobTracing

    return JobTracing(spans, home)
