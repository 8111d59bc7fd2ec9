"""Chats for the dry-run transport, in which everybody answers STOP: WhatsApp as far as replies are concerned.

They are kept on disk, as WhatsApp keeps them, so that they outlive a sender: a chat is unread until it is opened, for
good, whatever becomes of who opened it. Every third one answers at once, while the chat is still open: that is never
unread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.config import Settings
from daemon.transports.dry_run import DryRunTransport
from daemon.transports.protocol import Heard, Mark, Outgoing, Receipt, Said, Unread

NEVER_S = 60.0  # a read that SIGTERM has come into takes longer than any grace


class Answering(DryRunTransport):
    """pass_by: called at the points of a read; says whether SIGTERM was sent there."""

    pass_by: Callable[[str], bool] = staticmethod(lambda _point: False)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._folder = settings.data_dir.parent / "chats"
        self._folder.mkdir(exist_ok=True)
        self._open: str | None = None
        self._noted: list[Heard] = []

    async def prepare(self, message: Outgoing) -> Mark:
        self._leave()
        mark = await super().prepare(message)
        self._open = message.number
        return mark

    async def hand_over(self, message: Outgoing, mark: Mark, *rest: Any) -> Receipt:
        receipt = await super().hand_over(message, mark, *rest)
        at_once = int(message.number[-2:]) % 3 == 0
        self._write(message.number, {"ours": receipt.transport_id, "unread": not at_once})
        return receipt

    async def unread(self) -> list[Unread]:
        self._note()
        numbers = sorted(file.stem for file in self._folder.glob("*.json"))
        return [Unread(number, number, 1) for number in numbers if self._read(number)["unread"]]

    async def read(self, chat: Unread) -> Heard | None:
        number = chat.number or chat.title
        if not self._file(number).exists():
            return None
        self._leave()
        self._open = number
        self._write(number, self._read(number) | {"unread": False})
        if self.pass_by("chat_opened"):
            await asyncio.sleep(NEVER_S)
        await asyncio.sleep(0)
        self.pass_by("rows_read")
        return self._heard(number)

    async def overheard(self) -> list[Heard]:
        found, self._noted = self._noted, []
        return found

    def _leave(self) -> None:
        """Another chat takes the place of the open one."""
        self._note()
        self._open = None

    def _note(self) -> None:
        if self._open and self._file(self._open).exists():
            self._noted.append(self._heard(self._open))

    def _heard(self, number: str) -> Heard:
        rows = (Said(self._read(number)["ours"], True, "Hello"), Said(f"stop-{number}", False, "STOP"))
        return Heard(number, rows)

    def _file(self, number: str) -> Path:
        return self._folder / f"{number}.json"

    def _read(self, number: str) -> dict[str, Any]:
        return dict(json.loads(self._file(number).read_text()))

    def _write(self, number: str, chat: dict[str, Any]) -> None:
        fresh = self._file(number).with_suffix(".new")
        fresh.write_text(json.dumps(chat))
        fresh.replace(self._file(number))
