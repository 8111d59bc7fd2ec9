"""What other software calls a job and its recipients."""

from __future__ import annotations

from collections.abc import Collection

from daemon import errors
from daemon.campaigns.refusals import Why
from daemon.contacts.importer import Contact
from daemon.delivery.enqueue import EXTERNAL_ID

LONGEST = 255


def check(of_job: str | None, people: Collection[Contact], columns: Collection[str], place: str) -> None:
    """Raises InvalidInput where one is too long to be looked up. place: what a recipient's position is called."""
    if len(of_job or "") > LONGEST:
        raise errors.InvalidInput(Why.EXTERNAL_ID_TOO_LONG, most=LONGEST).at("external_id")
    for each in people if EXTERNAL_ID in columns else ():
        if len(each.fields.get(EXTERNAL_ID, "")) > LONGEST:
            raise errors.InvalidInput(Why.EXTERNAL_ID_TOO_LONG_AT, place=place, position=each.position, most=LONGEST)
