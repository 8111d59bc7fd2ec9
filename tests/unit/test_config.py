"""Settings: read once, all problems at once, documented; and the key that is made."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from datetime import time
from pathlib import Path

import pytest

from daemon import config, errors
from daemon.config import PREFIX, Settings
from daemon.files import data_folder
from daemon.files.ages import Ages
from daemon.i18n import instants
from tests.conftest import ROOT

KEYMAKER = """
import sys
from pathlib import Path
from daemon import config
settings = config.load(_env_file=None, data_dir=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(config.api_key(settings), flush=True)
"""

STARTER = """
from daemon import process
async def work(settings):
    return 0
process.run("http", work)
"""


def load(**changes: object) -> Settings:
    return config.load(_env_file=None, **changes)


def test_the_readme_documents_every_setting_as_it_is():
    """Same names, same order, same defaults, and the same words as the code."""
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| (.+?) \| (.+?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    documented = [(name, default.strip("`"), text) for name, default, text in rows]
    fields = sorted(Settings.model_fields.items(), key=lambda each: each[0] in Ages.model_fields)  # in their own table
    assert [(PREFIX + name.upper(), _shown(field.default), field.description) for name, field in fields] == documented


def _shown(default: object) -> str:
    return "(none)" if default == "" else str(default).lower() if isinstance(default, bool) else str(default)


def test_every_problem_is_reported_at_once(monkeypatch):
    """One line each, with the name as it is set; whoever mends one must not meet the next at the next start."""
    wrong = {
        "PORT": "99999",
        "TRANSPORT": "pigeon",
        "ACCOUNT": "../../etc",
        "API_KEY": "short",
        "DEFAULT_COUNTRY": "Germany",
        "TIMEZONE": "Mars/Olympus",
        "QUIET_HOURS": "at night",
        "WHATSAPP_URL": "web.whatsapp.com",
        "DELAY_MIN": "9",
        "DELAY_MAX": "5",
        "LONG_PAUSE_MIN": "90",
        "MAX_ATTEMPTS": "0",
        "LEASE_S": "soon",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(errors.ConfigError) as caught:
        load()
    lines = str(caught.value).splitlines()
    expected = (set(wrong) - {"DELAY_MIN", "LONG_PAUSE_MIN"}) | {"LONG_PAUSE_MAX"}
    assert {PREFIX + name for name in expected} == {line.partition(":")[0] for line in lines}
    assert len(expected) == len(lines)
    assert "WASENDER_DELAY_MAX: must not be below WASENDER_DELAY_MIN, which is 9" in lines
    assert "WASENDER_LEASE_S: write a number" in lines and "WASENDER_MAX_ATTEMPTS: must be at least 1" in lines
    assert "short" not in str(caught.value)


WEAK = [
    "YOUR_SECRET_KEY", "your-api-key-goes-here", "changeme-changeme-changeme", "my secret key 123", "x" * 15,
    "a-long-random-secret-text", "<insert-your-api-key-here>", "please_change_this_key_now", "0" * 40,
    "PLEASE-CHANGE-ME-2026-PLEASE", "your-super-secret", "k3Jq9_xW2mP7sLdR4tV",
    "replace with a secure random string", "todo: set api key before use",
]  # fmt: skip


@pytest.mark.parametrize("key", WEAK)
def test_a_placeholder_or_short_key_is_refused(key, tmp_path):
    """The predecessor shipped with YOUR_SECRET_KEY; whoever left it there had an open relay. In the key's file, too."""
    with pytest.raises(errors.ConfigError, match="WASENDER_API_KEY: use a random text of at least 20 characters"):
        load(api_key=key)
    (tmp_path / "api_key").write_text(key + "\n")
    (tmp_path / "api_key").chmod(0o600)
    with pytest.raises(errors.SetupError, match="can be guessed: use a random text of at least 20 characters"):
        config.api_key(load(data_dir=tmp_path))


@pytest.mark.parametrize(
    "key", ["k3Jq9_xW2mP7sLdR4tV8", "test-key-0123456789abcdef", "9f86d081884c7d659a2f", "correct horse battery staple"]
)
def test_a_long_key_of_ones_own_is_taken(key):
    """Whatever it is made of."""
    assert key == load(api_key=key).api_key


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_key_that_everybody_can_read_is_refused(mode, tmp_path, monkeypatch):
    """In the data folder and in wasender.env; one that is set otherwise leaves the file alone."""
    key = "k3Jq9_xW2mP7sLdR4tV8"
    (tmp_path / "api_key").write_text(key)
    (tmp_path / "api_key").chmod(mode)
    with pytest.raises(errors.SetupError, match=r"run chmod 600 .*api_key"):
        config.api_key(load(data_dir=tmp_path))
    monkeypatch.chdir(tmp_path)
    env = tmp_path / config.ENV_FILE
    env.write_text(f"WASENDER_API_KEY={key}\n")
    env.chmod(mode)
    with pytest.raises(errors.SetupError, match=r"run chmod 600 wasender\.env"):
        config.api_key(config.load())
    monkeypatch.setenv("WASENDER_API_KEY", key)
    assert key == config.api_key(config.load())
    monkeypatch.delenv("WASENDER_API_KEY")
    (tmp_path / "api_key").chmod(0o600)
    env.write_text("WASENDER_PORT=9001\n")
    assert key == config.api_key(config.load(data_dir=tmp_path))


def test_a_service_manager_may_hand_the_secrets_over(tmp_path, monkeypatch):
    """As files named like the settings, of which an empty one is none; a setting comes first, and what is no secret is
    left alone. A wasender.env that all can read, and that has no key in it, is none of the key's business."""
    secrets = {
        "api_key": "k3Jq9_xW2mP7sLdR4tV8",
        "database_url": "postgresql://wasender:secret@db/wasender",
        "cloud_token": "EAAsecret",
        "cloud_app_secret": "",
        "port": "9001",
    }
    for name, text in secrets.items():
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    Path(config.ENV_FILE).write_text("WASENDER_CLOUD_TOKEN=EAAset\n")
    Path(config.ENV_FILE).chmod(0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    settings = config.load(data_dir=tmp_path / "data")

    assert (secrets["api_key"], secrets["database_url"]) == (config.api_key(settings), settings.db_url)
    assert ("EAAset", "", 8080) == (settings.cloud_token, settings.cloud_app_secret, settings.port)
    assert not (tmp_path / "data").exists()
    (tmp_path / "api_key").write_text("YOUR_SECRET_KEY")
    with pytest.raises(errors.ConfigError, match="WASENDER_API_KEY: use a random text"):
        config.load()


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("", set()),
        ("send.example.org", {"send.example.org"}),
        (" Send.Example.org. , b ", {"send.example.org", "b"}),
        ("*.lan.example .x.example", {".lan.example", ".x.example"}),
        ("b\u00fccher.example", {"xn--bcher-kva.example"}),
    ],
)
def test_names_of_this_server(given, hosts):
    """As a browser sends them."""
    assert hosts == load(allowed_hosts=given).hosts


