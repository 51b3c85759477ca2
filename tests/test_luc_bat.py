"""The rules of lục bát, on lines that everybody knows, and on lines that break one rule each."""

import pytest

from dlcore.luc_bat import (
    LEVEL,
    SHARP,
    has_grave,
    read_couplets,
    read_verse,
    rhyme,
    rhymes,
    score,
    syllables,
    tone,
)

KIEU = """Trăm năm trong cõi người ta,
Chữ tài chữ mệnh khéo là ghét nhau.
Trải qua một cuộc bể dâu,
Những điều trông thấy mà đau đớn lòng.
Lạ gì bỉ sắc tư phong,
Trời xanh quen thói má hồng đánh ghen.
"""


@pytest.mark.parametrize("word", ["ta", "là", "TRƯỜI", "Êm", "ngoài", "khuya", "a\u0300"])
def test_level_tones(word: str) -> None:
    assert tone(word) == LEVEL


@pytest.mark.parametrize("word", ["má", "cõi", "bể", "mệnh", "Ấy", "cho\u0323"])
def test_sharp_tones(word: str) -> None:
    assert tone(word) == SHARP


def test_the_two_level_tones() -> None:
    assert has_grave("là") and has_grave("người") and not has_grave("nhau")


def test_syllables_leave_punctuation_out() -> None:
    assert syllables("Sông Tương một dải nông sờ, — (bên) trông!") == [
        "Sông", "Tương", "một", "dải", "nông", "sờ", "bên", "trông",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word, expected",
    [("ta", ("a", "")), ("là", ("a", "")), ("nhau", ("a", "u")), ("hoàng", ("a", "ng")),
     ("người", ("ươ", "i")), ("quên", ("ê", "n")), ("giờ", ("ơ", "")), ("gì", ("i", "")),
     ("nghiêng", ("iê", "ng")), ("thuyền", ("yê", "n")), ("anh", ("a", "nh"))],
)  # fmt: skip
def test_what_rhymes(word: str, expected: tuple[str, str]) -> None:
    assert rhyme(word) == expected


@pytest.mark.parametrize("pair", ["ta là", "nhau dâu", "dâu đau", "lòng phong", "phong hồng",
                                  "mình lành", "rồi người", "hoa nhà", "duyên thiền"])  # fmt: skip
def test_kindred_vowels_rhyme(pair: str) -> None:
    assert rhymes(*pair.split())


@pytest.mark.parametrize("pair", ["ta tan", "nhau lòng", "xanh xang", "đi đa", "em om"])
def test_others_do_not(pair: str) -> None:
    assert not rhymes(*pair.split())


def test_the_opening_of_kieu_is_perfect() -> None:
    couplets = read_couplets(KIEU)
    result = score(couplets)
    assert result.couplets == 3
    assert (result.counted, result.level, result.tones) == (1, 1, 1)
    assert (result.rhymed, result.linked, result.turned) == (1, 1, 1)
    assert couplets[0].linked is None and couplets[1].linked is True
    assert couplets[0].six.tones == {2: True, 4: True, 6: True}


def test_a_rule_broken_is_a_rule_broken() -> None:
    six, eight = KIEU.splitlines()[:2]
    count = read_couplets(f"{six} rồi\n{eight}")[0]
    assert not count.counted and count.level and count.rhymed
    sharp = read_couplets(f"{six.replace('ta', 'tá')}\n{eight}")[0]
    assert sharp.counted and not sharp.level
    inner = read_couplets(f"{six.replace('năm', 'tháng')}\n{eight}")[0]
    assert inner.level and not inner.six.tones[2]
    deaf = read_couplets(f"{six}\n{eight.replace('là', 'mình')}")[0]
    assert deaf.level and not deaf.rhymed
    flat = read_couplets(f"{six}\n{eight.replace('là', 'ta')}")[0]
    assert flat.rhymed and not flat.turned


def test_a_line_too_short_is_wrong_where_it_ends() -> None:
    verse = read_verse("Trăm năm", 6)
    assert not verse.counted and not verse.level
    assert verse.tones == {2: True, 4: False, 6: False}


@pytest.mark.parametrize("text", ["", "\n\n", "một dòng", "!!!\n???", "مرحبا\n\n👧"])
def test_any_text_may_be_asked_about(text: str) -> None:
    assert read_couplets(text) == []
    with pytest.raises(ValueError):
        score([])


def test_empty_lines_and_windows_line_ends_do_not_count() -> None:
    assert score(read_couplets(KIEU.replace("\n", "\r\n\r\n"))).linked == 1
