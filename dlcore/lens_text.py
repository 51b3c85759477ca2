"""What a trained transformer looks at in a text, and how far that explains what it says.

Any model that gives its attention weights can be read here: see `TextReader`. The weights of many
layers and heads are a lot; look at `rollout`, which follows them through all layers (Abnar &
Zuidema, "Quantifying attention flow in transformers", 2020), and at `honesty`, which does not
believe them: it takes every token away in turn, measures how much the answer changes, and compares
the two rankings (Jain & Wallace, "Attention is not explanation", 2019).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.bpe import Piece, Tokenizer
from dlcore.faults import Fault

MOST_TOKENS_SHOWN = 128
_MOST_CHARACTERS = 20_000  # not even worth cutting into tokens
_AT_ONCE = 512  # tokens read together, while each in turn is left out: a second for SmolLM2

Muted = Collection[tuple[int, int]]  # (layer, head), both counted from 0


class LensError(Fault):
    """A text that is not read. key: "empty"; "long" (with its `count` of tokens, and how many are
    read at `most`), or "far_too_long" (`most` alone: it was not even cut into tokens)."""

    def __init__(self, key: str, **values: object) -> None:
        most = f"more than {values.get('most')} tokens"
        messages = {
            "empty": "there is nothing to read",
            "long": f"{most}: {values.get('count')}",
            "far_too_long": most,
        }
        super().__init__(key, messages[key], **values)


class TextReader(Protocol):
    """A trained model, as far as this page needs to know it.

    answers: "next", a probability for each token to come next; "meaning", a vector of length 1.
    lead, tail: how many tokens it puts before and after every text; they are never left out.
    """

    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def most(self) -> int:
        """How many tokens it can take at once."""

    @property
    def answers(self) -> str: ...
    @property
    def lead(self) -> int: ...
    @property
    def tail(self) -> int: ...
    def encode(self, text: str) -> list[int]:
        """The tokens of a text, those before and after it included."""

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        """The same tokens as they can be shown: whole characters only."""

    def name(self, token: int) -> str:
        """What a token is by itself; a part of a character is told by its bytes."""

    def read(
        self, ids: Tensor, muted: Muted = (), keep: bool = True
    ) -> tuple[Tensor | None, Tensor]:
        """ids (B, T) int64 -> weights (layers, B, heads, T, T) if kept, and answers (B, K)."""


class CausalReader:
    """A GPT as a TextReader; see `dlcore.decoder.LanguageModel`."""

    answers, tail = "next", 0

    def __init__(self, model: Callable[..., Any], tokenizer: Tokenizer, lead: Sequence[int] = ()):
        shape: Any = getattr(model, "shape")  # noqa: B009 - a Callable is not known to have one
        self.model, self.tokenizer, self._lead = model, tokenizer, list(lead)
        self.layers, self.heads, self.most = shape.layers, shape.heads, shape.context
        self.lead = len(self._lead)

    def encode(self, text: str) -> list[int]:
        return [*self._lead, *self.tokenizer.encode(text)]

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        lead, rest = ids[: self.lead], ids[self.lead :]
        return [*self.tokenizer.pieces(lead), *self.tokenizer.pieces(rest)]

    def name(self, token: int) -> str:
        return self.tokenizer.name(token)

    def read(
        self, ids: Tensor, muted: Muted = (), keep: bool = True
    ) -> tuple[Tensor | None, Tensor]:
        out = self.model(ids, muted=muted, keep_attention=keep, last=True)
        return out.attention, out.logits[:, 0].softmax(dim=1)


@dataclass(frozen=True)
class Reading:
    """One text, read. P pieces, which are T tokens; most often as many. Arrays are float32."""

    pieces: tuple[Piece, ...]
    weights: np.ndarray  # (layers, heads, T, T): as the model has them
    answer: np.ndarray  # (K,): see `TextReader.answers`
    candidates: tuple[bool, ...]  # P: may this piece be left out?
    asker: int | None  # the piece whose look makes the answer: the last; None: all of them do

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(i for piece in self.pieces for i in piece.ids)

    @property
    def shown(self) -> np.ndarray:
        """(layers, heads, P, P): the weights between pieces; see `between_pieces`."""
        return between_pieces(self.weights, self.pieces)


@torch.no_grad()
def read_text(reader: TextReader, text: str, muted: Muted = ()) -> Reading:
    """Read a text and keep what every head looked at. Raises LensError.

    muted: heads whose findings are replaced by zeros; what they look at is still shown.
    """
    if not text.strip():
        raise LensError("empty")
    most = min(reader.most, MOST_TOKENS_SHOWN)
    if len(text) > _MOST_CHARACTERS:
        raise LensError("far_too_long", most=most)
    ids = reader.encode(text)
    if not ids:
        raise LensError("empty")
    if len(ids) > most:
        raise LensError("long", most=most, count=len(ids))
    pieces = tuple(reader.pieces(ids))
    weights, answer = reader.read(torch.tensor([ids]), muted)
    assert weights is not None
    asker = len(pieces) - 1 if reader.answers == "next" else None
    starts = np.cumsum([0, *(len(piece.ids) for piece in pieces)])[:-1]
    inside = (starts >= reader.lead) & (starts < len(ids) - reader.tail)
    candidates = tuple(bool(may) and n != asker for n, may in enumerate(inside))
    return Reading(pieces, weights[:, 0].float().numpy(), answer[0].numpy(), candidates, asker)


def between_pieces(weights: np.ndarray, pieces: Sequence[Piece]) -> np.ndarray:
    """Weights between tokens (…, T, T) -> between the pieces that are shown (…, P, P).

    What goes to the parts of a piece adds up; what comes from them is averaged (Clark et al., "What
    does BERT look at?", 2019, section 4.1). So rows still add up to 1.
    """
    sizes = [len(piece.ids) for piece in pieces]
    starts = np.cumsum([0, *sizes])[:-1]
    received = np.add.reduceat(weights, starts, axis=-1)  # (…, T, P)
    sent = np.add.reduceat(received, starts, axis=-2)  # (…, P, P)
    return sent / np.array(sizes, weights.dtype)[:, None]


def average(weights: np.ndarray, layer: int | None = None) -> np.ndarray:
    """The mean over all heads of one layer, or of all: (layers, heads, T, T) -> (T, T)."""
    return (weights if layer is None else weights[layer, None]).mean(axis=(0, 1))


def rollout(weights: np.ndarray) -> np.ndarray:
    """How much of each input token is in each token after every layer: (layers, T, T).

    weights (layers, heads, T, T). What a token carries on by itself, past the attention, counts
    half: Â = (A + I) / 2, multiplied up from the first layer (Abnar & Zuidema, section 3).
    """
    mixed = (weights.mean(axis=1) + np.eye(weights.shape[-1], dtype=weights.dtype)) / 2
    flow = [mixed[0]]
    for layer in mixed[1:]:
        flow.append(layer @ flow[-1])
    return np.stack(flow)


LOOKS = ("average", "last_layer", "rollout", "head")


def looked_at(
    reading: Reading, how: str = "average", *, layer: int = 0, head: int = 0
) -> np.ndarray:
    """How much attention each piece gets, (P,) float32, from the asker, or on average from all.

    how: "average" over all layers and heads, "last_layer", "rollout" through all layers, or one
    "head" of a layer. Raises ValueError for another.
    """
    shown = reading.shown
    if how == "head":
        matrix = shown[layer, head]
    elif how == "rollout":  # on tokens: an average row in between would not be the same
        matrix = between_pieces(rollout(reading.weights)[-1], reading.pieces)
    elif how in ("average", "last_layer"):
        matrix = average(shown, None if how == "average" else -1)
    else:
        raise ValueError(f"how must be one of {LOOKS}, not {how!r}")
    return matrix.mean(axis=0) if reading.asker is None else matrix[reading.asker]


def left_out(reader: TextReader, reading: Reading, muted: Muted = ()) -> np.ndarray:
    """How much the answer changes when a piece is taken out of the text: (P,) float32, ≥ 0.

    In the unit of `change`; NaN for pieces that are no candidates.
    """
    *_, effects = leaving_out(reader, reading, muted)
    return effects


def leaving_out(reader: TextReader, reading: Reading, muted: Muted = ()) -> Iterator[np.ndarray]:
    """The same while it goes on, for the text is read again for each piece: NaN where not yet."""
    parts = [list(piece.ids) for piece in reading.pieces]
    by_size: dict[int, list[int]] = defaultdict(list)  # texts as long as each other: one batch
    for n, may in enumerate(reading.candidates):
        if may:
            by_size[len(parts[n])].append(n)
    effects = np.full(len(parts), np.nan, np.float32)
    yield effects.copy()
    at_once = max(1, _AT_ONCE // len(reading.ids))
    for same in by_size.values():
        for begin in range(0, len(same), at_once):
            places = same[begin : begin + at_once]
            rows = [sum(parts[:n] + parts[n + 1 :], list[int]()) for n in places]
            with torch.no_grad():  # never across a yield: others use this thread meanwhile
                _, answers = reader.read(torch.tensor(rows), muted, keep=False)
            effects[places] = [change(reader, reading.answer, a) for a in answers.numpy()]
            yield effects.copy()


def change(reader: TextReader, before: np.ndarray, after: np.ndarray) -> float:
    """How different two answers (K,) are: Kullback–Leibler divergence of the second from the first
    in nats for probabilities, 1 minus the cosine for vectors of length 1."""
    if reader.answers == "meaning":
        return max(0.0, 1 - float(np.dot(before, after)))
    p, q = torch.from_numpy(before).double(), torch.from_numpy(after).double()
    tiny = torch.finfo(torch.float32).tiny
    return max(0.0, F.kl_div(q.clamp_min(tiny).log(), p, reduction="sum").item())


def likeliest(reader: TextReader, answer: np.ndarray, count: int = 10) -> list[tuple[str, float]]:
    """The names of the tokens that most probably come next, with their probabilities."""
    if reader.answers != "next":
        return []
    best = np.argsort(-answer, kind="stable")[:count]
    return [(reader.name(int(n)), float(answer[n])) for n in best]


@dataclass(frozen=True)
class Honesty:
    """Two rankings of the same C pieces: what was looked at, and what mattered."""

    places: np.ndarray  # (C,) int64: which pieces of the reading
    attention: np.ndarray  # (C,) float32: see `looked_at`
    effect: np.ndarray  # (C,) float32: see `left_out`
    attention_rank: np.ndarray  # (C,) float64: 1 for the most; equals share the mean of their ranks
    effect_rank: np.ndarray  # (C,) float64
    correlation: float | None  # Spearman's, -1 … 1; None where there is nothing to rank


def honesty(
    reader: TextReader,
    reading: Reading,
    *,
    how: str = "average",
    layer: int = 0,
    head: int = 0,
    muted: Muted = (),
    effects: np.ndarray | None = None,
) -> Honesty:
    """Does attention say what mattered? Both rankings, and how well they agree.

    effects: `left_out` of the same reading and muted heads, where it is known already.
    """
    places = np.flatnonzero(reading.candidates)
    attention = looked_at(reading, how, layer=layer, head=head)[places]
    effects = left_out(reader, reading, muted) if effects is None else effects
    return Honesty(
        places,
        attention,
        effects[places],
        ranks(-attention),
        ranks(-effects[places]),
        spearman(attention, effects[places]),
    )


def ranks(values: np.ndarray) -> np.ndarray:
    """(N,) -> the place of each when sorted, from 1; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rank correlation: Pearson's, of the ranks. None if either does not vary."""
    x, y = ranks(a), ranks(b)
    x, y = x - x.mean() if len(x) else x, y - y.mean() if len(y) else y
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else None
