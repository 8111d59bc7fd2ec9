"""Signatures of what is sent, by Standard Webhooks: over id, time and body, with each secret that is valid."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> str:
    """A secret as a receiver's library takes it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(event_id: str, body: str, keys: Iterable[str], now: int) -> dict[str, str]:
    """The headers of a request with this body. keys: the secrets, the newest first; now: UTC ms."""
    at = datetime.fromtimestamp(now // 1000, UTC)
    signed = [Webhook(key).sign(event_id, at, body) for key in keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": " ".join(signed),
    }
