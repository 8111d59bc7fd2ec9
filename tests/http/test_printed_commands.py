"""Every command that README and docs print is run as it stands there, or stands here with the reason why it is not.

All against one instance. What differs from what is printed: the port, and the ids of jobs and uploads.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import command_docs
from tests.support.commanding import CONTACTS, Command, instance

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NOT_RUN = {  # how a command begins that no test can run as it is printed, and why
    "scripts/start": "it runs until Ctrl-C; tests/crash/test_start.py runs each of its ways",
    "wasender start": "the same; tests/unit/test_command_start.py looks at what it runs",
    "wasender jobs --url https://wasender.example.org": "tests/http/test_command.py runs it with this machine's",
    "wasender accounts cloud": "there is no Meta to ask; tests/http/test_command_cloud.py runs it with the stand-in",
    "wasender cloud-templates show": "the same",
    "wasender cloud-templates sync": "the same",
    "wasender send contacts.csv --cloud-template": "the same",
    "curl -s localhost:8095/_switch": "the stand-in for Meta's API; tests/unit/test_graph_faults.py sets rules",
    "wasender selectors install": "it would be an older file; tests/unit/test_command_line.py installs one",
    ".venv/bin/wasender selectors install": "the same",
    "wasender doctor --mail": "there is no mail server here; tests/db/test_notices.py sends a test",
    "cat >>wasender.env": "it changes this checkout's settings; tests/db/test_notices.py has these",
    ".venv/bin/pip install 'opentelemetry": "it installs packages; tests/http/test_traces.py has its own collector",
    "cp etc/prometheus": "it changes this machine; tests/unit/test_monitoring.py checks these files",
    "promtool ": "the same",
    "sudo ": "there is no other user here",
    "ln -s /opt": "it writes outside of the checkout",
    "cd /opt": "there is no such folder here",
    "install -": "it changes this machine",
    "printf ": "it changes this machine",
    "echo ": "it changes this machine",
    "cat >>/etc": "it changes this machine; tests/http/test_proxies.py has these settings",
    "systemctl ": "there is no systemd in a test; tests/crash/test_service.py holds the unit",
    "apt-get ": "it changes this machine",
    "python3 -m venv /srv": "it writes outside of the checkout; tests/http/test_package.py installs the wheel",
    "/srv/wasender/venv/bin/pip ": "the same",
    "cd /srv/wasender": "the same",
    "tar -xzf wasender-": "the same",
    "wasender backup --to /mnt/backups --encrypt": "its key is left out; tests/db/test_backup.py encrypts",
    "wasender backup-key": "there is one from before; tests/http/test_command.py makes one",
    "wasender users reset-password": "there is no user here; tests/http/test_command_audit.py resets one's",
    "wasender users remove-second-factor": "the same",
    "wasender confirm": "nothing waits for it here; tests/http/test_confirmations.py answers for a job",
    "wasender migrate": "wasender runs here; tests/db/test_migrate.py moves a database",
    "read -rs WASENDER_MIGRATE_TO": "a person types it",
    "export WASENDER_MIGRATE_TO": "the same",
    "wasender restore": "wasender runs here; tests/db/test_backup.py restores",
    "openssl rand": "it changes this machine",
    "rm -f /var/lib": "it changes this machine",
    "WASENDER_KEY_FILE=": "there is no such file here; tests/http/test_command.py asks with a key",
    "litestream ": "there is no package of it",
    "docker ": "there is no container here",
    "cd /var/lib": "there is no such folder here",
    "scripts/install": "it changes this machine",
    "git pull": "there is nowhere to pull from",
    "rsync ": "there is no other machine",
    "ssh ": "there is no other machine",
}


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Every block of shell commands with the page it is on, each command on one line."""
    for page in PAGES:
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text(), re.S):
            whole = re.sub(r"<<'END'\n.*?\nEND$", "", block, flags=re.S | re.M)
            lines = [line.strip() for line in whole.replace("\\\n", " ").splitlines()]
            yield page.name, [line for line in lines if line and not line.startswith("#")]


BLOCKS = list(blocks())
OURS = sorted({line for _, lines in BLOCKS for line in lines if re.match(r"(\.venv/bin/)?wasender ", line)})


def test_a_reason_names_a_test_that_there_is() -> None:
    named = [name for reason in NOT_RUN.values() for name in re.findall(r"\S*test_\w+\.py", reason)]
    assert [] == [name for name in named if not (ROOT / name).is_file()]


def why_not(line: str) -> str | None:
    return next((reason for begin, reason in NOT_RUN.items() if line.startswith(begin)), None)


def requests() -> Iterator[tuple[str, list[str]]]:
    """The blocks with requests, and what belongs to them."""
    for page, lines in BLOCKS:
        asks = [line for line in lines if line.startswith("curl ") or "openssl" in line]
        if asks and not any(why_not(line) for line in asks if line.startswith(("curl ", "openssl "))):
            yield page, lines


CURLS = list(requests())


@pytest.fixture(scope="module")
def wasender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    folder = tmp_path_factory.mktemp("rig")
    with instance(folder) as command:
        for name in ("contacts.csv", "opted-out.csv"):
            (folder / name).write_text(CONTACTS.replace("Carl,123,\n", ""))
        (folder / "agreed.csv").write_text("phone,opt_in_date\n+4915112345670,2025-03-04\n")
        (folder / "text.txt").write_text("Hello {{ name }}!")
        (folder / "flyer.pdf").write_bytes(b"%PDF-1.4 flyer")
        (folder / "selectors.toml").write_bytes((ROOT / "daemon/transports/browser/selectors.toml").read_bytes())
        yield command


