"""The options of `wasender send`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

PEOPLE, TEXT, TIME = "People", "Message", "When and how fast"


def _about(panel: str, *names: str, metavar: str, says: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=says, rich_help_panel=panel, **more)


File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The contacts: CSV, XLSX, TXT or vCard.", show_default=False)
]
Number = Annotated[
    list[str] | None,
    _about(PEOPLE, "--number", metavar="NUMBER", says="A number, instead of a file. May be repeated."),
]
OfList = Annotated[str, _about(PEOPLE, "--list", metavar="LIST", says="A list, by its name or id, instead of a file.")]
PhoneColumn = Annotated[
    str, _about(PEOPLE, "--phone-column", metavar="TITLE", says="The file's column of numbers, where it is not clear.")
]
Sheet = Annotated[
    str, _about(PEOPLE, "--sheet", metavar="TITLE", says="The workbook's sheet, where several have people.")
]
Encoding = Annotated[
    str, _about(PEOPLE, "--encoding", metavar="NAME", says="The file's encoding, where it is not recognised: cp1252.")
]
Country = Annotated[
    str,
    _about(PEOPLE, "--country", metavar="CODE", says="The country of the file's numbers that have none, such as DE."),
]
Message = Annotated[
    str,
    _about(TEXT, "--message", "-m", metavar="TEXT", says="The text; {{ name }} is the field `name` of each person."),
]
MessageFile = Annotated[
    Path | None, _about(TEXT, "--message-file", metavar="FILE", says="A file with the text, in UTF-8; - for the input.")
]
Template = Annotated[str, _about(TEXT, "--template", metavar="TEMPLATE", says="A template, by its name or id.")]
CloudTemplate = Annotated[
    str,
    _about(TEXT, "--cloud-template", metavar="TEMPLATE", says="A WhatsApp template, by its name or id, instead."),
]
TemplateLanguage = Annotated[
    str,
    _about(TEXT, "--template-language", metavar="CODE", says="Its language, where it is there in several: en_US."),
]
Value = Annotated[
    list[str] | None,
    _about(
        TEXT, "--value", metavar="PLACE=TEXT",
        says='What is filled into it, such as "1={{ name }}" or button_0=SPRING. May be repeated.',
    ),
]  # fmt: skip
Values = Annotated[
    Path | None,
    _about(TEXT, "--values", metavar="FILE", says='The same in a JSON file, {"1": "{{ name }}"}; - for the input.'),
]
Attach = Annotated[
    list[Path] | None,
    _about(
        TEXT, "--attach", metavar="FILE", says="A picture, video or document; a template's header. May be repeated."
    ),
]
Language = Annotated[
    str, _about(TEXT, "--language", metavar="CODE", says="The language of dates and amounts in the text, such as de.")
]
Name = Annotated[str, _about(TIME, "--name", metavar="TEXT", says="What the campaign is called.")]
Account = Annotated[str, _about(TIME, "--account", metavar="NAME", says="The account that sends it.")]
Schedule = Annotated[
    str,
    _about(TIME, "--schedule", metavar="TIME", says="When it begins, such as 2030-12-01T09:00; this machine's zone."),
]
Window = Annotated[str, _about(TIME, "--window", metavar="HOURS", says="Only at these hours, such as 09:00-18:00.")]
DailyCap = Annotated[
    int | None, _about(TIME, "--daily-cap", metavar="N", min=0, says="The most of its messages in 24 hours.")
]
DelayMin = Annotated[
    float | None, _about(TIME, "--delay-min", metavar="SECONDS", min=0, says="The shortest pause between two messages.")
]
DelayMax = Annotated[
    float | None, _about(TIME, "--delay-max", metavar="SECONDS", min=0, says="The longest pause between two messages.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say who would get it; queue nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job is over, with a progress bar.")]
IdempotencyKey = Annotated[
    str,
    typer.Option("--idempotency-key", metavar="KEY", help="A text of your own: a repeat with it sends nothing again."),
]
