"""One head of attention made by hand: every matrix between a sentence and its output is kept.

The vectors are random, so the weights mean nothing here; how each number comes about does. Look at
`by_hand`, which takes one step a line, at `arithmetic`, which takes any one number apart into what
it was made of, and at `entropy_by_width`: without the division by √d_k, longer vectors make softmax
look at a single token.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.attention import attention, sinusoids
from dlcore.settings import SettingError, Settings, setting
from dlcore.text import TextError
from dlcore.text import tokens as split_text

MOST_WORDS = 12
LONGEST_WORD = 24  # characters; the rest is not looked at, and not shown
EDIT = 5.0  # a query's or key's number can be dragged from -EDIT to EDIT
MASKS = ("none", "causal", "padding", "custom")


@dataclass(frozen=True)
class HandConfig(Settings):
    """How the sentence becomes vectors, and who may look where."""

    d_model: int = setting(16, low=2, high=64)  # numbers that stand for a token
    d_k: int = setting(4, low=1, high=64)  # numbers of a query, a key and a value
    scale: bool = setting(True)  # divide the scores by √d_k
    positions: str = setting("sinusoidal", choices=("sinusoidal", "none"))
    mask: str = setting("none", choices=MASKS)
    padding: int = setting(2, low=0, high=MOST_WORDS)  # last tokens that are none, for "padding"
    seed: int = setting(0, low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Hand:
    """One head, all of it. T tokens; arrays are float64, rows are the tokens that look."""

    tokens: tuple[str, ...]
    config: HandConfig
    embeddings: np.ndarray  # (T, d_model): the same word has the same vector wherever it stands
    positions: np.ndarray  # (T, d_model): zeros without
    inputs: np.ndarray  # (T, d_model): their sum
    to_query: np.ndarray  # (d_model, d_k): the projections
    to_key: np.ndarray  # (d_model, d_k)
    to_value: np.ndarray  # (d_model, d_k)
    queries: np.ndarray  # (T, d_k), with what was edited
    keys: np.ndarray  # (T, d_k), with what was edited
    values: np.ndarray  # (T, d_k)
    scores: np.ndarray  # (T, T): queries times keys
    scaled: np.ndarray  # (T, T): divided by √d_k, or as they were
    mask: np.ndarray  # (T, T) bool: True where a token may look
    weights: np.ndarray  # (T, T): softmax over what may be seen; zeros where nothing may
    output: np.ndarray  # (T, d_k)
    entropy: np.ndarray  # (T,) nats, of each row of weights; 0 where nothing may be seen
    difference: float  # the largest between `output` and torch's own attention


Edits = Mapping[tuple[str, int], Sequence[float]]  # ("query" or "key", token) -> its d_k numbers


@torch.no_grad()
def by_hand(
    words: Sequence[str],
    config: HandConfig,
    *,
    custom: np.ndarray | None = None,
    edits: Edits | None = None,
) -> Hand:
    """Attention over these words, step by step.

    custom: (T, T) bool, the mask for mask="custom" (none: all may look). edits: queries and keys
    that were dragged elsewhere. Raises SettingError for an edit or a mask that does not fit.
    """
    size, width = config.d_model, config.d_k
    vectors = torch.stack([word_vector(word, size, config.seed) for word in words])  # (T, D)
    embeddings = vectors.double()  # large scores magnify what single precision rounds off
    waves = sinusoids(len(words), size).double()
    positions = waves if config.positions == "sinusoidal" else torch.zeros_like(waves)
    inputs = embeddings + positions  # (T, D)
    to_query, to_key, to_value = (
        matrix.double() for matrix in projections(size, width, config.seed)
    )  # (D, d_k) each
    queries, keys, values = inputs @ to_query, inputs @ to_key, inputs @ to_value  # (T, d_k)
    for (kind, at), numbers in (edits or {}).items():
        _edit({"query": queries, "key": keys}, kind, at, numbers)
    scores = queries @ keys.T  # (T, T)
    scaled = scores / math.sqrt(width) if config.scale else scores
    mask = make_mask(config.mask, len(words), padding=config.padding, custom=custom)
    output, weights = attention(queries, keys, values, mask, scale=config.scale)
    theirs = F.scaled_dot_product_attention(
        queries[None], keys[None], values[None], mask[None], scale=None if config.scale else 1.0
    )[0]
    arrays = {
        name: value.numpy()
        for name, value in {
            "embeddings": embeddings, "positions": positions, "inputs": inputs,
            "to_query": to_query, "to_key": to_key, "to_value": to_value, "queries": queries,
            "keys": keys, "values": values, "scores": scores, "scaled": scaled, "mask": mask,
            "weights": weights, "output": output, "entropy": entropy(weights),
        }.items()
    }  # fmt: skip
    return Hand(tuple(words), config, difference=(output - theirs).abs().max().item(), **arrays)


def words_of(text: str) -> tuple[str, ...]:
    """A sentence cut at its spaces. Raises TextError: "empty", or "long" past 12 words."""
    # What nobody can see is no word: control characters, which would also upset a page.
    visible = "".join(c if c.isprintable() else " " for c in text[: 1000 * MOST_WORDS])
    words = [word[:LONGEST_WORD] for word in split_text(visible, "word")]
    if not words:
        raise TextError("empty")
    if len(words) > MOST_WORDS or len(text) > 1000 * MOST_WORDS:
        raise TextError("long", most=MOST_WORDS)
    return tuple(words)


def shuffle(words: Sequence[str], seed: int) -> tuple[int, ...]:
    """Another order of the words: the place in the sentence that each comes from."""
    rng = torch.Generator().manual_seed(seed)
    return tuple(torch.randperm(len(words), generator=rng).tolist())


def order_effect(words: Sequence[str], order: Sequence[int], config: HandConfig) -> float:
    """How much any number of any word's output changes when the words stand in that order.

    Without positions and with a mask that treats all alike: not at all. Attention sees a set.
    """
    before = by_hand(words, config).output[list(order)]
    after = by_hand([words[place] for place in order], config).output
    return float(np.abs(before - after).max())


def word_vector(word: str, size: int, seed: int) -> Tensor:
    """A random vector (size,) that belongs to this word and seed alone."""
    digest = hashlib.sha256(f"{seed} {word}".encode("utf-8", "surrogatepass")).digest()
    rng = torch.Generator().manual_seed(int.from_bytes(digest[:6], "little"))
    return torch.randn(size, generator=rng)


def projections(size: int, width: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random W^Q, W^K, W^V (size, width), such that what they make varies about as its input."""
    rng = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, size, width, generator=rng) / math.sqrt(size)
    return q, k, v


