"""The API's description: it is OpenAPI, nothing of the API is missing in it, and a page shows it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from daemon.api import endpoint
from daemon.api.answers import Answer
from daemon.api.endpoint import Caller as Asking
from daemon.api.endpoint import Open
from daemon.api.schemas.jobs import Job
from daemon.campaigns import idempotency
from daemon.delivery.refusals import Unsent as OfDeliveryUnsent
from daemon.delivery.refusals import Why as OfDelivery
from daemon.errors import IllegalMove, NotFound
from daemon.server.scopes import GRANTED, Scope, least_role
from daemon.states import Role, State
from tests.http.conftest import Caller


async def test_the_document_is_openapi(stranger: Caller) -> None:
    """3.1, valid, and for everybody."""
    document = await stranger.get("/openapi.json")

    assert "3.1.1" == document["openapi"]
    validate(document)


async def test_every_address_of_the_application_is_in_it(client: Any, stranger: Caller) -> None:
    """But for the pages, and for HEAD, which is a GET."""
    paths = (await stranger.get("/openapi.json"))["paths"]

    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    routed = {f"{each.method} {each.resource.canonical}" for each in client.app.router.routes() if each.resource}
    assert described == {route for route in routed if not re.match(r"HEAD |\w+ (/app\b|/$)", route)}


async def test_every_operation_says_what_it_takes(stranger: Caller) -> None:
    """A summary, an answer, a scope, and an Idempotency-Key for each write that answers in JSON."""
    paths = (await stranger.get("/openapi.json"))["paths"]

    for each in endpoint.REGISTRY:
        operation = paths[each.path][each.method.lower()]
        assert operation["summary"].endswith(".")
        assert {"200", "400", "503"} <= set(operation["responses"])
        names = {one["name"] for one in operation.get("parameters", [])}
        assert all(
            valid_as_described(one) for one in operation.get("parameters", []) if one["name"] == "Idempotency-Key"
        )
        repeatable = each.method != "GET" and each.path != "/webhooks/cloud"  # Meta has no key, and repeats as it likes
        assert repeatable == ("Idempotency-Key" in names)
        scopes = {scope for choice in operation["security"] for given in choice.values() for scope in given}
        assert ({each.scope.value} if isinstance(each.scope, Scope) else set()) <= scopes


def valid_as_described(header: dict[str, Any]) -> bool:
    """Whether what is taken for an Idempotency-Key is what the document takes for one, at its edges."""
    schema = header["schema"]
    keys = ["", "k", "a b", "a\tb", "~", "\x7f", "\x80", "ü", "x" * 255, "x" * 256]
    fits = [
        schema["minLength"] <= len(key) <= schema["maxLength"] and bool(re.fullmatch(schema["pattern"], key))
        for key in keys
    ]
    return fits == [idempotency.valid_key(key) for key in keys]


async def test_the_page_needs_nothing_from_elsewhere(stranger: Caller) -> None:
    """Each operation is there with a line to try; no script, no style and no picture that the policy would refuse."""
    response = await stranger.send("GET", "/docs", headers={"Accept": "text/html"})
    text = await response.text()

    assert (200, "text/html; charset=utf-8") == (response.status, response.headers["Content-Type"])
    for each in endpoint.REGISTRY:
        assert f'id="{each.name}"' in text
    assert len(endpoint.REGISTRY) == text.count("<code>curl ")
    assert "<script" not in text and "<style" not in text and "style=" not in text
    for address in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert address.startswith("/")
        assert 200 == (await stranger.send("GET", address)).status


async def test_a_job_has_a_counter_for_each_state() -> None:
    """A state that is new is new on the wire, too."""
    assert {state.value for state in State} <= set(Job.model_fields)


def test_scopes_follow_roles() -> None:
    """Who may more may all that the others may."""
    assert GRANTED[Role.VIEWER] < GRANTED[Role.OPERATOR] < GRANTED[Role.ADMIN] == set(Scope)
    assert [Role.VIEWER, Role.OPERATOR, Role.OPERATOR, Role.ADMIN] == [least_role(scope) for scope in Scope]


# Declarations


class Found(Answer):
    """What was found."""

    id: int


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[endpoint.Endpoint]:
    """An empty one, for declarations of a test's own."""
    empty: list[endpoint.Endpoint] = []
    monkeypatch.setattr(endpoint, "REGISTRY", empty)
    return empty


def test_a_declaration_has_to_be_complete(registry: list[endpoint.Endpoint]) -> None:
    """Without what it answers, a docstring, or what its path names it is none."""
    declare = endpoint.get("/things/{thing_id}", scope=Scope.READ, tag="things")

    def says_nothing(caller: Asking, *, thing_id: int) -> None:
        """A thing."""

    def has_no_docstring(caller: Asking, *, thing_id: int) -> Found:
        return Found(id=thing_id)

    def takes_another(caller: Asking, *, other: int) -> Found:
        """A thing."""
        return Found(id=other)

    for work in (says_nothing, has_no_docstring, takes_another):
        with pytest.raises(TypeError):
            declare(work)
    assert [] == registry


async def test_an_error_that_is_not_declared_is_noticed(
    registry: list[endpoint.Endpoint],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    database: str,
    aiohttp_client: Any,
) -> None:
    """It is answered like any other, and told of; what is declared is not."""
    from daemon.http import make_app

    @endpoint.get("/declared", scope=Open.ALWAYS, errors=(NotFound,), tag="things")
    def declared(caller: Asking) -> Found:
        """Never found."""
        raise NotFound(OfDelivery.NO_JOB, job=7)

    @endpoint.get("/undeclared", scope=Open.ALWAYS, errors=(NotFound,), tag="things")
    def undeclared(caller: Asking) -> Found:
        """Never right."""
        raise IllegalMove(OfDeliveryUnsent.JOB_NOT_RUNNING, job=7, state="paused")

    noticed: list[str] = []
    monkeypatch.setattr(endpoint, "undeclared", lambda each, error: noticed.append(f"{each.name}: {error}"))
    client = await aiohttp_client(make_app(settings, "key-of-this-test-0123456789"))
    assert (404, 409) == ((await client.get("/declared")).status, (await client.get("/undeclared")).status)

    assert ["undeclared: job 7 is paused"] == noticed
