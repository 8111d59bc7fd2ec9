"""Text in eight bits: read right, or told to be a guess; never wrong and sure of it."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList, Said
from daemon.formats import encodings
from tests.support.contacts import read

# Each line is a file of its own, its names separated by commas.
RIGHT = {
    "cp1252": ["José,Zoë,Müller", "François,Renée", "Søren,Jürgen", "Peña,Muñoz", "Conceição", "L’Oréal"],
    "cp1250": ["Łukasz,Małgorzata", "Dvořák,Štěpán", "Ştefan"],
    "cp1251": ["Иван Петров", "Анна", "Мария Сергеевна,Ольга", "ИВАНОВ"],
    "cp1253": ["Γιώργος Παπαδόπουλος", "Μαρία", "Ελένη,Κώστας"],
    "cp1254": ["Şükrü", "Gülşen,İbrahim,Oğuz", "Ayşe Yılmaz,Mehmet Öztürk,Yiğit"],
    "cp1255": ["דנה לוי,משה כהן,רות ישראלי", "רות", "שרה אברהם"],
    "cp1256": ["محمد علي", "فاطمة,أحمد", "نور الدين"],
    "cp1257": ["Jānis Bērziņš", "Jānis Bērziņš,Pēteris,Līga,Žanis", "Kęstutis,Jūratė"],
    "cp874": ["สมชาย ใจดี", "สมหญิง", "วิชัย,มานี"],
    "gb18030": ["张伟,王芳", "李娜", "陈静,北京", "王芳,刘洋"],
    "big5": ["陳大文,王小明", "林志玲", "黃美麗"],
    "cp932": ["田中太郎,さくら", "山田 花子", "タナカ"],
    "cp949": ["김민수,이영희", "박지성", "최수진,정우성"],
    "mac_roman": ["José,Zoë,Müller", "François", "Núñez", "Renée"],
    "cp850": ["José,Zoë,Müller", "Núñez", "JOSÉ MUÑOZ", "Renée", "Jürgen"],
    "cp866": ["Иван Петров", "Анна,Ольга", "Сергей"],
    "koi8_r": ["Иван Петров", "Анна,Ольга", "Сергей"],
}
# What two encodings make good names of: asked about.
DOUBTFUL = {
    "cp1250": ["Zieliński"],
    "cp1254": ["Oğuz"],
    "cp1257": ["Žydrūnas"],
    "euc_jp": ["田中太郎"],
    "gb18030": ["刘洋"],
    "mac_roman": ["Jürgen"],
    "cp852": ["Łukasz,Dvořák"],
}
LONG = (
    "José García,María Muñoz,Peña,Nuñez,Iñaki,Begoña,Ángel,Íñigo,Jesús,Ramírez,Fernández,López,González,Rodríguez,"
    "Sánchez,Pérez,Gómez,Martín,Jiménez,Hernández,Díaz,Álvarez"
)


def table(names: str, encoding: str) -> bytes:
    lines = [f"{name};+1202555{n:04}" for n, name in enumerate(names.split(","), 100)]
    return "\n".join(["name;phone", *lines]).encode(encoding)


def names_of(found: ContactList) -> str:
    return ",".join(each.fields["name"] for each in found.contacts)


def lines(cases: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(encoding, names) for encoding, every in cases.items() for names in every]


@pytest.mark.parametrize(("encoding", "names"), lines(RIGHT))
def test_a_short_list_comes_out_right(encoding, names):
    """However few names there are."""
    assert names == names_of(read(table(names, encoding)))


@pytest.mark.parametrize(("encoding", "names"), lines(DOUBTFUL))
def test_what_could_be_two_encodings_is_told(encoding, names):
    """It may be wrong then, but says that it is a guess; with the encoding it is right."""
    data = table(names, encoding)
    found = read(data)
    assert not found.encoding_sure
    said = importer.read(data, "list.csv", "", said=Said(encoding=encoding)) if encoding != "euc_jp" else None
    assert said is None or (names, True) == (names_of(said), said.encoding_sure)


def test_many_words_make_sure():
    """Nobody is asked about an ordinary list."""
    found = read(table(LONG, "cp1252"))
    assert (LONG, "cp1252", True) == (names_of(found), found.encoding, found.encoding_sure)


@pytest.mark.parametrize("names", ["Rückruf", "Müller1,Müller2", "Jürgen Bäcker"])
def test_a_few_ordinary_words_make_sure_too(names):
    """Where no other encoding makes words of them: nobody is asked about each German list."""
    assert read(table(names, "cp1252")).encoding_sure


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "ascii"])
def test_what_is_certain_is_sure(encoding):
    """A mark at the beginning, zeros between, or UTF-8, which nothing else looks like."""
    found = read(table("Zoe" if encoding == "ascii" else "Zoë", encoding))
    assert found.encoding_sure and found.encoding is not None and found.encoding.startswith("utf-")


@pytest.mark.parametrize("name", ["cp850", "CP850", "ibm850", " cp850 "])
def test_an_encoding_is_known_by_its_names(name):
    """However programs write it; what is none is refused with those that there are."""
    assert "José" == names_of(importer.read(table("José", "cp850"), "list.csv", "", said=Said(encoding=name)))


def test_an_encoding_that_does_not_fit_is_refused():
    """Not read with holes; nor one that nobody knows."""
    with pytest.raises(errors.UnreadableFile, match="not in the encoding utf-8: choose another one"):
        importer.read(table("José", "cp850"), "list.csv", "", said=Said(encoding="utf-8"))
    with pytest.raises(errors.InvalidInput, match="no encoding 'klingon' to choose: use one of utf-8"):
        importer.read(table("José", "cp850"), "list.csv", "", said=Said(encoding="klingon"))


def test_every_choice_can_be_read():
    """Python knows each of them, and each is known by its own name."""
    for encoding in encodings.CHOICES:
        assert encoding == encodings.known(encoding)
        assert "Ann" == "Ann".encode(encoding).decode(encoding)


def test_a_large_file_is_judged_by_a_part_of_it():
    """In time that does not grow with it."""
    assert encodings.guess(table("José,Zoë,Müller", "mac_roman") * 100_000) == encodings.Guess("mac_roman", True)


def test_no_text_at_all_is_no_crash():
    """Whatever bytes come."""
    for data in (b"\xff", bytes(range(128, 256)) * 3, b"\x81\x8d\x8f\x90\x9d", b"\xe9" * 5_000):
        assert encodings.guess(data).encoding in encodings.CHOICES
