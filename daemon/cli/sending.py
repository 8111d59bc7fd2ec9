"""`wasender send`: a campaign from a file, from numbers or from a list."""

from __future__ import annotations

import json
import secrets
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from daemon.cli import cloud_templates, following
from daemon.cli import sending_options as options
from daemon.cli.client import Client, read_text
from daemon.cli.exits import Exit, Failure, Interrupted, usage
from daemon.cli.output import output
from daemon.cli.paging import everything
from daemon.cli.target import command, target
from daemon.cli.words import instant, moment, of_people

LONGEST_KEY = 255  #: that the API takes
SHOWN = 10  #: rows that are named, of those left out


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, rich_help_panel="Campaigns")(send)


@dataclass
class People:
    """Who gets it, as a part of an order; and what is known of them before it is sent. told: for a program."""

    order: dict[str, Any]
    text: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)


def send(
    file: options.File = None,
    number: options.Number = None,
    people_list: options.OfList = "",
    phone_column: options.PhoneColumn = "",
    sheet: options.Sheet = "",
    encoding: options.Encoding = "",
    country: options.Country = "",
    message: options.Message = "",
    message_file: options.MessageFile = None,
    template: options.Template = "",
    cloud_template: options.CloudTemplate = "",
    template_language: options.TemplateLanguage = "",
    value: options.Value = None,
    values: options.Values = None,
    attach: options.Attach = None,
    language: options.Language = "",
    name: options.Name = "",
    account: options.Account = "",
    schedule: options.Schedule = "",
    window: options.Window = "",
    daily_cap: options.DailyCap = None,
    delay_min: options.DelayMin = None,
    delay_max: options.DelayMax = None,
    dry_run: options.DryRun = False,
    wait: options.Wait = False,
    idempotency_key: options.IdempotencyKey = "",
) -> None:
    """Send a message to the people of a file.

    Rows that cannot be used are named and left out. With --wait the exit code says how it ended: 0 where everybody was
    reached, or skipped by a rule, 7 otherwise; Ctrl-C ends the waiting, and the job goes on.

    Example: wasender send contacts.csv --message "Hello {{ name }}!"

    Example: wasender send contacts.csv --message-file text.txt --attach flyer.pdf --dry-run

    Example: wasender send contacts.csv --template "Spring sale" --schedule 2030-12-01T09:00 --name December

    Example: wasender send contacts.csv --cloud-template order_ready --value "1={{ name }}" --value 2=today

    Example: wasender send --number +4930231250 --message Hello --wait
    """
    key = _key(idempotency_key)
    text = _text(message, message_file, template, cloud_template)
    filled = _values(value or [], values, cloud_template)
    client = target.client()
    given: dict[str, Any] = {
        "name": name,
        "account": account,
        "schedule_at": moment(schedule),
        "window": window,
        "daily_cap": daily_cap,
        "delay_min": delay_min,
        "delay_max": delay_max,
        "language": language,
    }
    order = {each: value for each, value in given.items() if value not in (None, "")}
    if cloud_template:
        order["template"] = _cloud_template(client, cloud_template, template_language, account, filled)
    else:
        order |= _message(client, text, template)
    said = {"phone_column": phone_column, "sheet": sheet, "encoding": encoding, "country": country}
    said = {each: value for each, value in said.items() if value}
    people = _people(client, file, number or [], people_list, said, key)
    if attach:
        files = [client.upload("/upload_attachment", each, {}, key=key)["attachment_id"] for each in attach]
        if not cloud_template:
            order["attachments"] = [*order.get("attachments", ()), *files]
        elif len(files) == 1:
            order["template"]["values"]["header"] = files[0]
        else:
            raise usage("A WhatsApp template has one file, in its header: give --attach once.")
    if dry_run:
        tried = client.call("POST", "/send", body=order | people.order | {"dry_run": True})
        output.tell("\n".join([*people.text, *_tried(tried)]), people.told | tried)
        return
    doubt = (
        "Whether the job is queued is not certain: see `wasender jobs`. The same command with "
        f"--idempotency-key {shlex.quote(key)} sends nothing twice."
    )
    try:
        queued = client.once("/send", order | people.order, key, doubt=doubt)
    except KeyboardInterrupt:
        raise Interrupted(doubt) from None
    if not wait:
        output.tell("\n".join([*people.text, *_queued(queued)]), people.told | queued)
        return
    with following.left_alone(queued["job_id"]):
        for line in (*people.text, *_queued(queued)):
            output.note(line)
        job = following.wait(client, queued["job_id"])
    output.tell(following.described(job), people.told | queued | {"job": job})
    following.judge(job)


def _key(given: str) -> str:
    """The order's Idempotency-Key: the one that was given, or one of its own. Raises Failure."""
    if given and not (given.isascii() and given.isprintable() and len(given) <= LONGEST_KEY):
        raise usage(
            f"--idempotency-key is at most {LONGEST_KEY} characters, letters without accents, digits and signs."
        )
    return given or secrets.token_hex(16)


def _text(message: str, file: Path | None, template: str, cloud_template: str) -> str:
    """The message as it was given in one of four ways, "" for a template. Raises Failure."""
    if sum(map(bool, (message, file, template, cloud_template))) > 1:
        raise usage("Give the message once: with --message, --message-file, --template or --cloud-template.")
    return message if file is None else read_text(file).rstrip("\n")


def _message(client: Client, text: str, template: str) -> dict[str, Any]:
    if not template:
        return {"message": text}
    found = named(everything(client, "/templates", "templates", {}, 0), template, "template", "wasender templates list")
    return {"message": found["text"], "attachments": found["attachments"]}


