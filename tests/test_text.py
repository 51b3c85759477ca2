"""Words and their numbers: tokens, spellings, roots, vocabularies."""

import unicodedata

import pytest

from dlcore.text import PAD, UNKNOWN, Vocabulary, bare, key, learn_vocabulary, root, tokens


def test_tokens_are_syllables_or_what_stands_between_spaces() -> None:
    text = "Không hề tệ, giá 50.000đ: don’t worry :) 👍"
    assert tokens(text) == [
        "Không", "hề", "tệ", "giá", "50", "000đ", "don’t", "worry", ":)", "👍"
    ]  # fmt: skip
    assert tokens(text, "word")[:3] == ["Không", "hề", "tệ,"]
    decomposed = unicodedata.normalize("NFD", text)
    assert tokens(decomposed) == tokens(text)


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("Hoà", "hòa"), ("thuý", "thúy"), ("quý", "quý"), ("khoẻ", "khỏe"), ("KO", "không"),
        ("đc", "được"), ("hayyyy", "hay"), ("xoong", "xoong"), ("2024", "0"), ("5", "5"),
        ("10", "10"), ("don’t", "don't"), ("toàn", "toàn"), ("toán", "toán"),
    ],
)  # fmt: skip
def test_spellings_of_one_word_share_a_key(typed: str, meant: str) -> None:
    assert key(typed) == meant


def test_without_diacritics_a_word_is_its_bare_letters() -> None:
    assert bare("Đường đến lớp Không hề tệ") == "Duong den lop Khong he te"
    assert key("Dở", diacritics=False) == key("do") == "do"


def test_a_vocabulary_counts_words_and_pairs_and_survives_its_bytes() -> None:
    texts = ["thất vọng quá", "quá thất vọng", "Quá hay"]
    known = learn_vocabulary(texts, least_pair=2)
    assert known.words[2:] == ("quá", "thất", "vọng", "hay", "thất vọng")
    assert known.encode("hay quá trời") == [5, 2, UNKNOWN]
    assert known.encode_pairs("thật thất vọng") == [PAD, PAD, 6]
    assert known.encode("") == [UNKNOWN] and known.encode_pairs("") == [PAD]
    again = Vocabulary.from_bytes(known.to_bytes(), split="syllable", diacritics=True)
    assert again == known and again.number == known.number
    assert len(learn_vocabulary(texts, least=3)) == 3


def test_roots_are_what_kin_share() -> None:
    assert root("disappointing") == root("disappointed") == "disap-"
    assert root("dở") == "do-" and root("do") == "" and root("good") == ""
    known = learn_vocabulary(["a disappointing end", "dở"], roots=True)
    assert known.encode("disappointed") == [UNKNOWN]
    assert known.encode_roots("disappointed dở end x") == [
        known.number["disap-"], known.number["do-"], PAD, PAD
    ]  # fmt: skip
    assert learn_vocabulary(["disappointing"]).encode_roots("disappointed") == [PAD]
    assert known.encode_roots("") == [PAD]
