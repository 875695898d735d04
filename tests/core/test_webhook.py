"""What a receiver is, and everything that can be wrong with it."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from outlast.core.parse import parse_spec
from outlast.core.spec import spec_from_json, spec_to_json
from outlast.core.webhook import (
    EVENTS,
    Webhook,
    host_matches,
    key_fault,
    origin_of,
    read_webhooks,
    shown_url,
    url_fault,
)
from outlast.core.webhooksettings import DEFAULTS, read_settings, webhook_faults
from outlast.errors import InvalidRequest

HOOK = {"url": "https://ci.example/hook", "secret": "secret:HOOK"}

GOOD_URLS = [
    "https://ci.example",
    "https://ci.example:8443/a/b?c=%20d",
    "HTTPS://CI.EXAMPLE./x",
    "https://[2606:4700:4700::1111]:8443/",
    "https://1.2.3.4/",
    "http://in_the_lan/",
    "https://xn--bcher-kva.example/",
]
BAD_URLS = [
    (None, "missing"),
    ("", "missing"),
    (7, "missing"),
    ("https://" + "x" * 2048, "2,048"),
    ("ci.example/hook", "no scheme"),
    ("ftp://ci.example/", "'ftp'"),
    ("file:///etc/passwd", "'file'"),
    ("https:///hook", "no host"),
    ("https://ci..example/", "no host"),
    ("https://-x.example/", "no host"),
    ("https://user@ci.example/", "a user"),
    ("https://u:p@ci.example/", "a user"),
    ("https://ci.example/#here", "fragment"),
    ("https://ci.example:0/", "port"),
    ("https://ci.example:/", "port"),
    ("https://ci.example:65536/", "port"),
    ("https://ci.example:x/", "port"),
    ("https://[::1/", "brackets"),
    ("https://[fe80::1%25eth0]/", "no host"),
    ("https://ci.example/a b", "control characters"),
    ("https://ci.example/\r\nHost: x", "control characters"),
    ("https://ci.example\t/", "control characters"),
    ("https://bücher.example/", "not ASCII"),
    ("https://ci.example\\@x/", "backslash"),
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_url_that_a_receiver_can_have(url: str) -> None:
    """Of a name or an address, with a port and a query, or without."""
    assert None is url_fault(url)


@pytest.mark.parametrize(("url", "says"), BAD_URLS)
def test_a_url_that_no_receiver_can_have(url: object, says: str) -> None:
    """Where it would lead elsewhere than it seems to, or into somebody's log, it is refused."""
    assert says in (url_fault(url) or "")


@pytest.mark.parametrize(
    ("size", "expected"), [(23, False), (24, True), (32, True), (64, True), (65, False)]
)
def test_a_key_is_as_long_as_the_specification_has_it(size: int, expected: bool) -> None:
    """24 to 64 bytes, whether padded or not."""
    encoded = b64encode(b"k" * size).decode()

    assert [expected] * 2 == [
        key_fault(f"whsec_{text}") is None for text in (encoded, encoded.rstrip("="))
    ]


@pytest.mark.parametrize("key", ["", "hunter2", "whsec_", "whsec_###", "whsec_aaaaa", "a" * 40])
def test_what_is_no_key_is_not_shown(key: str) -> None:
    """It is said what one looks like."""
    fault = key_fault(key)

    assert fault is not None
    assert "whsec_" in fault
    assert not key.removeprefix("whsec_") or key not in fault


def test_a_receiver_comes_back_from_json_as_it_was_said() -> None:
    """With its events, or with all of them."""
    said = [HOOK, {**HOOK, "events": ["job.failed", "job.complete"]}]
    spec = parse_spec({"command": ["true"], "webhooks": said})

    assert spec == spec_from_json(spec_to_json(spec))
    assert [EVENTS, ("job.complete", "job.failed")] == [each.events for each in spec.webhooks]
    assert frozenset({"secret:HOOK"}) == spec.signing
    assert frozenset() == spec.references


