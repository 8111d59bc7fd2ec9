"""An endpoint is declared once: its path, scope and errors, and by its signature its input and answer.

    @endpoint.post("/pause/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
    def pause(caller: Caller, *, job_id: JobId) -> JobChanged:
        \"\"\"Pause a job. The message in hand is finished.\"\"\"

A parameter named in the path comes from there, `body` is the JSON body, a form of `forms.py` is the multipart body, and
every other parameter after the `*` comes from the query. A plain function runs on a database thread; an `async` one,
which also takes the request, runs on the event loop. The docstring is the documentation: `openapi.py` reads the same
registry.

With an Idempotency-Key, a write with a JSON answer can be repeated safely: its work is one transaction, in which the
answer is stored, too. Work that takes long before it writes asks for `once: Once` and begins that transaction itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import structlog
from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from daemon import errors
from daemon.api import bodies, forms, turns, writing
from daemon.api.answers import Answer, Blob, Download, EventStream
from daemon.api.parameters import Pattern, Says
from daemon.api.refusals import Why
from daemon.auth import audit
from daemon.auth.keys import Key
from daemon.campaigns.idempotency import Once, Replay
from daemon.config import Settings
from daemon.db import clock
from daemon.server import heavy, hosts
from daemon.server.refusals import Why as OfServer
from daemon.server.scopes import Scope
from daemon.server.visitors import SAFE, SETTINGS, caller, given_key, in_db, require_scope, timed, visitor

log = structlog.get_logger()
Work = TypeVar("Work", bound=Callable[..., Any])


class Open(Enum):
    """Endpoints that answer without a key."""

    ALWAYS = "always"
    STATUS = "status"  #: as long as OPEN_STATUS is set; a key that is sent anyway has to be right


@dataclass(frozen=True)
class Caller:
    """Who sent the request. name: recorded with changes. known: whether they have a key or are logged in. identity:
    what their Idempotency-Keys belong to. key: that of a program, where it is not the installation's."""

    name: str
    known: bool
    settings: Settings
    identity: str = ""
    key: Key | None = None

    @property
    def rehearses(self) -> bool:
        """Whether it is a test key, which sends nothing."""
        return self.key is not None and self.key.test


@dataclass(frozen=True)
class Parameter:
    """A value of the path or of the query."""

    name: str
    adapter: TypeAdapter[Any]
    says: str | None  # what it has to be, for error messages
    pattern: str | None  # regular expression of a path segment
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def parse(self, given: Sequence[str]) -> Any:
        """The value of what was given. Raises InvalidInput."""
        if len(given) > 1:
            raise errors.InvalidInput(Why.GIVEN_TWICE, name=self.name).at(self.name)
        if not given or (given[0] == "" and not self.required):
            if self.required:
                raise errors.InvalidInput(Why.NOT_GIVEN, name=self.name).at(self.name)
            return self.default
        return bodies.validated(partial(self.adapter.validate_python, given[0]), self.name, self.says)


