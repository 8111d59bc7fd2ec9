"""What a spreadsheet's cell shows: a number and its format code (ECMA-376, 18.8.31) → text.

Numbers that are long enough for a telephone number and only grouped or written with an exponent stay digits: that is
how a column of them looks when it is too narrow, not what anybody means.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from locale import windows_locale

from babel import Locale, UnknownLocaleError, dates, numbers
from openpyxl.utils.datetime import from_excel

LONG = 10_000_000  # from which on a plain number is more likely a telephone number than an amount
LOCAL_DATES = {14: "", 22: " h:mm"}  # formats that follow the reader's locale, and what comes after the date
_SECTION = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])+|(?<=;)(?=;)|^(?=;)|(?<=;)$')
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*.|\[\$(?P<money>[^\]-]*)(?:-(?P<lcid>[0-9A-Fa-f]+))?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[<>=]{1,2}-?[\d.]+)\]|\[[^\]]*\]"
    r"|(?P<digits>[0#?][0#?,]*(?:\.[0#?]+)?(?P<scale>,*)|\.[0#?]+)(?P<exponent>E[+-]0+)?"
    r"|(?P<half>AM/PM|am/pm|A/P|a/p)|(?P<part>y+|m+|d+|h+|s+|Y+|M+|D+|H+|S+)|(?P<general>General)|(?P<text>@)|(?P<sign>.)",
    re.S,
)
_CONDITIONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_DATE_PART = re.compile(
    r'(?i)"[^"]*"|\\.|_.|\[\$[^\]]*\]|\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]'
)


@dataclass(frozen=True)
class Looks:
    """How a workbook's numbers look. locale: such as `de_DE`, "" where nothing in the file says; epoch: the date that
    its days are counted from."""

    locale: str
    epoch: datetime


def locale_of(codes: list[str], language: str) -> str:
    """The locale that a workbook's format codes name most, or that of its language; "" where neither says."""
    named = [found for code in codes for found in re.findall(r"\[\$[^\]]*-([0-9A-Fa-f]{3,8})\]", code)]
    known = [windows_locale[int(each[-4:], 16)] for each in named if int(each[-4:], 16) in windows_locale]
    found = max(known, key=known.count) if known else language.replace("-", "_")
    return found if _locale(found) else ""


@lru_cache(64)
def _locale(name: str) -> Locale | None:
    try:
        return Locale.parse(name) if name else None
    except (UnknownLocaleError, ValueError):
        return None


def shown(value: int | float, code: str, looks: Looks, number_format: int = -1) -> str:
    """The text of a cell with this number. code: its format; number_format: its number among the built-in ones."""
    if code == "General" or not code:
        return plain(value)
    if is_date(code) and value >= 0:
        try:
            return _date(value, code, looks, number_format)
        except (ValueError, OverflowError, TypeError):
            return plain(value)
    section, value = _chosen(value, code)
    try:
        return _number(value, section, looks)
    except ArithmeticError:  # too large to be written out
        return plain(value)


def text(value: str, code: str) -> str:
    """The text of a cell with this text: some formats put something before or after it, or hide it."""
    if "@" not in code and code.count(";") < 3:
        return value
    sections = _sections(code)
    section = sections[3] if len(sections) > 3 else next((each for each in sections if "@" in each), "@")
    return "".join(value if token["text"] else _literal(token) for token in _TOKEN.finditer(section))


