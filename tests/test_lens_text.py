"""Attention of a GPT with random weights: against transformers, its papers, and its own effects."""

from functools import cache

import numpy as np
import pytest
import scipy.stats
import torch

from dlcore.bpe import Piece, train_bpe
from dlcore.gpt import GPT, Shape
from dlcore.gpt_published import from_gpt2
from dlcore.lens_text import (
    LOOKS,
    MOST_TOKENS_SHOWN,
    CausalReader,
    LensError,
    Reading,
    average,
    between_pieces,
    change,
    honesty,
    leaving_out,
    left_out,
    likeliest,
    looked_at,
    ranks,
    read_text,
    rollout,
    spearman,
)
from dlcore.torchvision_mend import import_transformers

TEXT = "Trăm năm 🙂 trong cõi"


@cache
def reader() -> CausalReader:
    """A GPT that knows nothing, and looks at some tokens much more than at others."""
    tokenizer = train_bpe("Trăm năm trong cõi người ta, chữ tài chữ mệnh" * 3, 266)
    torch.manual_seed(0)
    model = GPT(Shape(len(tokenizer), 200, layers=3, heads=4, width=32)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.data *= 8
    return CausalReader(model.requires_grad_(False), tokenizer, tokenizer.encode("\n"))


@cache
def reading() -> Reading:
    return read_text(reader(), TEXT)


def test_the_weights_are_those_that_transformers_returns() -> None:
    transformers = import_transformers()
    config = transformers.GPT2Config(vocab_size=300, n_positions=64, n_embd=32, n_layer=3, n_head=4)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    mine = CausalReader(from_gpt2(theirs.state_dict(), heads=4), reader().tokenizer)
    ids = torch.tensor([[*mine.encode(TEXT)]])
    with torch.no_grad():
        weights, answer = mine.read(ids)
        out = theirs(ids, output_attentions=True)
    assert weights is not None
    torch.testing.assert_close(weights, torch.stack(out.attentions), atol=1e-5, rtol=0)
    torch.testing.assert_close(answer, out.logits[:, -1].softmax(dim=1), atol=1e-5, rtol=0)


def test_a_character_of_several_tokens_is_one_piece() -> None:
    read = reading()
    assert "".join(piece.text for piece in read.pieces) == "\n" + TEXT
    assert "�" not in "".join(piece.text for piece in read.pieces)
    smile = next(piece for piece in read.pieces if "🙂" in piece.text)
    assert len(smile.ids) >= 4
    assert read.weights.shape == (3, 4, len(read.ids), len(read.ids))
    assert read.shown.shape == (3, 4, len(read.pieces), len(read.pieces))
    np.testing.assert_allclose(read.shown.sum(axis=-1), 1, atol=1e-5)
    assert not np.triu(read.shown, 1).any()
    assert not read.candidates[0] and not read.candidates[-1] and all(read.candidates[1:-1])


def test_pieces_add_up_what_they_get_and_average_what_they_give() -> None:
    weights = np.arange(9, dtype=np.float32).reshape(3, 3)
    pieces = [Piece("a", (0,)), Piece("é", (1, 2))]
    assert between_pieces(weights, pieces).tolist() == [[0, 3], [4.5, 12]]
    alone = [Piece(c, (n,)) for n, c in enumerate("abc")]
    assert np.array_equal(between_pieces(weights, alone), weights)


def test_rollout_is_the_papers() -> None:
    weights = reading().weights
    expected = np.eye(weights.shape[-1])
    for n, layer in enumerate(weights.astype(np.float64)):
        residual = 0.5 * layer.mean(axis=0) + 0.5 * np.eye(len(expected))
        expected = residual @ expected
        np.testing.assert_allclose(rollout(weights)[n], expected, atol=1e-5)
    np.testing.assert_allclose(rollout(weights).sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(average(weights), weights.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(average(weights, 1), weights[1].mean(axis=0), atol=1e-6)


@torch.no_grad()
def test_an_effect_is_what_the_answer_changes_without_the_piece() -> None:
    read, model = reading(), reader().model
    effects = left_out(reader(), read)
    assert np.isnan(effects).tolist() == [not may for may in read.candidates]
    whole = model(torch.tensor([read.ids])).logits[0, -1].log_softmax(dim=0)
    for n, piece in enumerate(read.pieces):
        if read.candidates[n]:
            rest = [i for m, other in enumerate(read.pieces) for i in other.ids if m != n]
            without = model(torch.tensor([rest])).logits[0, -1].log_softmax(dim=0)
            expected = (whole.exp() * (whole - without)).sum().item()
            assert effects[n] == pytest.approx(expected, rel=1e-3, abs=1e-5), piece
    assert np.nanmax(effects) > 1e-3


def test_leaving_out_tells_how_far_it_is() -> None:
    read = read_text(reader(), TEXT * 5)  # more than are read together
    begun, *going_on, done = leaving_out(reader(), read)
    assert np.isnan(begun).all() and len(going_on) > 3
    known = [int(np.isfinite(effects).sum()) for effects in (begun, *going_on, done)]
    assert known == sorted(set(known)) and known[-1] == sum(read.candidates)
    np.testing.assert_array_equal(done, left_out(reader(), read))


def test_both_rankings_and_their_correlation_are_scipys() -> None:
    read = reading()
    effects = left_out(reader(), read)
    for how in LOOKS:
        found = honesty(reader(), read, how=how, layer=2, head=1, effects=effects)
        attention = looked_at(read, how, layer=2, head=1)[found.places]
        assert np.array_equal(found.attention, attention)
        assert found.attention_rank.tolist() == scipy.stats.rankdata(-attention).tolist()
        expected = scipy.stats.spearmanr(attention, effects[found.places]).statistic
        assert found.correlation == pytest.approx(expected)
    assert np.array_equal(looked_at(read, "head", layer=2, head=1), read.shown[2, 1, -1])
    with pytest.raises(ValueError, match="how must be"):
        looked_at(read, "gradient")


def test_ranks_with_equals_are_scipys_and_nothing_to_rank_is_no_correlation() -> None:
    a, b = np.array([3.0, 1, 3, 2, 1, 1]), np.array([1.0, 2, 2, 5, 0, 1])
    assert ranks(a).tolist() == scipy.stats.rankdata(a).tolist()
    assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)
    assert spearman(a, np.ones(6)) is None
    assert spearman(np.zeros(0), np.zeros(0)) is None
    alone = honesty(reader(), read_text(reader(), "T"))
    assert alone.correlation is None and len(alone.places) == 0


def test_a_muted_head_goes_on_looking_and_changes_the_answer() -> None:
    read, muted = reading(), read_text(reader(), TEXT, muted=[(0, 1)])
    assert np.array_equal(muted.weights[0], read.weights[0])
    assert not np.allclose(muted.weights[1:], read.weights[1:])
    assert change(reader(), read.answer, muted.answer) > 0
    assert change(reader(), read.answer, read.answer) == pytest.approx(0, abs=1e-6)
    every = [(layer, head) for layer in range(3) for head in range(4)]
    first, second = (read_text(reader(), text, muted=every) for text in ("x T", "y T"))
    assert len(first.ids) == len(second.ids)
    np.testing.assert_allclose(first.answer, second.answer, atol=1e-6)  # who hears nobody
    best = likeliest(reader(), read.answer, 3)
    assert [p for _, p in best] == sorted(read.answer.tolist(), reverse=True)[:3]
    every_name = [name for name, _ in likeliest(reader(), read.answer, len(read.answer))]
    assert "\ufffd" not in "".join(every_name)  # 256 of them are single bytes
    assert any(name.startswith("‹") for name in every_name)


class Meaning(CausalReader):
    """A reader whose answer is a vector, with a token of its own at either end."""

    answers, tail = "meaning", 1

    def encode(self, text: str) -> list[int]:
        return [*super().encode(text), *self._lead]

    def read(self, ids, muted=(), keep=True):
        weights, answer = super().read(ids, muted, keep)
        return weights, answer / answer.norm(dim=1, keepdim=True)


def test_a_reader_that_answers_with_a_vector_is_asked_as_a_whole() -> None:
    meaning = Meaning(reader().model, reader().tokenizer, reader()._lead)
    read = read_text(meaning, TEXT)
    assert read.asker is None and not read.candidates[0] and not read.candidates[-1]
    found = honesty(meaning, read)
    np.testing.assert_allclose(looked_at(read), average(read.shown).mean(axis=0), atol=1e-6)
    assert found.correlation is not None and (found.effect >= 0).all()
    assert likeliest(meaning, read.answer) == []
    half = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert change(meaning, *half) == 1 and change(meaning, half[0], half[0]) == 0


@pytest.mark.parametrize(
    "text", ["مرحبا", "👩‍👩‍👧", "a\u0301\u0302", "<b>x</b>", "\x00\x1b", "\ud800"]
)
def test_any_text_is_read(text: str) -> None:
    read = read_text(reader(), text)
    assert np.isfinite(read.weights).all() and np.isfinite(read.answer).all()


@pytest.mark.parametrize(
    "text, key",
    [("", "empty"), (" \n", "empty"), ("x" * 150, "long"), ("a " * 5 * 10**5, "far_too_long")],
)
def test_too_little_and_too_much_is_refused(text: str, key: str) -> None:
    with pytest.raises(LensError) as caught:
        read_text(reader(), text)
    assert caught.value.key == key
    if key != "empty":
        count = {"count": 151} if key == "long" else {}
        assert caught.value.values == {"most": MOST_TOKENS_SHOWN, **count}
    assert len(read_text(reader(), "x" * 127).ids) == MOST_TOKENS_SHOWN