@dataclass(frozen=True)
class Endpoint:
    """One declaration."""

    method: str
    path: str
    scope: Scope | Open
    raises: tuple[type[errors.DaemonError], ...]
    tag: str
    work: Callable[..., Any]
    in_path: tuple[Parameter, ...]
    in_query: tuple[Parameter, ...]
    body: type[BaseModel] | None
    body_required: bool
    form: tuple[str, type[forms.Form]] | None
    answer: type[Any]
    takes_once: bool
    statuses: dict[int, str] = field(default_factory=dict)  # other than 200, and what they mean
    anonymous_bytes: int | None = None  # the longest body of somebody without a key; None: that of a login
    tries: bool = False  # a write that a test key may make, because it sends and changes nothing then

    @property
    def name(self) -> str:
        return self.work.__name__

    @property
    def operation(self) -> str:
        """What Idempotency-Keys are for, such as `POST /send`."""
        return f"{self.method} {self.path}"

    @property
    def idempotent(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return self.method not in SAFE and issubclass(self.answer, Answer)

    @property
    def tagged(self) -> bool:
        """Whether its answer has an ETag, and may be 304."""
        return self.method in SAFE and issubclass(self.answer, Answer)

    @property
    def pattern(self) -> str:
        """The path in the router's notation."""
        pattern = self.path
        for each in self.in_path:
            pattern = pattern.replace(f"{{{each.name}}}", f"{{{each.name}:{each.pattern or '[^{}/]+'}}}")
        return pattern

    @property
    def possible(self) -> tuple[type[errors.DaemonError], ...]:
        """The errors it may raise: the declared ones, and those implied by its scope and input."""
        implied: list[type[errors.DaemonError]] = [errors.DatabaseBusy, errors.DatabaseUnusable]
        if self.path not in hosts.EXEMPT:
            implied.append(errors.UnknownHost)
        if self.method not in SAFE:
            implied.append(errors.DiskFull)
        if self.scope is not Open.ALWAYS:
            implied += [errors.Unauthorized, errors.RateLimited]
        if isinstance(self.scope, Scope):
            implied.append(errors.Forbidden)
        if self.in_path or self.in_query or self.body or self.form or self.idempotent:
            implied.append(errors.InvalidInput)
        if self.body or self.form:
            implied += [errors.MalformedRequest, errors.TooLarge, errors.ReadingBusy]
        if self.idempotent:
            implied.append(errors.KeyReused)
        return (*self.raises, *implied)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        who = self._admit(request)
        given: dict[str, Any] = {each.name: each.parse([request.match_info[each.name]]) for each in self.in_path}
        given |= {each.name: each.parse(request.query.getall(each.name, [])) for each in self.in_query}
        try:
            if self.form is not None:
                name, kind = self.form
                async with forms.read(request, kind) as form:
                    return await self._answer(request, who, given | {name: form})
            if self.body is None:
                return await self._answer(request, who, given)
            with heavy.room(request, request.content_length or 0):
                data = await bodies.received(request)
                async with heavy.turn(request, len(data)):
                    given["body"] = body = await bodies.read(request, data, self.body, self.body_required)
                    if not (named := await in_db(request, bodies.named, body) if body else 0):
                        return await self._answer(request, who, given)
            async with heavy.turn(request, named):
                return await self._answer(request, who, given)
        except errors.DaemonError as error:
            if not isinstance(error, self.possible):
                undeclared(self, error)
            raise

    def _admit(self, request: web.Request) -> Caller:
        """The caller. Raises Unauthorized, Forbidden."""
        settings = request.app[SETTINGS]
        if isinstance(self.scope, Scope):
            who = require_scope(self.scope)
            if who.key is not None and who.key.test and self.method not in SAFE and not self.tries:
                raise errors.Forbidden(OfServer.TEST_KEY)
        elif self.scope is Open.STATUS and (given_key(request) or not settings.open_status):
            require_scope(Scope.READ)
        found = visitor.get()
        if found is None:
            return Caller(caller(request), False, settings)
        return Caller(found.name, True, settings, found.identity, found.key)

    async def _answer(self, request: web.Request, who: Caller, given: dict[str, Any]) -> web.StreamResponse:
        key = request.headers.get(bodies.KEY_HEADER) if self.idempotent else None
        try:
            async with turns.turn(self.operation, who.identity, key):
                if inspect.iscoroutinefunction(self.work):
                    made = await self._on_loop(request, who, given)
                else:
                    made = await in_db(request, self._run, request, who, given)
        except Replay as replay:
            audit.repeated()
            return writing.as_json(replay.response)
        return made if isinstance(made, web.StreamResponse) else await writing.respond(request, made)

    async def _on_loop(self, request: web.Request, who: Caller, given: dict[str, Any]) -> Any:
        """Run the work on the event loop. What it does beside the database, such as a request of its own, is done
        before its answer is stored."""
        if not self.idempotent:
            return await self.work(who, request, **given)
        once = self._once(request, who, given)
        await in_db(request, once.look)
        if self.takes_once:
            return await self.work(who, request, once=once, **given)
        made = await self.work(who, request, **given)
        return await timed(request, once.run, lambda: made)

    def _once(self, request: web.Request, who: Caller, given: dict[str, Any]) -> Once:
        return bodies.once(request, self.operation, who.identity, given)

    def _run(self, request: web.Request, who: Caller, given: dict[str, Any]) -> Any:
        """Run the work, on a database thread."""
        if not self.idempotent:
            return self.work(who, **given)
        once = self._once(request, who, given)
        now = clock.now_ms()
        once.look()
        if self.takes_once:
            return self.work(who, once=once, **given)
        return once.run(partial(self.work, who, **given), now)


def undeclared(endpoint: Endpoint, error: errors.DaemonError) -> None:
    """Log that a handler raised an error it does not declare. It is answered like any other error; tests fail on it."""
    log.error("request.undeclared_error", operation=endpoint.name, error=type(error).__name__)


REGISTRY: list[Endpoint] = []


def routes() -> list[web.RouteDef]:
    """The routes of all declared endpoints."""
    return [
        web.get(each.pattern, each.serve) if each.method == "GET" else web.route(each.method, each.pattern, each.serve)
        for each in REGISTRY
    ]


def anonymous_limits() -> dict[Any, int]:
    """The handlers that take a longer body than others from somebody without a key, each with its limit in bytes."""
    return {each.serve: each.anonymous_bytes for each in REGISTRY if each.anonymous_bytes is not None}


def _declare(
    method: str,
    path: str,
    *,
    scope: Scope | Open,
    tag: str,
    errors: tuple[type[errors.DaemonError], ...] = (),
    statuses: dict[int, str] | None = None,
    anonymous_bytes: int | None = None,
    tries: bool = False,
) -> Callable[[Work], Work]:
    """statuses: those an answer may have other than 200, and what they mean. anonymous_bytes: the longest body of
    somebody without a key, where it may be longer than that of a login, as for one that is checked by its signature.
    tries: a test key may call it."""

    def declare(work: Work) -> Work:
        declared = _read(work, method, path, scope, errors, tag, statuses or {})
        REGISTRY.append(replace(declared, anonymous_bytes=anonymous_bytes, tries=tries))
        return work

    return declare


get = partial(_declare, "GET")
post = partial(_declare, "POST")
put = partial(_declare, "PUT")
patch = partial(_declare, "PATCH")
delete = partial(_declare, "DELETE")


def _read(
    work: Callable[..., Any],
    method: str,
    path: str,
    scope: Scope | Open,
    raised: tuple[type[errors.DaemonError], ...],
    tag: str,
    statuses: dict[int, str],
) -> Endpoint:
    """The declaration made from a function's signature. Raises TypeError if type hints are missing."""
    hints = get_type_hints(work, include_extras=True)
    answer = hints.get("return")
    if not (isinstance(answer, type) and issubclass(answer, (Answer, Blob, Download, EventStream))) or not work.__doc__:
        raise TypeError(f"{work.__name__} has to say what it answers, and have a docstring")
    places = set(re.findall(r"{(\w+)}", path))
    in_path: list[Parameter] = []
    in_query: list[Parameter] = []
    body: type[BaseModel] | None = None
    body_required, form = True, None
    for name, parameter in inspect.signature(work).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name == "once":
            continue
        hint, default = hints[name], parameter.default
        if name == "body":
            body = next(each for each in (hint, *get_args(hint)) if isinstance(each, type) and each is not type(None))
            body_required = default is inspect.Parameter.empty
        elif hint in get_args(forms.Form):
            form = (name, hint)
        else:
            (in_path if name in places else in_query).append(_parameter(name, hint, default))
    if places != {each.name for each in in_path}:
        raise TypeError(f"{work.__name__} does not take what {path} names")
    takes_once = "once" in hints
    return Endpoint(
        method, path, scope, raised, tag, work, tuple(in_path), tuple(in_query), body, body_required, form, answer,
        takes_once, statuses,
    )  # fmt: skip


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    plain = (
        next((each for each in get_args(hint) if each is not type(None)), hint)
        if type(None) in get_args(hint)
        else hint
    )
    extra = get_args(plain)[1:] if get_origin(plain) is Annotated else ()
    says = next((each.what for each in extra if isinstance(each, Says)), None)
    pattern = next((each.text for each in extra if isinstance(each, Pattern)), None)
    kind = get_args(plain)[0] if get_origin(plain) is Annotated else plain
    if isinstance(kind, type) and issubclass(kind, Enum):
        says = f"is one of {', '.join(each.value for each in kind)}"
    return Parameter(name, TypeAdapter(plain), says, pattern, default)
