"""What Meta's servers know: tokens, business accounts, numbers, templates, media, people, and every message."""

from __future__ import annotations

import base64
import hashlib
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from standin.graph import switches
from standin.graph.limits import Bucket
from standin.graph.record import Message, Record
from standin.graph.switches import Fate, Rule, Rules
from standin.graph.templates import Template

NUMBER_ID = "106540352242922"
BUSINESS_ID = "102290129340398"
TOKEN = "EAAstandin"
APP_SECRET = "standin-app-secret"
VERIFY_TOKEN = "standin-verify"
MEDIA_S = 30 * 86_400
REGIONS = phonenumbers.COUNTRY_CODE_TO_REGION_CODE


@dataclass
class Token:
    """An access token; `expires_at` in Unix seconds, None: never."""

    scopes: tuple[str, ...] = ("whatsapp_business_management", "whatsapp_business_messaging")
    expires_at: float | None = None
    objects: frozenset[str] | None = None  # ids of what it may see; None: all


@dataclass
class Portfolio:
    """A business portfolio: its messaging limit counts people reached by all its numbers."""

    limit: str = "TIER_UNLIMITED"
    reached: dict[str, float] = field(default_factory=dict)  # person: when last reached outside a window


@dataclass
class Business:
    """A WhatsApp business account."""

    id: str
    portfolio: Portfolio
    name: str = "Stand-in Clinic"
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)
    subscribed: bool = True
    override: str | None = None  # where webhooks of its numbers go instead
    marketing: str = "ONBOARDED"  # to the API for marketing messages
    health: str = "AVAILABLE"
    health_errors: list[dict[str, Any]] = field(default_factory=list)
    calls: deque[float] = field(default_factory=deque)  # of the last hour


@dataclass(eq=False)
class Number:
    """A business phone number."""

    id: str
    business: Business
    display: str = "15550783881"  # digits
    verified_name: str = "Stand-in Clinic"
    status: str = "CONNECTED"
    quality: str = "GREEN"
    level: str = "STANDARD"  # of throughput
    name_status: str = "APPROVED"
    only_to: frozenset[str] | None = None  # a test number: whom it may write to
    health: str = "AVAILABLE"
    health_errors: list[dict[str, Any]] = field(default_factory=list)
    override: str | None = None
    bucket: Bucket = field(default_factory=Bucket)
    pairs: dict[str, float] = field(default_factory=dict)  # person: when the rate is made up for
    heard: dict[str, float] = field(default_factory=dict)  # person: when they last wrote
    messages: list[Message] = field(default_factory=list)
    received: dict[str, bool] = field(default_factory=dict)  # ids of what people wrote: whether it was marked as read


@dataclass(eq=False, slots=True)
class Person:
    """Somebody on WhatsApp. wa_id: their number as WhatsApp has it; hidden: webhooks do not have it."""

    number: str  # +…
    wa_id: str
    user_id: str
    hidden: bool = False
    username: str | None = None
    on_whatsapp: bool = True
    stopped: bool = False  # wants no marketing
    name: str = "Somebody"


@dataclass(frozen=True)
class Media:
    """An uploaded file."""

    id: str
    number: Number
    mimetype: str
    content: bytes
    made_at: float

    @property
    def sha256(self) -> str:
        """Base64, as webhooks and answers have it."""
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


