"""THIRD-PARTY-NOTICES, made from the metadata of what the locks name: `python -m tests.support.notices`.

`scripts/lock` runs it, with these packages installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution

from tests.support.rig import ROOT

PAGE = ROOT / "THIRD-PARTY-NOTICES"
LOCKS = {
    "requirements.lock": "Installed with wasender",
    "requirements-test.lock": "Installed only to test it",
}
ABOUT = """\
Third-party notices
===================

wasender is under the licence in LICENSE. It contains no other software, but is installed with the packages below. pip
takes them from their authors' releases, and puts the text of each licence beside the package (*.dist-info).

undetected-chromedriver, which only the transport through WhatsApp Web imports, is under the GNU General Public License
3: whoever passes on wasender together with it, as in a container's image, passes on the whole under its terms.
"""
#: what does not say it in its metadata, by the file with its licence
SAID = {"peewee": "MIT", "axe-playwright-python": "MIT; its copy of axe-core: MPL-2.0", "pyrage": "MIT"}
OF_PLACES = ("homepage", "home", "source", "source code", "repository", "code", "github", "documentation")
OSI = "License :: OSI Approved :: "


def locked(lock: str) -> list[str]:
    """The names in that lock."""
    return re.findall(r"^([A-Za-z0-9][\w.-]*)==", (ROOT / lock).read_text(), re.MULTILINE)


def licence(name: str) -> str:
    """As the package itself says it: an SPDX expression, a few words, or its classifiers."""
    about = distribution(name).metadata
    words = SAID.get(name) or about.get("License-Expression") or about.get("License") or ""
    if not words.strip() or len(words) > 60 or "\n" in words.strip():
        words = ", ".join(each.removeprefix(OSI) for each in about.get_all("Classifier", []) if each.startswith(OSI))
    if not words.strip():
        raise SystemExit(f"{name} does not say its licence: look for its file, and put it into SAID")
    return words.strip()


def address(name: str) -> str:
    """Where the package's authors are found."""
    about = distribution(name).metadata
    pairs = [each.partition(", ") for each in about.get_all("Project-URL", [])]
    urls = {label.lower(): url for label, _, url in pairs}
    found = [urls[label] for label in OF_PLACES if label in urls]
    return about.get("Home-page") or next(iter([*found, *urls.values(), f"https://pypi.org/project/{name}/"]))


def text() -> str:
    """The whole file."""
    return "\n".join(_parts()).rstrip() + "\n"


def _parts() -> Iterator[str]:
    yield ABOUT
    for lock, title in LOCKS.items():
        yield f"{title}\n{'-' * len(title)}\n"
        for name in locked(lock):
            yield f"{name} {distribution(name).version}\n    {licence(name)}\n    {address(name)}"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(text())
