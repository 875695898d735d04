"""A registry of images on loopback, to be pulled from by a real engine; as slow as a test wants it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

DOCKER: Final = "application/vnd.docker"
MANIFEST: Final = f"{DOCKER}.distribution.manifest.v2+json"
CONFIG: Final = f"{DOCKER}.container.image.v1+json"
LAYER: Final = f"{DOCKER}.image.rootfs.diff.tar.gzip"

DRIP_S: Final = 0.05
DRIP_BYTES: Final = 512
"""What is held back comes all the same, so slowly that it takes minutes."""


class Registry(ThreadingHTTPServer):
    """
    Images by name, read-only, over the HTTP of registries (the OCI distribution specification).
    An engine takes one on loopback without TLS.
    """

    daemon_threads = False

    def __init__(self, login: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.login = login
        """`USER:PASSWORD`, without which nobody is let in; None: everybody is."""

        self.address = f"127.0.0.1:{self.server_port}"
        self.half_sent = threading.Event()
        """Half of a layer has gone out."""

        self.may_go_on = threading.Event()
        """Whether the other half may follow at once."""

        self.may_go_on.set()
        self.digest = ""
        """Of the image that was added last."""

        self._found: dict[str, tuple[str, bytes]] = {}

    def add(self, image: str, *layers: bytes) -> None:
        """Have an image (`NAME:TAG`) of these layers, each a tar."""
        name, _, tag = image.partition(":")
        packed = [gzip.compress(layer, mtime=0) for layer in layers]
        config: dict[str, Any] = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._keep(name, "blobs", CONFIG, json.dumps(config).encode()),
            "layers": [self._keep(name, "blobs", LAYER, layer) for layer in packed],
        }
        data = json.dumps(manifest).encode()
        self._found[f"/v2/{name}/manifests/{tag}"] = MANIFEST, data
        self.digest = self._keep(name, "manifests", MANIFEST, data)["digest"]

    def _keep(self, name: str, room: str, kind: str, data: bytes) -> dict[str, Any]:
        digest = digest_of(data)
        self._found[f"/v2/{name}/{room}/{digest}"] = kind, data
        return {"mediaType": kind, "size": len(data), "digest": digest}

    def found(self, path: str) -> tuple[str, bytes] | None:
        """Return the kind and the bytes of what is at *path*."""
        return ("application/json", b"{}") if path == "/v2/" else self._found.get(path)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    """One request; each has a connection of its own, so that nobody waits for another one."""

    server: Registry

    def do_GET(self) -> None:
        """Send what is asked for: of a layer the second half once it may go on."""
        if (found := self._head()) is None:
            return
        kind, data = found
        half = len(data) // 2 if kind == LAYER else len(data)
        with suppress(OSError):  # whoever pulls has had enough
            self.wfile.write(data[:half])
            if kind == LAYER:
                self.wfile.flush()
                self.server.half_sent.set()
                while half < len(data) and not self.server.may_go_on.wait(DRIP_S):
                    self.wfile.write(data[half : half + DRIP_BYTES])
                    half += DRIP_BYTES
                self.wfile.write(data[half:])

    def do_HEAD(self) -> None:
        """Say what would be sent."""
        self._head()

    def _head(self) -> tuple[str, bytes] | None:
        login, told = self.server.login, self.headers.get("Authorization", "")
        if login is not None and told != f"Basic {base64.b64encode(login.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="of the tests"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        found = self.server.found(self.path)
        self.send_response(404 if found is None else 200)
        if found is not None:
            kind, data = found
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", digest_of(data))
        self.end_headers()
        return found

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def serving(login: str | None = None) -> Iterator[Registry]:
    """Have a registry, on a port of its own, for as long as this lasts."""
    with Registry(login) as registry:
        thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield registry
        finally:
            registry.may_go_on.set()
            registry.shutdown()
            thread.join()
