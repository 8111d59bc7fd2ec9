"""What there is to translate, and bringing the catalogs up to date: `python -m tests.support.translations`.

Four sources: templates (`_()`, `ngettext`, `{% trans %}`), words marked in Python (`N_()`, `Phrase()`), the sentence of
every code of a refusal (`Wording`), and other sentences that the program says to people (reasons of holds, what a
transport says): those are found by their shape, a capital letter at the begin and a full stop at the end.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from daemon import errors  # noqa: F401 (its codes)
from daemon.i18n import coded, languages
from daemon.i18n.coded import WORDS as WHOLE
from daemon.i18n.coded import Recorded, Wording
from tests.support.rig import ROOT

DAEMON = ROOT / "daemon"
LEFT_OUT = {
    "logs.py",
    "config.py",
    "preflight.py",
    "trouble.py",
    "process.py",
    "schema.py",
    "chrome.py",
    "display.py",
    "sandbox.py",
    "ownership.py",
    "owner.py",
    "migrations",
    "cli",
    "check.py",
    "doctor.py",
    "families.py",
    "installing.py",
    "alone.py",
    "under_way.py",
    "archive.py",
    "migrate.py",
    "backup.py",
    "backup_failures.py",
    "restore.py",
    "snapshot.py",
    "openapi.py",
    "parameters.py",
    "schemas",
}  # for operators and programmers
FRAGMENTS = {"reason"}  # parts of sentences
WORDS_ONLY = f"{{{WHOLE}}}"  # of a kind that is told in words
WORDS = re.compile(r"[a-z{].*\s.*\w.*")
SENTENCE = re.compile(r"[A-Z\"{].*\s.*[.?!](\s.*)?", re.S)


def messages() -> Catalog:
    """Everything there is to translate, with where it stands."""
    catalog = Catalog(project="wasender", charset="utf-8", header_comment="# wasender's words in another language.")
    methods = [("pages/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "Phrase": None}
    options = {"pages/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
    found = extract_from_dir(str(DAEMON), methods, options, keywords)
    for filename, line, message, comments, context in found:
        catalog.add(message, locations=[(f"daemon/{filename}", line)], auto_comments=comments, context=context)
    for code in wordings():
        if code.sentence != WORDS_ONLY:
            comments = [languages.RECORDED] if isinstance(code, Recorded) else []
            place = type(code).__module__.replace(".", "/") + ".py"
            catalog.add(code.sentence, locations=[(place, 0)], auto_comments=comments)
    for path in sorted(DAEMON.rglob("*.py")):
        if LEFT_OUT.isdisjoint(path.relative_to(DAEMON).parts):
            for line, text in sentences(path):
                catalog.add(text, locations=[(str(path.relative_to(ROOT)), line)])
    return catalog


def wordings() -> list[Wording]:
    """Every code of every room that brings its sentence along."""
    for path in sorted(DAEMON.rglob("refusals.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return sorted(coded.wordings(), key=lambda code: type(code).__module__)


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """The sentences for people in one file: (line, text), with `{name}` for what is filled in."""
    tree = ast.parse(path.read_text())
    parts = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "description"}
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # beneath a name, as in a module
    yield from _fragments(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and not (id(node) in parts and _inner(node, tree)):
            text = template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | docs:
            text = node.value
        else:
            continue
        if SENTENCE.fullmatch(text) and "SELECT" not in text and not text.startswith("/"):
            yield node.lineno, text


def _fragments(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is filled into sentences, by the names it is assigned to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in FRAGMENTS for to in node.targets):
            inner = {id(each) for part in ast.walk(node) if isinstance(part, ast.JoinedStr) for each in ast.walk(part)}
            for part in ast.walk(node.value):
                if isinstance(part, ast.JoinedStr):
                    text = template(part)
                else:
                    text = str(part.value) if isinstance(part, ast.Constant) and id(part) not in inner else ""
                if WORDS.fullmatch(text):
                    yield node.lineno, text


def _inner(node: ast.JoinedStr, tree: ast.Module) -> bool:
    """Whether it stands inside another f-string."""
    return any(
        other is not node and isinstance(other, ast.JoinedStr) and any(each is node for each in ast.walk(other))
        for other in ast.walk(tree)
    )


def template(node: ast.JoinedStr) -> str:
    """An f-string as a message: each expression a placeholder, by its name where it has one."""
    text, unnamed = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            continue
        assert isinstance(part, ast.FormattedValue)
        if isinstance(part.value, ast.Name):
            text += f"{{{part.value.id}}}"
        else:
            text += f"{{_{unnamed}}}"
            unnamed += 1
    return text


def stored(language: str) -> Catalog:
    """The catalog of a language as it stands in the repository; an empty one where there is none."""
    path = languages.FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language, project="wasender", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, wanted: Catalog) -> Catalog:
    """The language's catalog with all that there is now: new messages empty, old ones gone."""
    catalog = stored(language)
    wanted.creation_date = catalog.creation_date  # else each update would conflict with every other one
    catalog.update(wanted, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment = f"# wasender's words in {Locale.parse(language).english_name}."
    catalog.revision_date = catalog.creation_date
    catalog.fuzzy = False
    catalog.version = catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    with (languages.FOLDER / f"{language}.po").open("wb") as file:
        write_po(file, catalog, width=120, omit_header=False, sort_by_file=True, include_lineno=False)
    return catalog


def missing(catalog: Catalog) -> list[str]:
    """Messages that nobody has translated yet."""
    empty = [entry for entry in catalog if entry.id and not all(_forms(entry.string))]
    return [entry.id if isinstance(entry.id, str) else entry.id[0] for entry in empty]


def _forms(string: object) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(string or ("",))  # type: ignore[call-overload]


def main() -> int:
    wanted = messages()
    for language in languages.LANGUAGES.keys() - {"en"}:
        print(f"{language}: {len(missing(update(language, wanted)))} of {len(wanted)} messages are missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
