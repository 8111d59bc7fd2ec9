"""How text becomes E.164, and what a person is told when it does not."""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.contacts import importer, phone, phone_repair
from daemon.contacts.phone_repair import Kind
from daemon.contacts.reasons import Fault, Reason
from tests.support import growth
from tests.support.contacts import read


def refusal(value: str, country: str = "") -> str:
    with pytest.raises(errors.InvalidNumber) as caught:
        phone.normalise(value, country)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("  +49 151 23456789 ", "", "+4915123456789"),
        ("+44 (0)20 7946 0958", "", "+442079460958"),
        ("(+49) 151-2345.6789", "US", "+4915123456789"),
        ("0049 151 23456789", "", "+4915123456789"),
        ("+0049 151 23456789", "", "+4915123456789"),
        ("++4915123456789", "", "+4915123456789"),
        ("\u202a+49\u00a0151\u00a023456789\u202c", "", "+4915123456789"),
        ("\u2066+49\u2011151\u201123456789\ufeff", "", "+4915123456789"),
        ("٠٠٩٧١٥٠١٢٣٤٥٦٧", "", "+971501234567"),
        ("+९१ ९८७६५ ४३२१०", "", "+919876543210"),
        ("＋４９１５１２３４５６７８９", "", "+4915123456789"),
        ("tel:+1-212-555-0123", "", "+12125550123"),
        ("Mobile: +1 212 555 0123", "", "+12125550123"),
        ("whatsapp:+12125550123", "", "+12125550123"),
        ("https://wa.me/919876543210?text=hi", "DE", "+919876543210"),
        ("https://api.whatsapp.com/send?phone=919876543210", "", "+919876543210"),
        ("919876543210@c.us", "", "+919876543210"),
        ("919876543210.0", "", "+919876543210"),
        ("'+919876543210", "", "+919876543210"),
        ('="+919876543210"', "", "+919876543210"),
        ("030/23125001", "DE", "+493023125001"),
        ("09876543210", "IN", "+919876543210"),
        ("09876543210", "in", "+919876543210"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("011 49 30 23125001", "US", "+493023125001"),
        ("+442079460958", "IN", "+442079460958"),
    ],
)
def test_a_number_is_read_however_it_is_written(value: str, country: str, expected: str) -> None:
    """Separators, invisible signs, foreign digits, links and spreadsheet marks do not change the number."""
    assert expected == phone.normalise(value, country)


def test_digits_without_plus_or_country_are_taken_as_international() -> None:
    """Eleven or more digits that are valid behind a + are accepted when no default country is set."""
    assert "+919876543210" == phone.normalise("919876543210", "")
    assert "+12125550123" == phone.normalise("12125550123", "")


def test_ten_digits_without_plus_need_a_country() -> None:
    """Ten digits could be a US number or a short foreign one: nobody is written to on a guess."""
    assert "WASENDER_DEFAULT_COUNTRY" in refusal("2125550123")
    assert "+12125550123" == phone.normalise("2125550123", "US")


def test_a_national_number_without_default_country_names_the_setting() -> None:
    """The predecessor made Iran's +9876543210 out of 09876543210."""
    assert "WASENDER_DEFAULT_COUNTRY" in refusal("09876543210")


def test_the_default_country_comes_first_without_plus() -> None:
    """A mobile with its leading zero lost is the default country's, though it would be valid in the US too."""
    assert "+4915123456789" == phone.normalise("15123456789", "DE")


def test_a_foreign_number_without_plus_is_taken_if_it_cannot_be_national() -> None:
    """A number too long for the default country has its country code already."""
    assert "+4915123456789" == phone.normalise("4915123456789", "US")


@pytest.mark.parametrize(
    ("value", "country"), [("4915123456789", "DE"), ("493023125001", "DE"), ("447911123456", "GB")]
)
def test_the_default_countrys_own_code_without_plus_is_understood(value: str, country: str) -> None:
    """Though German metadata would also take it for an area code."""
    assert f"+{value}" == phone.normalise(value, country)


