"""How the command ends: its exit codes, and the error that says with which one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; they are API: they are added to, never changed. 2 is given by the parser of the command line."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_SET_UP = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    NOT_AUTHORISED = 6
    NOT_DONE = 7
    BUSY = 8
    INTERRUPTED = 130


MEANING = {
    Exit.DONE: "done",
    Exit.REFUSED: "refused, or it did not work",
    Exit.USAGE: "the command line is wrong",
    Exit.NOT_SET_UP: "the settings, or this machine, do not allow it",
    Exit.NOT_FOUND: "there is nothing by that id or name",
    Exit.UNREACHABLE: "wasender does not answer",
    Exit.NOT_AUTHORISED: "the key is missing or wrong, or does not allow it",
    Exit.NOT_DONE: "what was waited for or checked did not end well",
    Exit.BUSY: "too busy for now: try again",
    Exit.INTERRUPTED: "interrupted",
}


class Failure(Exception):
    """What a command cannot do. code: for programs; sentence: what is wrong, and what to do; exit_code: see Exit;
    members: what a program needs to know beside it."""

    def __init__(
        self, code: str, sentence: str, exit_code: Exit = Exit.REFUSED, members: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.exit_code, self.members = code, sentence, exit_code, dict(members or {})


def usage(sentence: str) -> Failure:
    """The command line is wrong, in a way that only its command can see."""
    return Failure("usage", sentence, Exit.USAGE)


class Interrupted(Exception):
    """Ctrl-C. sentence: what goes on all the same."""
