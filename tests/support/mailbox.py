"""A mail server for tests, which keeps what it takes."""

from __future__ import annotations

import email
import email.policy
import threading
from typing import Any


class Mailbox:
    """A mail server of aiosmtpd's that keeps what it takes. refuses: what it answers to a mail instead.
    holds: at a goodbye it does nothing until that is set; polite: but answers it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.tls: list[bool] = []
        self.refuses: str | None = None
        self.holds: threading.Event | None = None
        self.polite = True
        self.unknown = ""  # an address that it refuses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address == self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            return self.refuses
        self.tls.append(session.ssl is not None)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        if self.holds:
            if self.polite:
                await server.push("221 Bye")
            self.holds.wait(30)
        return "221 Bye"

    @property
    def texts(self) -> list[str]:
        """The mails' texts, without the times."""
        return ["\n".join(mail.get_content().splitlines()[1::3]) for mail in self.mails]