@pytest.mark.parametrize("value", ["+15551234567", "+447700900123", "0015551234567"])
def test_a_number_with_plus_needs_only_a_possible_length(value: str) -> None:
    """Ranges that no library knows yet are WhatsApp's to judge."""
    assert "+" + value.removeprefix("+").removeprefix("00") == phone.normalise(value, "")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+974 0 5512 3456", "+97455123456"),
        ("+65 0 8123 4567", "+6581234567"),
        ("+34 0 612 345 678", "+34612345678"),
        ("+57 0 310 987 6543", "+573109876543"),
        ("+1 0 202 555 0123", "+12025550123"),
        ("+234 0 803 123 4567", "+2348031234567"),
        ("+221 0 70 123 45 67", "+221701234567"),
        ("+43 0 664 1234567", "+436641234567"),
        ("+61 0 412 345 678", "+61412345678"),
        ("+358 0 41 2345678", "+358412345678"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+225 07 12 34 56 78", "+2250712345678"),
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_a_zero_behind_the_country_code_is_never_sent_to(value: str, number: str, trusted: bool) -> None:
    """It is left away where that makes it valid, whoever sends it; where numbers begin with 0 it stays."""
    assert number == phone.read(value, "", trusted)
    if "+" + "".join(filter(str.isdigit, value)) != number:
        assert Kind.TRUNK is phone_repair.diagnose(value, "").kind


@pytest.mark.parametrize("value", ["+56 0 9 1234 5678", "+974 0 1234 56", "+65 0 1111 1111"])
@pytest.mark.parametrize("trusted", [False, True])
def test_a_zero_that_cannot_be_explained_is_refused(value: str, trusted: bool) -> None:
    found = phone.read(value, "", trusted)
    assert isinstance(found, Reason)


@pytest.mark.parametrize(
    "value",
    [
        "+44 7911 12345", "+44 7911 1234567", "+91 98765 0000", "+91 98765 000011", "+1 202 555 012", "+62 812 3450",
        "+86 139 0013 800", "+49 171 39200", "+33 6 39 98 00 0", "+7 912 345 67 0", "+971 50 123 456", "+92 300 123456",
        "+234 803 123 456", "+20 10 1234 567", "+966 50 123 456", "+34 612 345 6789", "+351 912 345 6789",
    ],
)  # fmt: skip
def test_a_digit_too_few_or_many_for_mobiles_is_not_good(value: str) -> None:
    """It is refused with the country, and nobody is asked to accept a guess."""
    found = phone_repair.diagnose(value, "")
    assert (None, Kind.INVALID) == (found.number, found.kind)
    assert "digits for country code" in found.reason


CHATS = [
    ("493023125123456@lid", Fault.HIDDEN_ID),
    ("184512345678901:7@lid", Fault.HIDDEN_ID),
    ("4915123456789@hosted.lid", Fault.HIDDEN_ID),
    ("lid:493023125001", Fault.HIDDEN_ID),
    ("120363000000000001@g.us", Fault.GROUP),
    ("447700900107-1600000000@g.us", Fault.GROUP),
    ("4915123456789@g.us", Fault.GROUP),
    ("https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv", Fault.GROUP),
    ("status@broadcast", Fault.BROADCAST),
    ("4915123456789@broadcast", Fault.BROADCAST),
    ("120363000000000001@newsletter", Fault.BROADCAST),
    ("https://wa.me/message/ABCDEFGHIJKLM1", Fault.LINK),
    ("wa.me/qr/4915123456789", Fault.LINK),
]


@pytest.mark.parametrize(("value", "code"), CHATS)
@pytest.mark.parametrize("country", ["", "DE"])
def test_a_chats_id_is_no_number(value: str, code: Fault, country: str) -> None:
    """Neither as it is nor as a suggestion, not even where it is about who must not be written to."""
    found = phone.read(value, country, trusted=True)
    assert isinstance(found, Reason)
    assert code is found.code
    diagnosed = phone_repair.diagnose(value, country)
    assert (None, None) == (diagnosed.number, diagnosed.suggestion)


@pytest.mark.parametrize(
    "value",
    [
        "447911123456@c.us", "447911123456:12@s.whatsapp.net", "447911123456.0:3@s.whatsapp.net", "wa.me/+447911123456",
        "whatsapp://send?phone=447911123456", "https://api.whatsapp.com/send/?phone=447911123456&text=x",
        "00+447911123456",
    ],
)  # fmt: skip
def test_what_is_made_of_a_number_is_read(value: str) -> None:
    assert "+447911123456" == phone.read(value, "")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("493023125123456@lid\n493023125123457@lid\n", 2),
        ("name;id\nAnn;493023125123456@lid\nBen;120363000000000001@g.us\nCid;status@broadcast\n", 3),
        ("493023125123456@lid,Ann\n493023125123457:12@lid,Ben\n", 2),
        ("120363000000000001@newsletter\n", 1),
    ],
)
def test_in_a_file_of_hidden_ids_each_is_named(text: str, named: int) -> None:
    """None becomes a number, and the file is not refused as a whole."""
    found = read(text)

    assert ([], named) == (found.contacts, len(found.rejected))
    assert {each.why.code for each in found.rejected} <= {Fault.HIDDEN_ID, Fault.GROUP, Fault.BROADCAST}


