"""A receiver of webhooks on loopback: real sockets, TLS if wanted, and what it is to answer."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

from ..world import eventually

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""That of the specification's own examples."""


@dataclass(frozen=True)
class Got:
    """One request, verified by the library that receivers use."""

    path: str
    id: str
    told: dict[str, Any]


class Receiver:
    """
    Answers each request with what *answer* says, given how many came before it, and remembers it.
    One that is not signed with our key is answered 401, and not remembered.
    """

    def __init__(
        self, answer: Callable[[int], int] = lambda _: 204, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.got: list[Got] = []
        self.refused = 0
        rig = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    told = Webhook(KEY).verify(body, dict(self.headers))
                except WebhookVerificationError:
                    rig.refused += 1
                    status = 401
                else:
                    status = answer(len(rig.got))
                    rig.got.append(Got(self.path, self.headers["Webhook-Id"], told))
                self.send_response(status)
                if status in (301, 307):
                    self.send_header("Location", f"http://127.0.0.1:{rig.port}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, request: object, client_address: object) -> None:
                """Whoever goes away in the middle is somebody's test."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._scheme = "http" if tls is None else "https"
        self.port: int = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        """Return where it takes them."""
        return f"{self._scheme}://{host}:{self.port}{path}"

    def wait_for(self, count: int = 1) -> list[Got]:
        """Return what it got, once there is so much of it."""
        eventually(lambda: len(self.got) >= count, f"{count} webhooks")
        return self.got

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Authority:
    """A certificate for a name, and what it is trusted by."""

    ca: Path
    context: ssl.SSLContext


def authority(folder: Path, *names: str) -> Authority:
    """Make a certificate for *names* that is trusted by nobody who was not told to."""
    ca, key = folder / "ca.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(ca), "-days", "2", "-subj", "/CN=test"),
            *("-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    return Authority(ca, context)
