"""The API's description: as OpenAPI for programs, and as a page for people, which loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup, escape

from daemon.api import endpoint, openapi
from daemon.api.answers import Document, Html
from daemon.api.endpoint import Caller, Endpoint, Open
from daemon.files import release
from daemon.server import proxies
from daemon.server.scopes import Scope

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
TEMPLATES.filters["text"] = lambda text: Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
SAMPLES = {"name": "default"}  # values for path parameters in examples; 1 for all others
NO_END = frozenset({"/events"})


@dataclass(frozen=True)
class Shown:
    """One operation as the page shows it. parameters: (name, where, required, description)."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    needs: str
    parameters: list[tuple[str, str, bool, str]]
    responses: list[tuple[str, str]]
    curl: str


@endpoint.get("/openapi.json", scope=Open.ALWAYS, tag="docs")
def openapi_document(caller: Caller) -> Document:
    """The API as an OpenAPI 3.1 document."""
    return Document(json.dumps(_document(), ensure_ascii=False).encode())


@endpoint.get("/docs", scope=Open.ALWAYS, tag="docs")
async def docs(caller: Caller, request: web.Request) -> Html:
    """The API as a page, with a `curl` line for each operation."""
    document, here = _document(), f"{proxies.scheme(request)}://{request.host}"
    page = TEMPLATES.get_template("docs.html").render(
        info=document["info"],
        groups=[(tag, [*_group(tag["name"], here)]) for tag in document["tags"]],
        schemas=document["components"]["schemas"],
        described=_described,
    )
    return Html(page.encode())


@cache
def _document() -> dict[str, Any]:
    return openapi.document(endpoint.REGISTRY, release.version())


def _group(tag: str, base: str) -> Iterator[Shown]:
    for each in endpoint.REGISTRY:
        if each.tag == tag:
            yield _shown(each, _document()["paths"][each.path][each.method.lower()], base)


def _shown(each: Endpoint, operation: dict[str, Any], base: str) -> Shown:
    parameters = [
        (one["name"], one["in"], one.get("required", False), _described(one) or one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    return Shown(
        id=each.name,
        method=each.method,
        path=each.path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        needs=each.scope.value if isinstance(each.scope, Scope) else "",
        parameters=[*parameters, *_fields(operation)],
        responses=[(status, response["description"]) for status, response in operation["responses"].items()],
        curl=_curl(each, base),
    )


def _fields(operation: dict[str, Any]) -> Iterator[tuple[str, str, bool, str]]:
    """The fields of the body."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = _document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for name, what in schema["properties"].items():
            yield name, "body", name in schema.get("required", []), _described({"schema": what} | what)


def _described(one: dict[str, Any]) -> str:
    """A parameter or field in a few words: its type and description."""
    schema = one.get("schema", one)
    words = " or ".join(dict.fromkeys(filter(None, map(_kind, _choices(schema)))))
    said = one.get("description") or next(
        (each["description"] for each in _choices(schema) if "description" in each), ""
    )
    return ". ".join(filter(None, (words, said)))


def _choices(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All alternatives for a value, except null."""
    for each in schema.get("anyOf", []):
        yield from _choices({"description": schema["description"]} | each if "description" in schema else each)
    if "anyOf" not in schema and schema.get("type") != "null" and schema.get("const") != "":
        yield schema


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items']) or 'anything'}"
    return str(schema.get("format") or schema.get("const") or schema.get("type", ""))


def _curl(each: Endpoint, base: str) -> str:
    path = each.path
    for one in each.in_path:
        path = path.replace(f"{{{one.name}}}", SAMPLES.get(one.name, "1"))
    words = ["curl"]
    if each.path in NO_END:
        words.append("-N")
    if each.method not in ("GET", "POST") or (each.method == "POST" and each.body is None and each.form is None):
        words += ["-X", each.method]
    words.append(shlex.quote(base + path))
    if each.scope is not Open.ALWAYS:
        words += ["-H", '"X-API-KEY: $KEY"']
    if each.form is not None:
        words += ["-F", "file=@contacts.csv"]
    if each.body is not None:
        sample = each.body.model_config.get("json_schema_extra")
        examples = sample.get("examples", [{}]) if isinstance(sample, dict) else [{}]
        first = json.dumps(examples[0] if isinstance(examples, list) else {}, ensure_ascii=False)
        words += ["-H", shlex.quote("Content-Type: application/json"), "-d", shlex.quote(first)]
    return " ".join(words)
