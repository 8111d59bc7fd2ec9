"""Notices."""

from __future__ import annotations

from pydantic import Field

from daemon.api.answers import Answer


class MailTested(Answer):
    """What became of a test mail."""

    success: bool = Field(description="Whether the mail server took it.")
    message: str
    code: str = Field(description="The same for a program, such as `mail_taken` or `mail_unreached`.")
