"""The code of a collection: what comes back is what went in, and nonsense is refused."""

import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.ui.common.collection import LONGEST, LONGEST_TEXT, MOST, PAGES, Pin, decode, encode

parameters = st.dictionaries(
    st.text(min_size=1, max_size=10), st.lists(st.text(max_size=20), min_size=1, max_size=3),
    max_size=5,
)  # fmt: skip
pins = st.builds(
    lambda pin, caption: replace(pin, caption=caption),
    st.builds(Pin.of, st.sampled_from(PAGES), parameters, st.text(max_size=20)),
    st.text(max_size=10),
)


def packed(text: bytes) -> str:
    return urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")


@settings(max_examples=settings().max_examples // 3)
@given(st.lists(pins, min_size=1, max_size=6, unique=True))
def test_a_collection_comes_back_from_its_code(held):
    code = encode(held)
    assert code.replace("-", "").replace("_", "").isalnum()
    assert decode(code) == held


@settings(max_examples=settings().max_examples // 3)
@given(st.sampled_from(PAGES), parameters, st.text(max_size=20))
def test_a_pin_keeps_its_parameters(page, view, name):
    pin = Pin.read(str(Pin.of(page, view, name)))
    assert pin.view == view
    assert pin.is_of(name)


@settings(max_examples=settings().max_examples // 3)
@given(st.text(max_size=200) | st.binary(max_size=200).map(packed))
def test_what_is_no_code_is_refused_or_holds_pins(code):
    try:
        held = decode(code)
    except InputError:
        return
    assert held
    assert all(pin.page in PAGES for pin in held)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"data?#",
        b"../gene?#",
        b"gene?gene=TP53",
        b"gene?gene=a b#",
        b"gene?#12345678#",
        b"gene?#1234567G",
        b"gene?#12345678~<b>",
        b"javascript:alert(1)?#",
        b"gene?" + b"&".join(b"a=1" for _ in range(100)) + b"#",
        "gene?gene=Ä#".encode(),
        b"gene?gene=TP53#\n\ngene?gene=MYC#",
    ],
)
def test_hostile_texts_are_refused(text):
    with pytest.raises(InputError, match="no readable collection"):
        decode(packed(text))


def test_a_code_that_was_cut_off_is_refused():
    code = encode([Pin.of("gene", {"gene": ["TP53"]})])
    for end in range(len(code) - 1):
        with pytest.raises(InputError, match="cut off"):
            decode(code[:end])


def test_long_codes_and_large_contents_are_refused():
    bomb = packed(b"gene?gene=" + b"A" * 100 * LONGEST_TEXT + b"#")
    assert len(bomb) > LONGEST
    for code in (bomb, packed(b"gene?gene=" + b"A" * LONGEST_TEXT + b"#")):
        with pytest.raises(InputError):
            decode(code)


def test_no_more_are_taken_than_a_collection_holds():
    every = [Pin.of("gene", {"gene": [f"KD{number}"]}) for number in range(2 * MOST)]
    assert decode(encode(every)) == every[:MOST]
