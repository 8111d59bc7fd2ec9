"""Headers that keep pages and downloads from running or framing anything that is not ours."""

from __future__ import annotations

from aiohttp import web

STYLE_HASH = web.AppKey("style_hash", str)


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that keep a page from running or framing anything that is not ours; also on streams and downloads."""
    style = request.app[STYLE_HASH]
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self'; style-src 'self' {style}; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
