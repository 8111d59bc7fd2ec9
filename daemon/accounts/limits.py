"""An account's own settings (caps, quiet hours, time zone, pauses, transport and what that needs), and those of the
installation where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict

import phonenumbers
import structlog

from daemon import errors
from daemon.accounts import directory, pacing, rights
from daemon.accounts.directory import AccountRow
from daemon.accounts.refusals import Why
from daemon.config import META_ID, META_SECRET, Settings, hours, own_number
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.i18n.coded import Phrase
from daemon.i18n.instants import known_zone, zone_name
from daemon.models import Account
from daemon.states import E164
from daemon.transports import registry

log = structlog.get_logger()

MAX_CAP = 1_000_000
MAX_ZONE = 64
MAX_TITLE = 64
MAX_PAUSE_S = 86_400
MAX_EVERY = 1_000_000
MAX_THROUGHPUT = 1_000
SEND_MS = 4_000  # opening a chat, writing and WhatsApp's tick, before any was measured


class Limits(TypedDict, total=False):
    """Settings of an account's own; None leaves one to the installation. A cap of 0 means no cap, quiet hours of ""
    none; pauses are in seconds. title: what people call it, None: its name. canary: its own number, for tests. Those of
    the Cloud API are as in `config.Settings`."""

    title: str | None
    transport: str | None
    hourly_cap: int | None
    daily_cap: int | None
    quiet_hours: str | None
    timezone: str | None
    country: str | None
    delay_min: float | None
    delay_max: float | None
    long_pause_every: int | None
    long_pause_min: float | None
    long_pause_max: float | None
    canary: str | None
    cloud_phone_number_id: str | None
    cloud_business_account_id: str | None
    cloud_throughput: int | None
    cloud_token: str | None
    cloud_app_secret: str | None
    cloud_verify_token: str | None


def set_limits(name: str, limits: Limits, who: str, version: int | None = None) -> AccountRow:
    """Set those of the account's own settings that are given. Effective from the next claim on; another transport, as
    soon as its sender has started anew.

    version: `limits_version` of what the caller has read, None to set whatever is there. Raises NotFound, InvalidInput,
    and EditConflict when somebody has changed one since.
    """
    checked = check(limits)
    with write():
        if checked.get("title"):
            one_at_a_time()
        row = locked(Account.select().where(Account.name == name)).first()
        if row is None or row.removed_at is not None or not rights.may(name):
            raise errors.NotFound(Why.NO_ACCOUNT, name=name)
        fit_together({field: checked.get(field, getattr(row, field)) for field in CHECKS})
        unlike_others(name, checked.get("title"))
        changed = {field: value for field, value in checked.items() if getattr(row, field) != value}
        if changed:
            versions.check(Phrase("account"), row.limits_version, version)
            Account.update(**changed, limits_version=row.limits_version + 1).where(Account.name == name).execute()
            after_commit(partial(log.info, "account.limited", account=name, who=who, limits=sorted(changed)))
    return directory.find(name)


def check(limits: Limits) -> dict[str, Any]:
    """The values as they are stored. Raises InvalidInput."""
    found = {}
    for field, value in limits.items():
        try:
            found[field] = value if value is None else CHECKS[field](value)
        except errors.InvalidInput as error:
            raise error.at(field) from None
    return found


def fit_together(own: Mapping[str, Any]) -> None:
    """Raises InvalidInput where the shortest pause is longer than the longest."""
    for low, high in RANGES:
        if own.get(low) is not None and own.get(high) is not None and own[low] > own[high]:
            raise errors.InvalidInput(Why.PAUSES_REVERSED).at(low)


def one_at_a_time() -> None:
    """Two that are added or renamed at once must not get the same title."""
    locked(Account.select(Account.name).order_by(Account.name)).first()


def unlike_others(name: str, title: str | None) -> None:
    """Raises InvalidInput where another account has that name or title, in any case: nobody could tell them apart."""
    if title is None:
        return
    others = (each for each in directory.whoever_asks() if each.name != name)
    if title.casefold() in {word.casefold() for each in others for word in (each.name, each.called)}:
        raise errors.InvalidInput(Why.TITLE_TAKEN, title=title).at("title")


def _cap(value: int) -> int:
    if not 0 <= value <= MAX_CAP:
        raise errors.InvalidInput(Why.CAP_UNFIT, most=MAX_CAP)
    return value


def _hours(text: str) -> str:
    if not text.strip():
        return ""
    found = hours(re.sub(r"\s", "", text).replace("–", "-"))
    if found is None or found[0] == found[1]:
        raise errors.InvalidInput(Why.QUIET_HOURS_UNFIT)
    return f"{found[0]:%H:%M}-{found[1]:%H:%M}"


def _zone(text: str) -> str:
    if not known_zone(text.strip()) or len(text.strip()) > MAX_ZONE:
        raise errors.InvalidInput(Why.UNKNOWN_TIME_ZONE)
    return zone_name(text.strip())


def _country(text: str) -> str:
    if text.strip().upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_UNFIT)
    return text.strip().upper()


def _pause(value: float) -> float:
    if not 0 <= value <= MAX_PAUSE_S:  # false for what is not a number, too
        raise errors.InvalidInput(Why.PAUSE_UNFIT, most=f"{MAX_PAUSE_S:,}")
    return float(value)


def _every(value: int) -> int:
    if not 0 <= value <= MAX_EVERY:
        raise errors.InvalidInput(Why.PAUSE_EVERY_UNFIT, most=f"{MAX_EVERY:,}")
    return value


def _title(text: str) -> str | None:
    shown = " ".join(text.split())
    if len(shown) > MAX_TITLE or not shown.isprintable():
        raise errors.InvalidInput(Why.TITLE_UNFIT, most=MAX_TITLE)
    return shown or None


def _transport(text: str) -> str:
    if text not in registry.NAMES:
        raise errors.InvalidInput(Why.TRANSPORT_UNFIT, names=", ".join(registry.NAMES))
    return text


def _own_number(text: str) -> str:
    try:
        return E164(own_number(text))
    except ValueError:
        raise errors.InvalidInput(Why.OWN_NUMBER_UNFIT) from None


def _meta_id(text: str) -> str | None:
    if not META_ID.fullmatch(text.strip() or "0"):
        raise errors.InvalidInput(Why.META_ID_UNFIT)
    return text.strip() or None


def _secret(text: str) -> str | None:
    if not META_SECRET.fullmatch(text.strip() or "-"):
        raise errors.InvalidInput(Why.META_SECRET_UNFIT)
    return text.strip() or None


def _throughput(value: int) -> int:
    if not 1 <= value <= MAX_THROUGHPUT:
        raise errors.InvalidInput(Why.THROUGHPUT_UNFIT, most=f"{MAX_THROUGHPUT:,}")
    return value


RANGES = (("delay_min", "delay_max"), ("long_pause_min", "long_pause_max"))
CHECKS: dict[str, Callable[[Any], Any]] = {
    "title": _title,
    "transport": _transport,
    "hourly_cap": _cap,
    "daily_cap": _cap,
    "quiet_hours": _hours,
    "timezone": _zone,
    "country": _country,
    "delay_min": _pause,
    "delay_max": _pause,
    "long_pause_every": _every,
    "long_pause_min": _pause,
    "long_pause_max": _pause,
    "canary": _own_number,
    "cloud_phone_number_id": _meta_id,
    "cloud_business_account_id": _meta_id,
    "cloud_throughput": _throughput,
    "cloud_token": _secret,
    "cloud_app_secret": _secret,
    "cloud_verify_token": _secret,
}
CLOUD = tuple(field for field in CHECKS if field.startswith("cloud_"))
SECRETS = ("cloud_token", "cloud_app_secret", "cloud_verify_token")  #: of these is only told whether they are set
SHOWN = tuple(field for field in CHECKS if field not in SECRETS)
STARTS_WITH = ("transport", "canary", *CLOUD)  #: what a sender has from its start to its end


def own_rules(settings: Settings, account: AccountRow | None) -> pacing.Rules:
    """The limits of that account: its own, and those of the settings where it has none."""
    found = rules(settings)
    if account is None:
        return found
    pauses = (account.long_pause_every, account.long_pause_min, account.long_pause_max)
    found = pacing.own(found, account.hourly_cap, account.daily_cap, account.quiet_hours, account.timezone, *pauses)
    own = settings_in(settings, account.name, account)
    return replace(found, portfolio=portfolio(own), paced=paced(own))


def portfolio(settings: Settings) -> str:
    """By which id of Meta's the account's business is known: of its business account, or, where that is not set, of its
    number; "" for an account that is not of the Cloud API."""
    if settings.transport != "cloud":
        return ""
    return settings.cloud_business_account_id or settings.cloud_phone_number_id


def paced(settings: Settings) -> bool:
    """Whether the account pauses between messages, as a person would."""
    return settings.transport != "cloud"


def spacing(own: Settings, delays: tuple[int, int], own_delays: bool | None) -> tuple[int, int]:
    """How far apart a job's messages are, in ms, by the settings of its account; delays: of the job, own_delays:
    whether they were given for it."""
    if pacing.pauses(paced(own), delays[1], own_delays):
        return delays
    gap = max(1, round(1_000 / own.cloud_throughput))
    return gap, gap


def settings_of(settings: Settings, name: str) -> Settings:
    """The settings for that account: its own in place of the installation's."""
    row = directory.known(name)
    return settings if row is None and name == settings.account else settings_in(settings, name, row)


