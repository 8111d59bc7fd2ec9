"""What Meta's Cloud API calls: it has no key of ours, and is known by its token and its signature."""

from __future__ import annotations

from functools import partial

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from daemon import errors
from daemon.api import endpoint
from daemon.api.answers import Text
from daemon.api.endpoint import Caller, Open
from daemon.api.refusals import Why
from daemon.server import cloud_mail, heavy, visitors
from daemon.server.cloud_mail import MAIL
from daemon.transports.cloud import hooks

SIGNATURE = "X-Hub-Signature-256"
MODE, CHALLENGE, TOKEN = "hub.mode", "hub.challenge", "hub.verify_token"
LONGEST = 500


@endpoint.get("/webhooks/cloud", scope=Open.ALWAYS, errors=(errors.Unauthorized, errors.InvalidInput), tag="cloud")
async def check_cloud_webhook(caller: Caller, request: web.Request) -> Text:
    """Confirm this address to Meta, which asks with `hub.mode=subscribe`, `hub.verify_token` and `hub.challenge`.

    The answer is the challenge, as plain text. The token is the one that you have entered in Meta's app dashboard and
    in `WASENDER_CLOUD_VERIFY_TOKEN`, or in an account.
    """
    given = {name: request.query.getall(name, []) for name in (MODE, CHALLENGE, TOKEN)}
    if any(len(values) != 1 or len(values[0]) > LONGEST for values in given.values()) or given[MODE] != ["subscribe"]:
        raise errors.InvalidInput(Why.NO_HANDSHAKE)
    (challenge,), (token,) = given[CHALLENGE], given[TOKEN]
    if not await request.app[MAIL].verifies(token, partial(visitors.beside, request.app)):
        raise errors.Unauthorized(Why.VERIFY_TOKEN_WRONG)
    return Text(challenge.encode("utf-8", "replace"))


@endpoint.post(
    "/webhooks/cloud",
    scope=Open.ALWAYS,
    errors=(errors.Unauthorized, errors.MalformedRequest, errors.TooLarge, errors.ReadingBusy),
    tag="cloud",
    anonymous_bytes=cloud_mail.MOST_BYTES,
)
async def cloud_webhook(caller: Caller, request: web.Request) -> Text:
    """Take what Meta reports: how far messages have come, what people write, what becomes of templates and accounts.

    The body must have the signature `X-Hub-Signature-256` of one of the accounts' apps (`WASENDER_CLOUD_APP_SECRET`).
    It is stored before this answers, and worked through afterwards. docs/cloud-api.md says what becomes of it.
    """
    mail, signature = request.app[MAIL], request.headers.get(SIGNATURE, "")
    if not hooks.may_sign(signature):
        raise errors.Unauthorized(Why.SIGNATURE_WRONG)
    if (request.content_length or 0) > cloud_mail.MOST_BYTES:
        raise _too_large()
    told = request.content_length is not None and "Content-Encoding" not in request.headers
    size = request.content_length if told else cloud_mail.MOST_BYTES
    with heavy.room(request, size or 0, stranger=True):
        posted = await mail.signed(await _body(request), signature, partial(visitors.beside, request.app))
        if posted is None:
            raise errors.Unauthorized(Why.SIGNATURE_WRONG)
        await mail.keep(posted)
    return Text(b"")


async def _body(request: web.Request) -> bytes:
    request._client_max_size = cloud_mail.MOST_BYTES
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except (BadHttpMessage, aiohttp.ClientPayloadError, web.RequestPayloadError):
        raise errors.MalformedRequest(Why.BODY_UNREADABLE) from None


def _too_large() -> errors.TooLarge:
    return errors.TooLarge(Why.CLOUD_BODY_TOO_LARGE, most=cloud_mail.MOST_BYTES >> 20)
