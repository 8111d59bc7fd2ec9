"""What all pages share: templates, who may see them, static files."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.auth import users
from daemon.contacts import masking
from daemon.files import release
from daemon.i18n import languages
from daemon.i18n.languages import N_
from daemon.pages import forms, navigation, notice_words
from daemon.pages.chart import Picture
from daemon.pages.content import Names, PageContent
from daemon.pages.pointing import Said, pointed
from daemon.pages.refusals import Why
from daemon.pages.words import iso, size, tone, words
from daemon.server import access
from daemon.server.problems import ERROR_PAGE, to_login
from daemon.server.secure import STYLE_HASH
from daemon.server.visitors import (
    Visitor,
    authorized,
    dry_runs,
    in_db,
    require,
    require_all_accounts,
    visitor,
)
from daemon.states import Role

routes = web.RouteTableDef()

HERE = Path(__file__).parent
STATIC = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}  # the type of .js depends on the machine
OWN_PATH = re.compile(r"/app(?:[/?][\w/?=&%.+*~,:@-]*)?", re.A)  # with all that browsers leave as it is in a query

ROLES = {Role.VIEWER: N_("viewer"), Role.OPERATOR: N_("operator"), Role.ADMIN: N_("admin")}

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def set_up(app: web.Application) -> None:
    """Templates and styles."""
    app[aiohttp_jinja2.APP_KEY] = _environment()
    app[STYLE_HASH] = f"'sha256-{base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()}'"
    app[ERROR_PAGE] = _error


@cache
def _environment() -> jinja2.Environment:
    """The templates, each compiled once in a process, when it is first shown."""
    filters: dict[str, Callable[..., str]] = {
        "iso": iso, "words": words, "size": size, "tone": tone, "phone": masking.phone, "say": languages.say,
        "moment": languages.moment, "amount": languages.amount, "day": languages.day,
        "isolated": isolated,
    }  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=_as_seen,
    )
    environment.filters.update(filters)
    environment.globals.update(csrf_field=csrf_field, notice_words=notice_words.words, may=may, style=_Style(_style()))
    environment.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment


@cache
def _style() -> str:
    """The style sheets, which are inside the page, so that no second request is needed before it can be read."""
    return "\n".join(path.read_text() for path in sorted((HERE / "static").glob("*.css")))


def members(page: Page) -> Page:
    """Send a visitor who is not logged in to the login, and back afterwards."""
    return only(Role.VIEWER)(page)


def only(least: Role, everywhere: bool = False) -> Callable[[Page], Page]:
    """As `members`, and only for those with at least this role. everywhere: and with all accounts."""

    def guard(page: Page) -> Page:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not authorized(request):
                raise to_login(request)
            require(request, least)
            if everywhere:
                require_all_accounts()
            navigation.badges.set(await in_db(request, navigation.counted))
            return await page(request)

        return guarded

    return guard


class _Style:
    """Our own style sheets, as they are: the policy names their digest."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __html__(self) -> str:
        return self._text


def _as_seen(value: Any) -> Any:
    """Mask every value that a template writes, in case it forgot the filter `phone`."""
    if isinstance(value, Picture):
        return value
    if isinstance(value, Markup):
        return Markup(masking.text(value))  # noqa: S704 (it was safe before)
    return masking.text(value) if isinstance(value, str) else value


def isolated(text: str) -> Markup:
    """What somebody has written, inside a sentence: whichever way it runs, it leaves the rest in its order."""
    return Markup("<bdi>{}</bdi>").format(text)


def csrf_field() -> Markup:
    """The hidden field with the session's token, for every form that posts."""
    who = visitor.get()
    return Markup('<input type="hidden" name="csrf" value="{}">').format(who.csrf) if who else Markup("")


def may(role: str) -> bool:
    """Whether the reader has at least that role: `{% if may("operator") %}`."""
    who = visitor.get()
    return who is not None and who.role >= users.role_of(role)


@dataclass(frozen=True)
class Reader:
    """Who looks at the page. role: in a word; by_key: with the API key instead of a name of their own."""

    name: str
    role: str
    by_key: bool
    csrf: str


