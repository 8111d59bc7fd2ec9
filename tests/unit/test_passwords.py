"""Passwords as they are stored, and the rules for new ones."""

from __future__ import annotations

import base64
import hashlib

import pytest

from daemon import errors
from daemon.auth import passwords


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """So cheap that a test can try many."""
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))


def test_a_guess_is_expensive() -> None:
    """What is used for real: at least what OWASP asks of scrypt (n 2^15 with r 8 and p 3, or more)."""
    log_n, r, p = passwords.COST

    assert (2**log_n >= 2**15) and r >= 8 and p >= 3


def test_salt_and_cost_are_stored_with_the_hash(quick: None) -> None:
    """So another scrypt than ours comes to the same, and no two users have the same line."""
    line = passwords.conceal("a good long one")

    name, log_n, r, p, salt, found = line.split("$")
    expected = hashlib.scrypt(
        b"a good long one", salt=base64.b64decode(salt), n=2 ** int(log_n), r=int(r), p=int(p), dklen=32
    )
    assert ("scrypt", 16, expected) == (name, len(base64.b64decode(salt)), base64.b64decode(found))
    assert line != passwords.conceal("a good long one")
    assert "good" not in line


def test_the_password_matches_and_no_other_does(quick: None) -> None:
    """Also one that begins alike."""
    line = passwords.conceal("a good long one")

    assert passwords.matches("a good long one", line)
    for wrong in ("a good long on", "a good long one!", "A good long one", "", "\udcff"):
        assert not passwords.matches(wrong, line)


def test_what_was_stored_at_another_cost_still_matches(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raising the cost locks nobody out."""
    line = passwords.conceal("a good long one")
    monkeypatch.setattr(passwords, "COST", (5, 2, 2))

    assert passwords.matches("a good long one", line)


def test_accents_may_come_in_either_form(quick: None) -> None:
    """Keyboards differ: e with an accent is one sign or two."""
    assert passwords.matches("cafe\u0301 cafe\u0301", passwords.conceal("caf\u00e9 caf\u00e9"))


def test_an_unknown_user_costs_as_much(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One scrypt with the same parameters, and never a match: time tells nobody which names there are."""
    asked: list[dict[str, object]] = []
    real = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda secret, **how: (asked.append(how), real(secret, **how))[1])
    line = passwords.conceal("a good long one")
    asked.clear()

    assert not passwords.matches("", None)
    assert not passwords.matches("wrong", line)
    unknown, known = [{name: how[name] for name in ("n", "r", "p", "dklen")} for how in asked]
    assert known == unknown


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "at least 10"),
        ("x" * 257, "at most 256"),
        ("Anna Schmidt", "must not be the same as the name"),
        ("anna SCHMIDT ", "must not be the same as the name"),
        ("aaaaaaaaaaaa", "one character repeated"),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(password: str, says: str) -> None:
    """Before it is stored."""
    with pytest.raises(errors.InvalidInput, match=says):
        passwords.check(password, "Anna Schmidt")


def test_ten_signs_will_do() -> None:
    """Of whatever kind."""
    passwords.check("gülle-1234", "Anna")


def test_a_user_that_does_not_exist_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the one whose hash is what stands in for theirs."""
    monkeypatch.setattr(passwords, "_hash", lambda *_: bytes(passwords.HASH_BYTES))
    assert not passwords.matches("whatever it is", None)


@pytest.mark.parametrize(
    "password",
    [
        "password123", "1234567890", "qwertyuiop", "iloveyou12", "Password1!", "P@ssw0rd123", "q1w2e3r4t5y6",
        "abcdefghij", "superman123", "letmein1234", "aaaaabbbbb", "1qaz2wsx3edc", "0987654321",
        "Anna Schmidt", "annaschmidt", "Schmidt123", "schmidt anna", "annaannaanna", "wasender2026", "whatsapp123",
    ],
)  # fmt: skip
def test_what_is_tried_first_is_refused(password: str) -> None:
    """Common passwords, patterns on the keyboard, the name in whatever order and with digits behind it."""
    with pytest.raises(errors.InvalidInput, match=r"(This password is easy to guess|The password must not be)"):
        passwords.check(password, "Anna Schmidt")


@pytest.mark.parametrize(
    "password",
    ["a good long one", "gülle-1234", "x9$kd!02jd", "Brücke Zebra Nagel", "काला घोड़ा नदी", "kiwi soap " * 25],
)
def test_what_nobody_else_chooses_is_taken(password: str) -> None:
    """In whatever language, and however long."""
    passwords.check(password, "Anna Schmidt")