def _values(given: list[str], file: Path | None, cloud_template: str) -> dict[str, str]:
    """What is filled into the template: from the file, and in its place what was given one by one. Raises Failure."""
    if not cloud_template and (given or file is not None):
        raise usage("--value and --values are what is filled into a WhatsApp template: name it with --cloud-template.")
    found: dict[str, str] = {}
    if file is not None:
        try:
            read = json.loads(read_text(file))
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(each, str) for each in read.values()):
            raise Failure("values_unreadable", f'{file} is no JSON object of texts, such as {{"1": "{{{{ name }}}}"}}.')
        found |= read
    for each in given:
        place, equals, text = each.partition("=")
        if not equals or not place.strip():
            raise usage(f"--value is written PLACE=TEXT, such as 1=Ada: {each}")
        found[place.strip()] = text
    return found


def _cloud_template(client: Client, name: str, language: str, account: str, filled: dict[str, str]) -> dict[str, Any]:
    """The template as a part of an order; its language is looked up where it was not given."""
    if not language or name.isdecimal():
        found = cloud_templates.one(cloud_templates.every(client, account), name, language)
        name, language = found["name"], found["language"]
    return {"name": name, "language": language, "values": filled}


def _people(
    client: Client, file: Path | None, numbers: list[str], of_list: str, said: dict[str, str], key: str
) -> People:
    if sum(map(bool, (file, numbers, of_list))) != 1:
        raise usage("Say who gets it in one way: a FILE, --number or --list.")
    if said and file is None:
        raise usage(f"--{next(iter(said)).replace('_', '-')} is about a FILE, and there is none.")
    if numbers:
        return People({"numbers": numbers})
    if file is None:
        found = named(everything(client, "/lists", "lists", {}, 0), of_list, "list", "wasender lists list")
        entries = _entries(client, found["id"])
        return People({"recipients": entries})
    try:
        upload = client.upload("/upload", file, said, key=key)
    except Failure as failure:
        if failure.code != "choose_phone_column":
            raise
        columns = failure.members.get("candidates")
        shown = ", ".join(f'"{each}"' for each in columns) if isinstance(columns, list) else "?"
        sentence = f"It is not clear which column has the numbers ({shown}): say which with --phone-column."
        raise Failure(failure.code, sentence, Exit.REFUSED, failure.members) from None
    told = {name: value for name, value in upload.items() if name != "preview"}
    return People({"upload_id": upload["upload_id"]}, _read(upload), {"upload": told})


def _entries(client: Client, list_id: int) -> list[dict[str, Any]]:
    found = everything(client, f"/lists/{list_id}/entries", "entries", {}, 0)
    return [{**each["fields"], "number": each["number"]} for each in found]


def named(rows: list[dict[str, Any]], wanted: str, what: str, listing: str) -> dict[str, Any]:
    """The one of that name, or else of that id. Raises Failure."""
    by_name = [each for each in rows if each["name"] == wanted]
    found = by_name or [each for each in rows if str(each["id"]) == wanted]
    if not found:
        sentence = f"There is no {what} called {wanted}: `{listing}` shows what there is."
        raise Failure(f"no_{what}", sentence, Exit.NOT_FOUND)
    return found[0]


def _read(upload: dict[str, Any]) -> list[str]:
    """What there is to say about a file as it was read."""
    rejected = upload["rejected"]
    lines = [f"{upload['filename']}: {of_people(upload['unique'])}"]
    if upload["phone_column"]:
        lines[0] += f', numbers in the column "{upload["phone_column"]}"'
    if upload["duplicates"]:
        lines.append(f"{upload['duplicates']:,} duplicate{'' if upload['duplicates'] == 1 else 's'} left out")
    if upload["hidden_rows"] or upload["hidden_columns"]:
        lines.append(f"Hidden in the workbook, and left out: {upload['hidden_rows']:,} rows, "
                     f"{upload['hidden_columns']:,} columns")  # fmt: skip
    if upload["encoding"] and not upload["encoding_sure"]:
        lines.append(f"It was read as {upload['encoding']}, which is a guess: if names are wrong, give --encoding")
    return [*lines, *texts_of_rejected(rejected)]


def texts_of_rejected(rejected: list[dict[str, Any]]) -> list[str]:
    """The rows that were left out, in words; the first of many."""
    if not rejected:
        return []
    lines = [f"{len(rejected):,} row{'' if len(rejected) == 1 else 's'} cannot be used:"]
    lines += [_of_row(each) for each in rejected[:SHOWN]]
    return [*lines, f"  and {len(rejected) - SHOWN:,} more"] if len(rejected) > SHOWN else lines


def _of_row(each: dict[str, Any]) -> str:
    """A row that was left out, and why; there may be nothing in it."""
    return ": ".join(filter(None, (f"  row {each['position']}", each["value"], each["reason"])))


def _tried(tried: dict[str, Any]) -> list[str]:
    """What a dry run has found."""
    lines = [f"{of_people(tried['total_numbers'])} would get it. Nothing is queued."]
    if skipped := tried["left_out_total"]:
        lines.append(f"{skipped:,} would be skipped:")
        lines += [_of_row(each) for each in tried["left_out"][:SHOWN]]
        lines += [f"  and {skipped - SHOWN:,} more"] if skipped > SHOWN else []
    if begin := tried.get("starts_at"):
        end = tried.get("eta")
        lines.append(f"First message: {instant(begin)}" + (f", last one about {instant(end)}" if end else ""))
    return [*lines, tried["waits_for"]] if tried.get("waits_for") else lines


def _queued(queued: dict[str, Any]) -> list[str]:
    lines = [f"Job {queued['job_id']}: {of_people(queued['total_numbers'])}. {queued['message']}", queued["note"]]
    return [each for each in lines if each]
