"""The API as an OpenAPI 3.1 document, built from the same declarations that answer its requests."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daemon.api import tags
from daemon.api.answers import Answer, EventStream
from daemon.api.bodies import KEY_HEADER
from daemon.api.endpoint import Endpoint, Open
from daemon.api.endpoint import Parameter as Declared
from daemon.api.forms import ContactsFile, ImportForm, StoredFile
from daemon.api.schemas.common import Problem
from daemon.campaigns.exclusions import SENTENCES as DETAILS
from daemon.campaigns.idempotency import LONGEST_KEY
from daemon.contacts.reasons import SENTENCES as FAULTS
from daemon.delivery.refusals import Passed
from daemon.formats import encodings
from daemon.formats.refusals import Warned
from daemon.i18n.coded import Piece, Unknown, wordings
from daemon.server.problems import PROBLEM_TYPE, PROBLEMS
from daemon.server.scopes import Scope

REF = "#/components/schemas/{model}"
JSON = "application/json"
SCHEMES = {
    "key": {"type": "apiKey", "name": "X-API-KEY", "in": "header"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
TAGS = {
    "jobs": "Send to many people and follow the results.",
    "series": "Campaigns that repeat by the week.",
    "messages": "One recipient of one job.",
    "accounts": "WhatsApp accounts: their states, limits and links.",
    "uploads": "Files, used by their ids.",
    "lists": "People saved for reuse.",
    "templates": "Texts saved for reuse.",
    "cloud templates": "WhatsApp templates: texts that Meta has approved, for accounts of the Cloud API.",
    "suppressions": "People who must not be messaged.",
    "people": "What is known of one person, its erasure, and who agreed to be messaged.",
    "replies": "What people answer.",
    "keys": "Keys for programs: what each may do.",
    "users": "People who log in to the page.",
    "audit": "Who has done what, and from where.",
    "events": "What changes, as it changes.",
    "webhooks": "Addresses that are told what happens.",
    "cloud": "What Meta's Cloud API calls.",
    "health": "For monitoring.",
    "docs": "This document.",
}
Json = dict[str, Any]
BINARY: Json = {"type": "string", "format": "binary"}
TEXT: Json = {"type": "string"}
SAID: Json = {
    "phone_column": TEXT,
    "sheet": TEXT | {"description": "The title of a workbook's sheet, if several have people."},
    "country": TEXT | {"description": "Of numbers written without one, such as DE; else that of the settings."},
    "encoding": TEXT | {"description": f"Of a text, where it was not recognised: {', '.join(encodings.CHOICES)}."},
}
FORMS: dict[type[Any], Json] = {
    ContactsFile: {"type": "object", "properties": {"file": BINARY, **SAID}, "required": ["file"]},
    StoredFile: {"type": "object", "properties": {"file": BINARY}, "required": ["file"]},
    ImportForm: {
        "type": "object",
        "properties": {"file": BINARY, **SAID, "numbers": TEXT, "reason": TEXT},
    },
}
DESCRIPTION = """Send a message to many people over WhatsApp, and see what became of each.

