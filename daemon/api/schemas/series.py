"""Campaigns that repeat."""

from __future__ import annotations

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Time
from daemon.states import SeriesState


class Run(Answer):
    """One time of a series."""

    at: Time
    job_id: int | None = Field(description="The job that it became. null: it was left out.")
    reason: str | None = Field(description="Why it was left out.")


class Series(Answer):
    """A campaign that repeats by the week; each run is a job of its own."""

    series_id: int
    name: str
    account: str
    state: SeriesState
    days: list[int] = Field(description="Of the week, 0 for Monday.")
    time: str = Field(examples=["09:00"])
    zone: str
    until: Time | None
    most: int | None = Field(description="After so many runs it ends.")
    made: int = Field(description="How many runs became a job.")
    people: int | None = Field(description="null: a list is read anew each time.")
    next: list[Time]
    runs: list[Run] = Field(description="The last ones, newest first.")


class SeriesList(Answer):
    """All campaigns that repeat."""

    series: list[Series]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")
