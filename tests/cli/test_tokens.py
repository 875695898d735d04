"""Tokens on the command line."""

from __future__ import annotations

from outlast.core.token import is_token

from .conftest import Cli


def test_a_token_is_made_listed_and_revoked(cli: Cli) -> None:
    """It is printed once, alone on stdout; what is listed lets nobody in."""
    made = cli("token", "create", "ci", "--scope", "read", "--text")
    listed = cli("token", "list", "--text")
    revoked = cli("token", "revoke", "ci")
    after = cli("token", "list").data["items"]
    kept = cli("token", "list", "--all").data["items"]

    assert (0, True) == (made.code, is_token(made.out.decode().strip()))
    assert "shown this once" in made.talk
    assert listed.out.startswith(b"ci: read, made ")
    assert made.out.strip() not in listed.out
    assert ("revoked", []) == (revoked.data["state"], after)
    assert ["revoked"] == [each["state"] for each in kept]


def test_what_cannot_be_made_is_told(cli: Cli) -> None:
    """All faults at once, as wrong usage; and nothing is made."""
    (cli.home / "policy.toml").parent.mkdir(parents=True, exist_ok=True)
    (cli.home / "policy.toml").write_text("[ci]\nexecutors = ['local']\n")
    wrong = cli("token", "create", "a b", "--policy", "cj", "--expires", "0")
    unknown = cli("token", "revoke", "nobody")

    assert (2, 3) == (wrong.code, len(wrong.error["faults"]))
    assert "there are ci" in wrong.error["message"]
    assert (5, "not_found") == (unknown.code, unknown.error["code"])
    assert [] == cli("token", "list", "--all").data["items"]


def test_a_secret_that_the_server_lacks_is_warned_of(cli: Cli) -> None:
    """The token is made all the same: the table may be written later."""
    made = cli("token", "create", "deploy", "--secret", "KEY")

    assert ["KEY"] == made.data["secrets"]
    assert "no secret KEY yet" in made.envelope["warnings"][0]
