"""What Meta posts, made for tests, and signed as it does."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

NUMBER_ID, BUSINESS_ID = "106540352242922", "102290129340398"
SECRET, TOKEN = "an-app-secret-0123456789", "a-verify-token"
SETTINGS = {
    "transport": "cloud",
    "cloud_phone_number_id": NUMBER_ID,
    "cloud_business_account_id": BUSINESS_ID,
    "cloud_app_secret": SECRET,
    "cloud_verify_token": TOKEN,
    "cloud_token": "a-token",
}
KINDS = {"statuses", "messages", "user_preferences", "errors"}


def batch(*changes: dict[str, Any], business_id: str = BUSINESS_ID, at: int = 1_750_030_073) -> bytes:
    """The bytes of a batch: what is beyond ASCII is escaped."""
    entry = {"id": business_id, "time": at, "changes": list(changes)}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def change(kind: str, things: Iterable[dict[str, Any]], number_id: str = NUMBER_ID, **more: Any) -> dict[str, Any]:
    """A change about a number: statuses, messages or user_preferences of it."""
    metadata = {"display_phone_number": "15550783881", "phone_number_id": number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, kind: list(things)} | more
    return {"field": "user_preferences" if kind == "user_preferences" else "messages", "value": value}


def status(told: str, callback: str | None = None, wamid: str = "wamid.1", at: int = 0, **more: Any) -> dict[str, Any]:
    """One status. at: seconds."""
    found = {"id": wamid, "status": told, "timestamp": str(at or 1_750_030_073)} | more
    return found | ({"biz_opaque_callback_data": callback} if callback else {})


def failed(code: int | str, callback: str | None = None, words: str = "It failed.", **more: Any) -> dict[str, Any]:
    """That a message was not delivered."""
    error = {"code": code, "title": words, "message": words, "error_data": {"details": words}}
    return status("failed", callback, **more) | {"errors": [error]}


def text(body: str, sender: str, key: str = "wamid.in.1", at: int = 0, **more: Any) -> dict[str, Any]:
    """Somebody has written. sender: digits."""
    said = {"from": sender, "id": key, "timestamp": str(at or 1_750_030_073), "type": "text", "text": {"body": body}}
    return said | more


def signature(body: bytes, secret: str = SECRET) -> str:
    """What comes in the header X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
