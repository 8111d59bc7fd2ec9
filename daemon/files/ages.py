"""How long what is kept: settings in days, 0 for ever. `config.Settings` has them with all others."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

LONGEST = 36_500
#: what a history may still be asked for: webhooks are repeated by hand for 30 days
HISTORY_LEAST = 31
#: how long a person's rows are needed to know whom an account has written to, and that a reply is theirs
RECIPIENTS_LEAST = 90


class Ages(BaseSettings):
    """Days after which something is removed. 0 means: kept until somebody removes it."""

    keep_unused_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days after which unused uploads and attachments, drafts of started campaigns, and the people of "
        "repeating ones that have ended, are deleted.",
    )
    keep_audit_days: int = Field(
        730, ge=30, le=LONGEST, description="Days after which entries of the audit log are deleted."
    )
    keep_texts_days: int = Field(
        0, ge=0, le=LONGEST, description="Days after the end of a campaign when its text is removed; 0: never."
    )
    keep_fields_days: int = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Days after the end of a campaign when its recipients' fields, such as names, are removed; 0: "
        "never.",
    )
    keep_rejected_days: int = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Days after the end of a campaign when its rejected rows are removed; 0: never.",
    )
    keep_history_days: int = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Days after the end of a campaign when the history of its messages is removed; at least 31; 0: "
        "never.",
    )
    keep_recipients_days: int = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Days after the end of a campaign when its recipients are removed, and only counts stay; at least "
        "90; 0: never.",
    )
    keep_drafts_days: int = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Days after its last change when a draft that was never started is removed; 0: never.",
    )
    keep_replies_days: int = Field(
        90, ge=0, le=LONGEST, description="Days after which replies are removed; at least 7; 0: never."
    )
    keep_evidence_days: int = Field(
        90,
        ge=0,
        le=LONGEST,
        description="Days after which texts and screenshots of chats, taken where an outcome was unclear, are removed; "
        "a week after the decision in any case; 0: never before that.",
    )
    archive_days: int = Field(
        90,
        ge=0,
        le=LONGEST,
        description="Days after the end of a campaign when the history of its messages is stored in less room; at "
        "least 31; 0: never.",
    )

    @field_validator("keep_history_days", "archive_days")
    @classmethod
    def _history_is_still_told(cls, value: int) -> int:
        return _at_least(value, HISTORY_LEAST)

    @field_validator("keep_recipients_days")
    @classmethod
    def _people_are_still_known(cls, value: int) -> int:
        return _at_least(value, RECIPIENTS_LEAST)

    @field_validator("keep_replies_days")
    @classmethod
    def _replies_are_in_the_chat(cls, value: int) -> int:
        return _at_least(value, 7)


def _at_least(value: int, least: int) -> int:
    if 0 < value < least:
        raise ValueError(f"must be at least {least}, or 0 for never")
    return value