def plain(value: int | float) -> str:
    """The number as it is, without the noise of binary fractions."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    return str(value)


@lru_cache(512)
def is_date(code: str) -> bool:
    """Whether numbers with that format are dates or times."""
    return re.search(r"[dmhysDMHYS]", _DATE_PART.sub("", code.split(";")[0]).replace("General", "")) is not None


@lru_cache(512)
def _sections(code: str) -> list[str]:
    return [found[0] for found in _SECTION.finditer(code)] or [""]


def _chosen(value: int | float, code: str) -> tuple[str, int | float]:
    """The section for that value, and the value as that section shows it."""
    sections = _sections(code)
    conditions = [
        next((found["condition"] for found in _TOKEN.finditer(each) if found["condition"]), "") for each in sections
    ]
    if any(conditions):
        for section, condition in zip(sections, conditions, strict=True):
            sign = condition.rstrip("-.0123456789")
            if not condition or _CONDITIONS[sign](value, float(condition[len(sign) :])):
                return section, value
        return sections[-1], value
    if value < 0 and len(sections) > 1:
        return sections[1], -value
    return (sections[2] if value == 0 and len(sections) > 2 else sections[0]), value


def _literal(token: re.Match[str]) -> str:
    if token["quoted"] is not None:
        return token["quoted"]
    return token["escaped"] or token["money"] or (" " if token["space"] else "") or token["sign"] or ""


def _number(value: int | float, section: str, looks: Looks) -> str:
    tokens = list(_TOKEN.finditer(section))
    places = [token for token in tokens if token["digits"]]
    if any(token["general"] or token["text"] for token in tokens):
        return "".join(plain(value) if each["general"] or each["text"] else _literal(each) for each in tokens)
    if not places:
        return "".join(map(_literal, tokens))
    if any(token["exponent"] for token in places) or "/" in section:  # fractions, too
        return plain(value)
    bare = all(token["digits"] or not _literal(token).strip() for token in tokens)
    if bare and value >= LONG and float(value).is_integer():
        return plain(value).rjust(sum(token["digits"].partition(".")[0].count("0") for token in places), "0")
    mark = "".join(_literal(each) for each in tokens)
    exact = Decimal(str(value)) * (100 ** mark.count("%")) / (1000 ** len(places[-1]["scale"] or ""))
    pattern = "".join(token["digits"] for token in places)
    whole, _, fraction = pattern.rstrip(",").partition(".")
    exact = exact.quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_UP)
    digits = _filled(exact, whole, fraction, looks)
    parts, last, sign = [], len(places) - 1, "-" if exact < 0 else ""
    cuts = _cuts(digits, [len(re.sub("[^0#?]", "", token["digits"].partition(".")[0])) for token in places], whole)
    at = 0
    for token in tokens:
        parts.append(cuts[min(at, last)] if token["digits"] else _literal(token))
        at += bool(token["digits"])
    return sign + "".join(parts).strip()


def _filled(exact: Decimal, whole: str, fraction: str, looks: Looks) -> str:
    """The digits as the pattern wants them, with the separators of the locale."""
    text = f"{abs(exact):f}"
    integer, _, rest = text.partition(".")
    while rest and len(rest) > len(fraction.rstrip("#?")) and rest.endswith("0"):
        rest = rest[:-1]
    least = whole.count("0")
    integer = integer.lstrip("0").rjust(least, "0")
    locale = _locale(looks.locale)
    if "," in whole.rstrip(","):
        group = numbers.get_group_symbol(locale) if locale else ","
        integer = group.join(re.findall(r"\d{1,3}(?=(?:\d{3})*$)", integer))
    point = numbers.get_decimal_symbol(locale) if locale else "."
    return integer + (point + rest if rest else "")


def _cuts(digits: str, widths: list[int], whole: str) -> list[str]:
    """The digits, shared out among places that have something between them, as in (###) ###-####: from the right."""
    if len(widths) == 1:
        return [digits]
    parts: list[str] = []
    for width in reversed(widths[1:]):
        parts.append(digits[-width:] if width else "")
        digits = digits[: len(digits) - width] if width else digits
    return [digits, *reversed(parts)]


def _date(value: int | float, code: str, looks: Looks, number_format: int) -> str:
    elapsed = re.search(r"(?i)\[(h+|m+|s+)\]", code)
    if elapsed:
        return _elapsed(timedelta(days=value), code)
    moment = from_excel(value, looks.epoch)
    if isinstance(moment, time):
        moment = datetime.combine(looks.epoch.date(), moment)
    elif not isinstance(moment, datetime):
        moment = datetime.combine(moment, time()) if isinstance(moment, date) else looks.epoch + moment
    moment = (moment + timedelta(microseconds=500)).replace(microsecond=moment.microsecond // 1000 * 1000)
    section = _sections(code)[0]
    if number_format in LOCAL_DATES:
        section = _local_pattern(looks) + LOCAL_DATES[number_format]
    named = re.search(r"\[\$[^\]]*-([0-9A-Fa-f]{3,8})\]", section)
    lcid = int(named[1][-4:], 16) if named else 0
    locale = _locale(windows_locale.get(lcid, "")) or _locale(looks.locale) or Locale("en")
    tokens = list(_TOKEN.finditer(section))
    half = any(token["half"] for token in tokens)
    return "".join(_part(tokens, at, moment, half, locale) for at in range(len(tokens))).strip()


def _local_pattern(looks: Looks) -> str:
    """The date as the file's locale writes it with digits; as ISO 8601 has it where nothing says."""
    locale = _locale(looks.locale)
    if locale is None:
        return "yyyy-mm-dd"
    pattern = str(dates.get_date_format("short", locale).pattern).lower()
    return re.sub("y+", "yyyy", re.sub(r"[^dmy./\- ]", "", pattern)).strip()


def _part(tokens: list[re.Match[str]], at: int, moment: datetime, half: bool, locale: Locale) -> str:
    token = tokens[at]
    if token["half"]:
        name = "AM" if moment.hour < 12 else "PM"
        return name if len(token["half"]) > 3 else name[0]
    if token["digits"] and token["digits"].startswith("."):
        return "." + f"{moment.microsecond:06}"[: len(token["digits"]) - 1]
    if not token["part"]:
        return token["digits"] or _literal(token)
    part = token["part"].lower()
    if part[0] == "m" and len(part) < 3 and _is_minute(tokens, at):
        return f"{moment.minute:0{len(part)}}"
    if part[0] in "hs":
        hour = (moment.hour % 12 or 12) if half else moment.hour
        return f"{hour if part[0] == 'h' else moment.second:0{min(len(part), 2)}}"
    if part[0] == "y":
        return f"{moment.year:04}" if len(part) > 2 else f"{moment.year % 100:02}"
    if len(part) < 3:
        return f"{moment.month if part[0] == 'm' else moment.day:0{len(part)}}"
    symbols = {"mmm": "MMM", "mmmm": "MMMM", "mmmmm": "MMMMM", "ddd": "EEE", "dddd": "EEEE"}
    return str(dates.format_date(moment, symbols.get(part, "MMMM" if part[0] == "m" else "EEEE"), locale))


def _is_minute(tokens: list[re.Match[str]], at: int) -> bool:
    """Whether an `m` stands for minutes: after hours, or before seconds."""
    before = next((each["part"] for each in reversed(tokens[:at]) if each["part"]), "")
    after = next((each["part"] for each in tokens[at + 1 :] if each["part"]), "")
    return before[:1].lower() == "h" or after[:1].lower() == "s"


def _elapsed(span: timedelta, code: str) -> str:
    seconds = round(span.total_seconds())
    found = []
    for token in _TOKEN.finditer(_sections(code)[0]):
        part = (token["elapsed"] or token["part"] or "").lower()
        size = {"h": 3600, "m": 60, "s": 1}.get(part[:1], 0)
        if not size:
            found.append(_literal(token))
            continue
        count = seconds // size if token["elapsed"] else seconds // size % 60
        found.append(f"{count:0{len(part)}}")
    return "".join(found).strip()
