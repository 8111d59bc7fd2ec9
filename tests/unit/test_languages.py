"""Languages: which one a reader gets, what is said in it, and that nothing is left untranslated."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache

import jinja2
import pytest
from babel.messages.catalog import Catalog
from jinja2 import nodes

from daemon.i18n import languages
from tests.support import translations
from tests.support.rig import ROOT

OTHERS = sorted(languages.LANGUAGES.keys() - {"en"})
UI = ROOT / "daemon" / "pages" / "templates"
SHOWN = re.compile(r"""(?:alt|title|placeholder|aria-label)=["']([^"'<>]*)["']|data-[a-z-]+="([^"<>]* [^"<>]*)\"""")
LATIN = re.compile(r"[A-Za-zÀ-ÿ]{3,}")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """Each test leaves the reader's language and zone as they were."""
    yield
    languages.language.set("en")
    languages.zone.set("UTC")


@pytest.mark.parametrize(
    ("wished", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "pt-BR,pt;q=0.9,en;q=0.5", "pt"),
        (None, "fr-FR, fr;q=0.8, es-419;q=0.5, en;q=0.1", "es"),
        (None, "hi;q=0.9, es;q=0.1", "hi"),
        (None, "de-CH, de;q=0.8, en;q=0.5", "de"),
        (None, "fr", "en"),
        (None, "es;q=0, pt;q=oops, *", "en"),
        ("ar", "es", "ar"),
        ("xx", "es", "es"),
        (None, "\x00" * 200 + ";q=" + "9" * 200, "en"),
    ],
)
def test_the_reader_gets_the_language_they_chose_or_their_browser_asks_for(
    wished: str | None, accepted: str, language: str
) -> None:
    """In this order; English where there is none of them."""
    assert language == languages.choose(wished, accepted)


@cache
def everything() -> Catalog:
    """What there is to translate: looked for once."""
    return translations.messages()


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_untranslated(language: str) -> None:
    """Every word of the page and every sentence for people; `python -m tests.support.translations` adds what is new."""
    catalog, wanted = translations.stored(language), everything()

    absent = [entry.id for entry in wanted if entry.id and catalog.get(_first(entry.id)) is None]
    assert [] == absent
    assert [] == translations.missing(catalog)


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_what_is_filled_in(language: str) -> None:
    """A placeholder that is lost or made up would break the page."""
    wrong = []
    for entry in translations.stored(language):
        if not entry.id:
            continue
        asked = set(PLACEHOLDER.findall(" ".join(_all(entry.id))))
        for form in _all(entry.string):
            given = set(PLACEHOLDER.findall(form))
            if given - asked or (isinstance(entry.id, str) and given != asked):
                wrong.append((entry.id, form))
    assert [] == wrong


@pytest.mark.parametrize("path", sorted(UI.glob("*.html")), ids=lambda path: path.name)
def test_templates_hold_no_words_that_are_not_marked(path) -> None:  # type: ignore[no-untyped-def]
    """Text between tags and in attributes that are shown or read out goes through gettext."""
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    tree = environment.parse(path.read_text())
    text = "".join(each.data if isinstance(each, nodes.TemplateData) else "\x01" for each in _output(tree))
    text = re.sub(r"(?s)<(script|style|code|pre)\b.*?</\1>|<!--.*?-->|<!doctype[^>]*>", "", text)
    text = re.sub(r' data-watch="[^"]*"', "", text)  # what a block gives to <body>: no text, though outside of tags
    shown = [value for pair in SHOWN.findall(text) for value in pair]
    between = re.sub(r"(?s)<[^>]*>", "\n", text).split("\n")
    unmarked = [
        words.strip() for words in [*shown, *between] if re.search(r"[A-Za-z]{2,}", words.replace("wasender", ""))
    ]
    assert [] == unmarked


@pytest.mark.parametrize(("language", "script"), [("hi", "[\u0900-\u097f]"), ("ar", "[\u0600-\u06ff]")])
def test_a_translation_is_in_its_own_language(language: str, script: str) -> None:
    """Words in Latin letters are those of the English sentence: names, commands, what is typed."""
    wrong = []
    for entry in translations.stored(language):
        for form in _all(entry.string) if entry.id else []:
            own = PLACEHOLDER.sub("", form)
            strange = [word for word in LATIN.findall(own) if word not in " ".join(_all(entry.id))]
            if strange and (not re.search(script, own) or len(strange) > 1):
                wrong.append((entry.id, form))
    assert [] == wrong


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_nothing_is_said_as_nothing(language: str) -> None:
    """The entry of the empty text is what a catalog says of itself."""
    languages.language.set(language)
    assert ("", "") == (languages.gettext(""), languages.say(""))


