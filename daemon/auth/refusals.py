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
    WRONG_CODE = "wrong_code", "This code is wrong, or was used before: enter the one that the app shows now."
    LOGIN_STEP_OVER = "login_step_over", "The login took too long, or was changed meanwhile: log in again."
    PASSWORD_IS_TEMPORARY = "password_is_temporary", "This is the temporary password: choose another one."
    NO_SECOND_FACTOR = "no_second_factor", "This user is asked for no code at the login: there is nothing to remove."
    SECOND_FACTOR_REQUIRED = (
        "second_factor_required",
        "Everybody has to enter a code at the login here: an administrator can remove yours if you need a new one.",
    )
    KEY_NOT_FOR_PASSWORDS = (
        "key_not_for_passwords",
        "A key for programs cannot change how people log in: use the installation's key, or log in.",
    )
    WRONG_KEY = "wrong_key", "Wrong API key: copy the whole line, without spaces around it."
    USER_WITHOUT_ACCOUNT = "user_without_account", "Choose at least one account, or all accounts."
    KEY_NAME_TAKEN = "key_name_taken", "There is already a key called {name}: choose another name, or revoke that one."
    KEY_NAME_LENGTH = "key_name_length", "The name of a key must be 1 to {most} characters long."
    KEY_NAME_INVISIBLE = "key_name_invisible", "The name of the key contains invisible characters."
    KEY_WITHOUT_SCOPE = "key_without_scope", "Say what the key may do: choose one or more of {scopes}."
    KEY_WITHOUT_ACCOUNT = "key_without_account", "Choose at least one account, or all of them."
    MASKED_KEY_READS = "masked_key_reads", "A key that sees masked numbers can only have the scope read."
    KEY_EXPIRES_BEFORE = "key_expires_before", "The key would have expired already: give a time in the future."
    RATE_LIMIT_UNFIT = "rate_limit_unfit", "The limit is a whole number of requests a minute, from 1 to {most}."
    KEY_ADDRESSES = "key_addresses", "Give 1 to {most} addresses, or none to take the key from anywhere."
    ADDRESS_UNFIT = (
        "address_unfit",
        "{address} is no IP address and no network: write one such as 192.0.2.7 or 192.0.2.0/24.",
    )
    TOO_MANY_KEYS = "too_many_keys", "There are {most} keys, the most there can be: revoke those that nobody uses."
    KEY_BEYOND_OWN = (
        "key_beyond_own",
        "A key cannot make, change or replace one that may do more than itself: use the installation's key, or log in.",
    )
    NO_KEY_OF_THAT_ID = "no_key_of_that_id", "There is no key {key}: GET /keys lists them."
    KEY_IS_REVOKED = "key_is_revoked", "The key {name} is revoked: make a new one."
    KEY_IS_EXPIRED = "key_is_expired", "The key {name} has expired: make a new one."
    REVOKED_KEY = "revoked_key", "This key was revoked: ask for a new one."
    EXPIRED_KEY = "expired_key", "This key has expired: ask for a new one."
    REPLACED_KEY = "replaced_key", "This key was replaced by a new one: use that."
    KEY_FROM_ELSEWHERE = (
        "key_from_elsewhere",
        "This key is not taken from your address: use it where it belongs, or have the address added to a new key.",
    )
