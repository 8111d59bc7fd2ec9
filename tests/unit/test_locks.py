"""The locks hold every package that is needed, on each Python and architecture, with a digest of each of its files."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.markers import Environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support import notices

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-test.lock")
LEFT_OUT = {"playwright"}  #: what is wanted of axe-playwright-python is its copy of axe-core alone
HERE: Environment = {
    "implementation_name": "cpython", "os_name": "posix", "platform_python_implementation": "CPython",
    "platform_system": "Linux", "sys_platform": "linux",
}  # type: ignore[typeddict-item]  # fmt: skip


def locked(lock: str) -> dict[str, Requirement]:
    """The packages in a lock, by name. Fails where one has no digest or is not one version."""
    found: dict[str, Requirement] = {}
    for block in re.split(r"\n(?=[^\s#])", (ROOT / lock).read_text()):
        line, _, rest = block.partition(" \\\n")
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), line
        assert len(re.findall(r"^    --hash=sha256:[0-9a-f]{64}", rest, re.MULTILINE)) >= 1, line
        found[canonicalize_name(requirement.name)] = requirement
    return found


def wanted(extra: str = "") -> Iterator[Requirement]:
    """What setup.cfg asks for, by itself or for an extra."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    text = setup["options.extras_require"][extra] if extra else setup["options"]["install_requires"]
    yield from (Requirement(line) for line in text.splitlines() if line and not line.startswith("#"))


def needed(of: Distribution, extras: set[str], environment: Environment) -> Iterator[Requirement]:
    """What a package asks for there."""
    for line in of.requires or ():
        requirement = Requirement(line)
        contexts = [{**environment, "extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(requirement.marker.evaluate(context) for context in contexts):  # type: ignore[arg-type]
            yield requirement


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_locks_are_complete(python: str, machine: str) -> None:
    """They are installed as they are, so what a package needs has to be in them, in the versions it bears."""
    environment: Environment = {
        **HERE, "python_version": python, "python_full_version": f"{python}.1", "platform_machine": machine,
    }  # fmt: skip
    main = locked(LOCKS[0])
    for pins, open_ones in ((main, list(wanted())), (main | locked(LOCKS[1]), [*wanted(), *wanted("test")])):
        seen = set()
        while open_ones:
            asked = open_ones.pop()
            name = canonicalize_name(asked.name)
            if name in LEFT_OUT:
                continue
            assert name in pins, f"{asked} is not locked: scripts/lock"
            version = next(iter(pins[name].specifier)).version
            assert asked.specifier.contains(version, prereleases=True), f"{asked}, and {version} is locked"
            if (key := (name, *sorted(asked.extras))) not in seen:
                seen.add(key)
                open_ones += needed(distribution(name), asked.extras, environment)
        assert set(pins) - {key[0] for key in seen} == set(), "nobody needs them: scripts/lock"


def test_each_package_is_in_the_notices() -> None:
    """With its version, its licence and where it comes from."""
    told = notices.PAGE.read_text()

    assert notices.text() == told, "run scripts/lock"
    for lock in LOCKS:
        for name, requirement in locked(lock).items():
            about = re.search(rf"^{re.escape(name)} (\S+)\n    (\S.*)\n    (https?://\S+)$", told, re.MULTILINE)
            assert about, name
            assert f"=={about[1]}" == str(requirement.specifier)


def test_what_is_installed_is_what_is_locked() -> None:
    """The test above asks the installed packages what they need. No package is in both locks."""
    main, more = locked(LOCKS[0]), locked(LOCKS[1])
    assert not set(main) & set(more)
    for name, requirement in (main | more).items():
        assert requirement.specifier.contains(Version(distribution(name).version), prereleases=True), name
