"""Whose words are whose: how people and files are called is never read as what WhatsApp says, or the other way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.formats import filenames
from daemon.states import AccountState, Finding, Kind
from daemon.transports.protocol import Attachment, Outgoing
from standin.client import StandIn
from tests.support.driving import ONCE, Driving, a_number

STATES = "Your account is restricted. You can't start new chats right now. You've reached the monthly limit."


def script(driving: Driving, code: str, *given: Any) -> Any:
    """Run something in the page, as WhatsApp or a person might."""
    page = driving.transport._page
    assert page is not None
    return page._surface._driver.execute_script(code, *given)


def a_file(folder: Path, name: str, kind: Kind = Kind.DOCUMENT) -> Attachment:
    content = b"%PDF-1.4 " + name.encode()
    path = folder / "stored"
    path.write_bytes(content)
    return Attachment(path, name, kind, "application/pdf", len(content))


# -- an answer belongs to the number it names ------------------------------------------------------------------------


@ONCE
@pytest.mark.parametrize("words", ["new", "old"])
def test_a_late_answer_is_not_taken_for_the_next_person(driving: Driving, standin: StandIn, words: str) -> None:
    """One number is not on WhatsApp, which its server says only when the next person's chat is being opened."""
    missing, number = a_number(), a_number()
    driving.set(not_on_whatsapp=[missing], invalid_text=words, existence_ms=700)
    script(
        driving,
        "const link = document.createElement('a'); link.href = 'https://web.whatsapp.com/send?phone=' + arguments[0];"
        "document.body.append(link); link.click(); link.remove()",
        missing[1:],
    )

    driving.send(number, "you are there")

    assert ["you are there"] == [each["text"] for each in driving.got(number)]


def test_a_dialog_that_names_somebody_else_is_put_away(driving: Driving, standin: StandIn) -> None:
    """It stands there before anybody is asked for; the person at hand gets their message."""
    missing, number = a_number(), a_number()
    driving.set(not_on_whatsapp=[missing], existence_ms=1_200)
    with pytest.raises(errors.Undeliverable):
        driving.prepare(Outgoing(missing, "nobody"))
    driving.send(number, "somebody")
    with pytest.raises(errors.Undeliverable):
        driving.prepare(Outgoing(missing, "nobody"))

    assert ["somebody"] == [each["text"] for each in driving.got(number)]


@ONCE
def test_a_number_not_on_whatsapp_by_another_notation_of_it(driving: Driving) -> None:
    """WhatsApp names the person as they once were written: it is still the answer about them, not about another."""
    driving.set(not_on_whatsapp=["+5511987654321"], called={"+5511987654321": "+551187654321"})

    with pytest.raises(errors.Undeliverable, match="not on WhatsApp"):
        driving.prepare(Outgoing("+5511987654321", "nobody"))


@ONCE
def test_a_name_that_comes_late(driving: Driving) -> None:
    """A chat whose text box is there before its name has not changed: it is waited for."""
    number = a_number()
    driving.set(names={number: "Anna"}, title_ms=700)

    driving.send(number, "for her")

    assert ["for her"] == [each["text"] for each in driving.got(number)]


# -- names of files --------------------------------------------------------------------------------------------------


@ONCE
@pytest.mark.parametrize(
    "name",
    ["Unsupported devices.pdf", "This offer is too large.pdf", "Files with no content are empty.pdf", f"{STATES}pdf"],
    ids=["unsupported", "too-large", "empty", "restricted"],
)
def test_words_in_a_files_name_are_no_refusal(driving: Driving, standin: StandIn, tmp_path: Path, name: str) -> None:
    """It is sent, found again in the chat, and the account stays as it is."""
    number, file = a_number(), a_file(tmp_path, name)
    message = Outgoing(number, "see file", (file,))
    mark = driving.prepare(message)
    driving.run(driving.transport.hand_over(message, mark))
    found = driving.run(driving.transport.look_up(message, mark))
    health = driving.health()

    assert [[name]] == [[each["name"] for each in message["files"]] for message in driving.got(number)]
    assert (Finding.SENT, AccountState.READY) == (found.finding, health.state)


def test_a_refusal_that_names_the_file_is_one(driving: Driving, standin: StandIn, tmp_path: Path) -> None:
    """Only the name is not read; what is said of it is."""
    driving.set(oversize_bytes=4)
    with pytest.raises(errors.Undeliverable, match="larger than the limit"):
        driving.prepare(Outgoing(a_number(), "x", (a_file(tmp_path, "Unsupported devices.pdf"),)))


def test_a_name_that_looks_like_a_failure_is_none(driving: Driving, standin: StandIn, tmp_path: Path) -> None:
    """A document row carries its name as a label, too."""
    number, file = a_number(), a_file(tmp_path, "Failed payments.pdf")
    message = Outgoing(number, "", (file,))
    mark = driving.prepare(message)
    driving.run(driving.transport.hand_over(message, mark))
    script(
        driving,
        "for (const row of document.querySelectorAll('#main [data-id]')) row.setAttribute('title', ''),"
        "row.firstElementChild.insertAdjacentHTML('beforeend', '<span aria-label=\"Failed payments.pdf\"></span>')",
    )

    assert Finding.SENT is driving.run(driving.transport.look_up(message, mark)).finding


