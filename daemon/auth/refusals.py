"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    PASSWORD_TOO_SHORT = "password_too_short", "The password is too short: use at least {least} characters."
    PASSWORD_TOO_LONG = "password_too_long", "The password is too long: use at most {most} characters."
    PASSWORD_IS_NAME = "password_is_name", "The password must not be the same as the name."
    PASSWORD_ONE_CHARACTER = "password_one_character", "The password must not be one character repeated."
    PASSWORD_COMMON = (
        "password_common",
        "This password is easy to guess: a common one, a name, or a pattern on the keyboard. Use several unrelated "
        "words.",
    )
    USER_NAME_TAKEN = "user_name_taken", "There is already a user called {name}: choose another name."
    USER_NAME_LENGTH = "user_name_length", "The name must be 1 to {most} characters long."
    USER_NAME_INVISIBLE = "user_name_invisible", "The name contains invisible characters."
    USER_NAME_RESERVED = "user_name_reserved", "The name {name} is reserved: choose another one."
    NO_USER = "no_user", "There is no such user."
    USER_NAME_LOOKALIKE = (
        "user_name_lookalike",
        "The name looks too much like another user's: choose a different one.",
    )
    ROLE_UNFIT = "role_unfit", "The role is one of {roles}."
    WRONG_PASSWORD = "wrong_password", "The name or the password is wrong, or the user is disabled."
    WRONG_KEY = "wrong_key", "Wrong API key: copy the whole line, without spaces around it."
