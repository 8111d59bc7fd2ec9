"""What requests may hold. Whatever else they hold is refused, as Meta does: no field of ours goes unnoticed.

Sources, by model: pages of developers.facebook.com/documentation/business-messaging/whatsapp as of 2026-09-11.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standin.graph.errors import GraphError

TYPES = ("text", "image", "video", "audio", "document", "sticker", "template")
#: message types that Meta knows and this stand-in does not
OTHER_TYPES = {"interactive", "location", "contacts", "reaction"}
MEDIA = ("image", "video", "audio", "document", "sticker")
CALLBACK_CHARS = 512
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Nothing beyond the fields, and nothing converted: `"true"` is no boolean."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Text(Strict):
    """messages/send-messages, text; the length by Meta's OpenAPI v23.0 (2025-11-21)."""

    body: Annotated[str, Field(min_length=1, max_length=4096)]
    preview_url: bool = False


class Media(Strict):
    """messages/send-messages, media objects (2026-09): uploaded (`id`) or fetched by Meta (`link`), never both."""

    id: Annotated[str, Field(pattern=r"^\d{1,32}$")] | None = None
    link: Annotated[str, Field(pattern=r"^https://")] | None = None


class Captioned(Media):
    """Captions: at most 1,024 characters by Meta's OpenAPI v23.0 (2025-11-21)."""

    caption: Annotated[str, Field(max_length=1024)] | None = None


class Document(Captioned):
    """messages/send-messages, documents (2026-09): they also have the name that the recipient sees."""

    filename: str | None = None


class Language(Strict):
    """`policy` is Meta's old way to write it; the pages of 2026-09 have `code` alone."""

    code: str
    policy: Literal["deterministic"] | None = None


class Location(Strict):
    """messages/send-messages, location (2026-09), here as a template's header."""

    latitude: float | str
    longitude: float | str
    name: str | None = None
    address: str | None = None


class Parameter(Strict):
    """messages/send-messages, template (2026-09): one value. `parameter_name` where the template is NAMED."""

    type: Literal["text", "image", "video", "document", "location", "payload", "coupon_code"]
    parameter_name: str | None = None
    text: str | None = None
    image: Media | None = None
    video: Media | None = None
    document: Document | None = None
    location: Location | None = None
    payload: str | None = None
    coupon_code: str | None = None


class Component(Strict):
    """messages/send-messages, template (2026-09): the values of one part. `index` of a button: in Meta's example "0"; a
    number is taken, too (reported)."""

    type: Literal["header", "body", "button"]
    sub_type: Literal["url", "quick_reply", "copy_code"] | None = None
    index: str | int | None = None
    parameters: list[Parameter] = []


class Template(Strict):
    """messages/send-messages, template (2026-09)."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    language: Language
    components: list[Component] = []


class Context(Strict):
    """messages/send-messages (2026-09): the message that is quoted."""

    message_id: str


class Send(Strict):
    """`POST /{number}/messages`: messages/send-messages (2026-09); `recipient`: business-scoped-user-ids (2026-06-29);
    `biz_opaque_callback_data`: at most 512 characters by captures of v25.0 (2026).
    """

    messaging_product: Literal["whatsapp"]
    recipient_type: Literal["individual"] = "individual"
    to: str | None = None
    recipient: str | None = None
    type: str = "text"
    text: Text | None = None
    image: Captioned | None = None
    video: Captioned | None = None
    audio: Media | None = None
    document: Document | None = None
    sticker: Media | None = None
    template: Template | None = None
    context: Context | None = None
    biz_opaque_callback_data: Annotated[str, Field(max_length=CALLBACK_CHARS)] | None = None
    messaging_account_id: str | None = None


class OptimizationSpec(Strict):
    """marketing-messages/send-marketing-messages: the highest price (2026-07-31)."""

    bid_amount: int
    bid_strategy: str


class SendMarketing(Send):
    """`POST /{number}/marketing_messages`: marketing-messages/send-marketing-messages (2026-09)."""

    product_policy: Literal["CLOUD_API_FALLBACK", "STRICT"] = "CLOUD_API_FALLBACK"
    message_activity_sharing: bool | None = None
    optimization_spec: OptimizationSpec | None = None


class Typing(Strict):
    """messages/send-messages, typing indicator (2026-09)."""

    type: Literal["text"]


class Read(Strict):
    """`POST /{number}/messages` with `status`: messages/send-messages, mark as read (2026-09)."""

    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: str
    typing_indicator: Typing | None = None


class Subscribe(Strict):
    """`POST /{business account}/subscribed_apps`: webhooks/override (2026-09)."""

    override_callback_uri: str | None = None
    verify_token: str | None = None


class WebhookConfiguration(Strict):
    """webhooks/override (2026-09): an empty address takes it away."""

    override_callback_uri: str
    verify_token: str | None = None


class Configure(Strict):
    """`POST /{number}`: webhooks/override (2026-09)."""

    webhook_configuration: WebhookConfiguration


class NewTemplate(Strict):
    """`POST /{business account}/message_templates`: Meta's OpenAPI v23.0 (2025-11-21) and templates (2026-09)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")]
    language: str
    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"]
    components: Annotated[list[dict[str, Any]], Field(min_length=1)]
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    allow_category_change: bool | None = None
    message_send_ttl_seconds: int | None = None


class EditTemplate(Strict):
    """`POST /{template}`: templates (2026-09)."""

    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"] | None = None
    components: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    message_send_ttl_seconds: int | None = None


def parse(model: type[Model], body: bytes) -> Model:
    """Read a body by its model. Raises GraphError as Meta words it."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> GraphError:
    """The first thing that is wrong with a body; what is unsupported comes before what is missing."""
    found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")[0]
    path = found["loc"]
    if not path:
        return GraphError(100, "The body is no JSON object.")
    inside, name = _param(path[:-1]), path[-1]
    if found["type"] == "extra_forbidden":
        if not inside:
            return GraphError(100, message=f"(#100) The parameter {name} is unsupported.")
        return GraphError(100, message=f'(#100) Unexpected key "{name}" on param "{inside}" is unsupported.')
    if found["type"] == "missing":
        if not inside:
            return GraphError(100, message=f"(#100) The parameter {name} is required.")
        return GraphError(131008, f"{_param(path)} is required.")
    if path == ("biz_opaque_callback_data",):
        text = f"(#100) Param biz_opaque_callback_data must be at most {CALLBACK_CHARS} characters long."
        return GraphError(100, message=text)
    return GraphError(100, f"Param {_param(path)}: {found['msg']}", message="(#100) Invalid parameter")


def _param(path: tuple[int | str, ...]) -> str:
    """`template['components'][0]`, as Meta writes where something is."""
    if not path:
        return ""
    return str(path[0]) + "".join(f"[{part}]" if isinstance(part, int) else f"['{part}']" for part in path[1:])
