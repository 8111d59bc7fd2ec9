"""Wheel and source distribution: all that git tracks is in them, and what pip has installed runs without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from daemon.files import release
from tests.conftest import ROOT
from tests.support.rig import eventually, free_port


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    to = tmp_path_factory.mktemp("dist")
    subprocess.run([ROOT / "scripts" / "package", to], check=True, capture_output=True, timeout=120)
    return to


def tracked(*folders: str) -> set[str]:
    """The files that git knows below these folders, or all."""
    said = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in said.stdout.split("\0") if name and (ROOT / name).exists()}


def test_the_source_distribution_is_a_whole_checkout(built: Path) -> None:
    """And has nothing that lay around in somebody's folder."""
    with tarfile.open(built / f"wasender-{release.version()}.tar.gz") as source:
        files = {member.name.partition("/")[2]: member for member in source if member.isfile()}
    made = {name for name in files if name == "PKG-INFO" or name.startswith("wasender.egg-info/")}

    assert tracked() == set(files) - made
    assert files["scripts/start"].mode & 0o100


def test_the_wheel_has_what_is_not_imported_too(built: Path) -> None:
    """Pages, translations, selectors, words, scripts, steps; configurations and documentation beside them."""
    with ZipFile(built / f"wasender-{release.version()}-py3-none-any.whl") as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    beside = f"wasender-{release.version()}.data/data/share/wasender/"
    about = f"wasender-{release.version()}.dist-info/"

    assert tracked("daemon") == {name for name in names if name.startswith("daemon/")}
    assert tracked("etc", "docs") <= {name.removeprefix(beside) for name in names if name.startswith(beside)}
    assert {f"{about}licenses/LICENSE", f"{about}licenses/THIRD-PARTY-NOTICES"} <= names
    assert names == {name for name in names if name.startswith(("daemon/", beside, about))}


def test_what_pip_has_installed_runs(built: Path, tmp_path: Path) -> None:
    """`wasender start` in a folder that has only its settings: http answers, in the reader's language, and a sender
    takes the account."""
    installed, folder, port = tmp_path / "it's installed", tmp_path / "run here", free_port()
    venv.create(installed, symlinks=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        installed,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run([*pip, *built.glob("*.whl")], check=True, timeout=120)
    (packages,) = installed.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))  # what it needs is not installed once more
    folder.mkdir()
    (folder / "wasender.env").write_text("WASENDER_TRANSPORT=dryrun\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    log = folder / "log"

    def get(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept-Language": "de"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return f'"version":"{release.version()}"' in get("/health")
        except OSError:
            return False

    with log.open("wb") as out:
        process = subprocess.Popen(
            [installed / "bin" / "wasender", "start", "--port", str(port)],
            cwd=folder, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        eventually(answers, what="http answers")
        assert "Anmelden" in get("/app")
        eventually(lambda: '"account.taken"' in log.read_text(), what="a sender takes the account")
    finally:
        process.terminate()
        process.wait(60)
    assert 0 == process.returncode
    assert {"data", "run", "wasender.env", "log"} == {path.name for path in folder.iterdir()}
