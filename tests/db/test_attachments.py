"""The sender and the files of its messages: what is not what was uploaded is not handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.contacts import uploads
from daemon.delivery import compose
from daemon.models import Job, Message
from daemon.states import Finding, State
from daemon.transports.protocol import Lookup
from tests.support.scripted import RECEIPT, ScriptedTransport, until


def upload(settings: Any, folder: Path) -> Path:
    """One uploaded file; where its bytes lie."""
    part = folder / "part"
    part.write_bytes(b"%PDF-1.4 a plan")
    uploads.add_attachment(settings, part, "plan.pdf", now=0)
    (place,) = (settings.data_dir / "attachments").iterdir()
    return place


def queued(job: Job) -> Message:
    row: Message = Message.select(Message, Job).join(Job).where(Message.job == job).get()
    return row


def test_a_file_is_held_against_what_was_uploaded(hand: Any, settings: Any, tmp_path: Path) -> None:
    """Right before it would be handed over: missing and damaged are told apart, and whole again it goes."""
    place = upload(settings, tmp_path)
    whole = place.read_bytes()
    message = queued(hand.queue(1, attachments=[place.name]))
    assert 15 == compose.outgoing(settings, message).attachments[0].size
    for content in (b"", whole[:7], whole.replace(b"plan", b"trap")):
        place.write_bytes(content)
        with pytest.raises(errors.AttachmentDamaged, match="missing or damaged"):
            compose.outgoing(settings, message)
    place.unlink()
    with pytest.raises(errors.AttachmentMissing, match="missing or damaged"):
        compose.outgoing(settings, message)
    place.write_bytes(whole)
    assert compose.outgoing(settings, message).attachments


async def test_a_lost_file_is_handed_to_nobody(bench: Any, settings: Any, tmp_path: Path) -> None:
    """And its message does not stay in a hand."""
    place = upload(settings, tmp_path)
    job = bench.queue(1, attachments=[place.name])
    place.write_bytes(b"half")
    transport = ScriptedTransport()
    async with bench.sending(transport):
        pass_by = bench.queue(1, first=10)
        await until(lambda: queued(pass_by).state == State.SENT or queued(job).error, "it is dealt with")
    assert queued(job).number not in transport.out
    assert queued(job).state not in {State.SENDING, State.SENT}


async def test_a_message_is_looked_up_whatever_became_of_its_file(bench: Any, settings: Any, tmp_path: Path) -> None:
    """It may be out: that its file is gone since proves nothing."""
    place = upload(settings, tmp_path)
    job = bench.queue(1, attachments=[place.name])

    def lost() -> Exception:
        place.unlink()
        return errors.SubmitUnknown("The tick did not come.")

    transport = ScriptedTransport(hand_over=[lost], look_up=[Lookup(Finding.SENT, "it is there", RECEIPT)])
    await bench.run_out(transport, job)
    assert State.SENT == queued(job).state
