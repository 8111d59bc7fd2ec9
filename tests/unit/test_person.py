"""One person in two notations: by country, generated, and where two numbers stay two people."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.contacts.person import Person
from daemon.formats import notations
from daemon.states import E164

FORMER = {  # as it was given → as it is written today
    "+551187654321": "+5511987654321",  # São Paulo
    "+558599123456": "+5585999123456",
    "+559981234567": "+5599981234567",
    "+555561234567": "+5555961234567",
    "+557571234567": "+5575971234567",
    "+5215550000101": "+525550000101",
    "+5216641234567": "+526641234567",
    "+541166773399": "+5491166773399",
    "+54111566773399": "+5491166773399",  # 15 as it is dialled within the country
    "+549111566773399": "+5491166773399",  # both
    "+543511234567": "+5493511234567",
    "+54351151234567": "+5493511234567",
    "+54354715123456": "+5493547123456",
    "+54221154567890": "+5492214567890",
    "+22997123456": "+2290197123456",
    "+22921123456": "+2290121123456",
    "+22501234567": "+2250101234567",  # Moov
    "+22544123456": "+2250544123456",  # MTN
    "+22577123456": "+2250777123456",  # Orange
    "+22505123456": "+2250505123456",
    "+22507123456": "+2250707123456",
    "+24106031730": "+24166031730",
    "+2416031730": "+24166031730",
    "+24107123456": "+24177123456",
    "+841201234567": "+84701234567",
    "+841211234567": "+84791234567",
    "+841251234567": "+84851234567",
    "+841691234567": "+84391234567",
    "+841881234567": "+84581234567",
    "+841991234567": "+84591234567",
}
THEMSELVES = (
    "+551132345678",  # a landline of eight digits
    "+5511932345678",  # a mobile that never had eight
    "+5511912345678",
    "+55118765432",  # a digit too few
    "+5501187654321",
    "+525550000101",
    "+521555000010",
    "+52155500001011",
    "+5491166773399",
    "+548001234567",  # toll-free
    "+5411667733991",
    "+2290197123456",
    "+229971234567",
    "+2250707123456",
    "+2252721234567",
    "+22560123456",  # of an operator that is no more: nobody says what became of it
    "+22520123456",  # a landline, likewise
    "+24166031730",
    "+84701234567",
    "+841231234",
    "+4915112345678",
    "+12025550123",
    "+5219",
)  # fmt: skip


@pytest.mark.parametrize(("given_as", "today"), FORMER.items())
def test_the_former_notation_is_the_same_person(given_as: str, today: str) -> None:
    """The number stays as it was given, the key is that of today's notation."""
    person = Person(E164(given_as))

    assert (given_as, today) == (person.phone, person.key)


@pytest.mark.parametrize("number", THEMSELVES)
def test_others_stay_who_they_are(number: str) -> None:
    """Landlines, today's notation, other lengths, and wherever it is not known."""
    assert number == Person(E164(number)).key


@dataclass(frozen=True)
class Somebody:
    """country and number as they are today: nobody else has both; notations: all that is written for them."""

    country: str
    number: str
    notations: tuple[str, ...]


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


@st.composite
def brazilians(draw: st.DrawFn) -> Somebody:
    area, first, rest = draw(st.sampled_from(["11", "21", "31", "47", "85", "99"])), draw(digits(1)), draw(digits(7))
    if first in "6789":
        return Somebody("55", f"{area}9{first}{rest}", (f"+55{area}{first}{rest}", f"+55{area}9{first}{rest}"))
    kind = draw(st.sampled_from(["", "9"]))  # a landline, or a mobile from after the ninth digit
    return Somebody("55", f"{area}{kind}{first}{rest}", (f"+55{area}{kind}{first}{rest}",))


@st.composite
def mexicans(draw: st.DrawFn) -> Somebody:
    number = draw(st.sampled_from(["55", "33", "664", "99"])) + draw(digits(8))
    number = number[:10]
    return Somebody("52", number, (f"+52{number}", f"+521{number}"))


@st.composite
def argentines(draw: st.DrawFn) -> Somebody:
    area = draw(st.sampled_from(["11", "351", "221", "341", "3547", "2901"]))
    local = draw(digits(10 - len(area)))
    ways = (f"{area}{local}", f"9{area}{local}", f"{area}15{local}", f"9{area}15{local}")
    return Somebody("54", area + local, tuple(f"+54{way}" for way in ways))


@st.composite
def ivorians(draw: st.DrawFn) -> Somebody:
    prefix, former = draw(
        st.sampled_from([("01", "02"), ("01", "41"), ("01", "70"), ("05", "06"), ("05", "64"), ("05", "95"),
                         ("07", "09"), ("07", "67"), ("07", "88"), ("07", "98")])
    )  # fmt: skip
    rest = draw(digits(6))
    return Somebody("225", prefix + former + rest, (f"+225{former}{rest}", f"+225{prefix}{former}{rest}"))