@pytest.fixture
def here(wasender: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are run."""
    monkeypatch.chdir(wasender.rig.root)
    return wasender.rig.root


def a_job(wasender: Command, words: list[str]) -> str:
    """A job in the state that the command is about."""
    if words[0] in ("pause", "resume", "stop"):
        made = wasender.json("send", "--number", "+4915112345678", "-m", "Hi", "--window", "03:00-03:01")["job_id"]
        if words[0] == "resume":
            wasender("pause", made)
        return str(made)
    return str(wasender.json("send", "--number", "+4915112345678", "-m", "Hi", "--wait")["job_id"])


def ready_for(wasender: Command, words: list[str]) -> None:
    """What has to be there before: the list and the template that are spoken of, or not if they are to be made."""
    for noun, name, file in (("lists", "Guests", "contacts.csv"), ("templates", "Spring sale", "text.txt")):
        there = name in wasender(noun).stdout
        making = words[:2] == ["lists", "make"]
        if making and there:
            wasender(noun, "delete", name)
        elif not making and not there and name in words:
            wasender(noun, "make" if noun == "lists" else "save", name, file)
    if words[:2] == ["consent", "list"]:
        wasender("lists", "add", "Guests", "agreed.csv")
    if words[:2] == ["suppress", "remove"]:
        wasender("suppress", "add", words[2])
    if words[:2] in (["accounts", "add"], ["accounts", "remove"]):
        wasender("accounts", "add" if words[1] == "remove" else "remove", words[2])
    if words[0] == "keys" and words[1] in ("edit", "rotate", "revoke"):
        wasender("keys", "make", words[2])
    if words[:2] == ["keys", "make"]:
        wasender("keys", "revoke", words[2])


@pytest.mark.parametrize("line", [line for line in OURS if not why_not(line)])
def test_a_command_of_ours(wasender: Command, here: Path, line: str) -> None:
    """It does what it is printed for; and what it answers with --json is JSON."""
    words = shlex.split(line, comments=True)[1:]
    ready_for(wasender, words)
    if words[:2] == ["events", "--follow"]:
        follow(wasender, words)
        return
    if words[0] == "webhooks" and words[1] in ("test", "deliveries", "replay", "rotate", "delete"):
        made = wasender.json("webhooks", "make", "https://example.org/wasender")
        words[2] = str(made["webhook_id"])
    if words[0] in ("status", "pause", "resume", "stop", "retry", "report"):
        words[1] = a_job(wasender, words)
    done = wasender(*words, WASENDER_WHATSAPP_URL=f"http://127.0.0.1:{wasender.rig.port}", WASENDER_TRANSPORT="dryrun")

    if words[:2] == ["accounts", "change"]:  # else nothing would be sent in those hours
        wasender.rig.call("PATCH", "/accounts/default", {"quiet_hours": None, "daily_cap": None, "title": None})

    # Nothing has failed here, a sender that sends nothing has no page to reload, and no mail server is set.
    refused = words[0] == "retry" or words[:2] in (["accounts", "reload"], ["notices", "test"])
    unheard = words[:2] == ["webhooks", "test"]  # nobody listens at the address that is printed
    assert done.exit_code == 0 or (refused and done.exit_code == 1) or (unheard and done.exit_code == 7), done.output
    assert done.exit_code == 0 or done.stderr.startswith(("wasender: ", '{"error"'))


def follow(wasender: Command, words: list[str]) -> None:
    """A command that goes on until Ctrl-C."""
    if "--job" in words:
        words[words.index("--job") + 1] = a_job(wasender, ["status"])
    command = [sys.executable, "-m", "daemon.cli", *words]
    environment = {**wasender.rig.environment, **wasender.environment}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(60)


@pytest.mark.parametrize(("page", "lines"), CURLS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(CURLS)])
def test_a_block_of_requests(wasender: Command, here: Path, page: str, lines: list[str]) -> None:
    """Each answers; the ids are of a job that goes on, and of an upload."""
    job = a_job(wasender, ["pause"])
    wasender("keys", "revoke", "shop")  # a command may have made it; a block makes it, too
    script = "\n".join(lines).replace("localhost:8080", f"localhost:{wasender.rig.port}")
    file = wasender.json("send", "contacts.csv", "-m", "x", "--dry-run")["upload"]["upload_id"]
    script = re.sub(r'"upload_id": "\w+"', f'"upload_id": "{file}"', script)
    for path in ("status", "pause", "jobs"):
        script = script.replace(f"/{path}/1", f"/{path}/{job}")
    script = re.sub(r"^curl ", "curl -sS --fail-with-body ", script, flags=re.M)
    spoken_of = {"SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "ID": "e", "TIMESTAMP": "1", "BODY": "{}"}
    env = {**os.environ, **spoken_of, "KEY": (here / "data/api_key").read_text().strip()}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=here, env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_command_is_run_or_has_a_reason() -> None:
    """And no reason is left over."""
    run = {*OURS, *(line for _, lines in CURLS for line in lines)}
    every = {line for _, lines in BLOCKS for line in lines}

    assert [] == sorted(line for line in every - run if why_not(line) is None)
    assert [] == sorted(begin for begin in NOT_RUN if not any(line.startswith(begin) for line in every))


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    """`python -m tests.support.command_docs` makes it so."""
    text = command_docs.PAGE.read_text()
    assert command_docs.page(text) == text


def test_every_command_says_how_it_is_used() -> None:
    """Each help has an example of itself, and what each argument means."""
    for path, command in command_docs.every():
        own = [each for each in command_docs.examples(command) if f"wasender {' '.join(path)}" in each]
        assert own, path
        assert [] == [each.name for each in command.params if not each.help and not each.hidden], path
