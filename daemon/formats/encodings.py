"""8-bit text → its likeliest encoding, judged by the words that it makes, and whether anything else is as likely.

A list of names is too short for statistics. But what is read in a wrong encoding has signs within words, capitals
behind small letters, words of two scripts, or ideographs that nobody uses; each costs points, and the cheapest reading
wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

WESTERN = "cp1252"
# In doubt the first of those that are as good.
CANDIDATES = (
    WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "gb18030", "big5", "cp932",
    "euc_jp", "cp949", "mac_roman", "cp850", "cp852", "cp866", "koi8_r", "mac_cyrillic",
)  # fmt: skip
# What a person may choose from: these, and what is recognised for certain.
CHOICES = ("utf-8", "utf-16", *CANDIDATES)
_WORDS = 300  # that are looked at
_CLEARLY = 2.0  # points by which the best has to lead
_A_LITTLE = 0.1  # points a word, with many words
_MANY = 20
_WORD = re.compile(r"[^\s;,|\"<>()/\\]*[^\x00-\x7f\s][^\s;,|\"<>()/\\]*")
_QUIET = frozenset("’‘“”„–—…€£§°ªº«»´·№\xa0¡¿©®™")
_WEST = (
    "áéíóúñüç", "àâçèéêëîïôùûüœ", "äöüßé", "ãõáâàçéêíóôúü", "åäöæøéü", "àèéìòù", "áéíóúýðþæö", "áéèëïíóöúü",
)  # fmt: skip
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîșşțţ", "čćđšž")
_LANGUAGES = {  # the letters of each language that is written in it
    "cp1250": _CENTRAL, "cp852": _CENTRAL, "cp1254": ("çğıöşüâîûi̇",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž"),
}  # fmt: skip
_VOWELS = {"CYRILLIC": frozenset("аеёиоуыэюяіїєўъьй"), "GREEK": frozenset("αεηιουωάέήίόύώϊϋΐΰ")}
_CLUSTER = 4  # consonants in a row that hardly any word has
_SURNAMES = frozenset(
    "王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧"
    "蒋蔣蔡贾賈丁魏薛叶葉余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易"
    "常武乔喬贺賀赖賴龚龔文山佐鈴高伊渡中小加吉김이박최정강조윤장임한오서신권황안송류홍"
)


@dataclass(frozen=True)
class Guess:
    """encoding: as Python calls it. sure: nothing else is about as likely."""

    encoding: str
    sure: bool


def guess(data: bytes) -> Guess:
    """The likeliest encoding of text that is neither ASCII nor UTF-8, by its lines with other bytes."""
    lines = (line[:1000] for line in data[: 4 << 20].splitlines() if not line.isascii())
    telling = b"\n".join(dict.fromkeys(line for line, _ in zip(lines, range(_WORDS * 10), strict=False)))
    found: list[tuple[float, int, tuple[str, ...]]] = []
    for place, encoding in enumerate(CANDIDATES):
        try:
            text = telling.decode(encoding)
        except UnicodeDecodeError:
            continue
        words = tuple(dict.fromkeys(_WORD.findall(text)))[:_WORDS]
        found.append((_cost(words, encoding), place, words))
    if not found:
        return Guess(WESTERN, False)
    found.sort(key=lambda each: each[:2])
    best, place, words = found[0]
    other = next((cost for cost, _, different in found[1:] if different != words), best + _CLEARLY)
    many = len(words) >= _MANY
    sure = other - best >= _CLEARLY or (
        many and (other - best >= _A_LITTLE * len(words) or CANDIDATES[place] == WESTERN)
    )
    return Guess(CANDIDATES[place], sure and best < len(words))


def known(encoding: str) -> str | None:
    """The choice that is meant by this name, however it is written; None if there is none."""
    name = encoding.strip().lower().replace("_", "-").replace(" ", "")
    name = _ALIASES.get(name, name)
    return next((each for each in CHOICES if each.replace("_", "-") == name), None)


_ALIASES = {
    "utf8": "utf-8", "utf16": "utf-16", "windows-874": "cp874", "tis-620": "cp874", "gbk": "gb18030",
    "gb2312": "gb18030", "shift-jis": "cp932", "sjis": "cp932", "windows-31j": "cp932", "euc-kr": "cp949",
    "macroman": "mac-roman", "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "koi8r": "koi8-r", "ansi": "cp1252",
    "latin1": "cp1252", "latin-1": "cp1252", "iso-8859-1": "cp1252", "iso-8859-15": "cp1252", "iso-8859-2": "cp1250",
    "iso-8859-8": "cp1255", "iso-8859-9": "cp1254", **{f"ibm{n}": f"cp{n}" for n in (850, 852, 866)},
    **{f"windows-125{n}": f"cp125{n}" for n in range(8)},
}  # fmt: skip


def _cost(words: tuple[str, ...], encoding: str) -> float:
    rare = _RARE.get(encoding)
    cost = sum(_word_cost(word, rare) for word in words)
    latin = [sign for word in words for sign in word.lower() if not sign.isascii() and _script(sign) == "LATIN"]
    cost += 0.7 * min(sum(sign not in letters for sign in latin) for letters in _LANGUAGES.get(encoding, _WEST))
    cased = [word for word in words if word[0].lower() != word[0].upper()]
    if any(not word[0].isascii() for word in cased) and not any(word[0].isupper() for word in cased):
        cost += len(cased)  # a list of names has capitals
    return cost


def _word_cost(word: str, rare: Callable[[str], bool] | None) -> float:
    cost, before = 0.0, ""
    scripts: set[str] = set()
    letters = strange = cluster = 0
    for at, sign in enumerate(word):
        kind = unicodedata.category(sign)[0]
        if kind in "LM":
            letters += 1
            strange += not sign.isascii()
            script = _script(sign)
            scripts.add(script)
            cluster = 0 if sign.lower() in _VOWELS.get(script, sign.lower()) else cluster + 1
            cost += 1.5 * (cluster == _CLUSTER)
            cost += 1.5 * (rare is not None and not sign.isascii() and rare(sign))
            follows = word[at + 1 : at + 2]
            cost += 2 * (
                sign.isupper() and (before.islower() or (at == 1 and not sign.isascii() and follows.islower()))
            )
            cost += kind == "M" and (at == 0 or not (before.isalpha() or unicodedata.category(before)[0] == "M"))
        elif not sign.isascii():
            cost += 0.5 if sign in _QUIET and (at in (0, len(word) - 1) or sign in "’´·") else 3
        before = sign
    return cost + _scripts_cost(word, scripts - {"COMBINING"}, letters, strange)


def _scripts_cost(word: str, scripts: set[str], letters: int, strange: int) -> float:
    eastern = scripts & {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}
    cost = 3.0 * (len(scripts - {"CJK", "HIRAGANA", "KATAKANA"}) + bool(eastern - {"HANGUL"}) > 1)
    if scripts == {"LATIN"} and letters > 2 and strange * 2 > letters:
        cost += 2
    if scripts == {"THAI"} and letters > 2 and not any("\u0e30" <= sign <= "\u0e4c" for sign in word):
        cost += 1
    if eastern and word[0] not in _SURNAMES and "HIRAGANA" not in scripts and "KATAKANA" not in scripts:
        cost += 0.5
    return cost


@lru_cache(4096)
def _script(sign: str) -> str:
    name = unicodedata.name(sign, "?").partition(" ")[0]
    return {"HALFWIDTH": "KATAKANA", "MODIFIER": "LATIN", "FEMININE": "LATIN", "MASCULINE": "LATIN"}.get(name, name)


def _outside(encoding: str, first: int, last: int) -> Callable[[str], bool]:
    """Whether a sign is none of those that are used every day, which come first in the encoding."""

    @lru_cache(4096)
    def rare(sign: str) -> bool:
        try:
            lead = sign.encode(encoding)[0]
        except UnicodeEncodeError:
            return True
        return not first <= lead <= last

    return rare


def _rare_japanese(encoding: str, first: int, last: int) -> Callable[[str], bool]:
    kanji = _outside(encoding, first, last)
    return lambda sign: "\uff61" <= sign <= "\uff9f" or ("\u4e00" <= sign and kanji(sign))


_RARE: dict[str, Callable[[str], bool]] = {
    "gb18030": _outside("gb2312", 0xB0, 0xD7),
    "big5": _outside("big5", 0xA4, 0xC6),
    "cp932": _rare_japanese("shift_jis", 0x88, 0x98),
    "euc_jp": _rare_japanese("euc_jp", 0xB0, 0xCF),
    "cp949": _outside("euc_kr", 0xB0, 0xC8),
}
