"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Step(Wording):
    """How far an account of the Cloud API is set up, and what to do where it is not."""

    IDS_SET = "cloud_ids_set", "The ids of the number and of the WhatsApp Business Account are set."
    IDS_MISSING = (
        "cloud_ids_missing",
        "Set the ids of the number and of the WhatsApp Business Account: Meta shows them under WhatsApp, API Setup.",
    )
    TOKEN_TAKEN = "cloud_token_taken", "Meta takes the token."
    TOKEN_MISSING = "cloud_token_missing", "Set the token of a system user who may use the app and the account."
    TOKEN_REFUSED = "cloud_token_refused", "Meta does not answer to this token about this number: {reason}"
    NUMBER_READY = "cloud_number_ready", "The number can send."
    NUMBER_BLOCKED = "cloud_number_blocked", "The number cannot send: {reason}"
    TEMPLATES_READABLE = "cloud_templates_readable", "The token may read and make templates."
    TEMPLATES_BARRED = (
        "cloud_templates_barred",
        "Templates cannot be read: the token needs whatsapp_business_management. Meta says: {reason}",
    )
    SECRETS_SET = "cloud_secrets_set", "The app's secret and the verify token are set."
    SECRETS_MISSING = (
        "cloud_secrets_missing",
        "Set the app's secret and a verify token: without them nothing is taken that Meta reports.",
    )
    SUBSCRIBED = "cloud_subscribed", "An app is subscribed to the WhatsApp Business Account."
    NOT_SUBSCRIBED = (
        "cloud_not_subscribed",
        "No app is subscribed to the WhatsApp Business Account, so Meta reports nothing: see docs/cloud-setup.md.",
    )
    SUBSCRIPTION_UNKNOWN = "cloud_subscription_unknown", "Meta does not say whether an app is subscribed: {reason}"
    HEARD = "cloud_webhook_heard", "Meta's reports arrive."
    NOT_HEARD = (
        "cloud_webhook_silent",
        "Nothing has come from Meta yet: give it this installation's address with /webhooks/cloud behind it, under "
        "WhatsApp, Configuration.",
    )
    APPROVED = "cloud_template_approved", "There is a template that can be sent."
    NONE_APPROVED = "cloud_template_none", "No approved template is known: hand one in to Meta, then synchronise."
    ADDRESS_SET = "cloud_address_set", "Requests for these names are answered: {names}."
    ADDRESS_MISSING = (
        "cloud_address_missing",
        "Set WASENDER_ALLOWED_HOSTS to the public name by which Meta reaches this installation, and start it anew: "
        "requests for other names are refused.",
    )
    NOT_LOOKED_AT = "cloud_not_looked_at", "Checked once step {step} is done: {what}"


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    NOT_UTF8 = "not_utf8", "The body is not UTF-8: send JSON in UTF-8."
    HAS_NUL = "has_nul", "A text in the body has the character U+0000, which cannot be stored: leave it out."
    TOO_MANY_VALUES = (
        "too_many_values",
        "The body holds more than {most} values: send them in several requests, or as a file to POST /upload.",
    )
    BODY_TOO_LARGE = (
        "body_too_large",
        "The body is larger than {limit} MB: send it in several requests, or as a file to POST /upload.",
    )
    NOT_JSON = "not_json", "The body is not valid JSON: {reason}."
    NOT_SENT_AS_JSON = (
        "not_sent_as_json",
        "The body is not JSON but {kind}: send JSON, with Content-Type: application/json.",
    )
    NO_KEY = (
        "no_key",
        "The API key is missing or wrong: send it in the header X-API-KEY; it is in the file api_key in the data "
        "folder.",
    )
    PAGE_OUTDATED = "page_outdated", "This page was opened before your latest login: reload it, then try again."
    ROLE_NOT_ENOUGH = (
        "role_not_enough",
        "Your role, {role}, does not allow this: ask an administrator for the role {needed}.",
    )
    SCOPE_NOT_ENOUGH = "scope_not_enough", "This key does not have the scope {needed}: use one that has."
    TEST_KEY = (
        "test_key",
        "A test key sends nothing and changes nothing: it may read, upload files, and try what POST /send would do.",
    )
    KEY_NOT_FOR_PAGES = (
        "key_not_for_pages",
        "This key is for programs: use the API, or log in to see the pages.",
    )
    LIMITED_TO_ACCOUNTS = (
        "limited_to_accounts",
        "This concerns all accounts, and you may only use some of them: ask an administrator of all accounts.",
    )
    FORM_CUT_OFF = "form_cut_off", "The form was cut off: send it again."
    TOO_MANY_PARTS = "too_many_parts", "The form has more than {most} parts: send fewer."
    FORM_FIELDS_TOO_MANY = "form_fields_too_many", "The form has more than {most} fields: send fewer."
    LARGE_REQUESTS = (
        "large_requests",
        "The server is busy with large requests: try again in a minute.",
    )
    TOO_LARGE = "request_too_large", "The request is too large: {most} MB is the limit."
    TOO_LARGE_WITHOUT_KEY = (
        "request_too_large_without_key",
        "The request is too large: without a key or a login {most} KB is the limit.",
    )
    ACCOUNT_NOT_OF_CLOUD = "account_not_of_cloud", "Account {account} does not use WhatsApp's Cloud API."
    CLOUD_NOT_SET_UP = (
        "cloud_not_set_up",
        "Account {account} lacks a token or the id of its business account: set both first.",
    )
    META_SAYS = "meta_says", "Meta says: {reason}"
    NOTHING_THERE = "nothing_there", "There is nothing at {path}: see the README for the addresses."
    METHOD_NOT_POSSIBLE = "method_not_possible", "{method} is not possible at {path}."
    NOT_HTTP = "not_http", "This is not a valid HTTP request."
    UNFORESEEN = "unforeseen", "Something unexpected happened: see the server's log."
    REFUSED = "refused", "{reason}."
    FILE_TROUBLE = ("file_trouble", "A file that wasender needs cannot be used: see the server's log.")
