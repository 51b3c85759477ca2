"""A GPT: it reads a text and says, for every place in it, what may come next.

Each token becomes a vector; in every layer it looks back at those before it (attention) and then
thinks by itself (a small network of two layers); what it has become in the end is compared with
every token there is. Trained on nothing but "what came next?", and asked again and again, it
writes (Radford et al., "Language models are unsupervised multitask learners", 2019, known as
GPT-2). Look at `Attention.forward`, where tokens meet, at `Cache`, which saves it from reading the
same text anew for each token, and at `train`, where the whole of its schooling is one line.
"""

import math
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.checkpoint import load as load_checkpoint
from dlcore.decoder import Cache, Output, Writer
from dlcore.descent import SCHEDULES, rate_at
from dlcore.gpt_tasks import Example, Task, make_task
from dlcore.progress import Progress
from dlcore.settings import Settings, setting
from dlcore.threads import one_thread
from dlcore.tokenizers import tokenizer_from_bytes

BUNDLED = Path(__file__).parent.parent / "weights" / "kieu.safetensors"


@dataclass(frozen=True)
class Config(Settings):
    """What to learn and how. The defaults write recognisable verse after a minute on one core."""

    # "text": what comes next in a text; "addition": 37+85= and then the sum, two-digit numbers.
    task: str = setting("text", choices=("text", "addition"))
    # A text's tokens: characters; byte pairs within words; or Vietnamese syllables in two halves.
    tokens: str = setting("char", choices=("char", "words", "syllables"))
    vocabulary: int = setting(1000, low=257, high=8000)  # tokens at most, if not characters
    # Windows begin at every n-th line of the text (2: at couplets); 0: anywhere.
    lines: int = setting(0, low=0, high=100)
    held_out: float = setting(0.1, low=0.01, high=0.5)  # the text's last part, never trained on
    reverse: bool = setting(True)  # write a sum's lowest digit first, as one computes it
    layers: int = setting(2, low=1, high=12)
    heads: int = setting(4, low=1, high=16)
    width: int = setting(64, low=16, high=512)  # numbers that stand for a token
    context: int = setting(128, low=16, high=512)  # tokens that it can look back at
    # While it writes it goes on from at most so many, the newest; 0: from as many as it can. Who
    # counts wrong in a long text is out of step from there on, who forgets begins anew.
    recall: int = setting(0, low=0, high=512)
    dropout: float = setting(0.0, low=0.0, high=0.8)  # a brake, once it learns by heart
    # With 600 one start in three has not yet learnt to add; with 900 all do.
    steps: int = setting(900, low=10, high=100_000)
    # Tokens that a step reads: 8 windows of 128 characters, or 128 sums.
    batch_tokens: int = setting(1024, low=128, high=65_536)
    lr: float = setting(3e-3, low=1e-5, high=0.1)  # with a schedule: the highest it gets
    schedule: str = setting("cosine", choices=SCHEDULES)
    weight_decay: float = setting(0.1, low=0.0, high=2.0)
    # What is kept is a running mean over about 1 / (1 - average) steps; 0: the last step itself.
    average: float = setting(0.0, low=0.0, high=0.9999)
    seed: int = setting(0, low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Shape:
    """The size of a GPT. GPT-2 small: Shape(50257, 1024, 12, 12, 768)."""

    vocabulary: int
    context: int
    layers: int
    heads: int
    width: int
    dropout: float = 0.0


class Attention(nn.Module):
    """Every token asks (query), offers (key) and gives (value), several times side by side."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)  # all three, of all heads, in one matrix
        self.out = nn.Linear(shape.width, shape.width)

    def forward(
        self, x: Tensor, layer: int, cache: Cache | None, muted: Collection[int], keep: bool
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, T, C) -> what each token takes from itself and those before it, and the weights."""
        batch, count, width = x.shape
        heads = self.qkv(x).view(batch, count, 3 * self.heads, -1).transpose(1, 2)
        q, k, v = heads.chunk(3, dim=1)  # (B, nh, T, hs) each
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, nh, S, hs)
        past = k.shape[2] - count
        weights = None
        if keep:
            scores = q @ k.transpose(2, 3) / math.sqrt(k.shape[3])  # (B, nh, T, S)
            future = torch.ones(count, k.shape[2], dtype=torch.bool).triu(past + 1)
            weights = scores.masked_fill(future, -inf).softmax(dim=3)
            y = weights @ v  # (B, nh, T, hs)
        else:  # the same in one call that never makes the whole (T, S) matrix
            mask = None if count == 1 or not past else _back_from(past, count)
            causal = count > 1 and mask is None
            y = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        if muted:
            silent = torch.zeros(self.heads, dtype=torch.bool)
            silent[list(muted)] = True
            y = y.masked_fill(silent[:, None, None], 0.0)
        return self.out(y.transpose(1, 2).reshape(batch, count, width)), weights


