"""Checks an installation where it is, without the http process: its settings, data folder, key, database and counters.

Nothing is changed: a database of an earlier version stays one, and nothing that is missing is made.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from daemon import config, errors
from daemon.config import Settings
from daemon.db import connection, looking
from daemon.delivery import counters
from daemon.files import trouble
from daemon.ops.findings import Finding, bad, good, odd, unknown

AS_ITS_USER = "Run this as the user that wasender runs as."
SHOWN = 10  #: jobs that are named


def check(settings: Settings, env_file: Path) -> Iterator[Finding]:
    """What is found, one after the other. env_file: where settings are, beside the environment."""
    yield _settings(env_file)
    folder = _folder(settings)
    yield folder
    if folder.level is not folder.level.BAD:
        yield _key(settings)
    yield from _database(settings)


def _settings(env_file: Path) -> Finding:
    strange = config.unknown_settings(os.environ, env_file)
    if not strange:
        return good("settings", "The settings can be used.")
    names = ", ".join(f"{name} (did you mean {meant}?)" if meant else name for name, meant in strange.items())
    return odd(
        "settings", f"There is no such setting: {names}.", "Correct the names; docs and README list all settings."
    )


def _folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    try:
        if not folder.is_dir():
            return bad("data folder", f"There is no folder {folder}.", "Start wasender once, or set WASENDER_DATA_DIR.")
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        return unknown("data folder", f"{folder} cannot be looked at ({trouble.reason(error)}).", AS_ITS_USER)
    if mode & 0o077:
        return odd("data folder", f"Others on this machine may look into {folder}.", f"Run chmod 700 {folder}.")
    if not os.access(folder, os.W_OK):
        return unknown("data folder", f"{folder} is not this user's.", AS_ITS_USER)
    return good("data folder", f"{folder} is there, and its owner's only.")


def _key(settings: Settings) -> Finding:
    file = settings.data_dir / "api_key"
    try:
        if not settings.api_key and not file.exists():
            return odd("key", "There is no API key yet.", "It is made when wasender starts.")
        config.api_key(settings)
    except errors.SetupError as error:
        return bad("key", str(error), "Do as it says, and start wasender again.")
    except OSError as error:
        return unknown("key", f"{file} cannot be read ({trouble.reason(error)}).", AS_ITS_USER)
    return good("key", "There is an API key that others cannot read.")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with looking.looking(settings.db_url) as missing:
            if missing:
                yield odd(
                    "database",
                    f"The database is sound, and of an earlier version: it lacks {len(missing)} steps.",
                    "It is brought up to date at the next start; make a backup before.",
                    lacks=missing,
                )
                return
            yield good("database", "The database is sound, and up to date.")
            yield _counters()
    except looking.Absent:
        yield odd("database", "There is no database yet.", "It is made when wasender starts.")
    except errors.DatabaseBusy as error:
        yield unknown("database", str(error), "Try again.")
    except errors.DatabaseUnusable as error:
        yield bad("database", str(error), "Do as it says, before anything else.")
    except OSError as error:
        yield unknown("database", f"The database cannot be looked at ({trouble.reason(error)}).", AS_ITS_USER)
    finally:
        connection.close()


def _counters() -> Finding:
    wrong = counters.miscounted()
    if not wrong:
        return good("counters", "Every job's counters agree with its messages.")
    named = ", ".join(map(str, wrong[:SHOWN])) + (" …" if len(wrong) > SHOWN else "")
    mend = "Stop wasender, keep a copy of the data folder, and report it: no message is lost by this."
    return bad("counters", f"The counters of {len(wrong)} jobs differ from their messages: {named}.", mend, jobs=wrong)
