"""Every switch with its default; a test or the demo changes them while the page is open."""

from __future__ import annotations

import json
from typing import Any

#: name: default. Durations are in the unit the name ends with; None means "never" or "not at all".
DEFAULTS: dict[str, Any] = {
    # how the page is built
    "generation": "B",  # DOM generation, B or C
    "build": "now",  # older: roles and test ids of earlier builds
    "labels": True,  # whether buttons and ticks have labels for screen readers, or only their icons
    "locale": "en",  # en or pt
    "missing": [],  # parts left out: attach menu logout send composer search newchat tabs title rows ticks list caption
    "file_input": "created",  # created (on click), persistent, or menu (they live in the open menu)
    "send_slot": "voice",  # without text: voice (a microphone), or disabled (Send, which cannot be clicked)
    "cookie_decides": False,  # whether the language cookie wins over `locale`
    "composer_lines": "mixed",  # mixed: <br> when typed, <p> when pasted; br: always <br>; p: always <p>
    "attach_menu": "menuitem",  # menuitem: entries with role and label; plain: <li role=button> without, as once
    "title_marks": False,  # U+202A..U+202C around titles that are numbers
    "read_more_chars": None,  # longer own texts are cut
    "virtualize": False,  # far rows are empty shells
    "history_page": 50,  # rows in the DOM until scrolled up
    "history_ms": 0,  # how long older rows take
    "spinner": "role",  # what shows that they are on their way: role, element, label, icon or testid
    "filler_chats": 0,  # invented chats below the real ones
    # start and link
    "boot_ms": 600,
    "loading_ms": 400,
    "qr_canvas_ms": 200,
    "qr_first_ms": 60_000,
    "qr_next_ms": 20_000,
    "qr_refs": 6,
    "qr_button": "inside",  # of an expired code, its button: inside [data-ref], or beside it
    "boot_stuck": False,  # the served page stays as it is until it is loaded anew
    "too_many": False,  # WhatsApp allows no attempt to link
    "passkey": None,  # after a scan, or in place of the code: prompt or step; None: no passkey is asked for
    "link_code_ms": 195_000,
    "link_codes": 6,  # how many are shown one after the other before they expire
    "auto_scan_ms": None,
    "linked": False,  # any profile counts as linked
    # opening chats
    "not_on_whatsapp": [],
    "invalid_text": "new",
    "existence_ms": 150,
    "modal_delay_ms": 25,
    "modal_min_ms": 50,
    "anchor_works": True,
    "search_works": True,
    "rows_ms": 50,  # None: the messages of a chat are never painted
    # a new chat shows that it is encrypted, else nothing. row: in a row as messages have; bare: in one without test ids
    "notice": True,
    "notices": [],  # words of further ones, in rows below the messages, under ids that the next page does not know
    "names": {},  # number: saved name
    "called": {},  # number: the notation of it under which WhatsApp knows that person
    "title_ms": 0,  # how long after its text box a chat shows its name
    "archived": [],  # numbers whose chats are in no list, even when somebody writes in them
    "group_names": [],
    # sending
    "enter_is_send": True,
    "send_ms": 30,
    "ack_ms": 60,  # None: the server has it, the tick never comes
    "delivered_ms": None,
    "read_ms": None,
    "ack_stuck": False,
    "stuck_numbers": [],  # what is sent to them stays on the clock
    "fail_numbers": [],
    "upload_ms": 0,
    "oversize_bytes": None,  # None: the real limits, 16 MB media and 2000 MiB documents
    "clock_survives": "lost",  # lost or resent
    # abnormal states
    "promo_dialog": False,
    "unknown_dialog": None,
    "whats_new": None,  # None, close (it has an X), or only (nothing but Continue)
    "checkpoint": None,  # a security check over the chats: prompt, step, words (no ids), captcha
    "checkpoint_hides": None,  # None: it stands over the chats; hidden: they are there unseen; replaced: they are gone
    "sticky": False,  # what fills the screen stays until the page is loaded anew
    "update_modal": False,
    "conflict": False,
    "offline": False,
    "retrying": False,
    "restricted": False,
    "monthly_cap": False,
    "temp_ban": None,  # seconds
    "deprecated": False,
    "tos_block": False,
    "proxy_block": False,
    "hang": False,
}

CHOICES: dict[str, set[str | None]] = {
    "generation": {"B", "C"},
    "build": {"now", "older"},
    "locale": {"en", "pt"},
    "spinner": {"role", "element", "label", "icon", "testid"},
    "file_input": {"created", "persistent", "menu"},
    "send_slot": {"voice", "disabled"},
    "qr_button": {"inside", "beside"},
    "composer_lines": {"mixed", "br", "p"},
    "attach_menu": {"menuitem", "plain"},
    "invalid_text": {"new", "old"},
    "clock_survives": {"lost", "resent"},
    "checkpoint_hides": {None, "hidden", "replaced"},
}


def check(changes: dict[str, Any]) -> None:
    """Raise ValueError naming every unknown switch and every value outside its choices."""
    problems = [f"no such switch: {name}" for name in changes if name not in DEFAULTS]
    problems += [
        f"{name}={changes[name]!r} is not one of {sorted(map(str, allowed))}"
        for name, allowed in CHOICES.items()
        if name in changes and changes[name] not in allowed
    ]
    if problems:
        raise ValueError("\n".join(problems))


def parse_pair(pair: str) -> tuple[str, Any]:
    """Read `key=value`; the value is JSON, or else taken as a plain string."""
    name, _, value = pair.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
