"""How commands show their options: a flag takes no value, so none is named beside it."""

from __future__ import annotations

from typing import Any

import typer.core


def _plain(params: list[Any]) -> list[Any]:
    for each in params:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return params


class Command(typer.core.TyperCommand):
    """For `@app.command(cls=Command)`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


class Group(typer.core.TyperGroup):
    """For `typer.Typer(cls=Group)`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))
