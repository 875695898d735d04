"""Who called: how they want their answer, and the service that they speak to."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .tool import OUTLAST, Tool

if TYPE_CHECKING:
    from ..core.job import JobId
    from ..engine.link import Link
    from ..engine.service import Service
    from ..errors import ClientError
    from ..intake import Intake
    from ..over_http import HttpService
    from ..settings import Settings

SCHEMA_VERSION: Final = 1


class Caller:
    """One call of *tool*, `outlast` by default. The settings and the service are made when first asked for."""

    def __init__(self, tool: Tool | None = None) -> None:
        self._begun = time.perf_counter()
        _open_what_was_closed()
        self.tool = tool or Tool.outlast()
        self.home: str | None = None
        self.server: str | None = None
        self.output: str | None = None
        """`json` or `text`, where the arguments say so."""

        self.guess: str | None = None
        """The same, before the arguments were taken apart: one may be the command's own."""

        self.is_raw = False
        """The verb's stdout is a command's own: an envelope is printed for `--json` alone."""

        self.exit_status = False
        """`--exit-status`: the code belongs to the command, and ours is another."""

        self.stays_here = False
        """The verb is about this machine, whatever server the environment names."""

        self.overrides: dict[str, Any] = {}
        """Settings that the arguments give, by their fields."""

        self._settings: Settings | None = None
        self._service: Service | HttpService | None = None

    def glance(self, arguments: Sequence[str]) -> None:
        """See how to tell a fault in the arguments, before they are taken apart."""
        for argument in arguments:
            if argument == "--":
                break
            if argument in ("--json", "--text"):
                self.guess = argument.removeprefix("--")

    # What stands behind ---------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What is configured, by arguments and environment."""
        if self._settings is None:
            from ..settings import load_settings

            self._settings = load_settings(home=self.home, server=self.server, **self.overrides)
        return self._settings

    @property
    def service(self) -> Service | HttpService:
        """The verbs: over the home, or over the server that is meant."""
        if self._service is None:
            options = ("--json",) if self.output == "json" and self._default_is_text else ()
            if self.settings.server is not None and not self.stays_here:
                from ..over_http import connect

                self._service = connect(self.settings, self.tool.argv, options)
            else:
                from ..wiring import make_address, make_service

                address = make_address(self.settings, self.tool.argv, options)
                self._service = make_service(self.settings, address)
        return self._service

    @property
    def intake(self) -> Intake:
        """What takes new jobs, as the caller says them."""
        from ..intake import intake_of

        return intake_of(self.service, self.settings)

    @property
    def link(self) -> Link:
        """The way to the supervisor."""
        from ..wiring import make_link

        return make_link(self.settings)

    @property
    def _default_is_text(self) -> bool:
        return os.environ.get("OUTLAST_OUTPUT") == "text" or sys.stdout.isatty()

    def close(self) -> None:
        """Let go of the service, where this process goes on after the call. Idempotent."""
        if self._service is not None:
            self._service.close()
            self._service = None

    # Answering ------------------------------------------------------------------------------

    @property
    def is_json(self) -> bool:
        """Whether stdout gets one JSON envelope."""
        if self.output is not None or self.is_raw:
            return self.output == "json"
        chosen = os.environ.get("OUTLAST_OUTPUT") or None
        if chosen in ("json", "text"):
            return chosen == "json"
        return not sys.stdout.isatty()

    def answer(
        self,
        data: Callable[[], Any],
        text: Callable[[], str],
        *,
        warnings: Sequence[str] = (),
        error: ClientError | None = None,
    ) -> None:
        """Print the result: *data* in an envelope, or *text*. *error* tells what is missing in it."""
        if self.is_json:
            self._print_envelope(data(), error, warnings)
            return
        out = text()
        if out:
            sys.stdout.write(out if out.endswith("\n") else f"{out}\n")
            sys.stdout.flush()
        for warning in warnings:
            self.say(warning)
        if error is not None:
            self._say_error(error)

    def refuse(self, error: ClientError) -> None:
        """Tell that the request could not be done: in an envelope on stdout, or on stderr."""
        if self.is_json:
            self._print_envelope(None, error, ())
        else:
            self._say_error(error)

    def say(self, line: str) -> None:
        """Tell a person something, on stderr."""
        from .plain import plain

        sys.stderr.write(f"{self.tool.name}: {plain(line)}\n")
        sys.stderr.flush()

    def _say_error(self, error: ClientError) -> None:
        faults = getattr(error, "faults", ())
        if len(faults) > 1:
            self.say(f"{len(faults)} things are wrong:")
            for fault in faults:
                self.say(f"  {fault}")
        else:
            self.say(error.message)
        if error.suggestion:
            self.say(self._in_its_name(error.suggestion))

    def _in_its_name(self, suggestion: str) -> str:
        """Return a suggestion with the command that this program has for it."""
        if self.tool.name == OUTLAST:
            return suggestion
        from shlex import join

        return suggestion.replace(f"{OUTLAST} job ", f"{join(self.tool.argv)} job ")

    def _as_json(self, error: ClientError) -> Mapping[str, Any]:
        told: dict[str, Any] = {
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "suggestion": error.suggestion and self._in_its_name(error.suggestion),
        }
        faults = getattr(error, "faults", ())
        if len(faults) > 1:
            told["faults"] = list(faults)
        if error.job_id is not None:
            told["job_id"] = error.job_id
        return told

    def _print_envelope(
        self, data: Any, error: ClientError | None, warnings: Sequence[str]
    ) -> None:
        from json import dumps

        from ..clock import SystemClock

        envelope = {
            "ok": error is None,
            "data": data,
            "error": None if error is None else self._as_json(error),
            "warnings": list(warnings),
            "meta": {
                "schema_version": SCHEMA_VERSION,
                "request_id": f"req_{SystemClock().new_token()}",
                "duration_ms": round((time.perf_counter() - self._begun) * 1000),
            },
        }
        # ASCII throughout: control characters and bytes that are no UTF-8 come as escapes.
        sys.stdout.write(dumps(envelope, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def _open_what_was_closed() -> None:
    """
    Have what is written to a stream that the caller closed go nowhere.

    By another number than its own: that may be a file of the program's by now.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="ascii")  # noqa: SIM115 - it is open to the end
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as above


def job_ids(given: Sequence[str]) -> tuple[JobId, ...]:
    """Return the ids that *given* names, each once; `-` stands for those on stdin."""
    from typing import cast

    found: dict[str, None] = {}
    for each in given:
        found.update(dict.fromkeys(sys.stdin.read().split() if each == "-" else [each]))
    return cast("tuple[JobId, ...]", tuple(found))