def _back_from(past: int, count: int) -> Tensor:
    """bool (count, past + count): what the last `count` tokens may look at."""
    return torch.ones(count, past + count, dtype=torch.bool).tril(past)


class Block(nn.Module):
    """One layer: look around, then think. Each adds to what was there, after a normalisation."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.norm_2 = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, 4 * shape.width)
        self.down = nn.Linear(4 * shape.width, shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self, x: Tensor, layer: int, cache: Cache | None, muted: Collection[int], keep: bool
    ) -> tuple[Tensor, Tensor | None]:
        seen, weights = self.attention(self.norm_1(x), layer, cache, muted, keep)
        x = x + self.dropout(seen)
        thought = self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh"))
        return x + self.dropout(thought), weights


class GPT(nn.Module):
    """Tokens in, for each the logits of the next one out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.width % shape.heads:
            raise ValueError(f"{shape.heads} heads cannot share a width of {shape.width} evenly")
        self.shape = shape
        self.token = nn.Embedding(shape.vocabulary, shape.width)  # also what the end compares with
        self.position = nn.Embedding(shape.context, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:  # so that the sum over all layers begins about as large as one
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * shape.layers) if deep else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def cache(self, batch: int = 1) -> Cache:
        shape = self.shape
        return Cache(
            layers=shape.layers,
            batch=batch,
            heads=shape.heads,
            context=shape.context,
            width=shape.width // shape.heads,
        )

    def forward(
        self,
        ids: Tensor,
        cache: Cache | None = None,
        muted: Collection[tuple[int, int]] = (),
        keep_attention: bool = False,
        *,
        last: bool = False,
    ) -> Output:
        """ids int64 (B, T), with a cache: those after what it holds, which then grows by T.

        muted: (layer, head) pairs, counted from 0, that say nothing. last: only the last token's
        logits, (B, 1, V), are wanted: of a long text all are hundreds of megabytes. Raises
        ValueError for more tokens than `shape.context`.
        """
        past = cache.length if cache is not None else 0
        end = past + ids.shape[1]
        if end > self.shape.context:
            raise ValueError(f"{end} tokens, but the context holds {self.shape.context}")
        x = self.dropout(self.token(ids) + self.position.weight[past:end])  # (B, T, C)
        kept = list[Tensor]()
        for layer, block in enumerate(self.blocks):
            heads = [head for where, head in muted if where == layer]
            x, weights = block(x, layer, cache, heads, keep_attention)
            if weights is not None:
                kept.append(weights)
        if cache is not None:
            cache.length = end
        x = self.norm(x[:, -1:] if last else x)
        logits = x @ self.token.weight.T  # (B, T, V)
        return Output(logits, torch.stack(kept) if kept else None)


@dataclass(frozen=True)
class Snapshot:
    """The GPT after a step. sample: what it then writes; the same opening and the same luck always.

    examples: of the addition, the same held-out sums always. state: what `restore` takes; it may be
    megabytes, so most snapshots go without. The last one never does.
    """

    step: int
    sample: str = ""
    examples: tuple[Example, ...] = ()
    state: dict[str, np.ndarray] | None = None


