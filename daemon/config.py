"""Every setting, read once from the environment (prefix `WASENDER_`) or a `wasender.env` file.

`load()` reports all problems at once. The table in the README is held against `Settings` by a test.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import phonenumbers
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from daemon import errors
from daemon.files import credentials, trouble
from daemon.files.ages import Ages
from daemon.files.credentials import KEY_ADVICE, weak_key
from daemon.formats.host_names import HOST_NAME, in_ascii, is_address
from daemon.i18n.instants import known_zone, machine_zone, zone_name
from daemon.telemetry import traces

PREFIX = "WASENDER_"
ENV_FILE = "wasender.env"
ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
META_ID = re.compile(r"\d{1,32}", re.ASCII)
META_SECRET = re.compile(r"[!-~]{1,1000}")
#: that a service manager may hand over
SECRETS = (
    "api_key", "secret_key", "database_url", "cloud_token", "cloud_app_secret", "cloud_verify_token", "smtp_password"
)  # fmt: skip
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
DAY_S = 86_400
_MAIL = re.compile(r"[^\s@,<>\"]+@[A-Za-z0-9.-]+", re.ASCII)
_FREQUENCY = re.compile(r" *([1-9]\d{0,2}) */ *([1-9]\d?|[12]\d\d|3[0-5]\d|36[0-5]) *")
_SET_IN_FILE = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w-]*)[ \t]*=", re.MULTILINE)
_PLAINLY = {  # what pydantic says in words of programmers
    "int_parsing": "write a whole number",
    "float_parsing": "write a number",
    "bool_parsing": "write true or false",
    "literal_error": "write {expected}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_pattern_mismatch": "write it as v26.0",
}
_WINDOW = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


class Settings(Ages):
    """All settings; times in seconds where the name ends in `_s` or begins with `delay`/`long_pause`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(Path("data"), description="Folder of the database, uploads, key and browser profiles.")
    database_url: str = Field("", description="Database; empty: SQLite in the data folder.")
    host: str = Field("127.0.0.1", description="Address the http process listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the http process listens on.")
    allowed_hosts: str = Field(
        "",
        description="Names of this server, separated by commas; `.example.org`: all below it. "
        "localhost, IP addresses and `WASENDER_HOST` always work.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of web servers in front, separated by commas; `X-Forwarded-For` and "
        "`X-Forwarded-Proto` of others are ignored.",
    )
    api_key: str = Field("", repr=False, description="Key for the API; empty: generated at first start, in `api_key`.")
    secret_key: str = Field(
        "",
        repr=False,
        description="What seals the audit log and makes second factors; empty: generated at first start, in "
        "`secret_key`. The same on every host.",
    )
    require_totp: bool = Field(
        False, description="Have every user enter a code of an app at the login; who has none sets it up there."
    )
    open_status: bool = Field(True, description="Answer `GET /status/{id}` and `GET /jobs` without a key (counts).")
    transport: Literal["browser", "cloud", "dryrun"] = Field(
        "browser", description="`browser`: WhatsApp Web; `cloud`: Meta's Cloud API; `dryrun`: nothing is sent."
    )
    dryrun_takes_all: bool = Field(
        False,
        description="With `WASENDER_TRANSPORT=dryrun`: also take campaigns that were made to be sent. They are marked, "
        "and never sent.",
    )
    whatsapp_url: str = Field("https://web.whatsapp.com", description="Address of WhatsApp Web.")
    chrome: str = Field("", description="Chromium or Chrome; empty: found on this machine.")
    chromedriver: str = Field("", description="Its driver; empty: found on this machine.")
    headless: Literal["auto", "true", "false"] = Field(
        "auto",
        description="`true`: no window; `false`: a window, on a virtual screen (Xvfb) where there is no other; `auto`: "
        "`false` where possible.",
    )
    cloud_url: str = Field("https://graph.facebook.com", description="Address of Meta's Graph API.")
    cloud_version: str = Field("v26.0", pattern=r"^v\d{1,3}\.\d{1,2}$", description="Version of the Graph API.")
    cloud_token: str = Field(
        "", repr=False, description="Access token of a system user (`whatsapp_business_messaging`, `…_management`)."
    )
    cloud_phone_number_id: str = Field(
        "", description="Id of the telephone number that sends, in Meta's app dashboard."
    )
    cloud_business_account_id: str = Field("", description="Id of its WhatsApp Business account, for templates.")
    cloud_app_secret: str = Field("", repr=False, description="Secret of Meta's app, which signs what Meta reports.")
    cloud_verify_token: str = Field(
        "",
        repr=False,
        description="Text of your choice, which Meta repeats when it checks the address for its reports.",
    )
    cloud_throughput: int = Field(
        80, ge=1, le=1000, description="Messages a second that Meta allows the number, sent and received."
    )
    account: str = Field(
        "default",
        description="The account that this sender sends from, and no other. Not set: it takes any account that has no "
        "sender, `default` first.",
    )
    senders: int = Field(
        1, ge=1, le=100, description="Number of senders that `scripts/start` runs, one for each account."
    )
    delay_min: float = Field(
        4, ge=0, le=DAY_S, description="Shortest pause between two messages of an account, in seconds."
    )
    delay_max: float = Field(
        8, ge=0, le=DAY_S, description="Longest pause between two messages of an account, in seconds."
    )
    long_pause_every: int = Field(
        10, ge=0, description="Number of messages after which there is a longer pause; 0: never."
    )
    long_pause_min: float = Field(
        20, ge=0, le=DAY_S, description="Shortest long pause, in seconds; it is added to the ordinary one."
    )
    long_pause_max: float = Field(40, ge=0, le=DAY_S, description="Longest long pause, in seconds.")
    max_attempts: int = Field(3, ge=1, description="Attempts before a message has failed.")
    retry_after_s: float = Field(
        30, ge=0, le=DAY_S, description="Seconds before the second attempt; they double with each further one."
    )
    lease_s: float = Field(60, ge=5, le=DAY_S, description="Seconds before a crashed sender's message is released.")
    send_timeout_s: float = Field(
        90, ge=5, le=DAY_S, description="Seconds that a message may wait for WhatsApp's tick."
    )
    canary: str = Field(
        "", description="Own number, which gets a test message after linking and every hour; empty: none."
    )
    stop_words: str = Field(
        "",
        description="More opt-out words, separated by commas; see docs/replies.md.",
    )
    stop_confirm: str = Field(
        "", max_length=1_000, description="Text that is sent once to somebody whose reply said STOP; empty: none."
    )
    browser_memory_mb: int = Field(
        2048,
        ge=0,
        description="Chrome is restarted between two messages when it uses more "
        "(a fresh one needs about 500); 0: never.",
    )
    default_country: str = Field("", description="Country (ISO code, such as DE) of numbers written without one.")
    daily_cap: int = Field(0, ge=0, description="Most messages of an account in 24 hours; 0: no cap.")
    hourly_cap: int = Field(0, ge=0, description="Most messages of an account in 60 minutes; 0: no cap.")
    frequency_cap: str = Field(
        "", description="Most messages to one person over all campaigns, such as `3/7`: 3 in 7 days; empty: no cap."
    )
    require_consent: bool = Field(False, description="Campaigns go only to people whose consent is recorded.")
    quiet_hours: str = Field("", description="No sending between these times, such as `21:00-08:00`.")
    timezone: str = Field(
        "",
        description="Time zone of quiet and sending hours, such as `Europe/Berlin`; empty: this machine's, which the "
        "page asks to confirm.",
    )
    max_upload_mb: int = Field(64, ge=1, description="Largest file that may be uploaded.")
    max_stored_mb: int = Field(2048, ge=1, description="Most MB of uploads and attachments in all.")
    webhook_networks: str = Field(
        "",
        description="Private addresses or networks that webhooks may reach, separated by commas, such as "
        "`10.0.0.0/8`; without TLS, too. Others have to be public and `https`.",
    )
    watchdog_s: float = Field(
        120,
        ge=1,
        le=DAY_S,
        description="Seconds without a sign of life after which a process ends, and is started anew.",
    )
    smtp_host: str = Field("", description="Mail server that sends notices; empty: none are sent.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port; usually 587 for `starttls`, 465 for `tls`.")
    smtp_user: str = Field("", description="User at the mail server; empty: no login.")
    smtp_password: str = Field("", repr=False, description="Its password.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; `none` only without a password."
    )
    mail_from: str = Field("", description="Address that notices come from; empty: the first they go to.")
    mail_to: str = Field("", description="Addresses that get notices, separated by commas.")
    mail_language: Literal["en", "de", "es", "pt", "hi", "ar"] = Field("en", description="Language of notices.")
    otlp_endpoint: str = Field(
        "", description="Collector that gets traces by OTLP over HTTP, such as `http://localhost:4318`; empty: none."
    )
    otlp_ratio: float = Field(1, ge=0, le=1, description="Share of the messages that are traced.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum log level.")
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: one line per event; `console`: for people."
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *usual: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """After the usual ones the secrets that a service manager hands over."""
        return *usual, *named.values(), InitSettingsSource(settings_cls, credentials.handed_over(SECRETS))

    @field_validator("headless", "transport", "log_level", "log_format", "smtp_security", mode="before")
    @classmethod
    def _word_in_any_case(cls, value: object) -> object:
        word = value.lower() if isinstance(value, str) else value
        return {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}.get(
            str(word), word
        )

    @field_validator("account")
    @classmethod
    def _account_is_a_name(cls, value: str) -> str:
        if not ACCOUNT_NAME.fullmatch(value):
            raise ValueError("use letters, digits, - and _ (32 at most)")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_names(cls, value: str) -> str:
        for name in _parts(value):
            if not HOST_NAME.fullmatch(in_ascii(name)):
                raise ValueError("write names without port or path, such as wasender.example.org, or .example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        for part in _parts(value):
            try:
                network = ipaddress.ip_network(part)
            except ValueError:
                raise ValueError("write addresses such as 127.0.0.1, or networks such as 10.0.0.0/8") from None
            if not network.prefixlen:
                raise ValueError(f"{part} trusts everybody: write the addresses of your own web servers")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _networks_are_networks(cls, value: str) -> str:
        for part in _parts(value):
            try:
                ipaddress.ip_network(part)
            except ValueError:
                raise ValueError("write addresses such as 127.0.0.1, or networks such as 10.0.0.0/8") from None
        return value

    @field_validator("api_key", "secret_key")
    @classmethod
    def _key_is_secret(cls, value: str) -> str:
        if value and weak_key(value):
            raise ValueError(f"{KEY_ADVICE}; or unset it and one is made")
        return value

    @field_validator("smtp_security")
    @classmethod
    def _password_is_not_sent_openly(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and info.data.get("smtp_password"):
            raise ValueError("a password is only sent over TLS: write starttls or tls")
        return value

    @field_validator("mail_from", "mail_to")
    @classmethod
    def _mail_addresses(cls, value: str, info: ValidationInfo) -> str:
        wrong = [part for part in _parts(value) if not _MAIL.fullmatch(part)]
        if wrong or (info.field_name == "mail_from" and len(_parts(value)) > 1):
            raise ValueError("write addresses such as ops@example.org")
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _traces_can_be_sent(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/]+", value):
            raise ValueError("write it as http://localhost:4318")
        if value and traces.missing():
            raise ValueError("install what it needs first: .venv/bin/pip install 'wasender[otel]'")
        return value

    @field_validator("default_country")
    @classmethod
    def _country_is_known(cls, value: str) -> str:
        if value and value.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("use a two-letter country code such as DE, US or IN")
        return value.upper()

    @field_validator("canary")
    @classmethod
    def _canary_is_a_number(cls, value: str) -> str:
        return own_number(value) if value else value

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        if value and not known_zone(value):
            raise ValueError("use a name such as Europe/Berlin")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _window_is_readable(cls, value: str) -> str:
        if value and not _WINDOW.fullmatch(value):
            raise ValueError("write it as 21:00-08:00")
        return value

    @field_validator("frequency_cap")
    @classmethod
    def _frequency_is_readable(cls, value: str) -> str:
        if value and not _FREQUENCY.fullmatch(value):
            raise ValueError("write it as 3/7: at most 3 messages in 7 days (1 to 999 in 1 to 365)")
        return value

    @field_validator("whatsapp_url", "cloud_url")
    @classmethod
    def _url_is_http(cls, value: str, info: ValidationInfo) -> str:
        if not re.match(r"https?://[^/]+", value):
            raise ValueError(f"write it as {cls.model_fields[info.field_name or ''].default}")
        return value.rstrip("/")

    @field_validator("cloud_phone_number_id", "cloud_business_account_id")
    @classmethod
    def _id_is_digits(cls, value: str) -> str:
        if value and not META_ID.fullmatch(value):
            raise ValueError("write the id that Meta's app dashboard shows, which is digits only")
        return value

    @field_validator("cloud_token", "cloud_app_secret", "cloud_verify_token")
    @classmethod
    def _secret_is_a_word(cls, value: str) -> str:
        if value and not META_SECRET.fullmatch(value):
            raise ValueError("write it without blanks, as Meta shows it")
        return value

    @field_validator("delay_max", "long_pause_max")  # not on the model: that runs only when all fields are good
    @classmethod
    def _range_is_ordered(cls, value: float, info: ValidationInfo) -> float:
        low = (info.field_name or "").replace("_max", "_min")
        if value < info.data.get(low, value):
            raise ValueError(f"must not be below {PREFIX}{low.upper()}, which is {info.data[low]:g}")
        return value

    @property
    def pinned(self) -> bool:
        """Whether `account` was set, so that a sender drives that one only."""
        return "account" in self.model_fields_set

    def of_account(self, name: str, **own: Any) -> Settings:
        """These settings with an account's own values in place of some, as they were checked."""
        given = {field: getattr(self, field) for field in type(self).model_fields} | own | {"account": name}
        return self.model_construct(_fields_set=set(given), **given)

    @property
    def db_url(self) -> str:
        """The database in use: `database_url`, or the SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'wasender.db'}"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The names of `allowed_hosts`, as a browser sends them, and the one it listens on; one that begins with a dot
        stands for all below."""
        listens_on = [] if is_address(self.host) else [self.host]
        return frozenset(in_ascii(name) for name in (*_parts(self.allowed_hosts), *listens_on) if name)

    @cached_property
    def proxies(self) -> Networks:
        """The networks of `trusted_proxies`."""
        return tuple(ipaddress.ip_network(part) for part in _parts(self.trusted_proxies))

    @cached_property
    def mail_addresses(self) -> list[str]:
        """Who gets notices; nobody where no mail server is set."""
        return _parts(self.mail_to) if self.smtp_host else []

    @cached_property
    def hook_networks(self) -> Networks:
        """The networks of `webhook_networks`."""
        return tuple(ipaddress.ip_network(part) for part in _parts(self.webhook_networks))

    @cached_property
    def zone(self) -> str:
        """The time zone of accounts that have none of their own: `timezone`, or this machine's."""
        return zone_name(self.timezone or machine_zone())

    @property
    def person_cap(self) -> tuple[int, int]:
        """Most messages to one person, and within how many days; (0, 0): no cap."""
        match = _FREQUENCY.fullmatch(self.frequency_cap)
        return (int(match[1]), int(match[2])) if match else (0, 0)

    @property
    def quiet(self) -> tuple[time, time] | None:
        """Start and end of the quiet hours, in the account's time zone, or None."""
        return hours(self.quiet_hours)


def hours(text: str) -> tuple[time, time] | None:
    """Start and end of hours such as `21:00-08:00`; None where nothing of the kind is said."""
    match = _WINDOW.fullmatch(text)
    if not match:
        return None
    hour, minute, end_hour, end_minute = map(int, match.groups())
    return time(hour, minute), time(end_hour, end_minute)


def own_number(text: str) -> str:
    """An account's own number, in E.164. Raises ValueError."""
    plain = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+[1-9]\d{7,14}", plain, re.ASCII):
        raise ValueError("write the account's own number with its country code, such as +491701234567")
    return plain


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises ConfigError that names every problem, one line each."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else ""
            values = problem.get("ctx", {})
            plain = _PLAINLY.get(problem["type"], "").format_map(values)
            text = str(values.get("error") or plain or problem["msg"])  # ours as we said it, or pydantic's
            lines.append(f"{name}: {text}" if name else text)
        raise errors.ConfigError("\n".join(lines)) from None
    except UnicodeDecodeError as error:
        raise errors.ConfigError(f"{_not_utf8(overrides.get('_env_file', ENV_FILE))}: save it as UTF-8.") from error
    except OSError as error:
        raise errors.ConfigError(trouble.unusable(error)) from error


def _not_utf8(env_file: str | Path | None) -> str:
    """Which of the files that settings are read from is not text."""
    try:
        with suppress(OSError):
            Path(env_file or os.devnull).read_text("utf-8")
    except UnicodeDecodeError:
        return f"{env_file} is not UTF-8"
    return f"A secret in {os.environ.get(credentials.FOLDER)} is not UTF-8"


def unknown_settings(environment: Mapping[str, str], file: Path = Path(ENV_FILE)) -> dict[str, str]:
    """Names set in the environment or in the file that no setting has, each with the setting that was probably meant
    ("" where none is near). Names that begin otherwise count only where they are a setting's but for a slip."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    found = {}
    for name in sorted({*map(str.upper, environment), *_names_in(file)} - known):
        ours = name.startswith(PREFIX)
        near = difflib.get_close_matches(name, sorted(known), 1, 0.6 if ours else 0.9)
        if ours or near:
            found[name] = near[0] if near else ""
    return found


def _names_in(file: Path) -> set[str]:
    """The names that a file sets, in capitals."""
    text = file.read_text("utf-8", "replace") if file.is_file() else ""
    return {each.upper() for each in _SET_IN_FILE.findall(text)}


def api_key(settings: Settings) -> str:
    """The key clients must send: the setting, or the one kept in DATA_DIR/api_key (made once, mode 0600).

    Raises SetupError when other users of the machine can read it, or when it is no secret.
    """
    if settings.api_key:
        if f"{PREFIX}API_KEY" not in os.environ and f"{PREFIX}API_KEY" in _names_in(Path(ENV_FILE)):
            credentials.only_ours(Path(ENV_FILE))
        return settings.api_key
    return credentials.kept_key(settings.data_dir / "api_key")


def secret_key(settings: Settings) -> bytes:
    """What the audit log is sealed with and second factors are made from: the setting, or what is kept in
    DATA_DIR/secret_key (made once, mode 0600). It is not in the database. Raises SetupError as `api_key` does."""
    return (settings.secret_key or credentials.kept_key(settings.data_dir / "secret_key")).encode()
