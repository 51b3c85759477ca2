"""Attention by hand: equal to torch's, every number explained by others, entropy as measured."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.attention import MultiHeadAttention
from dlcore.attention_hand import (
    EDIT,
    LONGEST_WORD,
    MASKS,
    MOST_WORDS,
    Arithmetic,
    HandConfig,
    arithmetic,
    by_hand,
    entropy_by_width,
    make_mask,
    order_effect,
    shuffle,
    word_vector,
    words_of,
)
from dlcore.attention_heads import compare, faults, from_torch, to_torch
from dlcore.settings import SettingError
from dlcore.text import TextError

WORDS = words_of("con mèo đuổi con chuột vì nó đói")
CUSTOM = np.eye(8, dtype=bool)
CUSTOM[3] = False  # a token that may see nothing
CUSTOM[5, :3] = True


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("padding", [2, 12])
def test_the_numbers_are_torchs(kind: str, scale: bool, padding: int) -> None:
    config = HandConfig(mask=kind, scale=scale, padding=padding)
    hand = by_hand(WORDS, config, custom=CUSTOM)
    assert hand.difference <= 1e-6
    arrays = {name: value for name, value in vars(hand).items() if isinstance(value, np.ndarray)}
    assert len(arrays) == 15 and all(np.isfinite(value).all() for value in arrays.values())
    sees = hand.mask.any(axis=1)
    np.testing.assert_allclose(hand.weights.sum(axis=1), sees, atol=1e-6)
    assert not hand.weights[~hand.mask].any() and not hand.output[~sees].any()
    assert (hand.entropy >= 0).all() and not hand.entropy[~sees].any()
    most = np.log(np.maximum(hand.mask.sum(axis=1), 1))
    assert (hand.entropy <= most + 1e-6).all()


@pytest.mark.parametrize("scale", [True, False])
def test_they_are_torchs_for_vectors_of_every_length(scale: bool) -> None:
    words = words_of("một hai ba bốn năm sáu bảy tám chín mười mười_một mười_hai")
    for width in range(1, 65):
        for seed in (0, 1):
            assert by_hand(words, HandConfig(d_k=width, scale=scale, seed=seed)).difference <= 1e-9


def test_the_masks_are_what_they_are_called() -> None:
    assert make_mask("none", 4).all()
    assert make_mask("causal", 3).tolist() == [
        [True, False, False],
        [True, True, False],
        [True] * 3,
    ]
    assert make_mask("padding", 4, padding=1)[2].tolist() == [True, True, True, False]
    assert not make_mask("padding", 4, padding=9).any()
    assert np.array_equal(make_mask("custom", 8, custom=CUSTOM), CUSTOM)
    for bad in (CUSTOM[:4], CUSTOM.astype(float)):
        with pytest.raises(SettingError):
            make_mask("custom", 8, custom=bad)


def recomputed(how: Arithmetic) -> float:
    """What the terms make, computed in double precision."""
    left, right = how.left.astype(float), how.right.astype(float)
    if how.kind == "sum":
        return float(left @ right)
    if how.kind == "divide":
        return float(left[0] / right[0])
    if how.kind == "softmax":
        powers = np.exp(left - left.max())
        np.testing.assert_allclose(powers, how.products, rtol=1e-5)
        return float(powers[how.place] / powers.sum())
    assert how.kind == "hidden"
    return 0.0


@pytest.mark.parametrize("kind", ["none", "causal", "custom"])
def test_every_cell_is_what_its_terms_make(kind: str) -> None:
    hand = by_hand(WORDS, HandConfig(mask=kind), custom=CUSTOM)
    kinds = set()
    for name in ("inputs", "queries", "keys", "values", "scores", "scaled", "weights", "output"):
        matrix = getattr(hand, name)
        for row, column in np.ndindex(matrix.shape):
            how = arithmetic(hand, name, row, column)
            kinds.add(how.kind)
            assert how.value == matrix[row, column]
            assert recomputed(how) == pytest.approx(how.value, abs=2e-6)
    assert kinds == {"sum", "divide", "softmax"} | ({"hidden"} if kind != "none" else set())
    assert arithmetic(hand, "embeddings", 0, 0).kind == "drawn"
    for bad in (("mask", 0, 0), ("scores", 8, 0), ("scores", 0, -1)):
        with pytest.raises(SettingError):
            arithmetic(hand, *bad)


def test_a_dragged_query_moves_its_own_row_and_a_key_its_column() -> None:
    config = HandConfig(d_k=2)
    before = by_hand(WORDS, config)
    edits = {("query", 3): (1.0, -2.0)}
    after = by_hand(WORDS, config, edits=edits)
    changed = (before.scores != after.scores).any(axis=1)
    assert changed.tolist() == [n == 3 for n in range(8)]
    assert after.queries[3].tolist() == [1.0, -2.0] and after.difference <= 1e-6
    assert arithmetic(after, "queries", 3, 0, edits).kind == "given"
    assert arithmetic(after, "keys", 3, 0, edits).kind == "sum"
    key = by_hand(WORDS, config, edits={("key", 2): (0.0, 0.0)})
    assert not key.scores[:, 2].any()
    assert np.array_equal(np.delete(key.scores, 2, 1), np.delete(before.scores, 2, 1))
    for bad in ({("value", 0): (0.0, 0.0)}, {("key", 8): (0.0, 0.0)}, {("key", 0): (0.0,)},
                {("key", 0): (0.0, EDIT + 1)}, {("key", 0): (0.0, math.nan)}):  # fmt: skip
        with pytest.raises(SettingError):
            by_hand(WORDS, config, edits=bad)


def test_words_in_another_order_are_the_same_set_unless_they_have_positions() -> None:
    order = shuffle(WORDS, seed=4)
    assert sorted(order) == list(range(8)) != list(order)
    for mask in ("none", "causal"):
        without = order_effect(WORDS, order, HandConfig(positions="none", mask=mask))
        assert (without < 1e-5) == (mask == "none")  # who sees only the past sees an order
    assert order_effect(WORDS, order, HandConfig()) > 0.1
    hand = by_hand(WORDS, HandConfig(positions="none"))
    assert np.array_equal(hand.inputs[0], hand.inputs[3])  # "con", both times
    assert not torch.equal(word_vector("con", 16, 0), word_vector("con", 16, 1))


def test_scaling_keeps_the_look_wide_whatever_the_width() -> None:
    found = entropy_by_width(WORDS, HandConfig(), widths=(1, 4, 64), draws=12)
    assert found.most == pytest.approx(math.log(8))
    assert found.scaled[0] == pytest.approx(found.unscaled[0])  # √1
    assert found.scaled[2] > 0.85 * found.scaled[0]
    assert found.unscaled[2] < 0.4 * found.unscaled[1] < 0.4 * found.unscaled[0]
    assert found.spread[2] / found.spread[0] == pytest.approx(8, rel=0.25)  # √64


@pytest.mark.parametrize(
    "text",
    ["مرحبا بالعالم", "👩‍👩‍👧 🙂", "a\u0301\u0302 b", "<b>x</b> <script>", "x\x00y\x1bz\u202e"],
)
def test_any_text_is_words(text: str) -> None:
    words = words_of(text)
    assert words and all(word.isprintable() or "\u200d" in word for word in words)
    assert by_hand(words, HandConfig()).difference <= 1e-6


def test_text_that_is_too_little_or_too_much_is_refused() -> None:
    for text, key in (("", "empty"), (" \n\x00", "empty"), ("a " * 13, "long"), ("a " * 5 * 10**5,
                      "long")):  # fmt: skip
        with pytest.raises(TextError) as caught:
            words_of(text)
        assert caught.value.key == key
    assert len(words_of("a " * MOST_WORDS)) == MOST_WORDS
    assert words_of("x" * 5000) == ("x" * LONGEST_WORD,)
    with pytest.raises(SettingError):
        replace(HandConfig(), d_k=0)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("size, heads, batch, length", [(512, 8, 1, 10), (16, 4, 3, 7)])
def test_many_heads_are_torchs(
    size: int, heads: int, batch: int, length: int, causal: bool
) -> None:
    found = compare(size, heads, batch=batch, length=length, causal=causal, seed=1)
    assert found.output_difference <= 1e-6 and found.weights_difference <= 1e-6
    assert len(found.gradient_differences) == 5
    assert max(found.gradient_differences.values()) <= 1e-6
    assert found.parameters == 4 * size * size + 4 * size
    assert found.weights.shape == (batch, heads, length, length)


def test_weights_go_to_torch_and_back() -> None:
    ours = MultiHeadAttention(8, 2)
    again = from_torch(to_torch(ours))
    assert all(
        torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True)
    )
    assert again.project.weight.data_ptr() != ours.project.weight.data_ptr()
    for other in (nn.MultiheadAttention(8, 2, bias=False), nn.MultiheadAttention(8, 2, kdim=4),
                  nn.MultiheadAttention(8, 2, add_bias_kv=True)):  # fmt: skip
        with pytest.raises(ValueError, match="only with"):
            from_torch(other)


def test_the_tutorials_mistakes_are_measured() -> None:
    found = faults()
    assert found.twice > 0.1 and found.twice_ours == 0
    assert found.learnable == 0 and found.learnable_ours == 4 * 512 * 512 + 4 * 512
    assert found.hidden_row == pytest.approx(1) and found.hidden_row_ours == 0
    assert math.isnan(found.half) and found.half_ours == 0
