"""No branch reads English: what is decided is decided by codes; sentences are for people."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from babel.messages.catalog import Catalog

from daemon import errors
from daemon.accounts.commands import Code, Outcome
from daemon.campaigns import exclusions
from daemon.campaigns.exclusions import Detail, Details, details
from daemon.contacts.importer import Contact
from daemon.contacts.reasons import Fault, Reason, because
from daemon.formats import template
from daemon.formats.refusals import Unsent
from daemon.formats.refusals import Why as FormatsWhy
from daemon.i18n import coded, languages
from daemon.i18n.coded import Coded, Phrase, Recorded, Refusal, Wording, refusal
from daemon.i18n.languages import say
from daemon.states import E164
from tests.support import translations

ROOT = Path(__file__).parents[2] / "daemon"
WORDS = re.compile(r"[A-Za-z]{2,}[,.]? [A-Za-z]{2,}|[A-Z][a-z]+ ")
CUTS = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "split"}
ALLOWED = {
    "db/connection.py",  # what a database's driver says: some of it has no code
    "db/faults.py",  # the same
    "formats/template.py",  # Jinja's words about a mistake in a text
    "formats/json_pieces.py",  # the place in what the parser of JSON says
    "server/visitors.py",  # the scheme of the header Authorization
}


def found(path: Path) -> list[str]:
    lines = []
    for node in ast.walk(ast.parse(path.read_text())):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CUTS:
            parts = node.args
        for part in parts:
            text = part.value if isinstance(part, ast.Constant) else None
            of_error = isinstance(part, ast.Call) and ast.unparse(part) in ("str(error)", "str(exc)", "str(problem)")
            if of_error or (isinstance(text, str) and WORDS.search(text)):
                lines.append(f"{path.relative_to(ROOT)}:{part.lineno}")
    return lines


def test_no_branch_reads_english() -> None:
    """WhatsApp's own page aside, which says some things in words only: those are in transports/browser."""
    others = (path for path in sorted(ROOT.rglob("*.py")) if "transports/browser" not in path.as_posix())
    places = [line for path in others if str(path.relative_to(ROOT)) not in ALLOWED for line in found(path)]
    assert [] == [each for each in places if "/migrations/" not in each]


def test_what_is_allowed_is_still_there() -> None:
    assert sorted(ALLOWED) == sorted(name for name in ALLOWED if found(ROOT / name))


# What is said by code: it is translated by it, and filled in afterwards.

KINDS: list[type[Coded]] = [Outcome, Reason, Details]


@pytest.fixture
def spanish(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader's language; sentences are not recognised by their patterns."""
    token = languages.language.set("es")
    monkeypatch.setattr(languages, "patterns", lambda name: [])
    languages._found.cache_clear()
    yield
    languages.language.reset(token)
    languages._found.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_has_a_sentence(kind: type[Coded]) -> None:
    """And so has what is of another version."""
    assert set(type(kind.OTHER)) == set(kind.SENTENCES)
    assert "Of tomorrow." == str(kind.restored("of_tomorrow", {"sentence": "Of tomorrow."}))


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_comes_back_as_it_was_stored(kind: type[Coded]) -> None:
    """With what its sentence is filled with."""
    for code, text in kind.SENTENCES.items():
        places = [name for _, name, *_ in Formatter().parse(text) if name]
        reason = kind(code, tuple((name, f"<{name}>") for name in places))
        kept = reason.stored()
        assert (reason, str(reason)) == (back := kind.restored(kept["code"], kept["values"]), str(back))


def test_no_code_of_an_exclusion_is_one_of_a_number() -> None:
    """By the code alone it is known which of both was stored."""
    assert not {code.value for code in Detail} & {code.value for code in Fault}


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("They got a campaign in the last 7 days, or are queued for one.", None),
        ({"code": "lately", "values": {"days": "7"}}, details(Detail.LATELY, days="7")),
        ({"code": "too_few_digits", "values": {"country": "49"}}, because(Fault.TOO_FEW_DIGITS, country="49")),
        ({"code": "text_blank", "values": {}}, refusal(Unsent.TEXT_BLANK)),
        ({"code": "of_tomorrow", "values": {"sentence": "It flew."}}, details(Detail.UNTOLD, sentence="It flew.")),
    ],
)
def test_why_somebody_was_left_out_is_read_as_any_version_kept_it(kept: Any, said: Coded | None) -> None:
    """A sentence, before there were codes."""
    found = exclusions.restored(kept)
    assert (said or details(Detail.UNTOLD, sentence=kept)) == found
    assert found == exclusions.restored(exclusions.kept(found)) == exclusions.restored(found)


