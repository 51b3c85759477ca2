"""Attention: every token looks at the others and takes from each as much as it is worth to it.

A token asks (its query), the others offer themselves (their keys), and what is taken is the
average of their values, weighted by how well key and query match (Vaswani et al., "Attention is
all you need", 2017). Look at `attention`: six lines that are the whole idea; at
`MultiHeadAttention`, several such looks side by side; and at `train`: two layers of nothing but
attention learn to complete sequences they have never seen. The heatmaps show how: a head of the
first layer learns to look one token back, then one of the second can find what came after the last
time, an induction head (Olsson et al., "In-context learning and induction heads", 2022).
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.attention_repeats import Repeats, draw, one_of_each
from dlcore.descent import rate_at
from dlcore.progress import Progress
from dlcore.settings import SettingError, Settings, setting
from dlcore.threads import one_thread

Heads = Collection[tuple[int, int]]  # (layer, head), both counted from 0


@dataclass(frozen=True)
class Config(Settings):
    """What repeats, who reads it, and how it learns. The defaults do so with ten seeds of ten."""

    layers: int = setting(2, low=1, high=4)
    # In each layer. Few, so that each is needed: with eight, a silenced one is hardly missed.
    heads: int = setting(2, choices=(1, 2, 4, 8))
    d_model: int = setting(32, choices=(16, 32, 64, 128))  # numbers that stand for a token
    positions: str = setting("learned", choices=("learned", "sinusoidal", "none"))
    # How long the block is that repeats: drawn from here to there, anew for each sequence. Equal
    # ends let the network look a fixed way back instead of understanding.
    shortest: int = setting(4, low=2, high=20)
    longest: int = setting(12, low=2, high=20)
    vocab: int = setting(32, low=4, high=100)  # kinds of tokens; no two in a block are the same
    length: int = setting(40, low=8, high=64)  # tokens of a sequence; the heatmaps are as wide
    steps: int = setting(500, low=1, high=20_000)
    batch_size: int = setting(32, low=1, high=512)
    lr: float = setting(1e-2, low=1e-5, high=0.1)  # the highest it gets: see `rate_at`
    schedule: str = setting("one-cycle", choices=("one-cycle", "cosine", "constant"))
    seed: int = setting(0, low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        most = min(20, self.vocab, self.length // 2)  # so that every block comes at least twice
        for name, low in (("longest", 2), ("shortest", 2)):
            if not low <= getattr(self, name) <= most:
                raise SettingError(name, getattr(self, name), low=low, high=most)
            most = self.longest


# What cannot work, and what works for the wrong reason; `Snapshot.by_block` tells the difference.
BREAK = {
    "one_layer": Config(layers=1),  # nobody tells a token who stood before it
    "no_positions": Config(positions="none"),
    "fixed_block": Config(layers=1, shortest=8, longest=8),  # seven back is always right: no need
}


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, scale: bool = True
) -> tuple[Tensor, Tensor]:
    """What each query takes from the values, and how much from each (eq. 1 of Vaswani et al.).

    q (..., T, d_k), k (..., S, d_k), v (..., S, d_v) -> output (..., T, d_v), weights (..., T, S),
    whose rows add up to 1. mask: bool (..., T, S), True where a query may look; a row without any
    True gives zeros. scale: divide by √d_k, or scores of long vectors are so far apart that softmax
    sees one key only, and its slope vanishes.
    """
    scores = q @ k.transpose(-2, -1)  # (..., T, S): how well each key matches each query
    if scale:
        scores = scores / math.sqrt(q.shape[-1])
    if mask is not None:  # the lowest number there is, not minus infinity: a full row must not NaN
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ v, weights


class MultiHeadAttention(nn.Module):
    """Attention h times side by side, each head in a part of the numbers, then mixed.

    The projections are made once and learned: with new ones at every call, nothing could be learnt.
    The defaults are the sizes of Vaswani et al., section 3.2.2.
    """

    def __init__(self, d_model: int = 512, heads: int = 8) -> None:
        super().__init__()
        if d_model % heads:
            raise ValueError(f"d_model {d_model} cannot be split into {heads} equal heads")
        self.heads = heads
        self.project = nn.Linear(d_model, 3 * d_model)  # queries, keys and values of all heads
        self.mix = nn.Linear(d_model, d_model)  # W^O: what the heads found, put together

    def forward(
        self, x: Tensor, mask: Tensor | None = None, muted: Collection[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """x (B, T, d_model), mask bool (T, T) or (B, 1, T, T) -> (B, T, d_model), weights
        (B, heads, T, T). muted: heads whose findings are replaced by zeros."""
        parts = self.project(x).unflatten(2, (3, self.heads, -1))  # (B, T, 3, h, d_k)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # (B, h, T, d_k) each
        found, weights = attention(q, k, v, mask)  # (B, h, T, d_k), (B, h, T, T)
        if muted:
            speaks = torch.tensor([float(h not in muted) for h in range(self.heads)])
            found = found * speaks[:, None, None]
        return self.mix(found.transpose(1, 2).flatten(2)), weights  # (B, T, d_model)


def sinusoids(length: int, d_model: int) -> Tensor:
    """Positions as waves of many lengths, (length, d_model): section 3.5 of Vaswani et al."""
    place = torch.arange(length)[:, None]
    pace = torch.exp(-math.log(10_000) * torch.arange(0, d_model, 2) / d_model)  # (d_model / 2,)
    waves = torch.stack([(place * pace).sin(), (place * pace).cos()], dim=2)
    return waves.flatten(1)[:, :d_model]  # sine, cosine, sine, cosine, …


class AttentionOnly(nn.Module):
    """Tokens -> vectors -> layers of attention that add to them -> a guess at each next token."""

    past: Tensor  # bool (length, length): nobody sees what comes later

    def __init__(self, config: Config) -> None:
        super().__init__()
        size = config.d_model
        self.embedding = nn.Embedding(config.vocab, size)
        if config.positions == "learned":
            self.positions = nn.Parameter(torch.randn(config.length, size))
        else:
            waves = sinusoids(config.length, size) * (config.positions == "sinusoidal")
            self.register_buffer("positions", waves, persistent=False)
        layers = range(config.layers)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in layers)
        self.layers = nn.ModuleList(MultiHeadAttention(size, config.heads) for _ in layers)
        self.norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, config.vocab)
        past = torch.ones(config.length, config.length).tril().bool()
        self.register_buffer("past", past, persistent=False)

    def forward(self, tokens: Tensor, muted: Heads = ()) -> tuple[Tensor, Tensor]:
        """tokens (B, T) int64 -> logits (B, T, vocab) of the next token, and all weights
        (layers, B, heads, T, T), row the token that looks. muted: heads that are silenced."""
        length, all_weights = tokens.shape[1], list[Tensor]()
        x = self.embedding(tokens) + self.positions[:length]  # (B, T, d_model)
        for n, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=True)):
            silent = [head for at, head in muted if at == n]
            found, weights = layer(norm(x), self.past[:length, :length], silent)
            x = x + found
            all_weights.append(weights)
        return self.head(self.norm(x)), torch.stack(all_weights)


def build(config: Config) -> AttentionOnly:
    """A new network; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    return AttentionOnly(config)