class World:
    """All of it. In memory: what ends with the process is gone."""

    def __init__(self, changes: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.time) -> None:
        switches.check(changes or {})
        self.clock = clock
        self.switches: dict[str, Any] = {**switches.DEFAULTS, **(changes or {})}
        self.rules = Rules()
        self.record = Record()
        self.app_id = "670843887433847"
        self.app_secret = APP_SECRET
        self.verify_token = VERIFY_TOKEN
        self.webhook: str | None = None  # the app's
        self.tokens: dict[str, Token] = {TOKEN: Token()}
        self.businesses: dict[str, Business] = {}
        self.numbers: dict[str, Number] = {}
        self.people: dict[str, Person] = {}
        self.by_user_id: dict[str, Person] = {}
        self.media: dict[str, Media] = {}
        self.uploads: dict[str, tuple[str, int]] = {}  # samples that were told of: id, bytes
        self.handles: set[str] = set()  # of samples that came
        self._ids = itertools.count(10**14 + secrets.randbelow(10**14))
        self._wamids = itertools.count(secrets.randbits(64) << 8)
        self.add_number(NUMBER_ID, BUSINESS_ID)

    # -- what there is -----------------------------------------------------------------------------------------

    def set_switches(self, changes: Mapping[str, Any]) -> None:
        """Merge; raises ValueError on an unknown name and then changes nothing."""
        switches.check(changes)
        self.switches |= changes

    def rule(self, **what: Any) -> Rule:
        """Put a rule behind those there are: `rule(drop="after", next=1)`."""
        rule = Rule(**what)
        self.rules.add(rule)
        return rule

    def add_business(self, id: str, portfolio: Portfolio | None = None) -> Business:
        """A business account, in a portfolio of its own unless one is given; the same again is the one there is."""
        if id not in self.businesses:
            self.businesses[id] = Business(id, portfolio or Portfolio())
        return self.businesses[id]

    def add_number(self, id: str, business: str = BUSINESS_ID, **about: Any) -> Number:
        """A business phone number, in a business account that is made if need be."""
        number = Number(id, self.add_business(business), **about)
        self.numbers[id] = number
        return number

    def change_number(self, id: str, business: str = BUSINESS_ID, **about: Any) -> Number:
        """What is known about a number changes; one that is not there is made."""
        number = self.numbers.get(id) or self.add_number(id, business)
        for name, value in about.items():
            getattr(number, name)  # AttributeError: a number has no such thing
            setattr(number, name, frozenset(value) if name == "only_to" and value is not None else value)
        return number

    def add_template(
        self, definition: dict[str, Any], business: str = BUSINESS_ID, status: str = "APPROVED"
    ) -> Template:
        """A template as `POST …/message_templates` takes it, approved at once."""
        template = Template.made(self.next_id(), definition, status)
        self.businesses[business].templates[template.name, template.language] = template
        return template

    def template(self, id: str) -> tuple[Business, Template] | None:
        """The template with that id."""
        for business in self.businesses.values():
            for template in business.templates.values():
                if template.id == id:
                    return business, template
        return None

    def add_media(self, number: Number, mimetype: str, content: bytes) -> Media:
        """A file that a number may send for 30 days."""
        media = Media(self.next_id(), number, mimetype, content, self.clock())
        self.media[media.id] = media
        return media

    def has_media(self, id: str, number: Number) -> bool:
        """Whether that number may still use the file."""
        media = self.media.get(id)
        return media is not None and media.number is number and self.clock() - media.made_at < MEDIA_S

    def person(self, number: str, **about: Any) -> Person:
        """Whoever has that number (`+…`), known from now on; `about` changes what is known."""
        person = self.people.get(number)
        if person is None:
            digits = number[1:]
            person = Person(number, digits, _user_id(digits))
            self.people[number] = person
            self.by_user_id[person.user_id] = person
        for name, value in about.items():
            setattr(person, name, value)
        if about:
            self.by_user_id[person.user_id] = person
        return person

    def next_id(self) -> str:
        """An id of digits."""
        return str(next(self._ids))

    # -- messages ----------------------------------------------------------------------------------------------

    def accept(
        self, number: Number, person: Person, given: str, kind: str, category: str, fate: Fate, callback: str | None,
        said: Any = None,
    ) -> Message:  # fmt: skip
        """A message is taken: from here on it is in the record."""
        message = Message(
            self._wamid(person.wa_id), number, person, given, callback, kind, category, fate, self.clock(), said
        )
        self.record.add(message)
        return message

    def known_since(self) -> float:
        """The time of the newest messages that histories know already."""
        return self.clock() - float(self.switches["history_ms"]) / 1000

    def history_id(self, message: Message) -> str:
        """The id that a message has in its number's history, made when it is first asked for."""
        if not message.history_id:
            message.history_id = self.next_id()
            self.record.by_history[message.history_id] = message
        return message.history_id

    def _wamid(self, digits: str) -> str:
        """Unique; like Meta's (captures, 2026) it is base64 that holds the recipient's digits."""
        tail = b"\x15\x02\x00\x11\x18\x12%018X\x00" % next(self._wamids)
        return "wamid." + base64.b64encode(b"\x1c\x18" + bytes([len(digits)]) + digits.encode() + tail).decode()


def _user_id(digits: str) -> str:
    """A business-scoped id: the person's country, a dot, digits (business-scoped-user-ids, 2026-06-29)."""
    region = next((REGIONS[int(digits[:n])][0] for n in (1, 2, 3) if int(digits[:n]) in REGIONS), "US")
    rest = int.from_bytes(hashlib.blake2b(digits.encode(), digest_size=8).digest(), "big")
    return f"{'US' if region == '001' else region}.{rest}"
