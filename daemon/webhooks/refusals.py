"""Why something is refused here, and why something could not be delivered: each code with its sentence, see
`i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    NO_WEBHOOK = "no_webhook", "There is no webhook {webhook}."
    NO_DELIVERY = "no_delivery", "There is no delivery {delivery}: those that arrived are kept for 7 days."
    WEBHOOK_URL_UNFIT = (
        "webhook_url_unfit",
        "url is an address that begins with https:// and has no password in it, such as https://example.org/wasender.",
    )
    WEBHOOK_ADDRESS_BARRED = (
        "webhook_address_barred",
        "{host} is a private address, or would be reached without encryption: use https:// and a public address, or "
        "add the address to WASENDER_WEBHOOK_NETWORKS.",
    )
    WEBHOOK_EVENTS_UNFIT = "webhook_events_unfit", "There is no event {name}. Events: {known}."
    WEBHOOK_EVENTS_EMPTY = "webhook_events_empty", "Choose at least one event."
    TOO_MANY_WEBHOOKS = "too_many_webhooks", "There are {most} webhooks already: delete one first."
    DELIVERY_WAITS = "delivery_waits", "Delivery {delivery} is still to be made: nothing has to be sent again."
    DELIVERY_OF_TEST = "delivery_of_test", "Delivery {delivery} was a test: send another one instead."


class Problem(Wording):
    """Why something did not arrive."""

    STATUS = "webhook_status", "It answered {status}."
    REDIRECT = "webhook_redirect", "It answered {status}: redirects are not followed."
    TIMEOUT = "webhook_timeout", "It did not answer in time."
    UNREACHED = "webhook_unreached", "It could not be reached."
    NAME_UNKNOWN = "webhook_name_unknown", "The name of its address is not known."
    BARRED = "webhook_barred", "Its address is private, or would be reached without encryption."
    NOT_TRUSTED = "webhook_not_trusted", "Its certificate is not trusted."
    FORGOTTEN = "webhook_forgotten", "What was to be told has been deleted."
