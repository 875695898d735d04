"""The webhooks of a job as the command line takes them: receivers, and what is said of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def read_receivers(given: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the webhooks that the options give, as a part of a spec."""
    urls, secret = given.get("webhooks"), given.get("webhook_secret")
    events = list(given.get("webhook_events") or ())
    if not urls:
        if secret is not None or events:
            faults.append(
                "--webhook-secret and --webhook-event are for --webhook, and none is given"
            )
        return {}
    if secret is None:
        faults.append(
            "--webhook takes --webhook-secret, a reference to the key that what is sent is signed"
            " with: file:PATH, env:NAME or secret:NAME"
        )
        from ...core.webhook import read_webhooks  # here: few jobs have any

        # With a key in its place, so that what is wrong with a URL is told as well.
        read_webhooks([{"url": url, "secret": "secret:NAME"} for url in urls], faults)
        return {}
    each = {"secret": secret, **({"events": events} if events else {})}
    return {"webhooks": [{"url": url, **each} for url in urls]}