def test_a_file_in_which_ids_are_damaged_is_refused() -> None:
    """No sign in them separates a number from the rest."""
    with pytest.raises(errors.UnreadableFile):
        read("49302312500@lid:1\n49302312501@lid:2\n")


@pytest.mark.parametrize(
    ("value", "country", "number"),
    [
        ("044 55 5000 0101", "MX", "+525550000101"),
        ("045 33 1234 5678", "MX", "+523312345678"),
        ("1.2025550101E+10", "", "+12025550101"),
        ("4,915112345671E+12", "", "+4915112345671"),
    ],
)
def test_a_suggestion_needs_a_person(value: str, country: str, number: str) -> None:
    found = phone_repair.diagnose(value, country)
    assert (None, number) == (found.number, found.suggestion)
    assert "lost" not in str(phone.read(value, country))


def test_a_brazilian_placeholder_for_the_carrier_is_left_away() -> None:
    assert {"+5511987654321"} == {
        phone.read(value, "BR") for value in ("(0xx11) 98765-4321", "0xx11 98765-4321", "(0x11)987654321")
    }


def test_a_well_formed_number_may_be_taken_as_it_is() -> None:
    """8 to 15 digits behind a plus, whatever the numbering plan says; anything else is None."""
    assert ["+1234567890", "+9876543210"] == [phone.as_given("+1234567890", ""), phone.as_given("+98 76543210", "DE")]
    values = ("1234567890", "+1234567", "+0123456789", "+" + "1" * 16)
    assert [None] * 4 == [phone.as_given(value, "") for value in values]


def test_a_number_with_two_meanings_is_refused_with_both() -> None:
    """`919876543210` is an Indian mobile and a German landline: the person decides, not the daemon."""
    reason = refusal("919876543210", "DE")

    assert "+919876543210" in reason
    assert "+49919876543210" in reason