@pytest.mark.parametrize(
    "given", ["*", "https://a.example", "a.example:80", "a.example/app", "a..b", "a b/c", "\u00fc" * 70]
)
def test_what_is_no_name_is_refused(given):
    """It would never match."""
    with pytest.raises(errors.ConfigError, match="WASENDER_ALLOWED_HOSTS: write names without port or path"):
        load(allowed_hosts=given)


@pytest.mark.parametrize("given", ["proxy.example", "127.0.0.1:80", "10.0.0.1/8", "0.0.0.0/0", "::/0", "*"])
def test_what_is_no_proxys_address_is_refused(given):
    """Nor is everybody."""
    with pytest.raises(errors.ConfigError, match=r"WASENDER_TRUSTED_PROXIES: .*write .*addresses"):
        load(trusted_proxies=given)


def test_a_key_is_not_in_what_is_printed():
    """Settings may end up in a log."""
    assert "R4nd0m" not in repr(load(api_key="R4nd0m-R4nd0m-R4nd0m"))


def test_an_empty_variable_is_as_one_that_is_not_set(monkeypatch):
    """`WASENDER_PORT=` in an env file means the default."""
    monkeypatch.setenv("WASENDER_PORT", "")
    assert 8080 == load().port


def test_settings_come_from_the_file_and_the_environment_comes_first(tmp_path, monkeypatch):
    """The file is `wasender.env` where the process is started."""
    monkeypatch.chdir(tmp_path)
    Path(config.ENV_FILE).write_text("WASENDER_PORT=9001\nWASENDER_ACCOUNT=shop\n")
    monkeypatch.setenv("WASENDER_ACCOUNT", "other")
    assert (9001, "other") == (config.load().port, config.load().account)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WASENDER_DELAYMIN", "WASENDER_DELAY_MIN"),
        ("wasender_dely_max", "WASENDER_DELAY_MAX"),
        ("WASENDR_PORT", "WASENDER_PORT"),
        ("WASENDER_PIGEONS_OF_TRAFALGAR_SQUARE", ""),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_name_that_no_setting_has_is_found_with_the_nearest_one(tmp_path, name, meant, in_file):
    """In the environment and in the file; what belongs to others is left alone, and no value is looked at."""
    file = tmp_path / "wasender.env"
    line = f"export {name}=7" if in_file else ""
    file.write_text(f"# {PREFIX}NOTE=1\nwasender_port=1\n{line}\nTZ=Europe/Berlin\nTEXT=a {PREFIX}PORTS=1\n")
    environment = {"PATH": "/bin", "PORT": "1", "WASENDER_PORT": "1"} | ({} if in_file else {name: "7"})

    assert {name.upper(): meant} == config.unknown_settings(environment, file)
    assert {} == config.unknown_settings({}, tmp_path / "none.env")


