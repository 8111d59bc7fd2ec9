"""Large JSON is read piece by piece: what comes of it is what the parser makes of the whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as some

from daemon.formats import json_pieces

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda each: some.lists(each, max_size=6) | some.dictionaries(some.text(max_size=4), each, max_size=4),
    max_leaves=30,
)


def outcome(parse: Any, data: bytes) -> Any:
    try:
        return parse(data)
    except ValueError:
        return ValueError


@pytest.fixture(params=[1, 9, 40])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that most values are cut by it."""
    monkeypatch.setattr(json_pieces, "WINDOW", request.param)


@pytest.mark.usefixtures("window")
@limits(max_examples=40)
@given(value=VALUES, spaces=some.booleans(), ascii=some.booleans())
def test_it_reads_what_was_written(value: Any, spaces: bool, ascii: bool) -> None:
    text = json.dumps(value, indent=1 if spaces else None, ensure_ascii=ascii).encode(errors="replace")
    assert json_pieces.whole(text) == json_pieces.parse(text)


@pytest.mark.usefixtures("window")
@limits(max_examples=40)
@given(
    value=VALUES,
    at=some.integers(0, 200),
    put=some.sampled_from(list('[]{}",:\\ 1e-nN\n\x00é')),
    cut=some.integers(0, 3),
)
def test_what_is_broken_is_refused_as_the_parser_does(value: Any, at: int, put: str, cut: int) -> None:
    """Whatever stands in the wrong place."""
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    broken = text[:at] + put.encode() + text[at + cut :]
    assert outcome(json_pieces.whole, broken) == outcome(json_pieces.parse, broken)


@pytest.mark.parametrize(
    "text",
    ["", " ", "[", "{", "[1,]", "[,1]", '{"a":1,}', '{"a"}', "[1 2]", "[1]]", "[1}", '"a', "NaN", "[Infinity]", "-",
     "[1,-Infinity]", '["\\ud800"]', "9" * 5_000, "tru", '{"a":[}]', "[" * 300 + "]" * 300, "{1:2}", '["a":1]',
     "\ufeff1"],
)  # fmt: skip
def test_what_is_no_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "WINDOW", 4)
    assert ValueError is outcome(json_pieces.whole, text.encode())
    assert ValueError is outcome(json_pieces.parse, text.encode())


@given(value=VALUES)
def test_what_is_written_in_pieces_is_what_is_written_at_once(value: Any) -> None:
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")) == json_pieces.write(value)


@pytest.mark.parametrize(
    "value", [list(range(3_500)), [["a", [[1, {"b": [2]}]] * 2_001], []], {"a": [1] * 2_000}, [(1, 2)] * 1_001, [""]]
)
def test_long_lists_are_written_in_pieces(value: Any) -> None:
    assert json.dumps(value, separators=(",", ":")) == json_pieces.write(value)


def test_the_place_is_told() -> None:
    data = b'{"numbers":[' + b'"+4915110000000",' * 20_000 + b"1 2]}"
    with pytest.raises(ValueError, match=rf"a comma or \] is missing near byte {data.index(b' 2') + 2:,}"):
        json_pieces.parse(data)


@pytest.mark.parametrize(
    "entry", [b"[]", b"[[[[]]]]", b'{"number":"+4915110000000","name":"M\xc3\xbcller"}', b'"+4915110000000"', b"1"]
)
def test_no_piece_is_large(entry: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds other threads up: a window of empty lists takes some 10 ms, and nothing is slower to make."""
    whole, sizes = json_pieces.whole, []

    def measured(data: bytes) -> Any:
        sizes.append(len(data))
        return whole(data)

    monkeypatch.setattr(json_pieces, "whole", measured)
    data = b'{"numbers":[' + b",".join([entry] * 60_000) + b'],"recipients":{' + b'"a":1,' * 60_000 + b'"b":2}}'
    assert json.loads(data) == json_pieces.parse(data)
    assert max(sizes) <= json_pieces.WINDOW + 2
    assert len(sizes) < 400_000
