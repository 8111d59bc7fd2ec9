"""Uploads, templates and lists."""

from __future__ import annotations

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import (
    Attachments,
    Body,
    Done,
    Fields,
    Id,
    Ids,
    Items,
    Numbers,
    Phone,
    Rejected,
    Seen,
    SeenAt,
    Time,
    example,
)


class UploadRow(Answer):
    """One of the first rows of a contacts file."""

    row: int
    number: Phone
    fields: Fields


class Upload(Answer):
    """A contacts file as it was read."""

    upload_id: str
    filename: str
    total: int
    unique: int
    duplicates: int
    rejected: list[Rejected]
    columns: list[str]
    phone_column: str | None
    sheet: str | None = Field(description="For a workbook: the sheet that was read.")
    hidden_rows: int = Field(description="Rows that are hidden or filtered out in the file, and were left out.")
    hidden_columns: int
    encoding: str | None = Field(description="For a text file: the encoding it was read in.")
    encoding_sure: bool = Field(description="false: a guess; if names are wrong, upload it with `encoding`.")
    preview: list[UploadRow]


class Attachment(Answer):
    """A file that can be attached to messages."""

    attachment_id: str
    filename: str
    size: int
    kind: str = Field(description="How WhatsApp treats it: photo, video, audio or document.")


class NewTemplate(Body):
    """A text to save as a template."""

    model_config = example(name="Spring sale", text="Hi {{ name }}")

    name: StrictStr
    text: StrictStr
    attachments: Attachments = []
    version: Seen = None
    updated_at: SeenAt = None


class Template(Answer):
    """A text saved for reuse."""

    id: int
    name: str
    text: str
    attachments: list[str]
    created_at: Time
    updated_at: Time
    version: int = Field(description="Grows with each change.")


class Templates(Answer):
    """All templates, by name."""

    templates: list[Template]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")


class People(Body):
    """People for a list, given in exactly one of these ways."""

    model_config = example(numbers=["+4915110000000"])

    upload_id: StrictStr | None = None
    phone_column: StrictStr | None = Field(
        None, description="The column of the upload that has the numbers, where POST /upload could not tell."
    )
    numbers: Items | None = None
    recipients: Items | None = None
    list_id: Id | None = None


class NewList(People):
    """A list to create; without people it is empty."""

    model_config = example(name="Guests", numbers=["+4915110000000"])

    name: StrictStr


class ListName(Body):
    """A list's new name."""

    model_config = example(name="Friends")

    name: StrictStr
    version: Seen = None
    updated_at: SeenAt = None


class TakeOff(Body):
    """Who to remove from a list: by the ids of their entries, by number, or both."""

    model_config = example(numbers=["+4915110000000"])

    ids: Ids = []
    numbers: Numbers = []


class ContactList(Answer):
    """People saved for reuse."""

    id: int
    name: str
    columns: list[str]
    people: int
    created_at: Time
    updated_at: Time
    version: int = Field(description="Grows with each change.")


class Lists(Answer):
    """All lists, by name."""

    lists: list[ContactList]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")


class Added(Done):
    """The outcome of adding people to a list."""

    added: int
    already_there: int
    updated: int
    duplicates_removed: int
    rejected: list[Rejected]


class ListMade(ContactList, Added):
    """A new list."""


class Entry(Answer):
    """A person on a list."""

    id: int
    number: Phone
    fields: Fields


class Entries(Answer):
    """A page of the people on a list."""

    entries: list[Entry]
    next_cursor: int | None


class Removed(Done):
    """How many people were removed from a list."""

    removed: int