def make_mask(
    kind: str, length: int, *, padding: int = 0, custom: np.ndarray | Sequence[object] | None = None
) -> Tensor:
    """Who may look where: bool (T, T), row the one that looks, True where it may.

    "causal": nobody sees what comes later; "padding": nobody sees the last `padding` tokens;
    "custom": as given. Raises SettingError for a custom mask of another size or kind.
    """
    everywhere = torch.ones(length, length, dtype=torch.bool)
    if kind == "causal":
        return everywhere.tril()
    if kind == "padding":
        everywhere[:, max(0, length - padding) :] = False
    if kind == "custom" and custom is not None:
        given = np.asarray(custom)
        if given.shape != (length, length) or given.dtype != np.bool_:
            raise SettingError("mask", f"{given.shape} {given.dtype}")
        return torch.from_numpy(given.copy())
    return everywhere


def _edit(of: Mapping[str, Tensor], kind: str, at: int, numbers: Sequence[float]) -> None:
    """Put other numbers in the place of one query or key, in place."""
    if kind not in of:
        raise SettingError("edit", kind, choices=tuple(of))
    matrix = of[kind]
    if not 0 <= at < len(matrix):
        raise SettingError("edit", at, low=0, high=len(matrix) - 1)
    if len(numbers) != matrix.shape[1] or not all(abs(x) <= EDIT for x in numbers):
        raise SettingError("edit", list(numbers), low=-EDIT, high=EDIT)
    matrix[at] = matrix.new_tensor([float(x) for x in numbers])


def entropy(weights: Tensor) -> Tensor:
    """How spread a look is, nats: 0 for one token only, ln S for all alike. (..., S) -> (...)."""
    return -torch.special.xlogy(weights, weights).sum(dim=-1)


@dataclass(frozen=True)
class Arithmetic:
    """How one number came about: `value` is what `kind` makes of the terms.

    "sum": products, added up; "divide": left[0] / right[0]; "softmax": products[place] / sum of
    products, where products = exp(left - the largest left); "hidden": a zero, for it may not be
    seen; "given": dragged there by hand; "drawn": random numbers.
    """

    kind: str
    left: np.ndarray  # (n,) float64
    right: np.ndarray  # (n,) float64
    products: np.ndarray  # (n,) float64: left * right in a sum
    value: float
    place: int = 0
    seen: np.ndarray | None = None  # (n,) int64, of a softmax: the tokens that may be seen