def test_a_misspelt_setting_is_told_at_the_start(tmp_path):
    """By `scripts/start` and in the log of each process; it stops nothing."""
    where = {
        "WASENDER_DATA_DIR": str(tmp_path),
        "WASENDER_TRANSPORT": "dryrun",
        "WASENDER_PRT": "9",
        "PYTHONPATH": ROOT,
    }
    environment = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in where.items()}}
    said = subprocess.run(
        [sys.executable, "-m", "daemon.ops.preflight"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    logged = subprocess.run(
        [sys.executable, "-c", STARTER], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert (0, "wasender: there is no setting WASENDER_PRT: did you mean WASENDER_PORT?\n") == (
        said.returncode,
        said.stderr,
    )
    (line,) = [each for each in map(json.loads, logged.stdout.splitlines()) if each["event"] == "setting.ignored"]
    assert ("warning", "WASENDER_PRT", "WASENDER_PORT") == (line["level"], line["name"], line["meant"])


def test_quiet_hours_are_two_times():
    """Or nothing."""
    assert (time(21), time(8, 30)) == load(quiet_hours="21:00-8:30").quiet
    assert load().quiet is None


def test_the_database_is_in_the_data_folder_unless_a_url_is_set(tmp_path):
    """Whatever the folder the process is started in."""
    assert f"sqlite:///{tmp_path}/wasender.db" == load(data_dir=tmp_path).db_url
    assert "postgresql://db/x" == load(database_url="postgresql://db/x").db_url


def test_a_data_folder_is_made_for_its_owner_only(tmp_path):
    """It holds the key and a logged-in browser."""
    settings = load(data_dir=tmp_path / "a" / "b")
    data_folder.prepare(settings.data_dir)
    assert 0o700 == stat.S_IMODE(settings.data_dir.stat().st_mode)
    assert [] == list(settings.data_dir.iterdir())


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path):
    """With the folder, and what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.SetupError, match="WASENDER_DATA_DIR"):
        data_folder.prepare(tmp_path / "file" / "data")


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path):
    """The second start uses the same."""
    settings = load(data_dir=tmp_path)
    key = config.api_key(settings)
    assert len(key) >= 32
    assert key == config.api_key(settings) == (tmp_path / "api_key").read_text().strip()
    assert 0o600 == stat.S_IMODE((tmp_path / "api_key").stat().st_mode)
    assert ["api_key"] == [path.name for path in tmp_path.iterdir()]


def test_a_key_that_is_set_is_used_and_none_is_made(tmp_path):
    """Nothing is written."""
    assert "0123456789abcdef-0123456789" == config.api_key(
        load(data_dir=tmp_path, api_key="0123456789abcdef-0123456789")
    )
    assert [] == list(tmp_path.iterdir())


def test_an_empty_key_file_is_told(tmp_path):
    """Somebody has emptied it; an empty key would let everyone in."""
    (tmp_path / "api_key").touch(0o600)
    with pytest.raises(errors.SetupError, match="is empty"):
        config.api_key(load(data_dir=tmp_path))


def test_processes_that_start_at_once_agree_on_the_key(tmp_path):
    """None reads a file that another one has made and not yet written."""
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", KEYMAKER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    for maker in makers:
        assert "ready\n" == maker.stdout.readline()
    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()
    keys = {maker.communicate(timeout=60)[0].strip() for maker in makers}
    assert [0] * 4 == [maker.returncode for maker in makers]
    assert {(tmp_path / "api_key").read_text().strip()} == keys
    assert ["api_key"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750, 0o701])
def test_a_data_folder_that_others_can_read_is_closed(tmp_path: Path, mode: int) -> None:
    """One that was there before; a folder that all share, such as /tmp, is left as it is."""
    folder = tmp_path / "given"
    folder.mkdir()
    folder.chmod(mode)
    data_folder.prepare(folder)
    assert 0o700 == folder.stat().st_mode & 0o7777
    folder.chmod(0o1777)
    data_folder.prepare(folder)
    assert 0o1777 == folder.stat().st_mode & 0o7777


@pytest.mark.parametrize(
    ("tz", "link", "name", "zone"),
    [
        ("Asia/Kolkata", "Europe/Berlin", "", "Asia/Kolkata"),
        (":Europe/Rome", "", "", "Europe/Rome"),
        ("CET-1CEST", "Europe/Berlin", "Europe/Paris", "Europe/Berlin"),
        ("", "", "Europe/Paris\n", "Europe/Paris"),
        ("", "posix/America/New_York", "", "America/New_York"),
        ("", "", "", "UTC"),
    ],
)
def test_an_account_without_a_zone_has_the_machines(tmp_path, monkeypatch, tz, link, name, zone):
    """As TZ, the clock's file or its name say; a setting comes first."""
    monkeypatch.setenv("TZ", tz)
    clock, named = tmp_path / "localtime", tmp_path / "timezone"
    if link:
        clock.symlink_to(tmp_path / "zoneinfo" / link)
    if name:
        named.write_text(name)
    assert zone == instants.machine_zone(clock, named)
    assert ("Asia/Tokyo", "Asia/Tokyo") == (load(timezone="Asia/Tokyo").zone, load(timezone="Asia/Tokyo").timezone)
    assert "" == load().timezone