def build(config: Config, task: Task) -> GPT:
    """A new GPT for a task's tokens; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    return GPT(_shape(config, len(task.tokenizer)))


def _shape(config: Config, vocabulary: int) -> Shape:
    context = 16 if config.task == "addition" else config.context
    return Shape(vocabulary, context, config.layers, config.heads, config.width, config.dropout)


def train(
    model: GPT, task: Task, config: Config, *, watch_s: float = 0.5, save_s: float = 2.0
) -> Iterator[Progress]:
    """Teach `model` in place; yields a Progress after each step.

    Metrics: loss, the surprise of a batch in nats per token; every `watch_s` seconds (0: always),
    or less often where looking would take more than a tenth of the time, and at the end: what the
    task measures on its training and held-out part, and a Snapshot (its state every `save_s` and at
    the end).
    """
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # for dropout
    optimizer = torch.optim.AdamW(
        _groups(model, config.weight_decay), lr=config.lr, betas=(0.9, 0.98), fused=True
    )
    kept = _copy(model)
    looked = saved = -inf
    pause = watch_s
    for step in range(1, config.steps + 1):
        model.train()
        ids, targets = task.batch(config.batch_tokens, rng)  # (B, T) each; target -1: not asked
        logits = model(ids).logits  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(config.schedule, config.lr, (step - 1) / config.steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _follow(kept, model, config.average, step)

        metrics, snapshot, last = {"loss": loss.item()}, None, step == config.steps
        now = time.monotonic()
        if last or now - looked >= pause:
            kept.eval()
            metrics |= task.measure(kept, last)
            sample, examples = task.show(kept)
            state = None
            if last or now - saved >= save_s:
                state, saved = _state(kept, task), now
            snapshot, looked = Snapshot(step, sample, examples, state), time.monotonic()
            pause = max(watch_s, 9 * (looked - now)) if watch_s else 0.0
        yield Progress(step, config.steps, metrics, snapshot)
    model.load_state_dict(kept.state_dict())
    model.eval()


def _groups(model: GPT, decay: float) -> list[dict[str, Any]]:
    """Matrices are kept small while they learn; biases and normalisations need not be."""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _copy(model: GPT) -> GPT:
    copy = GPT(model.shape)
    copy.load_state_dict(model.state_dict())
    return copy.eval().requires_grad_(False)


@torch.no_grad()
def _follow(kept: GPT, model: GPT, average: float, step: int) -> None:
    """Move the running mean of the weights. The mean of few steps is the mean of just those."""
    share = (1 - average) / (1 - average**step)
    for mean, new in zip(kept.parameters(), model.parameters(), strict=True):
        mean.lerp_(new, share)


def _state(model: GPT, task: Task) -> dict[str, np.ndarray]:
    """Everything that is needed to write: weights, tokenizer, and the fingerprints of the lines."""
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    state["tokenizer"] = np.frombuffer(task.tokenizer.to_bytes(), np.uint8).copy()
    return state | {"lines": task.fingerprints}


def restore(state: Mapping[str, Tensor | np.ndarray], config: Config) -> Writer:
    """The writer that these weights make. Raises ValueError for a state that is not whole."""
    values = {name: torch.as_tensor(np.asarray(value)) for name, value in state.items()}
    if not {"tokenizer", "lines"} <= values.keys():
        raise ValueError("the tokenizer is missing among the weights")
    tokenizer = tokenizer_from_bytes(bytes(values.pop("tokenizer").numpy()))
    known = values.pop("lines").numpy()
    model = GPT(_shape(config, len(tokenizer)))
    model.load_state_dict({name: value.float() for name, value in values.items()})
    lead = tuple(tokenizer.encode("\n")) if config.task == "text" else ()
    model.eval().requires_grad_(False)
    return Writer(model, tokenizer, lead, config.lines, known, recall=config.recall)


def job(config: Config, text: str = "") -> Iterator[Progress]:
    """Prepare, build, train: what a worker runs when *Train* is pressed.

    text: what to learn from, for task="text". Raises TextError if it is too short or too long.
    """
    task = make_task(config, text)
    with one_thread():
        yield from train(build(config, task), task, config)


def load_bundled() -> Writer:
    """The GPT that read Truyện Kiều. See weights/README.md for how it was made."""
    checkpoint = load_checkpoint(BUNDLED, topic="gpt")
    return restore(checkpoint.state, Config(**checkpoint.config))
