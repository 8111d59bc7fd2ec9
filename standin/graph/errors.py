"""Refusals as Meta's API words them.

Source: support/error-codes and the error envelope of the Graph API (pages of 2026-09); HTTP statuses by captured
traffic of v25.0 (2026) where the page has none. Titles are Meta's where captures have them, else ours: Meta says that
nothing may depend on them.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

#: code: (HTTP status, title)
CODES: dict[int, tuple[int, str]] = {
    0: (401, "We were unable to authenticate the app user"),
    1: (500, "An unknown error occurred"),
    2: (503, "Service temporarily unavailable"),
    3: (403, "Capability or permissions issue"),
    4: (429, "Application request limit reached"),
    10: (403, "Application does not have permission for this action"),
    33: (400, "The business phone number has been deleted"),
    100: (400, "Invalid parameter"),
    190: (401, "Invalid OAuth access token - Cannot parse access token"),
    200: (403, "Permissions error"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (429, "Rate limit issues"),
    130403: (400, "Business blocked the user"),
    130429: (429, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (400, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (503, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Business account has been locked"),
    131037: (400, "WhatsApp provided number needs display name approval before message can be sent"),
    131042: (400, "Business eligibility payment issue"),
    131045: (400, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (429, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: (400, "Unable to deliver the message: this recipient has chosen to stop receiving marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131055: (400, "Method not allowed"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (503, "Account in maintenance mode"),
    131062: (400, "Business-scoped user ids are not supported for this message"),
    131063: (400, "Marketing messages are disabled on this API"),
    131064: (429, "Template misclassification limit hit"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (400, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Template format character policy violated"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "There was an issue with the parameters in your template"),
    132068: (400, "Flow is in blocked state"),
    132069: (400, "Flow is in throttled state"),
    133000: (500, "Incomplete deregistration"),
    133004: (503, "Server temporarily unavailable"),
    133006: (400, "Phone number needs to be verified before registering"),
    133010: (400, "Account not registered"),
    133016: (429, "Account register deregister rate limit exceeded"),
    134011: (400, "WhatsApp Payments terms of service has not been accepted"),
    134100: (400, "Only marketing messages are supported"),
    134101: (400, "Template is still syncing"),
    134102: (500, "Template is unavailable for use"),
    135000: (400, "Generic user error"),
}

#: what Meta puts beside the title where captures show it; codes that are not here get their title
DETAILS = {
    130429: "Cloud API message throughput has been reached.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied.",
    131049: "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    131056: "Message failed to send because there were too many messages to this recipient in a short time.",
}
WITHOUT_DATA = {0, 2, 4, 190}  #: their envelope has no `error_data`
HREF = "/docs/whatsapp/cloud-api/support/error-codes/"

_traces = itertools.count(1)


class GraphError(Exception):
    """A request that is refused. `code` is Meta's; the HTTP status follows from it unless it is given."""

    def __init__(
        self,
        code: int,
        details: str | None = None,
        *,
        message: str | None = None,
        http: int | None = None,
        subcode: int | None = None,
        kind: str = "OAuthException",
        transient: bool = False,
        headers: dict[str, str] | None = None,
        told: tuple[str, str] | None = None,  # title and text for a person
    ) -> None:
        known_http, title = CODES.get(code, (400, "Error"))
        super().__init__(f"({code}) {details or title}")
        self.code = code
        self.http = http or known_http
        self.headers = headers or {}
        with_data = code not in WITHOUT_DATA and not (code == 100 and subcode == 33)
        text = message or (title if code == 190 else f"(#{code}) {title}")
        error: dict[str, Any] = {"message": text, "type": kind, "code": code}
        if with_data:
            error["error_data"] = {
                "messaging_product": "whatsapp", "details": details or DETAILS.get(code, title),
            }  # fmt: skip
        if subcode is not None:
            error["error_subcode"] = subcode
        if transient:
            error["is_transient"] = True
        if told is not None:
            error["error_user_title"], error["error_user_msg"] = told
        error["fbtrace_id"] = trace_id()
        self.body = json.dumps({"error": error}).encode()


def trace_id() -> str:
    """What Meta wants to be told when one asks about a request."""
    return f"A{next(_traces):020d}_S"


def unknown(what: str, kind: str = "get") -> GraphError:
    """An object that is not there, or not for this token: by captures 400, never 404."""
    text = (
        f"Unsupported {kind} request. Object with ID '{what}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation"
    )
    return GraphError(100, message=text, subcode=33, kind="GraphMethodException")


def in_webhook(code: int, details: str | None = None) -> dict[str, Any]:
    """The same error as a status webhook tells it: webhooks/reference/messages/status (2026-09)."""
    title = CODES.get(code, (400, "Error"))[1]
    return {
        "code": code, "title": title, "message": title,
        "error_data": {"details": details or DETAILS.get(code, title)}, "href": HREF,
    }  # fmt: skip
