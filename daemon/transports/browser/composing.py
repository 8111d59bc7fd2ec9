"""Composing a message on the page: text boxes, and files with a caption."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from daemon import errors
from daemon.formats import filenames
from daemon.states import Kind
from daemon.transports import parts
from daemon.transports.browser.bridge import CTRL, SHIFT, Operation, Surface
from daemon.transports.browser.chat import Want
from daemon.transports.browser.refusals import Unsent
from daemon.transports.browser.screens import Screens, beginning
from daemon.transports.protocol import Attachment, Outgoing

log = structlog.get_logger()

TEXT_MAX = 65_536
FILES_MAX = 30  #: WhatsApp's limit for files at once

_PICKER = {Kind.PHOTO: "media", Kind.VIDEO: "media", Kind.AUDIO: "audio", Kind.DOCUMENT: "document"}
_REFUSALS = {
    "too_large": Unsent.FILE_TOO_LARGE,
    "unsupported_file": Unsent.FILE_UNSUPPORTED,
    "empty_file": Unsent.FILE_EMPTY,
}


@dataclass
class Parcel:
    """What leaves with one click on Send. group: text, media, audio or document."""

    group: str
    text: str
    files: tuple[Attachment, ...] = ()

    @property
    def where(self) -> str:
        return "composer" if self.group == "text" else "caption"

    def wants(self) -> list[dict[str, Any]]:
        """What its rows in the chat are recognised by: one entry for each file, or one for the text."""
        if not self.files:
            return [{"text": self.text, "names": [], "media": False, "named": False}]
        texts = [self.text] + [""] * (len(self.files) - 1)
        return [
            {"text": text, "names": [shown_name(file)], "media": True, "named": self.group == "document"}
            for text, file in zip(texts, self.files, strict=True)
        ]


def shown_name(file: Attachment) -> str:
    """The file name the recipient sees, without folders and short enough for every file system."""
    return filenames.short(Path(file.filename).name) or "file"


def own_names(message: Outgoing) -> tuple[str, ...]:
    """File names that the page may show as text, with and without their extension."""
    names = [shown_name(file) for file in message.attachments]
    return tuple(dict.fromkeys([*names, *(Path(name).stem for name in names)]))


def plan(message: Outgoing) -> list[Parcel]:
    """Split a message into parts that can each be sent with one click. Raises Undeliverable."""
    text = parts.typed(message.text)
    if len(text) > TEXT_MAX:
        raise errors.Undeliverable(Unsent.TEXT_TOO_LONG, TEXT_MAX=TEXT_MAX)
    if not message.attachments:
        if not text.strip():
            raise errors.Undeliverable(Unsent.NOTHING_TO_SEND)
        return [Parcel("text", text)]
    parcels: list[Parcel] = []
    for file in message.attachments:
        group = _PICKER[file.kind]
        if parcels and parcels[-1].group == group and len(parcels[-1].files) < FILES_MAX:
            parcels[-1].files += (file,)
        else:
            parcels.append(Parcel(group, "", (file,)))
    if parts.captions(text):
        parcels[0].text = text
    else:
        parcels.append(Parcel("text", text))
    return parcels


class Box:
    """The composer of the open chat, or the caption box of a preview."""

    def __init__(self, surface: Surface, where: str) -> None:
        """where: composer or caption."""
        self._surface = surface
        self._where = where

    def clear(self, want: Want | None = None) -> None:
        """Empty the box. want: whose it is. Raises NotSubmitted when something stays in it, or another chat is open."""
        for attempt in range(3):
            state = self._surface.ask("focus", where=self._where, want=want, wait_ms=3_000)
            if state is None:
                self._require_open(want)
                raise errors.NotSubmitted(Unsent.TEXT_BOX_GONE)
            if not state["text"].strip("\n"):
                return
            if attempt:
                self._surface.ask("selectAll", where=self._where, want=want)
            else:
                self._surface.key("a", "KeyA", 65, modifiers=CTRL)
            self._require_open(want)  # in a chat that opens from now on nothing is selected
            self._surface.key("Delete", "Delete", 46)
            if self._surface.ask("readBack", where=self._where, text="", wait_ms=500)["same"]:
                return
        raise errors.NotSubmitted(Unsent.OLD_DRAFT_STAYS)

    def _require_open(self, want: Want | None) -> None:
        if want is not None and not self._surface.ask("isOpen", want=want):
            raise errors.NotSubmitted(Unsent.CHAT_CHANGED_OVER)

    def fill(self, text: str, rows: dict[str, Any] | None = None, want: Want | None = None) -> dict[str, Any]:
        """Put `text` into the empty box and read it back. Returns what the page says about the chat after that.

        rows: what the page's `settled` should wait for as well. want: see clear.
        """
        ways = ["lines", "paste", "type"] if "\n" in text else ["type", "paste"]
        back: dict[str, Any] = {}
        for way in ways:
            self.clear(want)
            if way == "lines":
                self._by_lines(text)
            elif way == "paste":
                self._surface.ask("paste", where=self._where, want=want, text=text)
            else:
                self._surface.type(text)
            back = self._surface.ask("readBack", where=self._where, text=text, wait_ms=1_500, rows=rows)
            if back["same"]:
                return back
            log.warning("composer.differed", way=way, length=back["length"], expected=len(text))
        if back["close"]:  # all lines are there; only empty lines differ
            return back
        self.clear(want)
        raise errors.NotSubmitted(Unsent.TEXT_NOT_ACCEPTED)

    def _by_lines(self, text: str) -> None:
        """Line by line, with Shift+Enter between them, as people do. A plain Enter would send half a message."""
        for index, line in enumerate(text.split("\n")):
            if index:
                self._surface.key("Enter", "Enter", 13, modifiers=SHIFT, text="\r")
            if line:
                self._surface.type(line)


class Attacher:
    """Gives files to the page."""

    def __init__(self, surface: Surface, screens: Screens, temp: Path) -> None:
        """temp: a private folder for copies of files under the name the recipient should see."""
        self._surface = surface
        self._screens = screens
        self._temp = temp / "files"

    def forget(self) -> None:
        """Remove the copies made for earlier messages."""
        shutil.rmtree(self._temp, ignore_errors=True)

    def attach(self, parcel: Parcel, parcels: list[Parcel], want: Want, operation: Operation) -> None:
        """Choose the files and write the caption; the preview is then ready to be sent. want: whose chat it has to be.

        Files or text that do not fit into this parcel are put into further ones after it.
        """
        paths = [self._named(file) for file in parcel.files]
        before = self._surface.ask("screenText", everywhere=True).splitlines()
        self._surface.keep_choosers_shut(True)
        try:
            chosen = self._choose_input(parcel.group, want)
            if not chosen["multiple"] and len(paths) > 1:
                rest = Parcel(parcel.group, "", parcel.files[1:])
                parcels.insert(parcels.index(parcel) + 1, rest)
                parcel.files, paths = parcel.files[:1], paths[:1]
            chosen["input"].send_keys("\n".join(str(path) for path in paths))
        finally:
            self._surface.keep_choosers_shut(False)
        operation.check()
        until = time.monotonic() + 20 + sum(file.size for file in parcel.files) / 2**22
        while True:
            answer = self._surface.ask("awaitPreview", want=want, wait_ms=5_000, before_text=before)
            if answer.get("preview"):
                break
            operation.check()
            if answer["why"] == "title":
                self._surface.ask("leavePreview")
                raise errors.NotSubmitted(Unsent.CHAT_CHANGED_OVER)
            if answer["why"] in _REFUSALS:
                if "dialog" in answer:
                    self._surface.ask("acceptDialog", text=beginning(answer["dialog"]))
                self._surface.ask("leavePreview")
                raise errors.Undeliverable(_REFUSALS[answer["why"]])
            if answer["why"] == "dialog" and not self._screens.dismiss([answer["dialog"]], idle=False):
                self._screens.require_usable(operation)
            if time.monotonic() > until:
                raise errors.NotSubmitted(Unsent.NO_PREVIEW)
        if parcel.text:
            if self._surface.ask("focus", where="caption", wait_ms=1_500) is None:
                parcels.insert(parcels.index(parcel) + 1, Parcel("text", parcel.text))
                parcel.text = ""
            else:
                Box(self._surface, "caption").fill(parcel.text)

    def _choose_input(self, group: str, want: Want) -> dict[str, Any]:
        groups = [group, "document"] if group == "audio" else [group]
        answer: dict[str, Any] = {}
        for name in groups:
            answer = self._surface.ask("chooseInput", kind=name, want=want, wait_ms=3_000)
            if "input" in answer:
                return answer
            if answer["why"] == "title":
                raise errors.NotSubmitted(Unsent.CHAT_CHANGED_OVER)
            if answer["why"] == "attach":
                break
        why = answer["why"]
        log.warning("page.part_missing", name=why, group=group)
        part = why if why == "attach" else f"the attachment menu's {why} for {group}"
        raise errors.PartMissing(Unsent.MENU_UNLIKE, [part])

    def _named(self, file: Attachment) -> Path:
        """A path to the file that ends in the name the recipient should see. Raises NotSubmitted."""
        name = shown_name(file)
        path = file.path.resolve()
        if not path.is_file():
            raise errors.NotSubmitted(Unsent.FILE_MISSING)
        if path.name == name:
            return path
        folder = self._temp / secrets.token_hex(6)
        link = folder / name
        try:
            folder.mkdir(parents=True, mode=0o700)
            try:
                os.link(path, link)
            except OSError:  # another file system
                shutil.copyfile(path, link)
        except OSError as error:  # a problem with this file or disk, not with Chrome
            reason = error.strerror or type(error).__name__
            raise errors.NotSubmitted(Unsent.FILE_NOT_READY, reason=reason) from error
        return link
