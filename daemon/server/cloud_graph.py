"""What a person or a program asks Meta's Graph API for: templates and the number of an account of the Cloud API.

Senders have a connection of their own. Nothing here is done on a database thread, as Meta may take seconds to answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from daemon import errors
from daemon.accounts import directory, limits, rights
from daemon.campaigns.cloud_templates import Fetched
from daemon.config import Settings
from daemon.formats.cloud_template import NAMED, Component
from daemon.formats.new_cloud_template import NewTemplate
from daemon.i18n.coded import part
from daemon.server.refusals import Why
from daemon.transports.cloud.graph import Graph, GraphNumber, Made, words

POSITIONAL = "POSITIONAL"


def account(settings: Settings, name: str | None) -> Settings:
    """The settings of that account, or of the usual one, with which Meta can be asked. Raises NotFound, InvalidInput:
    it does not use the Cloud API, or something is missing that this needs."""
    if name is None:
        rights.check_said(settings.account)
    name = rights.usual(settings.account) if name is None else name
    if name != settings.account or directory.known(name) is not None or not rights.may(name):
        directory.find(name)
    own = limits.settings_of(settings, name)
    if own.transport != "cloud":
        raise errors.InvalidInput(Why.ACCOUNT_NOT_OF_CLOUD, account=name).at("account")
    if not own.cloud_token or not own.cloud_business_account_id:
        raise errors.InvalidInput(Why.CLOUD_NOT_SET_UP, account=name).at("account")
    return own


@asynccontextmanager
async def _asked(own: Settings) -> AsyncIterator[Graph]:
    graph = Graph(own)
    await graph.open()
    try:
        yield graph
    except errors.TransportError as error:
        raise errors.TransportError(Why.META_SAYS, reason=part(words(error))) from None
    finally:
        await graph.close()


async def templates(own: Settings) -> list[Fetched]:
    """All templates of the account, as Meta lists them. Raises TransportError."""
    async with _asked(own) as graph:
        return [
            Fetched(
                template_id=each.id or None,
                name=each.name,
                language=each.language,
                status=each.status,
                category=each.category or None,
                quality=each.quality or None,
                reason=each.rejected if each.rejected not in ("", "NONE") else None,
                parameter_format=NAMED if each.named else POSITIONAL,
                components=tuple(cast(list[Component], each.components)),
            )
            async for each in graph.templates()
        ]


async def create(own: Settings, template: NewTemplate) -> Made:
    """Hand in a new template. Raises InvalidInput, at the field that is known to be unfit or with Meta's words,
    TransportError."""
    definition = template.definition()
    async with _asked(own) as graph:
        try:
            return await graph.create_template(definition)
        except errors.GraphRefused as refused:
            if refused.status >= 500 or refused.code in NOT_ABOUT_IT:
                raise
            raise errors.InvalidInput(Why.META_SAYS, reason=part(words(refused))) from None


NOT_ABOUT_IT = frozenset({0, 3, 4, 10, 190, 200, 80007})  # the token, what it permits, or how often it is asked


async def number(own: Settings) -> GraphNumber:
    """The number, and whether it can send. Raises TransportError."""
    async with _asked(own) as graph:
        return await graph.number()
