"""The ids under which Meta has files, for each of its numbers, until it forgets them."""

from __future__ import annotations

from daemon.db.connection import write
from daemon.models import KeptMedia


def find(number: str, attachment: str, now: int) -> str | None:
    """The id of that attachment's file, None where there is none any more."""
    mine = (KeptMedia.number == number, KeptMedia.attachment == attachment, KeptMedia.expires_at > now)
    found: str | None = KeptMedia.select(KeptMedia.media_id).where(*mine).scalar()
    return found


def keep(number: str, attachment: str, media_id: str, lasts_ms: int, now: int) -> None:
    """Store it for so long."""
    row = {"number": number, "attachment": attachment, "media_id": media_id, "expires_at": now + lasts_ms}
    with write():
        KeptMedia.delete().where(KeptMedia.expires_at <= now).execute()
        KeptMedia.insert(row).on_conflict(
            conflict_target=[KeptMedia.number, KeptMedia.attachment],
            update={KeptMedia.media_id: media_id, KeptMedia.expires_at: now + lasts_ms},
        ).execute()


def forget(number: str, attachment: str) -> None:
    """Meta does not know it any more."""
    with write():
        KeptMedia.delete().where(KeptMedia.number == number, KeptMedia.attachment == attachment).execute()