def test_values_of_another_version_do_not_fit() -> None:
    """What it has said is shown."""
    assert "It was said." == str(Reason.restored("too_few_digits", {"land": "49"}, "It was said."))
    assert Fault.TOO_FEW_DIGITS is Reason.restored("too_few_digits", None, "It was said.").code


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (because(Fault.TOO_FEW_DIGITS, country="49"), "El número tiene muy pocas cifras para el código de país +49."),
        (Outcome(Code.SILENT), "Nadie lo atendió: el proceso de envío de esta cuenta no está en marcha."),
        (details(Detail.LATELY, days="7"), None),
        (details(Detail.NOT_UPLOADED, file="The row names no file."), None),
        (details(Detail.FIELDS_EMPTY, names="name, city"), None),
        (because(Fault.FIELD_NOT_TEXT, name="It is stopped."), None),
        (because(Fault.MISSING, suggestion="+4915110000012"), None),
    ],
)
def test_a_reason_is_translated_by_its_code(spanish: None, reason: Coded, said: str | None) -> None:
    """Not by its English sentence; what it is filled with is left as it is."""
    shown = say(reason)
    assert shown != str(reason)
    assert all(value in shown for _, value in reason.values)
    assert said in (None, shown)


# Errors: each has a code, and each code a sentence in every language


def every_error() -> list[type[errors.DaemonError]]:
    found, waiting = [], [errors.DaemonError]
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].__subclasses__()
    return found


