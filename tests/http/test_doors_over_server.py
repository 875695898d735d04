"""What else speaks to a server: batches, other people's tools, tokens for less, certificates."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from outlast import Client
from outlast.errors import BadAnswer, Forbidden, Unauthorized

from ..cli.conftest import Cli
from .conftest import Service

pytestmark = pytest.mark.slow  # what is printed is the same under any Python

END = b"\r\n\r\n"
TOOL = """
import click
from outlast.framework import AsyncJob, attach

@click.group()
def app(): pass

@app.command()
def deploy() -> AsyncJob: return AsyncJob.command(["sh", "-c", "echo deployed"])

attach(app)
app()
"""


def certificate_in(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day, now = timedelta(days=1), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, *form) + made.public_bytes(pem))
    return path


@contextmanager
def tls_before(service: Service, certificate: Path) -> Iterator[tuple[str, list[bytes]]]:
    """What ends TLS before a server: its address, and what came through."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    where = urlsplit(service.url)
    asked: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listening.accept()
                with (
                    suppress(OSError),
                    context.wrap_socket(peer, server_side=True) as client,
                    socket.create_connection((where.hostname, where.port)) as server,
                ):
                    asked.append(client.recv(1 << 16))  # one request, without a body
                    server.sendall(asked[-1].removesuffix(END) + b"\r\nConnection: close" + END)
                    while data := server.recv(1 << 16):
                        client.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


@pytest.fixture
def here(service: Service, tmp_path: Path) -> Cli:
    """The command line beside the home."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Cli(service.home, folder)


@pytest.fixture
def there(service: Service, here: Cli) -> Iterator[Cli]:
    """The command line of somebody with a server's address and token."""
    cli = Cli(here.folder.parent / "callers", here.folder)
    cli.env = {
        "OUTLAST_SERVER": service.url,
        "OUTLAST_TOKEN": (service.home / "token").read_text().strip(),
    }
    yield cli
    cli("supervisor", "stop")


def test_a_batch_through_a_server_leaves_the_same_manifest(here: Cli, there: Cli) -> None:
    """Byte for byte what a run beside the home finds, which attaches to the same jobs."""
    inputs = here.folder / "in"
    inputs.mkdir()
    for name in "abc":
        (inputs / f"{name}.txt").write_text(name)
    line = "case {stem} in b) exit 3;; *) cat {input} > {output};; esac"
    given = ("--manifest", "M.json", "-o", "out", "--wait", "none", "--shell", line, "in")
    over = there("batch", *given)
    manifest = (here.folder / "M.json").read_bytes()
    (here.folder / "M.json").unlink()
    beside = here("batch", *given)

    assert (1, 3, 0) == (over.code, over.data["submitted"], over.data["attached"])
    assert (1, 0, 3) == (beside.code, beside.data["submitted"], beside.data["attached"])
    assert manifest == (here.folder / "M.json").read_bytes()
    assert [None, "exit_nonzero", None] == [
        entry["error_code"] for entry in json.loads(manifest)["entries"]
    ]
    assert 1 == there("batch", "status", "M.json").code
    assert manifest == (here.folder / "M.json").read_bytes()


def test_another_tool_s_jobs_are_on_the_server(there: Cli, here: Cli) -> None:
    """Started, and asked for by the commands that it printed, which name the server."""
    tool = there.folder / "tool.py"
    tool.write_text(TOOL)
    started = subprocess.run(
        [sys.executable, str(tool), "deploy", "--wait", "none"],
        env=there.environment(),
        capture_output=True,
        check=False,
    )
    assert b"" == started.stderr or b"yours to ask for" in started.stderr, started.stderr
    data = json.loads(started.stdout)["data"]
    assert f" job status --server {there.env['OUTLAST_SERVER']} " in data["status_command"]
    asked = subprocess.run(
        data["result_command"].split(), env=there.environment(), capture_output=True, check=False
    )

    assert (0, 0) == (started.returncode, asked.returncode)
    assert "deployed\n" == json.loads(asked.stdout)["data"]["result"]["stdout"]
    assert data["job_id"] == here("job", "list", "--output", "id").text.strip()


def test_what_is_about_this_machine_stays_here(there: Cli) -> None:
    """Whatever server the environment names; one that is named in the call is refused."""
    stays = there("supervisor", "status")
    assert (0, None) == (stays.code, stays.data["pid"])
    for command in (("supervisor", "stop"), ("hosts", "list"), ("doctor",), ("serve",)):
        refused = there(*command, "--json", "--server", "http://127.0.0.1:1")
        assert (2, True) == (refused.code, "about this machine" in refused.error["message"])
    both = there("job", "list", "--home", str(there.home), "--server", "http://127.0.0.1:1")
    assert (2, "home and server exclude each other: jobs are here, or there") == (
        both.code,
        both.error["message"],
    )


def test_a_token_for_less_is_told_what_it_may_not(service: Service, here: Cli) -> None:
    """One that may only read; and one that was revoked while it was in use."""
    token = here("token", "create", "reader", "--scope", "read").data["token"]
    with Client(service.url, token=token) as reader:
        assert () == reader.list().jobs
        with pytest.raises(Forbidden):
            reader.submit(["true"])
        here("token", "revoke", "reader")
        with pytest.raises(Unauthorized) as caught:
            reader.list()

    assert token not in repr(caught.value)
    assert token.encode() not in here("job", "list", "--server", service.url).out


def test_a_server_whose_certificate_nobody_signed_gets_no_token(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its own signer is named. The proxy before it is one of those that people put there."""
    certificate = certificate_in(tmp_path)
    with tls_before(service, certificate) as (url, asked):
        with Client(url, token="t0ken") as client, pytest.raises(BadAnswer) as caught:
            client.list()
        assert "is not who it should be" in caught.value.message
        assert [] == asked
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Client(url, token=(service.home / "token").read_text()) as client:
            assert () == client.list().jobs