@ONCE
@pytest.mark.parametrize("part", ["x", "ใบเสนอราคาสำหรับลูกค้า", "Angebot für größere Häuser ", "🎁"])
def test_a_long_name_is_made_shorter(driving: Driving, standin: StandIn, tmp_path: Path, part: str) -> None:
    """Also where it was stored before names were cut by their bytes; the file arrives, and Chrome is as it was."""
    number, file = a_number(), a_file(tmp_path, (part * 300)[:120] + ".pdf")
    message = Outgoing(number, "see file", (file,))
    mark = driving.prepare(message)
    driving.run(driving.transport.hand_over(message, mark))

    (name,) = [each["name"] for message in driving.got(number) for each in message["files"]]
    assert name.endswith(".pdf") and file.filename.startswith(name[:-4].rstrip(" "))
    assert len(name.encode()) <= filenames.MAX_BYTES
    assert Finding.SENT is driving.run(driving.transport.look_up(message, mark)).finding


@ONCE
def test_a_file_that_cannot_be_made_ready_is_not_the_browsers_fault(
    driving: Driving, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say: nothing has left, and Chrome goes on."""

    def no_room(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", no_room)
    monkeypatch.setattr("shutil.copyfile", no_room)
    with pytest.raises(errors.NotSubmitted, match="No space left"):
        driving.prepare(Outgoing(a_number(), "x", (a_file(tmp_path, "a.pdf"),)))
    monkeypatch.undo()
    driving.send(a_number(), "x", a_file(tmp_path, "a.pdf"))


# -- where WhatsApp speaks -------------------------------------------------------------------------------------------

PLACES = {
    "pinned": "document.querySelector('#main header').after(made)",
    "quoted": "document.querySelector('#main footer').prepend(made)",
    "drawer": "document.querySelector('#main').parentElement.append(made)",
    "title": "document.querySelector('#main header [dir=auto]').textContent = arguments[0]",
    "preview": "document.querySelector('#pane-side [role=row]').append(made)",
    "chips": "document.querySelector('[role=tablist]').append(made)",
}


@pytest.mark.parametrize("place", PLACES)
def test_what_people_write_is_no_state_of_the_account(driving: Driving, standin: StandIn, place: str) -> None:
    """A pinned message, a quoted one, the "about" of a contact, a name, a preview, a list's label."""
    driving.send(a_number(), "x")
    script(
        driving,
        "const made = document.createElement('div'); made.className = 'made';"
        "made.innerHTML = '<button><span dir=auto></span></button>';"
        "made.querySelector('span').textContent = arguments[0];" + PLACES[place],
        STATES,
    )
    health = driving.health()
    script(driving, "for (const each of document.querySelectorAll('.made')) each.remove()")

    assert AccountState.READY is health.state


@pytest.mark.parametrize(
    "place",
    ["document.querySelector('#side').prepend(made)", "document.querySelector('#app').append(made)",
     "(made.setAttribute('role', 'alert'), document.querySelector('#app > *').append(made))"],
    ids=["above-the-chats", "over-all", "notice"],
)  # fmt: skip
def test_what_whatsapp_says_is(driving: Driving, standin: StandIn, place: str) -> None:
    """Above the list of chats, over the whole page, in a notice: there the same words hold the account."""
    driving.send(a_number(), "x")
    script(
        driving,
        "const made = document.createElement('div'); made.className = 'made'; made.textContent = arguments[0];" + place,
        STATES,
    )
    health = driving.health()
    script(driving, "for (const each of document.querySelectorAll('.made')) each.remove()")

    assert AccountState.HELD is health.state


def test_a_pinned_message_does_not_say_that_a_contact_is_blocked(driving: Driving, standin: StandIn) -> None:
    """Why a chat has no composer stands where the composer would be, and nowhere else."""
    driving.send(a_number(), "x")
    script(
        driving,
        "document.querySelector('#main header').insertAdjacentHTML('afterend', '<div class=made>To unblock it</div>')",
    )
    page = driving.transport._page
    assert page is not None
    above = page._surface.observe()["chat"]["bar"]
    script(driving, "document.querySelector('#main footer').append(document.querySelector('.made'))")
    below = page._surface.observe()["chat"]["bar"]
    script(driving, "document.querySelector('.made').remove()")

    assert (None, "blocked") == (above, below)


@ONCE
def test_a_contact_may_be_called_like_a_group(driving: Driving, standin: StandIn) -> None:
    """Their chat is opened, and what they answer is theirs."""
    number = a_number()
    driving.set(names={number: "Anna, to group of four"})
    driving.send(number, "hello")
    driving.send(a_number(), "elsewhere")
    standin.incoming(number, "STOP")
    page = driving.transport._page
    assert page is not None
    chat = next(each for each in driving.run(driving.transport.unread()) if each.title == "Anna, to group of four")

    heard = driving.run(driving.transport.read(chat))

    assert heard is not None
    assert "STOP" in [row.text for row in heard.rows]