def test_german_is_formal_throughout() -> None:
    """Whoever works here is addressed as "Sie"."""
    said = [form for entry in translations.stored("de") if entry.id for form in _all(entry.string)]
    assert [] == [
        form
        for form in said
        if re.search(r"\b([Dd]u|[Dd]ich|[Dd]ein\w*|[Ee]u(ch|er|re)\w*|Wähle|Gib|Prüfe|Pausiere|Öffne)\b", form)
    ]
    assert 250 < sum(bool(re.search(r"\b(Sie|Ihr\w*|Ihnen)\b", form)) for form in said)


def _output(tree: nodes.Template) -> Iterator[nodes.Node]:
    for each in tree.find_all(nodes.Output):
        yield from each.nodes


def _first(id: str | tuple[str, ...]) -> str:
    return id if isinstance(id, str) else id[0]


def _all(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_a_sentence_with_something_filled_in_is_found_by_its_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core says it in English, the page in the reader's language; also several in a row, and one in another."""
    known = {
        "There is no job {job_id}: GET /jobs lists them.": "No hay trabajo {job_id}: GET /jobs los muestra.",
        "The account is on hold: {_0}.": "La cuenta está retenida: {_0}.",
        "page changed": "la página cambió",
        "It is too late.": "Es tarde.",
    }
    catalog = Catalog(locale="es")
    for message, string in known.items():
        catalog.add(message, string)
    monkeypatch.setattr(languages, "patterns", lambda _: [(languages._pattern(m), s) for m, s in known.items()])
    monkeypatch.setattr(languages, "translations", lambda _: _Known(known))
    languages._found.cache_clear()
    languages.language.set("es")

    assert "No hay trabajo 7: GET /jobs los muestra." == languages.say("There is no job 7: GET /jobs lists them.")
    assert "La cuenta está retenida: la página cambió. Es tarde." == languages.say(
        "The account is on hold: page changed. It is too late."
    )
    assert "Nobody knows this one." == languages.say("Nobody knows this one.")
    languages._found.cache_clear()


class _Known:
    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    def gettext(self, message: str) -> str:
        return self._known.get(message, message)


def test_times_and_numbers_follow_the_reader() -> None:
    """Their zone, their order, their signs."""
    languages.set_zone("Asia/Kolkata")
    shown = {}
    for language in languages.LANGUAGES:
        languages.language.set(language)
        shown[language] = (languages.moment(1_790_000_000_000).replace("\u202f", " "), languages.amount(1234567))

    assert ("Sep 21, 2026, 7:43 PM", "1,234,567") == shown["en"]
    assert ("21 sept 2026, 19:43", "1.234.567") == shown["es"]
    assert ("21 de set. de 2026, 19:43", "1.234.567") == shown["pt"]
    assert ("21.09.2026, 19:43", "1.234.567") == shown["de"]
    assert "12,34,567" == shown["hi"][1]
    assert shown["ar"][0].endswith("م")


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../../etc/passwd", "\0", "UTC; drop"])
def test_an_unknown_time_zone_is_utc(name: str) -> None:
    """And says so: nobody takes it for their own."""
    languages.set_zone(name)

    assert languages.moment(0).endswith("UTC")


def test_a_text_that_somebody_has_sent_is_neither_searched_for_long_nor_kept():
    """It may be made of what stands between the places of a pattern, three of which took minutes."""
    languages.language.set("es")
    kept = languages._found.cache_info().currsize
    for start, middle in (
        ("Job x is x", ", so you cannot is x it"),
        ("The message does not fit x", ", by position: x"),
    ):
        text = start + middle * (8_000 // len(middle)) + "!"
        started = time.process_time()
        assert text == languages.say(text)
        assert time.process_time() - started < 2
    assert kept == languages._found.cache_info().currsize
    assert "El nombre" in languages.say("The name contains invisible characters. X" + "x" * 8_000)