def settings_in(settings: Settings, name: str, row: AccountRow | None) -> Settings:
    """The same, of a row that has been read."""
    own = {field: getattr(row, field) for field in CHECKS if field != "title"} if row else {}
    own["default_country"] = own.pop("country", None)
    found = {field: value for field, value in own.items() if value is not None}
    for low, high in RANGES:
        ends = pacing.range_ms(getattr(settings, low), getattr(settings, high), (found.get(low), found.get(high)))
        found[low], found[high] = ends[0] / 1000, ends[1] / 1000
    if name != settings.account:  # these are those of the account that the settings are for
        for field in ("canary", *CLOUD):
            found.setdefault(field, Settings.model_fields[field].default)
    return settings.of_account(name, **found)


def for_sender(settings: Settings, name: str) -> Settings:
    """The settings with which the account's sender starts. What an account may have of its own beside that is read
    whenever it is needed; of these a change means a new start."""
    own = settings_of(settings, name)
    return settings.of_account(name, **{field: getattr(own, field) for field in STARTS_WITH})


def rules(settings: Settings) -> pacing.Rules:
    """The limits of the settings, in the form that pacing uses."""
    return pacing.Rules(
        long_pause_every=settings.long_pause_every,
        long_pause_ms=(round(settings.long_pause_min * 1000), round(settings.long_pause_max * 1000)),
        hourly_cap=settings.hourly_cap,
        daily_cap=settings.daily_cap,
        quiet=settings.quiet,
        zone=settings.zone,
        person_cap=settings.person_cap[0],
        person_window_ms=settings.person_cap[1] * pacing.DAY_MS,
        portfolio=portfolio(settings),
        paced=paced(settings),
        consent=settings.require_consent,
    )


def send_ms(settings: Settings, account: str) -> int:
    """How long a send takes by itself, measured or, before the first one, about as long as in a browser."""
    return directory.send_ms(account, SEND_MS if settings_of(settings, account).transport == "browser" else 0)


def rules_of(settings: Settings, account: str) -> pacing.Rules:
    """The same, by its name."""
    return own_rules(settings, directory.known(account))
