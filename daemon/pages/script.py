"""What our script asks while somebody is writing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from daemon.formats import template as message_text

MAX_SAMPLES = 100


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskedMessage(Body):
    """A draft's message. index: of the person, from 0. language: of dates
    and amounts, "" for the stored one. find: somebody's name or number, "" for nobody."""

    text: str = Field("", max_length=4 * message_text.MAX_TEXT)
    language: str = Field("", max_length=40)
    index: int = Field(0, ge=0)
    find: str = Field("", max_length=200)


class AskedTemplate(Body):
    """A template's text. samples: the value of each field in the preview."""

    text: str = ""
    samples: dict[str, str] = Field({}, max_length=MAX_SAMPLES)
