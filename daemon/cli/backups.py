"""Backups of this machine's installation: made while it runs, and restored while it does not; and its move to
PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import saving, settings
from daemon.cli.exits import usage
from daemon.cli.flags import Command
from daemon.cli.output import Json, output
from daemon.cli.settings import Data

PANEL = "This machine"
MB = 1 << 20
PROFILES = "profiles"  # in the data folder


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (backup, restore, migrate):
        app.command(cls=Command, rich_help_panel=PANEL)(work)
    app.command("backup-key", cls=Command, rich_help_panel=PANEL)(key)


def backup(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="PATH", help="A folder, or a new file; else `backups` in the data folder."),
    ] = None,
    encrypt: Annotated[
        list[str] | None,
        typer.Option(
            "--encrypt", metavar="KEY", help="For that public key (age1…), or those in a file; may be repeated."
        ),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="N", min=1, help="Delete older backups there, but the newest N.")
    ] = None,
    keep_days: Annotated[
        int | None, typer.Option("--keep-days", metavar="N", min=1, help="Delete those there that are older.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Save database, attachments and keys in one file, while wasender runs, and read it through.

    Of PostgreSQL its pg_dump is used. The browser's profiles are not in it: after a loss the phone is linked anew.
    With both --keep and --keep-days a backup stays where either keeps it.

    Example: wasender backup

    Example: wasender backup --to /mnt/backups --encrypt age1… --keep 14
    """
    found = settings.load(data)
    from daemon.db import clock
    from daemon.ops import audit_upkeep
    from daemon.ops import backup as making
    from daemon.ops.backup import Keep

    now = clock.now_ms()
    with audit_upkeep.noted(found, "backup.make", now):
        made = making.make(found, to, encrypt or [], Keep(keep, keep_days), now)
    rows, files = sum(made.manifest.rows.values()), len(made.manifest.files)
    lines = [f"{made.file}: {made.size / MB:,.1f} MB, {rows:,} rows, {files:,} files, read through."]
    if made.manifest.missing:
        lines.append(f"{len(made.manifest.missing):,} attachments were not in the data folder: their files are lost.")
    lines += [f"{each} was deleted." for each in made.deleted]
    lines += made.stuck
    if made.spared:
        lines.append(
            f"Older backups stay ({made.spared:,}): for more than {keep_days} days none was made, or the clock is "
            "wrong. See that it is right."
        )
    told = {
        "file": str(made.file),
        "size": made.size,
        "encrypted": made.encrypted,
        "rows": made.manifest.rows,
        "files": files,
        "missing": made.manifest.missing,
        "deleted": [str(each) for each in made.deleted],
        "not_deleted": made.stuck,
        "spared": made.spared,
    }
    output.tell("\n".join(lines), told)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The secret key, where it is encrypted.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of what is there, while wasender does not run.

    What was there is kept beside it. Settings and browser profiles are in no backup: on a new machine put the settings
    back yourself, and link each phone anew (docs/backup.md). Nothing is sent afterwards until somebody decides about
    each campaign: see `wasender confirmations`. If it breaks off, run it again: it goes on where it was.

    Example: wasender restore /mnt/backups/wasender-20300131T030000Z.backup

    Example: wasender restore wasender-20300131T030000Z.backup.age --key secret.key
    """
    found = settings.load(data)
    from daemon.db import clock
    from daemon.ops import audit_upkeep
    from daemon.ops import restore as restoring

    now = clock.now_ms()
    with audit_upkeep.noted(found, "backup.restore", now, file.name):
        done = restoring.restore(found, file, key, now)
    kept = [f"What was there is in {each}." for each in done.kept]
    if done.manifest is None:
        first = "The restore that had broken off is finished. To restore this file, run it again."
    else:
        first = f"Restored: {sum(done.manifest.rows.values()):,} rows, {len(done.manifest.files):,} files."
    last = "Start wasender; campaigns that are not over wait until you decide: wasender confirmations."
    if not (found.data_dir / PROFILES).is_dir():
        last += " Browser profiles and settings are in no backup: link each phone anew; docs/backup.md says more."
    told = {
        "restored": done.manifest is not None,
        "rows": done.manifest.rows if done.manifest else None,
        "kept": done.kept,
    }
    output.tell("\n".join([first, *kept, last]), told)


def migrate(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            envvar="WASENDER_MIGRATE_TO",
            help="Such as postgresql://user:password@host/name, an empty database.",
            show_default=False,
        ),
    ],
    data: Data = None,
    json: Json = False,
) -> None:
    """Move everything from SQLite to an empty database of PostgreSQL, while wasender does not run.

    Both are compared in the end, row by row. The SQLite file is only read. If it breaks off, run it again: it goes on
    where it was. Others on this machine can read the words of a command: WASENDER_MIGRATE_TO hides the password.

    Example: wasender migrate --to postgresql://wasender:secret@127.0.0.1/wasender
    """
    found = settings.load(data)
    from daemon.db import clock
    from daemon.ops import audit_upkeep
    from daemon.ops import migrate as moving

    def tell(table: str, done: int, total: int) -> None:
        if output.live:
            output.note(f"{table}: {done:,} of {total:,}")

    with audit_upkeep.noted(found, "database.migrate", clock.now_ms()):
        moved = moving.migrate(found, to, tell)
    count = sum(moved.rows.values())
    text = (
        f"{count:,} rows in {len(moved.rows)} tables are moved and compared. Set WASENDER_DATABASE_URL to the new "
        "database before you start wasender; the SQLite file was left as it was."
    )
    output.tell(text, {"rows": moved.rows, "resumed": moved.resumed})


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the secret key goes.", show_default=False)],
    json: Json = False,
) -> None:
    """Make a key for encrypted backups. It prints the public one, for `wasender backup --encrypt`.

    Keep the secret one elsewhere than on this machine: without it nobody can read the backups.

    Example: wasender backup-key secret.key
    """
    from daemon.ops import archive

    if file.exists():
        raise usage(f"There is a file {file} already: name another one.")
    secret, public = archive.new_key()
    saving.to_file([f"# public key: {public}\n{secret}\n".encode()], file)
    output.tell(public, {"public_key": public, "file": str(file)})
