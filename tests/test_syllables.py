"""Vietnamese syllables in halves: what rhymes ends in the same token, and no text is lost."""

import pytest

from dlcore.syllables import Syllables, halves, put_tone, train_syllables
from dlcore.tokenizers import tokenizer_from_bytes
from tests.test_bpe import HARD, VERSE


@pytest.fixture(scope="module")
def syllables() -> Syllables:
    return train_syllables(VERSE + "trời ơi rồi nguyền tròng trong oán hoa\n", 1000)


@pytest.mark.parametrize("text", [*HARD, VERSE, "a\ud800b"])
def test_any_text_comes_back(text: str, syllables: Syllables) -> None:
    ids = syllables.encode(text)
    assert syllables.decode(ids) == text.replace("\ud800", "?")
    pieces = syllables.pieces(ids)
    assert "".join(piece.text for piece in pieces) == text.replace("\ud800", "?")
    assert [i for piece in pieces for i in piece.ids] == ids


@pytest.mark.parametrize(
    "word, onset, rhyme",
    [("trời", "tr\u0300", "ơi"), (" người", " ng\u0300", "ươi"), ("giếng", "gi\u0301", "êng"),
     ("gì", "g\u0300", "i"), ("quý", "qu\u0301", "y"), ("nghiêng", "ngh", "iêng"),
     (" ở", " \u0309", "ơ"), ("Khuya", "Kh", "uya"), ("hòa", "h\u0300", "oa"),
     ("oán", "\u0301", "oan"), ("xoài", "x\u0300", "oai"), ("nguyễn", "ng\u0303", "uyên"),
     ("chữ", "ch\u0303", "ư"), ("mẹ", "m\u0323", "e")],
)  # fmt: skip
def test_onset_with_its_tone_and_rhyme_without(word: str, onset: str, rhyme: str) -> None:
    first, second = halves(word)
    marks = dict(zip(b"\xf9\xfa\xfb\xfc\xfd", "\u0300\u0301\u0309\u0303\u0323", strict=True))
    written = first[:-1].decode() + marks[first[-1]] if first[-1] in marks else first.decode()
    assert (written, second.decode()) == (onset, rhyme)


def test_syllables_that_rhyme_end_alike(syllables: Syllables) -> None:
    ends = {syllables.encode(word)[-1] for word in ("trời", " ơi", "rồi")}
    assert len(ends) == 2  # "ơi" twice, "ôi" once
    assert syllables.encode(" tròng")[-1] == syllables.encode(" trong")[-1]
    assert len(syllables.encode(" tròng")) == 2


@pytest.mark.parametrize("word", ["hoà", "hello", "xyz", "ngngg", "12", "tròòng", "ươ\u0300"])
def test_what_is_no_syllable_or_written_otherwise_has_no_halves(word: str) -> None:
    assert halves(word) == [] or put_tone(halves(word)[-1].decode(), "") in word


def test_a_tone_without_a_rhyme_is_left_out_but_shown(syllables: Syllables) -> None:
    (onset, _) = syllables.encode("trời")
    assert syllables.decode([onset]) == "tr"
    assert [piece.text for piece in syllables.pieces([onset])] == ["tr`"]
    assert (syllables.name(onset), syllables.name(0xC3), syllables.name(0x61)) == (
        "tr`",
        "‹C3›",
        "a",
    )
    (comma,) = syllables.encode(",")
    assert syllables.decode([onset, comma]) == "tr,"


def test_the_most_frequent_halves_are_known() -> None:
    few = train_syllables("ta ta ta ta mà mà đi", 258)
    assert len(few) == 258 and set(few.halves) == {b"a", b" t"}
    assert few.decode(few.encode("ta mà đi")) == "ta mà đi"
    assert len(train_syllables("", 300)) == 256


def test_kept_in_bytes(syllables: Syllables) -> None:
    assert tokenizer_from_bytes(syllables.to_bytes()) == syllables