@st.composite
def beninese(draw: st.DrawFn) -> Somebody:
    number = draw(st.sampled_from("24569")) + draw(digits(7))
    return Somebody("229", "01" + number, (f"+229{number}", f"+22901{number}"))


@st.composite
def germans(draw: st.DrawFn) -> Somebody:
    number = "15" + draw(digits(9))
    return Somebody("49", number, (f"+49{number}",))


PEOPLE = st.one_of(brazilians(), mexicans(), argentines(), ivorians(), beninese(), germans())


@given(one=PEOPLE, other=PEOPLE, data=st.data())
def test_two_notations_have_one_key_exactly_where_they_are_one_persons(
    one: Somebody, other: Somebody, data: st.DataObject
) -> None:
    """Whoever they are, and in whichever of their notations; to take the key for a number changes nothing."""
    first = Person(E164(data.draw(st.sampled_from(one.notations)))).key
    second = Person(E164(data.draw(st.sampled_from(other.notations)))).key
    same = (one.country, one.number) == (other.country, other.number)

    assert same == (first == second)
    assert {first} == {Person(E164(way)).key for way in one.notations}
    assert first == Person(E164(first)).key


@given(st.from_regex(r"\A\+(55|52|54|225|229|241|84)\d{5,13}\Z"))
def test_a_key_is_its_own_key(number: str) -> None:
    """Also of what is no number at all: however often it is asked for, it stays."""
    key = Person(E164(number)).key

    assert key == Person(E164(key)).key


def test_a_person_without_a_number() -> None:
    """WhatsApp's id stands for them; beside a number that one does."""
    bsuid = "US.13491208655302741918"

    assert bsuid == Person(bsuid=bsuid).key
    assert "US.ENT.11815799212886844830" == Person(bsuid="US.ENT.11815799212886844830").key
    assert "+525550000101" == Person(E164("+5215550000101"), bsuid).key


@pytest.mark.parametrize("bsuid", [None, "", "+525550000101", "us.1", "US.", "US.1-2", "US.ENT.", "US." + "1" * 129])
def test_who_has_neither_is_nobody(bsuid: str | None) -> None:
    """An id of WhatsApp's is no number, nor anything else."""
    with pytest.raises(ValueError, match="BSUID"):
        Person(bsuid=bsuid)


@pytest.mark.parametrize(
    ("searched", "found"),
    [
        ("1187654321", "+5511987654321"),
        ("01187654321", "+5511987654321"),
        ("551187654321", "+5511987654321"),
        ("5215550000101", "+525550000101"),
        ("111566773399", "+5491166773399"),
        ("97123456", "+2290197123456"),
    ],
)
def test_a_search_for_a_whole_number_in_the_former_notation(searched: str, found: str) -> None:
    """With the country's code or without it."""
    assert searched in found or any(like(found, pattern) for pattern in notations.patterns(searched))


@pytest.mark.parametrize("searched", ["", "876", "4915112345678", "5511987654321", "+-"])
def test_a_search_for_anything_else_is_for_its_digits(searched: str) -> None:
    """They are looked for as they are."""
    assert () == notations.patterns(searched)


def like(number: str, pattern: str) -> bool:
    """As SQL has it."""
    return re.fullmatch(re.escape(pattern).replace("_", "."), number) is not None


@given(PEOPLE, st.data())
def test_a_part_of_a_former_notation_finds_its_person(one: Somebody, data: st.DataObject) -> None:
    """Wherever it begins and ends: as it stands in today's number, or by a pattern."""
    key = Person(E164(one.notations[0])).key
    way = data.draw(st.sampled_from([each.lstrip("+") for each in one.notations]))
    start = data.draw(st.integers(0, len(way) - notations.LEAST_SEARCHED))
    part = way[start : data.draw(st.integers(start + notations.LEAST_SEARCHED, len(way)))]

    assert part.lstrip("0") in key or any(like(key, pattern) for pattern in notations.patterns(part)) or part[0] == "0"


@given(PEOPLE)
def test_the_other_notations_of_a_number_of_today(one: Somebody) -> None:
    """Each of them is the same person's, and none is left out."""
    key = Person(E164(one.notations[0])).key
    former = notations.former(key)

    assert {key} == {key, *(Person(E164(way)).key for way in former)}
    assert {way for way in one.notations if way != key} <= set(former)


@pytest.mark.parametrize(
    ("number", "other", "one"),
    [
        ("5511987654321", "551187654321", True),
        ("5215550000101", "525550000101", True),
        ("541166773399", "5491166773399", True),
        ("4915112345678", "4915112345678", True),
        ("551132654321", "5511932654321", False),  # a landline
        ("4915112345678", "4915112345679", False),
        (None, "4915112345678", False),
    ],
)
def test_two_numbers_of_a_page(number: str | None, other: str, one: bool) -> None:
    """As WhatsApp shows them, as digits."""
    assert one is notations.one_person(number, other)