The key goes in the header `X-API-KEY`, or as a Bearer token. Errors are RFC 9457 problems with a stable `type` and a
more exact `code`. A write with an `Idempotency-Key` (1 to 255 ASCII characters) happens once: its repeat within
7 days gets the first answer, and another request with the same key gets 409. Times are UTC epoch milliseconds.
Pages are followed by `next_cursor`."""


def document(endpoints: Iterable[Endpoint], version: str) -> Json:
    """The document; a test holds it against the specification."""
    declared = list(endpoints)
    paths: dict[str, Json] = {}
    for each in declared:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.1",
        "info": {"title": "wasender", "version": version, "description": DESCRIPTION},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": _schemas(declared), "securitySchemes": SCHEMES},
    }


def _operation(each: Endpoint) -> Json:
    summary, _, more = inspect.cleandoc(each.work.__doc__ or "").partition("\n\n")
    operation: Json = {
        "operationId": each.name,
        "summary": " ".join(summary.split()),
        "tags": [each.tag],
        "responses": _responses(each),
        "security": _security(each.scope),
    }
    if more:
        operation["description"] = more
    if parameters := [*_parameters(each)]:
        operation["parameters"] = parameters
    if body := _body(each):
        operation["requestBody"] = body
    return operation


def _security(scope: Scope | Open) -> list[Json]:
    """The keys it accepts, with the scope they need; an empty choice if none is needed."""
    if scope is Open.ALWAYS:
        return []
    needed = [scope.value] if isinstance(scope, Scope) else [Scope.READ.value]
    keyed: list[Json] = [{name: needed} for name in SCHEMES]
    return keyed if isinstance(scope, Scope) else [*keyed, {}]


def _parameters(each: Endpoint) -> Iterator[Json]:
    for place, parameters in (("path", each.in_path), ("query", each.in_query)):
        for one in parameters:
            schema = _schema(one)
            yield {
                "name": one.name,
                "in": place,
                "required": one.required,
                "description": schema.pop("description", ""),
                "schema": schema,
            }
    if each.tagged:
        yield {
            "name": tags.ASKED,
            "in": "header",
            "required": False,
            "description": "The `ETag` of an earlier answer: 304, without a body, if it is still the same.",
            "schema": TEXT,
        }
    if each.idempotent:
        yield {
            "name": KEY_HEADER,
            "in": "header",
            "required": False,
            "description": "A repeat with the same key gets the first answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": r"^[\x00-\x7F]*$"},
        }


def _schema(one: Declared) -> Json:
    schema = one.adapter.json_schema()
    description = schema.get("description")
    if "$ref" in schema:  # an enumeration
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    schema = {name: value for name, value in schema.items() if name not in ("title", "description")}
    if not one.required and (schema.get("type") != "string" or "pattern" in schema or "enum" in schema):
        schema = {"anyOf": [schema, {"const": ""}]}  # an empty value counts as absent
    if not one.required and one.default is not None:
        schema["default"] = str(one.default).lower() if isinstance(one.default, bool) else one.default
    return schema | ({"description": description} if description else {})


def _body(each: Endpoint) -> Json:
    if each.body is not None:
        return {"required": each.body_required, "content": {JSON: {"schema": _reference(each.body)}}}
    if each.form is not None:
        return {"required": True, "content": {"multipart/form-data": {"schema": FORMS[each.form[1]]}}}
    return {}


def _responses(each: Endpoint) -> dict[str, Json]:
    text = inspect.cleandoc(each.answer.__doc__ or "").partition("\n\n")[0]
    meanings = {200: " ".join(text.split()), **each.statuses}
    responses = {
        str(status): {"description": text, "content": _content(each.answer)} for status, text in meanings.items()
    }
    if each.tagged:
        shown = {"description": "Changes when the answer does.", "schema": TEXT}
        responses["200"]["headers"] = {tags.HEADER: shown}
        responses["304"] = {"description": "It is as it was: see `If-None-Match`.", "headers": {tags.HEADER: shown}}
    problem = {PROBLEM_TYPE: {"schema": _reference(Problem)}}
    refusals: dict[int, list[str]] = {400: ["malformed-request"]}  # also for what is not HTTP
    for error in each.possible:
        status, slug = next(PROBLEMS[c] for c in error.__mro__ if c in PROBLEMS)
        if slug not in refusals.setdefault(status, []):
            refusals[status].append(slug)
    for status, slugs in sorted(refusals.items()):
        described = f"{HTTPStatus(status).phrase}: {', '.join(f'`{slug}`' for slug in slugs)}"
        there: Json = responses.get(str(status), {"description": described, "content": {}})
        responses[str(status)] = there | {"content": there["content"] | problem}
    return dict(sorted(responses.items()))


def _content(answer: type[Any]) -> Json:
    if issubclass(answer, Answer):
        return {JSON: {"schema": _reference(answer)}}
    if answer.media_type == JSON:
        return {JSON: {"schema": {"type": "object"}}}
    if issubclass(answer, EventStream):  # the schema describes one event
        event = {"type": "object", "properties": {"event": TEXT, "data": TEXT}, "required": ["data"]}
        return {answer.media_type: {"schema": event}}
    return {answer.media_type: {"schema": TEXT if answer.media_type.startswith("text/") else BINARY}}


def codes() -> dict[str, str]:
    """Every code that a problem may have, with its English sentence."""
    told = [code for code in wordings() if not isinstance(code, Piece | Passed | Warned | Unknown)]
    ours = {code.value: code.sentence for code in told if not type(code).__module__.startswith("daemon.pages")}
    ours |= {code.value: text for code, text in FAULTS.items()} | {code.value: text for code, text in DETAILS.items()}
    return dict(sorted(ours.items()))


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": REF.format(model=model.__name__)}


def _schemas(endpoints: Iterable[Endpoint]) -> Json:
    """All models by name."""
    answers = {each.answer for each in endpoints if issubclass(each.answer, Answer)} | {Problem}
    bodies = {each.body for each in endpoints if each.body is not None}
    modes: list[Any] = [(model, "serialization") for model in answers] + [(model, "validation") for model in bodies]
    modes.sort(key=lambda pair: pair[0].__name__)
    _, found = models_json_schema(modes, ref_template=REF)
    schemas: Json = found["$defs"]
    schemas[Problem.__name__]["properties"]["code"]["x-codes"] = codes()
    return schemas