def restore(state: Mapping[str, Tensor | np.ndarray], config: Config) -> AttentionOnly:
    """The network that these weights make, ready to be looked at."""
    model = AttentionOnly(config)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval().requires_grad_(False)


@dataclass(frozen=True)
class Judgement:
    """How a network does on held-out sequences, and what its heads do there."""

    accuracy: float  # share of the knowable answers that are right, of block lengths in training
    loss: float  # nats an answer, of the same
    blocks: np.ndarray  # (G,) int64: all block lengths, also those that training never showed
    by_block: np.ndarray  # (G,) float32: accuracy for each
    prefix: np.ndarray  # (layers, heads) float32: see `prefix_matching`
    previous: np.ndarray  # (layers, heads) float32: see `previous_token`


@dataclass(frozen=True)
class Snapshot(Judgement):
    """The network after a step; `patterns` and `chances` are of one sequence: see `watched`.

    The weights, 50 KB, come every `SAVE` steps and with the last.
    """

    step: int
    patterns: np.ndarray  # (layers, heads, T, T) float16, row the token that looks
    chances: np.ndarray  # (T,) float32: probability given to the token that really comes next
    state: dict[str, np.ndarray] | None = None


LOOK, SAVE = 5, 25  # steps between two snapshots, and between two with the weights in them


