"""Where a server is: addresses as people give them."""

from __future__ import annotations

import pytest

from outlast.core.server import Server, parse_server


@pytest.mark.parametrize(
    ("given", "expected", "shown"),
    [
        ("http://127.0.0.1:8642", ("http", "127.0.0.1", 8642, ""), "http://127.0.0.1:8642"),
        ("https://jobs.example/", ("https", "jobs.example", 443, ""), "https://jobs.example"),
        ("https://x:444/a/b/", ("https", "x", 444, "/a/b"), "https://x:444/a/b"),
        ("http://[::1]:80", ("http", "::1", 80, ""), "http://[::1]"),
        ("unix:///run/o.sock", ("unix", "", 0, "/run/o.sock"), "unix:///run/o.sock"),
        ("unix:/run/o.sock", ("unix", "", 0, "/run/o.sock"), "unix:///run/o.sock"),
    ],
)
def test_an_address_is_taken_apart(
    given: str, expected: tuple[str, str, int, str], shown: str
) -> None:
    """And written again in one way."""
    server = parse_server(given)

    assert expected == (server.scheme, server.host, server.port, server.path)
    assert (shown, server) == (str(server), parse_server(shown))


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            "jobs.example",
            "jobs.example:80",
            "ftp://x",
            "http://",
            "http://x:99999",
            "http://x:y",
        ),
        *("http://x/?a=1", "http://x/#a", "http://a b", "http://x\n", "unix:", "unix://run/o.sock"),
        *("unix:///", "http://[::1", "https://user:secret@x"),
    ],
)
def test_what_names_no_server_is_refused(given: str) -> None:
    """With what would be right; a password is not shown."""
    with pytest.raises(ValueError, match=r"http://HOST|unix:///PATH|a token instead") as caught:
        parse_server(given)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((f"http://{host}:1", False) for host in ("localhost", "127.0.0.1", "127.8.9.1", "[::1]")),
        *((f"http://{host}", True) for host in ("10.0.0.1", "jobs.example", "localhost.example")),
        ("https://jobs.example", False),
        ("unix:///x", False),
    ],
)
def test_plain_http_is_for_this_machine(given: str, expected: bool) -> None:
    """Elsewhere whoever listens on the way reads the token."""
    assert expected == parse_server(given).is_open_to_eavesdroppers


def test_a_server_is_a_value() -> None:
    """Two ways of writing it are one."""
    assert Server(scheme="http", host="x", port=80) == parse_server("http://X:80/")