WRONG: dict[str, tuple[Any, str]] = {
    "text": ("https://x", "a list"),
    "no mapping": (["https://x"], "webhooks[0]: it is a mapping"),
    "too many": ([HOOK] * 5, "5 are too many"),
    "an odd key": ([HOOK | {"retries": 3}], "'retries' is not a key"),
    "no secret": ([{"url": HOOK["url"]}], "secret is a reference"),
    "the key itself": ([HOOK | {"secret": "whsec_topsecret"}], "secret is a reference"),
    "an empty reference": ([HOOK | {"secret": "file:"}], "secret is a reference"),
    "no events": ([HOOK | {"events": []}], "events is a list"),
    "an odd event": ([HOOK | {"events": ["job.lost"]}], "'job.lost' is not one of"),
    "number": (5, "a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_receivers_is_told(case: str) -> None:
    """In the words of the spec's key, and never with what may be a key."""
    value, says = WRONG[case]
    with pytest.raises(InvalidRequest) as caught:
        parse_spec({"command": ["true"], "webhooks": value})

    assert says in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_one_that_stands_alone_needs_no_list() -> None:
    """A mapping is a list of one; null is none."""
    faults: list[str] = []

    assert ["https://ci.example/hook"] == [each.url for each in read_webhooks(HOOK, faults)]
    assert () == read_webhooks(None, faults)
    assert [] == faults


def test_what_may_hold_a_secret_is_not_shown() -> None:
    """Behind the path of a URL, and in its `repr`."""
    webhook = Webhook(url="https://CI.example:8443/a?token=hidden", secret="env:X")

    assert "https://CI.example:8443/a" == shown_url(webhook.url)
    assert "https://ci.example:8443" == origin_of(webhook.url)
    assert "https://ci.example" == origin_of("https://ci.example?token=hidden")
    assert "hidden" not in repr(webhook)


@pytest.mark.parametrize(
    ("host", "pattern", "expected"),
    [
        ("ci.example", "ci.example", True),
        ("ci.example", "CI.example.", True),
        ("evil.ci.example", "ci.example", False),
        ("a.hooks.example", "*.hooks.example", True),
        ("a.b.hooks.example", "*.hooks.example", True),
        ("hooks.example", "*.hooks.example", False),
        ("evilhooks.example", "*.hooks.example", False),
    ],
)
def test_a_policy_means_hosts_by_name(host: str, pattern: str, expected: bool) -> None:
    """One, or all that are below one."""
    assert expected == host_matches(host, pattern)


def test_the_settings_say_where_messages_may_go() -> None:
    """Public addresses by TLS, and what is named by either way."""
    faults: list[str] = []
    named = read_settings({"allow": ["10.0.0.0/8"]}, "", faults)
    hooks = [
        Webhook(url=url, secret="secret:X")
        for url in (
            "https://10.0.0.1/",
            "http://10.0.0.1/",
            "http://8.8.8.8/",
            "http://ci.example/",
            "https://[::1]/",
            "https://ci.example/",
        )
    ]
    told = [len(webhook_faults([each], DEFAULTS)) for each in hooks]
    with_named = [len(webhook_faults([each], named)) for each in hooks]

    assert [] == faults
    assert [1, 1, 1, 1, 1, 0] == told
    assert [0, 0, 1, 0, 1, 0] == with_named


def test_the_receiver_of_all_jobs_is_read_from_the_settings() -> None:
    """With its pauses; its key is what a supervisor can read."""
    faults: list[str] = []
    table = {"url": HOOK["url"], "secret": "file:/etc/key", "retries": ["1s", 60], "ca_file": "/ca"}
    settings = read_settings(table, "", faults)

    assert [] == faults
    assert ["https://ci.example/hook"] == [each.url for each in settings.everybody]
    assert (timedelta(seconds=1), timedelta(minutes=1)) == settings.retries


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (["x"], "is a table"),
        ({"urls": "x"}, "'urls' is none of its keys"),
        ({"url": HOOK["url"]}, "secret is a reference"),
        ({"url": HOOK["url"], "secret": "env:X"}, "neither your environment"),
        ({"url": HOOK["url"], "secret": "file:key"}, "nor your directory"),
        ({"url": "https://10.0.0.1/", "secret": "file:/k"}, "no public one"),
        ({"allow": ["10.0.0.1/8"]}, "no network"),
        ({"retries": ["soon"]}, "retries: "),
        ({"retries": 5}, "a list of at most"),
        ({"ca_file": "ca.pem"}, "no absolute path"),
    ],
)
def test_what_is_wrong_with_the_settings_is_told(table: Any, says: str) -> None:
    """By the table's name."""
    faults: list[str] = []
    read_settings(table, "config.toml: ", faults)

    assert any(says in fault for fault in faults), faults
    assert all(fault.startswith("config.toml: [webhooks] ") for fault in faults)