def train(model: AttentionOnly, config: Config) -> Iterator[Progress]:
    """Teach `model` in place, with new sequences at every step, so that none can be remembered.

    Metrics: loss, accuracy of the batch's knowable answers; with each snapshot held_out_loss,
    held_out_accuracy, and prefix and previous, the highest scores that any head has.
    """
    rng = torch.Generator().manual_seed(config.seed)
    tests, example = held_out_sequences(config), watched(config)
    optimizer = torch.optim.AdamW(
        # A shorter memory than usual (0.999) of how steep it was: that changes within 100 steps.
        model.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )  # fmt: skip
    for step in range(1, config.steps + 1):
        rate = rate_at(config.schedule, config.lr, (step - 1) / config.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.train()
        blocks = torch.randint(
            config.shortest, config.longest + 1, (config.batch_size,), generator=rng
        )
        batch = draw(blocks, vocab=config.vocab, length=config.length, rng=rng)
        logits, _ = model(batch.seen)  # (B, T, vocab)
        guesses, answers = logits[batch.knowable], batch.answers[batch.knowable]  # (K, vocab), (K,)
        loss = F.cross_entropy(guesses, answers)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # the sudden understanding is steep
        optimizer.step()

        right = (guesses.argmax(dim=1) == answers).float().mean()
        metrics, snapshot = {"loss": loss.item(), "accuracy": right.item()}, None
        if step % LOOK == 0 or step == config.steps:
            now = judge(model, tests, config)
            patterns, chances = look(model, example)
            state = copy_of(model) if step % SAVE == 0 or step == config.steps else None
            snapshot = Snapshot(
                **vars(now), step=step, patterns=patterns, chances=chances, state=state
            )
            metrics |= {"held_out_loss": now.loss, "held_out_accuracy": now.accuracy}
            metrics |= {"prefix": float(now.prefix.max()), "previous": float(now.previous.max())}
        yield Progress(step, config.steps, metrics, snapshot)
    model.eval()


def job(config: Config) -> Iterator[Progress]:
    """Build and train: what a worker runs when *Train* is pressed."""
    with one_thread():
        yield from train(build(config), config)


def positions_job(config: Config) -> Iterator[Progress]:
    """The same training with learned and with sinusoidal positions, step by step side by side.

    Metrics end in _learned or _sinusoidal; a snapshot is a dict from the same two names.
    """
    kinds = ("learned", "sinusoidal")
    with one_thread():
        configs = [replace(config, positions=kind) for kind in kinds]
        for both in zip(*(train(build(own), own) for own in configs), strict=True):
            named = dict(zip(kinds, both, strict=True))
            metrics = {
                f"{m}_{k}": v for k, event in named.items() for m, v in event.metrics.items()
            }
            snapshots = {k: event.snapshot for k, event in named.items() if event.snapshot}
            yield Progress(both[0].step, both[0].total, metrics, snapshots or None)


def held_out_sequences(config: Config, each: int = 4) -> Repeats:
    """Held-out sequences of every block length that fits, whether it is trained on or not."""
    most = min(20, config.vocab, config.length // 2)
    lengths = range(2, most + 1)
    return one_of_each(lengths, each, vocab=config.vocab, length=config.length)


def watched(config: Config) -> Repeats:
    """The one held-out sequence that is looked at again and again: what changes is learning."""
    middle = (config.shortest + config.longest + 1) // 2
    return one_of_each([middle], 1, vocab=config.vocab, length=config.length)


@torch.no_grad()
def judge(model: AttentionOnly, data: Repeats, config: Config, muted: Heads = ()) -> Judgement:
    """How `model` does on these sequences, with some of its heads silenced or with all."""
    logits, weights = model(data.seen, muted)
    known = data.knowable  # (N, T)
    right = (logits.argmax(dim=2) == data.answers) & known
    blocks = data.blocks.unique()
    of = [data.blocks == block for block in blocks]
    shares = [(right[mine].sum() / known[mine].sum()).item() for mine in of]
    trained = (data.blocks >= config.shortest) & (data.blocks <= config.longest)  # (N,)
    asked = known & trained[:, None]
    return Judgement(
        accuracy=(right[trained].sum() / asked.sum()).item(),
        loss=F.cross_entropy(logits[asked], data.answers[asked]).item(),
        blocks=blocks.numpy(),
        by_block=np.array(shares, np.float32),
        prefix=prefix_matching(weights, data).numpy(),
        previous=previous_token(weights).numpy(),
    )


def prefix_matching(weights: Tensor, data: Repeats) -> Tensor:
    """How much of each head's look goes to what followed the same token before, 0 … 1.

    weights (layers, N, heads, T, T) -> (layers, heads), the mean over all repeated tokens: the
    score that tells induction heads (Olsson et al., "In-context learning…", section on definition).
    """
    seen = data.seen
    before = seen.roll(1, dims=1)  # (N, T): the token in front of each
    match = seen[:, :, None] == before[:, None, :]  # (N, T, T): does j come after a token like t?
    match &= torch.ones_like(match[0]).tril()  # nobody looks ahead
    match[:, :, 0] = False  # nothing is in front of the first
    scores = (weights * match[:, None]).sum(dim=4)  # (layers, N, heads, T)
    return scores.transpose(2, 3)[:, data.knowable].mean(dim=1)  # (layers, heads)


def previous_token(weights: Tensor) -> Tensor:
    """How much of each head's look goes to the token just before: (layers, heads), 0 … 1."""
    return weights.diagonal(-1, dim1=3, dim2=4).mean(dim=(1, 3))


def muting(model: AttentionOnly, data: Repeats, config: Config) -> np.ndarray:
    """Accuracy (layers, heads) float32 when each head is silenced alone."""
    every = product(range(config.layers), range(config.heads))
    accuracy = [judge(model, data, config, [head]).accuracy for head in every]
    return np.array(accuracy, np.float32).reshape(config.layers, config.heads)


@torch.no_grad()
def look(
    model: AttentionOnly, example: Repeats, muted: Heads = ()
) -> tuple[np.ndarray, np.ndarray]:
    """What a snapshot shows of one sequence: its `patterns` and `chances`."""
    logits, weights = model(example.seen, muted)
    chances = logits.softmax(dim=2).gather(2, example.answers[:, :, None])  # (1, T, 1)
    return weights[:, 0].half().numpy(), chances[0, :, 0].numpy()


def copy_of(model: AttentionOnly) -> dict[str, np.ndarray]:
    """The weights as they are now, for `restore`."""
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}