def raised(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Where that file makes an error, and of which type."""
    names = {each.__name__ for each in every_error()}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).removeprefix("errors.")
            if name in names:
                yield name, node


def test_no_error_of_a_request_is_told_in_words() -> None:
    """Nor one of our transports: only those for the operator are; mypy says the same of every value that is no text
    here."""
    words_of = [each for each in every_error() if issubclass(each, errors.InWords)]
    worded = {each.__name__ for each in words_of if not issubclass(each, errors.TransportError)}
    words = (ast.JoinedStr, ast.BinOp)
    told = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted(ROOT.rglob("*.py"))
        for name, call in raised(path)
        if name not in worded
        for given in call.args[:1]
        if isinstance(given, words) or (isinstance(given, ast.Constant) and isinstance(given.value, str))
    ]
    assert [] == told
    assert any(name in worded for name, _ in raised(ROOT / "accounts" / "ownership.py"))


def filled_in(path: Path) -> Iterator[tuple[str, Wording, set[str]]]:
    """Each code that the file gives values to: where, which, and their names."""
    tree, rooms = ast.parse(path.read_text()), dict[str, Any]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(".refusals"):
            module = importlib.import_module(node.module or "")
            rooms |= {each.asname or each.name: getattr(module, each.name) for each in node.names}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
        given = call.args[0]
        for code in [given.body, given.orelse] if isinstance(given, ast.IfExp) else [given]:
            if isinstance(code, ast.Attribute) and isinstance(code.value, ast.Name) and code.value.id in rooms:
                names = {each.arg for each in call.keywords if each.arg}
                yield f"{path.relative_to(ROOT)}:{call.lineno}", getattr(rooms[code.value.id], code.attr), names


def test_every_sentence_gets_the_values_that_it_has_places_for() -> None:
    """Else making the error would fail, and only then."""
    found = [each for path in sorted(ROOT.rglob("*.py")) for each in filled_in(path)]
    assert [] == [(where, code) for where, code, names in found if names != set(re.findall(r"{(\w+)}", code.sentence))]
    assert len({code for _, code, _ in found}) > 150


def test_every_code_is_used_and_there_is_only_one_of_it() -> None:
    """One that nobody raises is dead; one that two raise for different things says nothing."""
    codes = translations.wordings()
    texts = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert [] == [f"{type(code)}.{code.name}" for code in codes if f".{code.name}" not in texts]
    values = [code.value for code in codes] + [code.value for code in (*Fault, *Detail)]
    twice = {value for value in values if values.count(value) > 1}
    assert twice <= {"other"}  # of what this version does not know
    assert all(re.fullmatch(r"[a-z0-9_]+", value) for value in values)


def test_only_sentences_that_are_stored_are_recognised_by_their_pattern() -> None:
    """What has a code beside it wherever it stands is never looked for among words."""
    ids = {pattern.pattern for pattern, _ in languages.patterns("es")}
    told = [code for code in translations.wordings() if not isinstance(code, Recorded) and "{" in code.sentence]
    before = {*exclusions.SENTENCES.values()}  # versions without codes have stored these
    found = [code for code in told if languages._pattern(code.sentence).pattern in ids]
    assert [] == [code for code in found if code.sentence not in before]
    assert languages._pattern(Unsent.FIELD_TOO_LONG.sentence).pattern in ids


def untranslated(catalog: Catalog) -> list[str]:
    """The codes whose sentence that catalog lacks."""
    texts = {code: code.sentence for code in translations.wordings() if code.sentence != translations.WORDS_ONLY}
    there = {code: catalog.get(text) for code, text in texts.items()}
    return [code.value for code, entry in there.items() if entry is None or not entry.string]


@pytest.mark.parametrize("language", sorted(languages.LANGUAGES.keys() - {"en"}))
def test_every_code_is_said_in_every_language(language: str) -> None:
    """And this would be noticed: without one of them it fails."""
    catalog = translations.stored(language)
    assert [] == untranslated(catalog)
    lost = "There is no job {job}: GET /jobs lists them."
    catalog[lost].string = ""
    assert ["no_job"] == untranslated(catalog)


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_a_refusal_is_said_with_its_values(language: str) -> None:
    """Each as it was given, whatever it contains, and not translated for itself."""
    token = languages.language.set(language)
    for code in translations.wordings():
        values = {name: f"<{name} {{it}}>" for name in re.findall(r"{(\w+)}", code.sentence)}
        shown = say(Refusal(code, tuple(values.items()))) if coded.WORDS not in values else "".join(values.values())
        assert all(value in shown for value in values.values()), code
    languages.language.reset(token)


def test_parts_of_a_sentence_are_said_in_the_same_language(spanish: None) -> None:
    """A phrase, a reason within a reason, and several of them."""
    with pytest.raises(errors.TemplateError) as caught:
        template.check("Hi {{ name }}", [Contact(3, E164("+4915110000001"), {}), Contact(5, E164("+49151"), {})])
    assert "2 destinatarios" in say(caught.value.told)
    assert "3 (El campo name está vacío); 5 (" in say(caught.value.told)
    with pytest.raises(errors.TemplateError) as caught:
        template.compile("{% for a in b %}{% endfor %}")
    assert "Línea 1 del mensaje: no se puede usar un bucle;" in say(caught.value.told)


def test_an_error_keeps_its_codes_on_the_way_from_the_process_that_reads_files() -> None:
    told = refusal(FormatsWhy.NOT_CONTACTS, file="x", kind=Phrase("a PDF"))
    both = refusal(FormatsWhy.TEXT_NOT_FOR_ALL, who=told, places=(told, coded.Clause(told)), more="")
    assert both == coded.unpacked(json.loads(json.dumps(coded.packed(both))))
    with pytest.raises(LookupError):
        coded.unpacked({"kind": "Refusal", "code": "of_tomorrow", "values": {}})


def test_words_without_a_code_are_translated_as_a_sentence(spanish: None) -> None:
    """Of a transport, or of an earlier version."""
    kept = Outcome.restored(None, None, "The sender of this account is not running.")
    assert say(Outcome(Code.SILENT)) == say(kept)
