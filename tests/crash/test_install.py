"""`scripts/install` below a folder: what it makes, keeps, takes away and refuses."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rig import ROOT, as_ordinary_user

PRIVATE = {
    "var/lib/wasender": 0o700,
    "etc/wasender": 0o750,
    "etc/wasender/wasender.env": 0o640,
    "opt/wasender/run": 0o700,
}


def install(*options: object, typed: str = "", before: list[str] | None = None, **environment: str) -> tuple[int, str]:
    """The exit code and all that it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    done = subprocess.run(
        [*(before or []), str(ROOT / "scripts/install"), *map(str, options)],
        env=clean | environment, cwd="/", input=typed, text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which it was installed once, with this checkout's Python environment: making one takes a minute."""
    root = tmp_path_factory.mktemp("machine")
    (root / "opt/wasender").mkdir(parents=True)
    (root / "opt/wasender/.venv").symlink_to(ROOT / ".venv")
    settings = root / "etc/wasender.env"  # where they were before there was this script
    settings.parent.mkdir()
    settings.write_text(f"WASENDER_DATA_DIR={root}/var/lib/wasender\nWASENDER_TRANSPORT=dryrun\nWASENDER_PORT=0\n")
    code, said = install("--root", root)
    assert 0 == code, said
    assert "ok   python" in said and "ok   disk" in said  # the doctor has been
    yield root


def test_what_is_made_is_where_it_belongs_and_private(machine: Path) -> None:
    """The code is for all, without leftovers of the checkout; settings and data are not. The unit is the checkout's."""
    assert PRIVATE == {name: stat.S_IMODE((machine / name).stat().st_mode) for name in PRIVATE}
    assert not (machine / "etc/wasender.env").exists()
    assert "TRANSPORT=dryrun" in (machine / "etc/wasender/wasender.env").read_text()
    code = list((machine / "opt/wasender/daemon").rglob("*"))
    assert code and [] == [path for path in code if not path.stat().st_mode & stat.S_IROTH]
    assert not (machine / "opt/wasender/tests").exists() and not (machine / "opt/wasender/.git").exists()
    assert (ROOT / "etc/wasender.service").read_text() == (
        machine / "etc/systemd/system/wasender.service"
    ).read_text()  # fmt: skip
    assert machine / "opt/wasender/.venv/bin/wasender" == (machine / "usr/local/bin/wasender").readlink()
    assert machine / "etc/wasender/supervisor.d" == (machine / "opt/wasender/etc/supervisor.d").readlink()


def test_again_it_keeps_what_is_a_persons_and_renews_what_is_ours(machine: Path) -> None:
    """Settings, own programs and data stay to the letter; a module that is no longer there goes, a changed one is put
    right; what is as it should be is not touched."""
    settings, own = machine / "etc/wasender/wasender.env", machine / "etc/wasender/supervisor.d/own.conf"
    settings.write_text("# mine\n" + settings.read_text())
    own.write_text("[program:own]\ncommand=/bin/cat\n")
    (machine / "var/lib/wasender/kept").write_text("data")
    before = settings.read_text()
    code = machine / "opt/wasender"
    (code / "daemon/stale.py").touch()
    (code / "daemon/sender.py").write_text("raise SystemExit\n")
    untouched = (code / "standin/__init__.py").stat().st_ino

    assert 0 == install("--root", machine)[0]

    assert (before, "data") == (settings.read_text(), (machine / "var/lib/wasender/kept").read_text())
    assert "/bin/cat" in (code / "etc/supervisor.d/own.conf").read_text()
    assert not (code / "daemon/stale.py").exists()
    assert (ROOT / "daemon/sender.py").read_text() == (code / "daemon/sender.py").read_text()
    assert untouched == (code / "standin/__init__.py").stat().st_ino


STAND_IN = """#!/bin/sh
case "$*" in *"-m pip"*) echo "$@" >>{said}; exit 0 ;; esac
exec {python} "$@"
"""


def test_what_the_service_leaves_in_run_leads_root_nowhere(machine: Path, tmp_path: Path) -> None:
    """That folder is its user's, who could put links there to what only root may write."""
    code, own = machine / "opt/wasender", tmp_path / "own"
    own.write_text("root's\n")
    for name in ("pip.log", "apt.log", "setuptools.lock"):
        (code / "run" / name).symlink_to(own)
    real, stand_in, said = (code / ".venv").readlink(), tmp_path / "venv", tmp_path / "said"
    (stand_in / "bin").mkdir(parents=True)
    (stand_in / "bin/python").write_text(STAND_IN.format(said=said, python=ROOT / ".venv/bin/python"))
    (stand_in / "bin/python").chmod(0o755)
    (code / ".venv").unlink()
    (code / ".venv").symlink_to(stand_in)
    try:
        assert 0 == install("--root", machine)[0]
    finally:
        (code / ".venv").unlink()
        (code / ".venv").symlink_to(real)
        for name in ("pip.log", "apt.log", "setuptools.lock"):
            (code / "run" / name).unlink()
    assert "--require-hashes" in said.read_text()
    assert "root's\n" == own.read_text()
    assert "setuptools==" in (code / ".install/setuptools.lock").read_text()


def test_an_environment_of_a_python_that_has_become_another_version_is_made_anew(tmp_path: Path) -> None:
    """It runs, and finds none of its packages."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    (tmp_path / ".venv/pyvenv.cfg").write_text(
        f"home = {Path(sys._base_executable).parent}\ninclude-system-site-packages = false\n"  # type: ignore[attr-defined]
    )
    (tmp_path / "python").write_text('#!/bin/sh\ncase "$*" in *venv*) exit 1 ;; esac\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f". {ROOT}/scripts/prepare; prepare_venv requirements.lock"],
        env=os.environ | {"PYTHON": str(tmp_path / "python")}, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "making .venv" in done.stdout and "no virtual environment could be made" in done.stderr


def test_programs_of_somebody_who_ran_it_by_hand_are_moved_where_updates_leave_them(machine: Path) -> None:
    """What is in /opt/wasender was unpacked there: its etc/ is replaced. None takes the place of another."""
    own, kept = machine / "opt/wasender/etc/supervisor.d", machine / "etc/wasender/supervisor.d"
    own.unlink()
    own.mkdir()
    (own / "by hand.conf").write_text("[program:hand]\ncommand=/bin/cat\n")
    (own / "own.conf").write_text("other\n")
    (kept / "own.conf").write_text("mine\n")
    (machine / "opt/wasender/etc/wasender.service").write_text("an earlier one\n")

    code, said = install("--root", machine)
    assert code and f"own.conf is in {own} and in {kept}: keep one of them" in said
    assert ["by hand.conf", "own.conf"] == sorted(path.name for path in own.iterdir())
    (own / "own.conf").unlink()
    assert 0 == install("--root", machine)[0]

    assert kept == own.readlink()
    assert ["by hand.conf", "own.conf"] == sorted(path.name for path in kept.iterdir())
    assert "mine\n" == (kept / "own.conf").read_text()


def test_it_goes_and_leaves_data_and_settings_unless_told_otherwise(machine: Path) -> None:
    """--uninstall can be repeated; --purge asks, and takes no other word for an answer."""
    for _ in range(2):
        assert 0 == install("--root", machine, "--uninstall")[0]
        assert ["etc", "opt", "usr", "var"] == sorted(path.name for path in machine.iterdir())
        files = {str(path.relative_to(machine)) for path in machine.rglob("*") if not path.is_dir()}
        assert {"etc/wasender/wasender.env", "var/lib/wasender/kept"} <= files
        assert [] == [name for name in files if name.startswith(("opt", "usr", "etc/systemd"))]

    for typed in ("", "yes\n"):
        code, said = install("--root", machine, "--uninstall", "--purge", typed=typed)
        assert code and "nothing was removed" in said
    assert (machine / "var/lib/wasender/kept").exists()
    assert 0 == install("--root", machine, "--uninstall", "--purge", typed="delete\n")[0]
    assert [] == [path for path in machine.rglob("*") if not path.is_dir()]


def unpacked(machine: Path) -> Path:
    """What is in /opt/wasender of that machine was unpacked there, and run."""
    code = machine / "opt/wasender"
    for name in (
        "daemon/sender.py",
        "docs/install.md",
        "etc/supervisor.d/own.conf",
        "data/wasender.db",
        "wasender.env",
    ):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).touch()
    return code


def test_what_was_run_by_hand_leaves_its_data_settings_and_programs(tmp_path: Path) -> None:
    """These are where the code is; only the code goes."""
    code = unpacked(tmp_path)
    for _ in range(2):
        assert 0 == install("--root", tmp_path, "--uninstall", "--purge", "--yes")[0]
    assert {"etc/supervisor.d/own.conf", "data/wasender.db", "wasender.env"} == {
        str(path.relative_to(code)) for path in code.rglob("*") if path.is_file()
    }


def test_a_worktree_is_a_clone(tmp_path: Path) -> None:
    """Its .git is a file."""
    code = unpacked(tmp_path)
    (code / ".git").write_text("gitdir: elsewhere\n")
    assert "is a clone and stays" in install("--root", tmp_path, "--uninstall")[1]
    assert (code / "daemon/sender.py").exists()


def test_data_on_another_disk_goes_and_its_mount_stays(tmp_path: Path) -> None:
    """What is asked for is done to its end: settings, which are a link here, go as well."""
    disk, settings, machine = tmp_path / "disk", tmp_path / "elsewhere", tmp_path / "machine"
    for folder in (disk / "profile", settings, machine / "var/lib/wasender", machine / "etc"):
        folder.mkdir(parents=True)
    for file in (disk / "wasender.db", disk / "profile/login", settings / "wasender.env"):
        file.touch()
    (machine / "etc/wasender").symlink_to(settings)
    mounted = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" "$1" && shift && exec "$@"',
    ]

    code, said = install(
        "--root", machine, "--uninstall", "--purge", typed="delete\n",
        before=[*mounted, str(disk), str(machine / "var/lib/wasender")],
    )  # fmt: skip

    assert 0 == code, said
    assert f"{machine}/etc/wasender is a link: what is in {settings} is deleted" in said
    assert f"{machine}/var/lib/wasender is empty now, and stays (Device or resource busy)" in said
    assert [] == [*disk.iterdir(), *settings.iterdir()] and not (machine / "etc/wasender").is_symlink()


PYTHONS = {
    "/nowhere/python3": "/nowhere/python3 is not there.",
    'case "$*" in *base_executable*) echo "$0" ;; -V) echo Python 3.9.2 ;; *) exit 1 ;; esac': "is Python 3.9.2.",
    'case "$*" in *base_executable*) echo "$0" ;; "-c ") exit 126 ;; esac': "The user wasender may not run",
}


@pytest.mark.parametrize("python", PYTHONS)
def test_a_python_that_cannot_be_used_is_named_before_anything_is_made(python: str, tmp_path: Path) -> None:
    """One that is missing, one that is too old, one that the service's user may not run."""
    stand_in = tmp_path / "my python3"  # also with a blank
    if not python.startswith("/"):
        stand_in.write_text(f"#!/bin/bash\n{python}\n")
        stand_in.chmod(0o755)

    code, said = install("--root", tmp_path / "machine", PYTHON=python if python.startswith("/") else str(stand_in))

    assert code and PYTHONS[python] in said
    assert [] == list((tmp_path / "machine").iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--purge"], "--purge goes with --uninstall"),
        (["--root"], "--root needs a folder"),
        (["--prefix=/usr"], "unknown option --prefix=/usr"),
        ([], "run this as root"),
    ],
)
def test_what_it_refuses(options: list[str], words: str) -> None:
    """One line that says what is wrong."""
    code, said = install(*options, before=as_ordinary_user())

    assert code and 1 == len(said.splitlines()) and words in said


def test_another_folder_of_that_name_is_left_alone(tmp_path: Path) -> None:
    """--uninstall only removes what wasender has put there."""
    (tmp_path / "opt/wasender").mkdir(parents=True)
    (tmp_path / "opt/wasender/mine").touch()

    code, said = install("--root", tmp_path, "--uninstall")

    assert not code and "is not wasender's, and stays" in said
    assert (tmp_path / "opt/wasender/mine").exists()
