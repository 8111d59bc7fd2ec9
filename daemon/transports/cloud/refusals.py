"""What the Cloud API's transport says: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Meta(Wording):
    """Why Meta does not take or deliver a message, or lets an account wait. details: Meta's own words. The codes are
    API: they are added to, never changed."""

    TOKEN = (
        "cloud_token_invalid",
        "Meta does not accept the access token: make a new one for a system user, and set it for this account.",
    )
    PERMISSION = (
        "cloud_permission_missing",
        "The access token lacks a permission that sending needs: grant it whatsapp_business_messaging in Meta's "
        "business settings.",
    )
    CALLS = "cloud_too_many_calls", "Meta got too many calls and asks for a pause: sending goes on by itself."
    TOO_FAST = "cloud_too_fast", "Meta asks for a slower pace: sending goes on by itself."
    PAIR = "cloud_person_too_often", "This person got messages too quickly one after another: it is tried again soon."
    SPAM = (
        "cloud_spam_limit",
        "Meta has limited this number because too many people blocked or reported it: look at its quality in WhatsApp "
        "Manager.",
    )
    UTILITY = (
        "cloud_utility_limited",
        "Meta limits this account's utility templates for some days, because some were in the wrong category.",
    )
    TROUBLE = "cloud_trouble", "Meta's service has a problem of its own: it is tried again."
    NOT_FOR_NOW = (
        "cloud_not_delivered_for_now",
        "Meta took the message and could not deliver it, because of a passing problem (error {number}). It is not sent "
        "again by itself: retry it. {details}",
    )
    MAINTENANCE = "cloud_maintenance", "Meta is working on this number: sending goes on by itself in a few minutes."
    GONE = (
        "cloud_number_gone",
        "Meta does not know this phone number id, or the access token may not use it: check both in the account's "
        "settings.",
    )
    BAD_REQUEST = "cloud_request_refused", "Meta did not take the message: {details}"
    RESTRICTED = (
        "cloud_account_restricted",
        "Meta has restricted or disabled this WhatsApp Business account: see WhatsApp Manager.",
    )
    COUNTRY = "cloud_country_barred", "Meta does not let this number write to people in that country."
    PAYMENT = (
        "cloud_payment",
        "Meta has a problem with this account's payment method: check it in WhatsApp Manager.",
    )
    UNREGISTERED = (
        "cloud_number_unregistered",
        "This number is not registered or verified for the Cloud API: do that in WhatsApp Manager.",
    )
    NAME = "cloud_name_unapproved", "Meta has not approved this number's display name yet: see WhatsApp Manager."
    ONESELF = "cloud_to_oneself", "A number cannot write to itself."
    UNDELIVERABLE = (
        "cloud_undeliverable",
        "WhatsApp could not deliver it: perhaps the number is not on WhatsApp, or its app is too old.",
    )
    TEST_LIST = (
        "cloud_not_on_test_list",
        "One of Meta's test numbers writes only to the recipients that are entered in Meta's app dashboard.",
    )
    WINDOW = (
        "cloud_outside_window",
        "This person has not written in the last 24 hours, so only a template may be sent to them.",
    )
    HELD_BACK = (
        "cloud_held_back",
        "Meta held it back because this person gets many marketing messages: try again in 24 hours at the earliest.",
    )
    EXPERIMENT = "cloud_experiment", "Meta leaves this person out of marketing messages, for a test of its own."
    STOPPED = "cloud_marketing_stopped", "This person has stopped marketing messages from you in WhatsApp."
    BLOCKED = "cloud_person_blocked", "This account has blocked that person on WhatsApp."
    MEDIA = "cloud_media_unfit", "Meta could not use the file: check its kind and size. {details}"
    OTHER_API = "cloud_template_elsewhere", "Meta does not send this template in this way: {details}"
    SYNCING = "cloud_template_syncing", "The template is new, and Meta needs some minutes for it."
    NEEDS_NUMBER = "cloud_needs_number", "Meta sends a template with a code to telephone numbers only."
    PARAMETERS = "cloud_values_unfit", "The values do not fit the template: {details}"
    TEMPLATE_MISSING = (
        "cloud_template_missing",
        "Meta has no approved template of that name in that language, or does not send it as it is: {details}",
    )
    TEMPLATE_PAUSED = (
        "cloud_template_paused",
        "Meta has paused the template because of its quality: see WhatsApp Manager, and retry once it is active again.",
    )
    TEMPLATE_DISABLED = "cloud_template_disabled", "Meta has disabled the template for good: use another one."
    FLOW = "cloud_flow_barred", "Meta has blocked or slowed down the template's form: see WhatsApp Manager."
    TERMS = "cloud_payment_terms", "Meta's terms for payments have to be accepted in WhatsApp Manager."
    IDENTITY = "cloud_identity_changed", "This person's device has changed, and this number asks to check that first."
    OTHER = "cloud_refused", "Meta refused it with error {number}: {details}"


class Cloud(Wording):
    """What the transport itself says."""

    INCOMPLETE = (
        "cloud_settings_missing",
        "The Cloud API needs settings that this account does not have: {names}.",
    )
    UNREACHED = "cloud_unreached", "Meta's Graph API cannot be reached ({error})."
    AT_THE_DOOR = "cloud_refused_at_the_door", "Something in front of Meta's Graph API refused the call ({status})."
    NO_ANSWER = "cloud_no_answer", "Meta's answer did not come, so it is unclear whether it has the message."
    UNCLEAR = "cloud_answer_unclear", "Meta's answer ({status}) does not tell whether it has the message."
    UNCLEAR_IN_A_ROW = (
        "cloud_answers_missing",
        "Meta's answers do not come, so it is unclear what was sent: one message a minute is tried until they do.",
    )
    NOTHING_REPORTED = "cloud_nothing_reported", "Meta has reported nothing about it since."
    CANNOT_SEND = "cloud_cannot_send", "Meta says that this account cannot send: {details}"
    LIMITED = "cloud_sends_limited", "Meta limits this account: {details}"
    DISCONNECTED = "cloud_number_status", "Meta says that this number is {status}: see WhatsApp Manager."
    QUALITY_CHECK = (
        "cloud_held_for_quality",
        "Meta holds it until it knows how people take the campaign: mostly within an hour.",
    )
    TEXT_TOO_LONG = "cloud_text_too_long", "Meta takes at most {most} characters of text."
    TIME_RAN_OUT = "cloud_lease_ran_out", "Time ran out before the message was handed over."
    NOT_READABLE = "cloud_file_unread", "The file cannot be read ({reason})."
