"""Something of everything that an account has."""

from __future__ import annotations

from daemon.accounts import directory, limits, pacing
from daemon.campaigns import cloud_templates, create, drafts, series
from daemon.campaigns.create import Order
from daemon.campaigns.draft_content import Weekly, When
from daemon.config import Settings
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Account, Evidence, Picture, Reply, UnmatchedChat
from daemon.states import AccountState
from daemon.transports.protocol import Health, Mark
from tests.support.cloud_templates import body, listed, there
from tests.support.rehearsing import prepare, rehearse

PICTURE = b"\x89PNG\r\n\x1a\n"


def fill(settings: Settings, account: str, word: str, number: str) -> dict[str, str]:
    """An account with campaigns, an uncertain message to that number, a draft, a series, replies, chats and a
    WhatsApp template; the word stands in everything. Ids by what stands before them in an address."""
    now = clock.now_ms()
    directory.open_account(account, now)
    directory.report(account, Health(AccountState.READY, detail=f"Linked by {word}."), now)
    person = {"number": number, "town": word, "external_id": f"person-{word}"}
    names = {"name": word, "external_id": f"order-{word}"}
    order = Order(f"Hi from {word}", recipients=[person], account=account, **names)
    job_id = create.create(settings, order, "test", now).job_id
    (message,) = claim.claim(account, 1, now, 60_000, limits.rules(settings))
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    Evidence.create(message=message.id, at=now, finding=word, rows=[[True, word, "sent"]], screenshot=PICTURE)
    moves.lose(message, f"the chat of {word} could not be read", now)
    create.create(settings, Order(f"Later {word}", numbers=[number], name=f"{word} 2", account=account), "test", now)
    said = {"number": number, "person": Person(number).key, "text": f"Says {word}"}
    Reply.create(account=account, at=now, key="k", fresh=True, message=message.id, **said)
    chat = UnmatchedChat.create(account=account, title=f"{word} family", first_at=now, seen_at=now, stop=True)
    UnmatchedChat.create(account=account, title=f"{word} club", first_at=now, seen_at=now, ignored=True)
    Account.update(screenshot_at=now).where(Account.name == account).execute()
    Picture.create(account=account, at=now, png=PICTURE)
    draft = _draft(settings, account, word, number)
    repeats = _draft(settings, account, word, number, Weekly(days=(1,), time="08:30"))
    series_id = series.begin(settings, repeats.id, drafts.find(repeats.id).version, "test", now)
    there(now, listed(word, body(f"News of {word}")), account=account)
    (template,) = cloud_templates.every(account)
    return {
        "jobs": str(job_id),
        "cloud_templates": str(template.id),
        "messages": str(message.id),
        "accounts": account,
        "drafts": draft.id,
        "series": str(series_id),
        "chats": str(chat.id),
    }


def _draft(settings: Settings, account: str, word: str, number: str, weekly: Weekly | None = None) -> drafts.Draft:
    draft = prepare(settings, [number])
    when = When(account=account, delay_min=1, delay_max=1, zone="UTC", weekly=weekly)
    draft = drafts.save(draft.id, draft.version, {"when": when, "text": f"Hi {word}"}, clock.now_ms(), f"{word} soon")
    rehearse(settings, draft, leave_out=False)
    return drafts.find(draft.id)
