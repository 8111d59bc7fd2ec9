"""Every word of supervisorctl, on one supervisord that runs as an ordinary user and has a program of somebody's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.rig import Rig, as_ordinary_user, eventually

PROMPT = b"supervisor> "
OWN = "[program:own]\ncommand=/bin/cat\nstartsecs=0\n"
#: Each of them is said in a test of this file.
VERBS = {
    "add", "avail", "clear", "exit", "fg", "maintail", "open", "pid", "quit", "reload", "remove", "reread",
    "restart", "shutdown", "signal", "start", "status", "stop", "tail", "update", "version",
}  # fmt: skip


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("a rig"), transport="dryrun")  # with a blank, as a clone's folder may have
    rig.prefix = as_ordinary_user()
    own_file(rig).parent.mkdir()
    own_file(rig).write_text(OWN)
    with rig:
        yield rig


def own_file(rig: Rig) -> Path:
    """Where the configuration of own programs is included from."""
    return rig.root / "etc/supervisor.d/own.conf"


class Prompt:
    """supervisorctl as somebody types into it: one process for many words."""

    def __init__(self, rig: Rig) -> None:
        self._process = subprocess.Popen(
            [rig.root / ".venv/bin/supervisorctl", "-c", rig.root / "etc/supervisord.conf"],
            env=rig.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.greeting = self._answer()

    def __call__(self, *lines: str) -> str:
        """What it answers. Further lines are for what it asks back."""
        assert self._process.stdin
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        text = b""
        while not text.endswith(PROMPT) and (more := self._process.stdout.read1()):
            text += more
        return text.removesuffix(PROMPT).decode()

    def states(self) -> dict[str, str]:
        return {line.split()[0]: line.split()[1] for line in self("status").splitlines()}

    def running(self) -> bool:
        return {"http": "RUNNING", "own": "RUNNING", "sender": "RUNNING"} == self.states()

    def pid(self, program: str) -> int:
        return int(self(f"pid {program}"))

    def leave(self, word: str) -> int:
        """The exit code after that word."""
        self._process.communicate(f"{word}\n".encode(), timeout=20)
        return self._process.returncode


@pytest.fixture(scope="module")
def say(rig: Rig) -> Iterator[Prompt]:
    prompt = Prompt(rig)
    yield prompt
    assert 0 == prompt.leave("quit")


def test_these_are_all_its_words(rig: Rig, say: Prompt) -> None:
    """help lists them, and explains each."""
    listed = say("help")

    assert set(re.findall(r"\b[a-z]+\b", listed.partition("=\n")[2])) == VERBS
    assert "start <name>" in say("help start")


def test_what_runs_and_as_whom(rig: Rig, say: Prompt) -> None:
    """status, avail, pid, version, open: also of a program in supervisor.d; nothing runs as root."""
    eventually(say.running, what="all run")
    assert ["http", "own", "sender"] == [line.split()[0] for line in say("avail").splitlines()]
    assert rig.daemon and rig.daemon.pid == int(say("pid"))
    assert re.fullmatch(r"[45]\.\d+\.\d+\n", say("version"))
    assert say(f"open unix://{rig.root}/run/supervisor.sock").startswith("http  ")
    family = [psutil.Process(rig.daemon.pid), *psutil.Process(rig.daemon.pid).children(recursive=True)]
    namespaces = {Path(f"/proc/{each.pid}/ns/user").readlink() for each in family}
    assert os.getuid() != 0 or Path("/proc/self/ns/user").readlink() not in namespaces
    assert "running as root" not in (rig.root / "run/supervisord.log").read_text()


def test_what_it_writes_lies_in_its_own_folder(rig: Rig, say: Prompt) -> None:
    """Also what a program of somebody's own says: each supervisord deletes such files at its start, wherever it finds
    them, and in /tmp there are those of all that run on the machine."""
    eventually(say.running, what="all run")
    assert rig.daemon
    written = [Path(each.path) for each in psutil.Process(rig.daemon.pid).open_files()]
    assert [path for path in written if path.name.startswith("own-stdout---")]
    assert [] == [path for path in written if not path.is_relative_to(rig.root)]


def test_one_program_is_stopped_started_and_signalled(rig: Rig, say: Prompt) -> None:
    """stop, start, restart and signal reach the one that is named, and no other."""
    eventually(say.running, what="all run")
    before = say.pid("sender")

    assert "http: stopped\n" == say("stop http")
    assert "STOPPED" == say.states()["http"]
    assert "http: started\n" == say("start http")
    assert "http: stopped\nhttp: started\n" == say("restart http")
    first = say.pid("http")
    assert "http: signalled\n" == say("signal TERM http")
    eventually(lambda: say.pid("http") not in {0, first}, what="it is started anew")
    assert before == say.pid("sender")
    eventually(rig.answers, what="http answers")


def test_its_own_log_and_those_of_programs(rig: Rig, say: Prompt) -> None:
    """maintail has what supervisord says. tail and clear are for programs that have a file of their own."""
    assert "spawned: 'http'" in say("maintail")
    assert "own: cleared\n" == say("clear own")
    assert "\n" == say("tail own")


def test_a_program_is_taken_off_and_added(rig: Rig, say: Prompt) -> None:
    """reread tells what has changed, update does it; remove and add do it for one program."""
    eventually(say.running, what="all run")
    own_file(rig).write_text(OWN + "[program:more]\ncommand=/bin/cat\nstartsecs=0\n")
    assert "more: available\n" == say("reread")
    assert "more: added process group\n" == say("update")
    assert "RUNNING" == say.states()["more"]
    own_file(rig).write_text(OWN)
    assert "more: stopped\nmore: removed process group\n" == say("update")

    say("stop own")
    assert "own: removed process group\n" == say("remove own")
    assert {"http", "sender"} == set(say.states())
    assert "own: added process group\n" == say("add own")
    eventually(say.running, what="all run")


def test_a_program_in_the_foreground(rig: Rig, say: Prompt) -> None:
    """fg writes to it and shows what it says, until Ctrl-C; the program goes on."""
    eventually(say.running, what="all run")
    before = say.pid("own")
    command = [rig.root / ".venv/bin/supervisorctl", "-c", rig.root / "etc/supervisord.conf", "fg", "own"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=rig.environment) as front:
        assert front.stdin and front.stdout
        front.stdin.write(b"hello\n")
        front.stdin.flush()
        assert b"Ctrl-C" in front.stdout.readline()
        assert b"hello\n" == front.stdout.readline()
        front.send_signal(signal.SIGINT)
        assert b"Exiting foreground\n" == front.stdout.readline()
        front.kill()  # by itself it would look up from its waiting for output after half a minute
    assert before == say.pid("own")


def test_its_prompt_is_left(rig: Rig, say: Prompt) -> None:
    """exit ends the prompt, as quit does, and nothing else."""
    other = Prompt(rig)
    assert "own" in other.greeting
    assert 0 == other.leave("exit")
    assert say.running()


def test_reload_starts_all_anew_and_shutdown_ends_it(rig: Rig, say: Prompt) -> None:
    """After reload supervisord is the same process and has read its configuration; shutdown leaves nothing."""
    eventually(say.running, what="all run")
    assert rig.daemon
    before = say.pid("http")

    assert say("reload", "y").endswith("Restarted supervisord\n")

    eventually(lambda: rig.pid("http") not in {0, before}, what="http is another process")
    eventually(rig.answers, what="http answers")
    family = psutil.Process(rig.daemon.pid).children(recursive=True)
    assert say("shutdown", "y").endswith("Shut down\n")
    assert 0 == rig.daemon.wait(60)
    assert [] == [process for process in family if process.is_running()]
    assert not (rig.root / "run/supervisor.sock").exists()