@dataclass(frozen=True)
class Frame(Names):
    """What every page has around its content. reader: None for a stranger; sections, shortcuts, badges: the ways from
    here; here: see PageContent; address: of the page."""

    reader: Reader | None
    version: str
    sections: list[navigation.Section]
    shortcuts: list[navigation.Entry]
    badges: dict[str, navigation.Badge]
    here: str
    language: str
    languages: dict[str, str]
    direction: str
    address: str
    rehearsing: list[str]


@dataclass(frozen=True)
class Error(PageContent):
    """In place of a page that cannot be shown: what went wrong, in a sentence, and the status of HTTP."""

    template: ClassVar = "error.html"

    detail: str
    status: int


def _error(request: web.Request, detail: str, status: int) -> web.Response:
    return show(request, Error(detail, status), status)


def _frame(request: web.Request, here: str) -> Frame:
    language, who = languages.language.get(), visitor.get()
    return Frame(
        reader=_reader(who) if who else None,
        version=release.version(),
        sections=navigation.sections(who.role, who.accounts is None) if who else [],
        shortcuts=navigation.shortcuts(who.role) if who else [],
        badges=navigation.badges.get(),
        here=here,
        language=language,
        languages=languages.LANGUAGES,
        direction="rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
        address=request.path_qs,
        rehearsing=list(dry_runs.get()) if who else [],
    )


def _reader(who: Visitor) -> Reader:
    return Reader(who.name, users.word(who.role), who.user_id is None, who.csrf)


def show(
    request: web.Request, content: PageContent, status: int = 200, *beside: Names, here: str | None = None
) -> web.Response:
    """The page with this content. beside: see PageContent; here: in place of the content's own."""
    records = (_frame(request, content.here if here is None else here), *beside, content)
    names = {name: value for each in records for name, value in vars(each).items()}
    html = aiohttp_jinja2.render_string(content.template, request, names)
    if (error := _refused(names.values())) is not None:
        html = pointed(html, error)
    response = web.Response(text=html, content_type="text/html", charset="utf-8", status=status)
    response.headers["Referrer-Policy"] = "same-origin"  # with no-referrer a form would be sent without its Origin
    response.enable_compression()
    return response


def _refused(values: Iterable[object]) -> Said | None:
    """What was wrong with a form, and at which field, as the page has it: by itself, or with the form it is about."""
    for value in values:
        inner = vars(value).values() if dataclasses.is_dataclass(value) and not isinstance(value, type) else ()
        for each in (value, *inner):
            if isinstance(each, Said) and each.names:
                return each
    return None


@routes.get("/")
async def root(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/app")


@routes.get(r"/app/static/{name:[a-z]+\.(?:css|js|svg)}")
async def static(request: web.Request) -> web.StreamResponse:
    """Style, script or icon; revalidated by its ETag, so an update shows at once."""
    path = HERE / "static" / request.match_info["name"]
    if not path.is_file():
        raise errors.NotFound(Why.PAGE_NOT_FOUND, path=request.path)
    return web.FileResponse(path, headers={"Cache-Control": "no-cache", "Content-Type": STATIC[path.suffix]})


@routes.post("/app/language")
async def speak(request: web.Request) -> web.StreamResponse:
    """Set the reader's language. It is kept in a cookie, so that the login page uses it, too."""
    form = (await forms.read(request)).parsed(forms.Language)
    response, who = web.HTTPSeeOther(own_path(form.next)), visitor.get()
    if form.language in languages.LANGUAGES:
        access.set_language(request, response, form.language)
        if who is not None and who.user_id is not None and who.fresh:
            await in_db(request, users.speak, who.user_id, form.language)
    raise response


def number(request: web.Request, name: str) -> int | None:
    """A whole number from the query; None if there is none. Raises MalformedRequest."""
    return forms.asked(request).number(name)


def own_path(path: str) -> str:
    """Where to go after the login: one of our pages, never another site."""
    return path if OWN_PATH.fullmatch(path) and "//" not in path else "/app"