def arithmetic(
    hand: Hand, matrix: str, row: int, column: int, edits: Edits | None = None
) -> Arithmetic:
    """What one cell of `hand` is made of: matrix is the name of one of its arrays (T, …).

    edits: as they were given to `by_hand`. Raises SettingError for a cell that is not there.
    """
    names = ("embeddings", "positions", "inputs", "queries", "keys", "values", "scores", "scaled",
             "weights", "output")  # fmt: skip
    if matrix not in names:
        raise SettingError("matrix", matrix, choices=names)
    values: np.ndarray = getattr(hand, matrix)
    for name, place, count in (("row", row, values.shape[0]), ("column", column, values.shape[1])):
        if not 0 <= place < count:
            raise SettingError(name, place, low=0, high=count - 1)
    value, none = float(values[row, column]), np.zeros(0)
    kind_of = {"queries": "query", "keys": "key"}
    if (kind_of.get(matrix, ""), row) in (edits or {}):
        return Arithmetic("given", none, none, none, value)
    if matrix in ("embeddings", "positions"):
        return Arithmetic("drawn", none, none, none, value)
    if matrix == "inputs":
        left = np.array([hand.embeddings[row, column], hand.positions[row, column]])
        return Arithmetic("sum", left, np.ones_like(left), left, value)
    if matrix == "scaled":
        root = math.sqrt(hand.config.d_k) if hand.config.scale else 1.0
        left, right = hand.scores[row, column, None], np.array([root])
        return Arithmetic("divide", left, right, left / right, value)
    if matrix == "weights":
        if not hand.mask[row, column]:
            return Arithmetic("hidden", none, none, none, value)
        seen = np.flatnonzero(hand.mask[row])
        left = hand.scaled[row, seen]
        powers = np.exp(left - left.max())
        place = int(np.flatnonzero(seen == column)[0])
        return Arithmetic(
            "softmax", left, np.full_like(left, left.max()), powers, value, place, seen
        )
    left, right = {
        "queries": (hand.inputs, hand.to_query.T),
        "keys": (hand.inputs, hand.to_key.T),
        "values": (hand.inputs, hand.to_value.T),
        "scores": (hand.queries, hand.keys),
        "output": (hand.weights, hand.values.T),
    }[matrix]
    left, right = left[row], right[column]
    return Arithmetic("sum", left, right, left * right, value)


@dataclass(frozen=True)
class Widths:
    """What the scaling is for, measured: K widths, means over the rows of many random heads."""

    d_k: np.ndarray  # (K,) int64
    scaled: np.ndarray  # (K,) float32: entropy of the weights in nats, scores divided by √d_k
    unscaled: np.ndarray  # (K,) float32: and not divided
    spread: np.ndarray  # (K,) float32: standard deviation of the scores; grows like √d_k
    most: float  # ln T, the entropy of a look at all tokens alike


@torch.no_grad()
def entropy_by_width(
    words: Sequence[str], config: HandConfig, widths: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
    draws: int = 30,
) -> Widths:  # fmt: skip
    """Entropy of this sentence's weights for each d_k, with `draws` random projections each."""
    words = tuple(words)
    rows = list[tuple[float, float, float]]()
    for width in widths:
        scaled, unscaled, scores = list[Tensor](), list[Tensor](), list[Tensor]()
        for seed in range(config.seed, config.seed + draws):
            hand = by_hand(words, replace(config, d_k=width, mask="none", seed=seed % 2**31))
            q, k, v = map(torch.from_numpy, (hand.queries, hand.keys, hand.values))
            scaled.append(entropy(attention(q, k, v)[1]))
            unscaled.append(entropy(attention(q, k, v, scale=False)[1]))
            scores.append(torch.from_numpy(hand.scores))
        rows.append(
            (
                torch.cat(scaled).mean().item(),
                torch.cat(unscaled).mean().item(),
                torch.cat(scores).std().item(),
            )
        )
    table = np.array(rows, np.float32).T  # (3, K)
    return Widths(np.array(widths), table[0], table[1], table[2], math.log(len(words)))