@pytest.mark.parametrize(
    ("value", "country", "abroad", "home"),
    [
        ("001 65 9234 5678", "HK", "+16592345678", "+6592345678"),
        ("(001) 65-9234-5678", "hk", "+16592345678", "+6592345678"),
        ("Mobile: ００１ 65 9234 5678", "HK", "+16592345678", "+6592345678"),
        ("001 65 8234 5678", "TH", "+16582345678", "+6582345678"),
        ("002 33 2 31 23 45 67", "KR", "+233231234567", "+33231234567"),
        ("009 1 202 555 0123", "NG", "+912025550123", "+12025550123"),
        ("0049 1512 3456789", "SG", "+4915123456789", "+915123456789"),
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_where_more_than_00_is_dialled_a_number_with_two_meanings_is_refused(
    value: str, country: str, abroad: str, home: str, trusted: bool
) -> None:
    """Also of programs, and of those who must not be written to; a person is offered both."""
    found = phone.read(value, country, trusted)
    assert isinstance(found, Reason)
    assert (Fault.AMBIGUOUS, {"abroad": abroad, "home": home}) == (found.code, dict(found.values))
    assert phone.as_given(value, country) is None
    opted_out = importer.parse_numbers([value], country, opt_out=True)
    assert ([], [found]) == (opted_out.contacts, [each.why for each in opted_out.rejected])
    diagnosed = phone_repair.diagnose(value, country)
    assert (None, Kind.AMBIGUOUS) == (diagnosed.number, diagnosed.kind)
    assert f"{abroad} / {home}" in diagnosed.reason
    for more in ("Wei", "(Wei)", "ext. 12", f"/ {value[:-1]}1"):
        other = phone_repair.diagnose(f"{value} {more}", country)
        assert other.number is None and (other.kind is Kind.AMBIGUOUS or other.suggestion is None)
    assert abroad == phone.read(value, "")


@pytest.mark.parametrize(
    ("value", "country", "number"),
    [
        ("001 44 7911 123456", "HK", "+447911123456"),
        ("0031 31 6 12345678", "BR", "+31612345678"),
        ("0021 1 305 555 1234", "BR", "+13055551234"),
        ("0011 44 7911 123456", "AU", "+447911123456"),
        ("000 49 151 23456789", "KE", "+4915123456789"),
        ("007 7 912 345 67 89", "TH", "+79123456789"),
        ("0065 9234 5678", "HK", "+6592345678"),
        ("0049 151 23456789", "HK", "+4915123456789"),
        ("0049 151 23456789", "KR", "+4915123456789"),
        ("0066 81 234 5678", "JP", "+66812345678"),
        ("00+16592345678", "HK", "+16592345678"),
        ("+00 1 659 234 5678", "HK", "+16592345678"),
    ],
)
def test_what_is_dialled_in_the_country_is_understood(value: str, country: str, number: str) -> None:
    """The 00 of others, too, where it is the only one that makes it valid."""
    assert number == phone.read(value, country)
    assert number == phone_repair.diagnose(value, country).number


def test_where_neither_is_in_a_known_range_nobody_guesses() -> None:
    found = phone.read("001 65 2234 5678", "HK", trusted=True)
    assert isinstance(found, Reason)
    assert "+6522345678" not in (phone.as_given("001 65 2234 5678", "HK"), found)


DIALLED = {
    "HK": ("001", "002", "009"), "SG": ("001", "002", "008"), "TH": ("001", "007", "009"), "ID": ("008", "009"),
    "KR": ("001", "002", "00700"), "KH": ("001", "007"), "TW": ("002", "009"), "CO": ("005", "007", "009"),
    "NG": ("009",), "BR": ("0014", "0015", "0021", "0031", "0041"), "AU": ("0011",), "KE": ("000",), "UG": ("000",),
    "TZ": ("000",), "MN": ("001",), "GY": ("001",), "BO": ("0010",),
}  # fmt: skip


def _mobiles() -> list[str]:
    """One of every country, as it is read with a plus."""
    kind = phonenumbers.PhoneNumberType.MOBILE
    examples = [phonenumbers.example_number_for_type(each, kind) for each in sorted(phonenumbers.SUPPORTED_REGIONS)]
    written = [phonenumbers.format_number(each, phonenumbers.PhoneNumberFormat.E164) for each in examples if each]
    return [each for each in written if phone.read(each, "") == each]


def test_no_way_to_dial_abroad_leads_to_somebody_else() -> None:
    """Countries' mobiles by every exit code: the number itself, or refused with it among the two."""
    wrong, mobiles = [], _mobiles()
    for country, codes in DIALLED.items():
        for at, code in enumerate(codes):
            for number in mobiles[at::6]:
                found = phone.read(code + number[1:], country, trusted=True)
                named = dict(found.values).values() if isinstance(found, Reason) else [found]
                wrong += [] if number in named else [(country, code, number, found)]
    assert not wrong


def test_where_00_is_dialled_it_is_a_plus() -> None:
    """In every such country, for every other one's mobiles."""
    plain = [
        each
        for each in sorted(phonenumbers.SUPPORTED_REGIONS)
        if (known := phonenumbers.PhoneMetadata.metadata_for_region(each)) and known.international_prefix == "00"
    ]
    assert len(plain) > 150
    mobiles = _mobiles()
    wrong = [
        (country, number)
        for at, country in enumerate(plain)
        for number in mobiles[at % 20 :: 20]  # over all countries each several times
        if phone.read("00" + number[1:], country) != number
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("value", "country", "words"),
    [
        ("9.19877E+11", "", "rounded"),
        ("9,19877E+11", "DE", "format the column as text"),
        ("4.9E11", "", "rounded"),
        ("+4915123456789 / +4915123456788", "", "more than one number"),
        ("919876543210, 919876543211", "", "more than one number"),
        ("919876543210\n919876543211", "", "more than one number"),
        ("+1 212 555 0123 or +1 212 555 0124", "", "more than one number"),
        ("919876543210 919876543211", "", "two numbers"),
        ("+1 212 555 0123 ext. 5", "", "extension"),
        ("+1 212 555 0123 x5", "", "extension"),
        ("12345", "", "too short"),
        ("12345", "DE", "too short"),
        ("+49 151 2345678912345", "", "too many digits"),
        ("+91 98765", "", "too few digits"),
        ("+999 123456789", "", "country code"),
        ("5555550123", "US", "check its digits"),
        ("2024-01-15", "DE", "date"),
        ("15.01.2024", "DE", "date"),
        ("4930231251.5", "", "decimals"),
        ("4930231251,50", "DE", "decimals"),
        ("hello", "", "letters"),
        ("1-800-FLOWERS", "US", "letters"),
        ("<script>alert(1)</script>", "", "letters"),
        ("=HYPERLINK(1)", "", "letters"),
        ("", "", "missing"),
        ("\u200b \u00a0", "DE", "missing"),
        ("+", "", "not a telephone number"),
        ("9" * 1_000_000, "DE", "too long"),
    ],
)
def test_a_refusal_says_what_is_wrong(value: str, country: str, words: str) -> None:
    """Damaged, fused, short, long and foreign-looking values each get their own sentence."""
    reason = refusal(value, country)

    assert words in reason
    assert reason.endswith((".", "?"))


@pytest.mark.parametrize(("old", "new"), [("+5215512345678", "+525512345678"), ("+551187654321", "+5511987654321")])
def test_numbers_from_before_a_renumbering_get_a_suggestion(old: str, new: str) -> None:
    """Mexico's former 1 and Brazil's ninth digit are suggested, never changed silently."""
    assert f"Did you mean {new}?" in refusal(old)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+4915123456789", 1),
        ("015123456789", 0.5),
        ("9.19877E+11", 0.5),
        ("919876543210", 0.9),
        ("2024-01-15", 0),
        ("3", 0),
        ("52.520008", 0),
    ],
)
def test_resemblance_tells_numbers_from_other_digits(value: str, expected: float) -> None:
    """Dates, coordinates and counts do not look like telephone numbers; damaged ones do."""
    assert expected == phone.resemblance(value, "")


@given(st.text() | st.text("0123456789+-(). E/"), st.sampled_from(["", "DE", "US", "BR", "IN"]))
def test_any_text_is_a_number_or_a_reason(value: str, country: str) -> None:
    """Whatever is in a cell: E.164 that stays itself when read again, or InvalidNumber."""
    try:
        number = phone.normalise(value, country)
    except errors.InvalidNumber as error:
        assert str(error)
    else:
        assert number == phone.normalise(number, "")


@pytest.mark.parametrize(
    "cell",
    [
        lambda size: "1" * size + "x",
        lambda size: "(" * size,
        lambda size: " " * size + "+",
        lambda size: "1 " * (size // 2),
        lambda size: "1" + " " * size + "1",
        lambda size: "1" + " " * size + "x",
        lambda size: "1" + " " * (size // 100) + "x",
    ],
)
def test_a_huge_cell_is_refused_at_once(cell: Callable[[int], str]) -> None:
    """No pattern takes longer than in proportion to the cell."""
    refusal(cell(200_000), "DE")

    assert growth.in_proportion(lambda value: refusal(value, "DE"), cell, 25_000)
