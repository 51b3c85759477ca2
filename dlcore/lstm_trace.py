"""Everything a reader computes while it reads one sentence, and what its words are worth.

`nn.LSTM` gives the states and hides the gates. Here the same steps are taken one by one, with the
same weights, so that every gate can be seen, and held: a forget gate clamped to 0 makes a network
that lives in the present; an input gate at 0 one that learns nothing new. Look at `trace`, at
`effects` (leave a word out and see what changes), and at `gradient_by_distance`, which measures how
far back a network's answer still depends on what it had in mind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.lstm import (
    LSTMCellByHand,
    Reader,
    encode,
    encode_checked,
    predict,
    predict_growing,
)
from dlcore.text import MOST_TOKENS, UNKNOWN

Values = dict[str, Tensor]  # a quantity's name -> its values (B, H) at one step
Steps = dict[str, Tensor]  # a quantity's name -> its values (B, T, H) over the words
GATES = {
    "lstm": ("input", "forget", "output"),
    "gru": ("reset", "update"),
    "rnn": (),
    "bag": (),
}


@dataclass(frozen=True)
class Trace:
    """One sentence of T words, read. Arrays (T, H) are float32, None where a model has no such.

    Of a bidirectional reader these are the forward direction's; `probabilities` is always the
    whole model's answer if the sentence ended with that word, and its last is the answer.
    """

    tokens: tuple[str, ...]  # as typed
    known: tuple[bool, ...]  # was the word in the training part?
    probabilities: np.ndarray  # (T,) float32, of praise
    input: np.ndarray | None = None  # LSTM: how much of the candidate is written
    forget: np.ndarray | None = None  # LSTM: how much of the cell is kept
    output: np.ndarray | None = None  # LSTM: how much of the cell is shown
    candidate: np.ndarray | None = None  # LSTM and GRU: what could be written, -1 … 1
    cell: np.ndarray | None = None  # LSTM: the memory
    reset: np.ndarray | None = None  # GRU: how much of the state the candidate may see
    update: np.ndarray | None = None  # GRU: how much of the state is kept
    hidden: np.ndarray | None = None  # the state after each word


class GRUCellByHand(nn.Module):
    """One step of `nn.GRU` (Cho et al., 2014): one state, and two gates instead of three."""

    def __init__(self, gru: nn.GRU, suffix: str = "") -> None:
        super().__init__()
        self.from_word = getattr(gru, f"weight_ih_l0{suffix}")  # (3H, E): reset, update, candidate
        self.from_state = getattr(gru, f"weight_hh_l0{suffix}")  # (3H, H)
        self.word_bias = getattr(gru, f"bias_ih_l0{suffix}")
        self.state_bias = getattr(gru, f"bias_hh_l0{suffix}")

    def forward(
        self, word: Tensor, hidden: Tensor, cell: Tensor, clamps: Mapping[str, float]
    ) -> Values:
        r_word, z_word, n_word = (word @ self.from_word.T + self.word_bias).chunk(3, dim=1)
        r, z, n = (hidden @ self.from_state.T + self.state_bias).chunk(3, dim=1)
        gates = {"reset": (r_word + r).sigmoid(), "update": (z_word + z).sigmoid()}
        gates |= {name: torch.full_like(r, value) for name, value in clamps.items()}
        candidate = (n_word + gates["reset"] * n).tanh()
        hidden = (1 - gates["update"]) * candidate + gates["update"] * hidden
        return {**gates, "candidate": candidate, "hidden": hidden}


class RNNCellByHand(nn.Module):
    """One step of a plain recurrent network (Elman, 1990): everything is overwritten every time."""

    def __init__(self, rnn: nn.RNN, suffix: str = "") -> None:
        super().__init__()
        self.from_word = getattr(rnn, f"weight_ih_l0{suffix}")  # (H, E)
        self.from_state = getattr(rnn, f"weight_hh_l0{suffix}")  # (H, H)
        self.bias = getattr(rnn, f"bias_ih_l0{suffix}") + getattr(rnn, f"bias_hh_l0{suffix}")

    def forward(
        self, word: Tensor, hidden: Tensor, cell: Tensor, clamps: Mapping[str, float]
    ) -> Values:
        sums = word @ self.from_word.T + hidden @ self.from_state.T + self.bias
        return {"hidden": sums.tanh()}


CELLS = {"lstm": LSTMCellByHand, "gru": GRUCellByHand, "rnn": RNNCellByHand}


def unroll(
    model: Reader, vectors: Tensor, clamps: Mapping[str, float] | None = None, suffix: str = ""
) -> Steps:
    """Read vectors (B, T, E) step by step; suffix "_reverse" takes the other direction's weights.

    Raises ValueError for a clamp on a gate that this kind of model does not have.
    """
    clamps = dict(clamps or {})
    kind = model.config.model
    if not set(clamps) <= set(GATES[kind]):
        raise ValueError(f"{kind} has no gate {sorted(set(clamps) - set(GATES[kind]))[0]!r}")
    step = CELLS[kind](model.recurrent, suffix)
    hidden = cell = vectors.new_zeros(len(vectors), model.config.hidden)  # (B, H)
    steps: dict[str, list[Tensor]] = {}
    for word in vectors.unbind(dim=1):  # (B, E)
        values = step(word, hidden, cell, clamps)
        hidden, cell = values["hidden"], values.get("cell", cell)
        for name, value in values.items():
            steps.setdefault(name, []).append(value)
    return {name: torch.stack(values, dim=1) for name, values in steps.items()}  # (B, T, H)


@torch.no_grad()
def trace(model: Reader, text: str, clamps: Mapping[str, float] | None = None) -> Trace:
    """Read one sentence and keep everything. Raises TextError for none, or one too long.

    clamps: gates to hold, {"forget": 0.0, "input": 1.0}; for an LSTM input, forget and output,
    for a GRU reset and update. A bidirectional reader is clamped in both directions.
    """
    ids, _ = encode_checked(model, text)
    tokens = model.vocabulary.tokens(text)
    known = tuple(n != UNKNOWN for n in ids[0, :, 0].tolist())
    training = model.training
    model.eval()
    if model.recurrent is None:
        steps: Steps = {}
        probabilities = predict_growing(model, text)
    else:
        vectors = model.embed(ids)  # (1, T, E)
        steps = unroll(model, vectors, clamps)
        states = steps["hidden"][0]  # (T, H)
        if model.config.bidirectional:
            states = torch.cat([states, _backward_states(model, vectors, clamps)], dim=1)
        probabilities = model.head(states).squeeze(1).sigmoid().numpy()
    model.train(training)
    return Trace(
        tuple(tokens),
        known,
        probabilities,
        **{name: values[0].numpy() for name, values in steps.items()},
    )


def _backward_states(model: Reader, vectors: Tensor, clamps: Mapping[str, float] | None) -> Tensor:
    """(T, H): what the backward direction has in mind if the sentence ends with word t.

    It reads word t first, then t - 1, …, 0: another walk for every t, all taken side by side.
    """
    length = vectors.shape[1]
    back = (torch.arange(length)[:, None] - torch.arange(length)).clamp_min(0)  # row t: t, t-1, …
    walks = unroll(model, vectors[0][back], clamps, "_reverse")["hidden"]  # (T, T, H)
    return walks[torch.arange(length), torch.arange(length)]  # walk t ends after t + 1 steps


def effects(model: Reader, text: str, clamps: Mapping[str, float] | None = None) -> np.ndarray:
    """(T,) float32: what each word adds to the probability of praise, given all the others.

    The answer with the word, minus the answer without it; clamps as in `trace`. Raises TextError
    as `trace` does.
    """
    encode_checked(model, text)
    tokens = model.vocabulary.tokens(text)
    shorter = [" ".join(tokens[:n] + tokens[n + 1 :]) for n in range(len(tokens))]
    if not clamps:
        whole, *without = predict(model, [" ".join(tokens), *shorter])
    else:
        whole, without = trace(model, text, clamps).probabilities[-1], _held(model, shorter, clamps)
    return (whole - np.array(without)).astype(np.float32)


def moved_odds(answer: float, effects: np.ndarray) -> np.ndarray:
    """`effects` (T,) on an answer in 0 … 1, told as what each word adds to its log-odds, (T,).

    On that scale a sure answer still moves: 0.99 is as far from 0.9 as that is from 0.5.
    """
    p = np.stack([np.full(len(effects), answer), answer - effects]).astype(np.float64)  # (2, T)
    p = p.clip(1e-6, 1 - 1e-6)
    with_word, without = np.log(p / (1 - p))
    return with_word - without


@torch.no_grad()
def _held(model: Reader, texts: Sequence[str], clamps: Mapping[str, float]) -> list[float]:
    """The answers to texts of equal length while gates are held."""
    vectors = model.embed(encode(model, texts)[0])  # (B, T, E)
    last = [unroll(model, vectors, clamps)["hidden"][:, -1]]  # (B, H)
    if model.config.bidirectional:
        last.append(unroll(model, vectors.flip(1), clamps, "_reverse")["hidden"][:, -1])
    return model.head(torch.cat(last, dim=1)).squeeze(1).sigmoid().tolist()


@dataclass(frozen=True)
class Reach:
    """How much an answer depends on the memory k words before the end, averaged over sentences."""

    norms: np.ndarray  # (K + 1,) float32: mean norm of d logit / d memory; [0] after the last word
    sentences: int

    @property
    def left(self) -> np.ndarray:
        """(K + 1,): the share that is left, beginning with 1; empty if there never was any."""
        return self.norms / self.norms[0] if self.norms[0] > 0 else self.norms[:0]


def gradient_by_distance(
    model: Reader, texts: Sequence[str], distance: int = 20, most: int = 64
) -> Reach:
    """Norm of the gradient of the answer's logit with respect to the memory k words before the end:
    an LSTM's cell, the hidden state of the others.

    Measured, by backpropagation through the unrolled network, on the first `most` texts that are
    longer than `distance` words. The logit rather than the probability: the sigmoid would shrink
    all distances of a sure answer alike. Raises ValueError without a recurrent layer, TextError
    if no text is long enough.
    """
    if model.recurrent is None:
        raise ValueError("a bag of words keeps no state")
    long = [t for t in texts if distance < len(model.vocabulary.tokens(t)) <= MOST_TOKENS][:most]
    encode_checked(model, long[0] if long else "")
    ids, lengths = encode(model, long)
    step = CELLS[model.config.model](model.recurrent)
    hidden = cell = torch.zeros(len(long), model.config.hidden)
    shown: list[Tensor] = []  # T of (B, H): what the answer is read from
    carried: list[Tensor] = []  # T of (B, H): what is carried on; where the gradient is asked for
    with torch.enable_grad():
        for word in model.embed(ids).detach().unbind(dim=1):
            values = step(word, hidden, cell, {})
            hidden, cell = values["hidden"], values.get("cell", cell)
            shown.append(hidden)
            carried.append(values.get("cell", hidden))
        ends = torch.stack(shown, dim=1)[torch.arange(len(long)), lengths - 1]  # (B, H)
        logits = ends @ model.head.weight[0, : model.config.hidden]  # (B,)
        gradients = torch.autograd.grad(logits.sum(), carried, allow_unused=True)
    norms = torch.stack([g.norm(dim=1) for g in gradients if g is not None], dim=1)  # (B, T)
    back = lengths[:, None] - 1 - torch.arange(distance + 1)  # (B, K + 1): k words before the end
    return Reach(norms.gather(1, back).mean(dim=0).numpy(), len(long))
