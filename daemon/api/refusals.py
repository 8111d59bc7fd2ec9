"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    NO_LINK_CODE = "no_link_code", "Account {name} shows no code now: POST /accounts/{name}/link asks for one."
    NO_QR_CODE = "no_qr_code", "Account {name} shows no QR code now: it is {state}."
    UNKNOWN_FIELD = "unknown_field", "The field {name} is unknown: use {known}."
    IDEMPOTENCY_KEY_UNFIT = "idempotency_key_unfit", "The Idempotency-Key must be 1 to 255 ASCII characters."
    BODY_UNREADABLE = "body_unreadable", "The body cannot be read: its encoding does not match its headers."
    TOO_MANY_ENTRIES = "too_many_entries", "{name} takes up to {most} entries: give fewer at a time."
    ENTRY_TOO_WIDE = "entry_too_wide", "Entry {position} of {name} has too many fields: leave out what is not used."
    GIVEN_TWICE = "given_twice", "{name} is given more than once."
    NOT_GIVEN = "not_given", "{name} is missing."
    NO_FILE_PART = (
        "no_file_part",
        "Send the file as multipart/form-data in a part named file: curl -F file=@contacts.csv",
    )
    UPLOAD_CUT_OFF = "upload_cut_off", "The upload was cut off: send the file again."
    FILE_TOO_LARGE = "file_too_large", "The file is larger than {limit} MB, the limit set by WASENDER_MAX_UPLOAD_MB."
    PEOPLE_GIVEN_OTHERWISE = (
        "people_given_otherwise",
        "Give the people in exactly one way: as upload_id, numbers, recipients or list_id.",
    )
    GIVEN_AT_OR_ON = "given_at_or_on", "Give either given_at, a time, or given_on, a day."
    NUMBERS_AT = "numbers_at", "numbers, index {position}: {reason}"
    KEY_OF_INSTALLATION = (
        "key_of_installation",
        "This is the key of the installation, from DATA_DIR/api_key or WASENDER_API_KEY: to replace it, change it "
        "there and restart.",
    )
    VALUE_UNFIT = "value_unfit", "{name} {says}."
    BODY_UNFIT = "body_unfit", "{name}: {reason}."
    NO_HANDSHAKE = (
        "no_handshake",
        "Meta asks with hub.mode=subscribe, hub.challenge and hub.verify_token, each once.",
    )
    VERIFY_TOKEN_WRONG = (
        "verify_token_wrong",
        "This is not the verify token: enter the one of WASENDER_CLOUD_VERIFY_TOKEN, or of the account, in Meta's app "
        "dashboard.",
    )
    SIGNATURE_WRONG = (
        "signature_wrong",
        "The signature is not that of an account's app: set WASENDER_CLOUD_APP_SECRET, or the account's app secret.",
    )
    CLOUD_BODY_TOO_LARGE = "cloud_body_too_large", "The body is larger than {most} MB."
