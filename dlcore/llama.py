"""A language model as they are built today: Llama's architecture, here with SmolLM2's weights.

It is the GPT of `dlcore/gpt.py` with five changes, each small: vectors are scaled but not centred
(RMSNorm); places are not added as vectors, but turn each query and key by an angle, so that only
the distance between two tokens counts (rotary positions); several heads that ask share the one
that answers (grouped queries), which makes the cache smaller; a gate decides what of a layer's
thought passes (SwiGLU); and nothing has a bias (Touvron et al., "LLaMA: Open and efficient
foundation language models", 2023; Allal et al., "SmolLM2", 2025). Look at `turn`.
"""

import math
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.bpe import BPE
from dlcore.checkpoint import load as load_checkpoint
from dlcore.decoder import Cache, Output, Writer
from dlcore.half_products import quick_half_products
from dlcore.tokenizers import tokenizer_from_bytes


@dataclass(frozen=True)
class LlamaShape:
    """The size of a model. The defaults are those of SmolLM2-135M."""

    vocabulary: int = 49152
    context: int = 8192
    layers: int = 30
    heads: int = 9  # that ask
    kv_heads: int = 3  # that answer: each to heads / kv_heads of them
    width: int = 576
    hidden: int = 1536  # numbers that a layer thinks with
    rope_base: float = 100_000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class HalfLinear(nn.Module):
    """A matrix in half precision, which is what writing waits for: all of them are read from
    memory for each token. A single token is multiplied as it is (float16, summed in float32);
    several, which are read at once anyway, in float32.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, dtype=torch.float16))

    def forward(self, x: Tensor) -> Tensor:
        """x float32 (B, T, inputs) -> float32 (B, T, outputs)."""
        if x.shape[0] == x.shape[1] == 1:
            return F.linear(x.half(), self.weight).float()
        return F.linear(x, self.weight.float())


class RMSNorm(nn.Module):
    """Scale a vector to length √C, then each of its numbers by a learnt factor."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of numbers (n, n + hs/2) of x (B, nh, T, hs) by its place's angle.

    cos, sin (T, hs/2). Of two turned vectors, the product depends on the angle between them alone:
    on how far apart their tokens stand (Su et al., "RoFormer", 2021, equation 16).
    """
    a, b = x.chunk(2, dim=3)  # (B, nh, T, hs/2) each
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=3)


class GroupedAttention(nn.Module):
    """Every token asks with all heads; each answer serves a group of them."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = shape.heads, shape.kv_heads, shape.head_width
        rows = (shape.heads + 2 * shape.kv_heads) * shape.head_width
        self.qkv = HalfLinear(shape.width, rows)
        self.out = HalfLinear(shape.heads * shape.head_width, shape.width)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        layer: int,
        cache: Cache | None,
        muted: Collection[int],
        keep: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, T, C) -> what each token takes from itself and those before it, and the weights."""
        batch, count, _ = x.shape
        group = self.heads // self.kv_heads
        rows = self.qkv(x).view(batch, count, -1, self.head_width).transpose(1, 2)
        turned = turn(rows[:, : -self.kv_heads], *angles)  # (B, nh + kv, T, hs)
        q, k = turned.split((self.heads, self.kv_heads), dim=1)
        v = rows[:, -self.kv_heads :]  # (B, kv, T, hs)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, kv, S, hs)
        past = k.shape[2] - count
        weights = None
        if count == 1 and not keep:  # the heads of a group ask as if they were so many tokens
            q = q.view(batch, self.kv_heads, group, -1)
            y = F.scaled_dot_product_attention(q, k, v).view(batch, self.heads, 1, -1)
        else:
            k, v = (t.repeat_interleave(group, dim=1) for t in (k, v))  # (B, nh, S, hs)
            seen = torch.ones(count, past + count, dtype=torch.bool).tril(past)
            if keep:
                scores = q @ k.transpose(2, 3) / math.sqrt(self.head_width)  # (B, nh, T, S)
                weights = scores.masked_fill(~seen, -inf).softmax(dim=3)
                y = weights @ v  # (B, nh, T, hs)
            else:
                y = F.scaled_dot_product_attention(q, k, v, seen)
        if muted:
            silent = torch.zeros(self.heads, dtype=torch.bool)
            silent[list(muted)] = True
            y = y.masked_fill(silent[:, None, None], 0.0)
        return self.out(y.transpose(1, 2).reshape(batch, count, -1)), weights


class LlamaBlock(nn.Module):
    """One layer: look around, then think. Each adds to what was there, after a normalisation."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.norm_1 = RMSNorm(shape.width, shape.epsilon)
        self.attention = GroupedAttention(shape)
        self.norm_2 = RMSNorm(shape.width, shape.epsilon)
        self.gate_up = HalfLinear(shape.width, 2 * shape.hidden)
        self.down = HalfLinear(shape.hidden, shape.width)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        layer: int,
        cache: Cache | None,
        muted: Collection[int],
        keep: bool,
    ) -> tuple[Tensor, Tensor | None]:
        seen, weights = self.attention(self.norm_1(x), angles, layer, cache, muted, keep)
        x = x + seen
        gate, up = self.gate_up(self.norm_2(x)).chunk(2, dim=2)  # (B, T, hidden) each
        return x + self.down(F.silu(gate) * up), weights


class Llama(nn.Module):
    """Tokens in, for each the logits of the next one out. Called as `dlcore.gpt.GPT` is."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        if shape.width % shape.heads or shape.heads % shape.kv_heads or shape.head_width % 2:
            raise ValueError(f"heads do not fit: {shape}")
        self.shape = shape
        self.token = nn.Embedding(shape.vocabulary, shape.width)  # also what the end compares with
        self.blocks = nn.ModuleList(LlamaBlock(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)

    def cache(self, batch: int = 1) -> Cache:
        shape = self.shape
        return Cache(
            layers=shape.layers,
            batch=batch,
            heads=shape.kv_heads,  # only those that answer
            context=shape.context,
            width=shape.head_width,
        )

    def angles(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """cos and sin (T, hs/2) of the places from `start` to `end`: the first pair of numbers
        turns by 1 at each place, the last hardly at all."""
        half = self.shape.head_width // 2
        speed = self.shape.rope_base ** -(torch.arange(half) / half)  # (hs/2,)
        turned = torch.arange(start, end)[:, None] * speed  # (T, hs/2)
        return turned.cos(), turned.sin()

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
        angles = self.angles(past, end)
        x = self.token(ids)  # (B, T, C)
        kept = list[Tensor]()
        with quick_half_products() if ids.numel() == 1 else nullcontext():
            for layer, block in enumerate(self.blocks):
                heads = [head for where, head in muted if where == layer]
                x, weights = block(x, angles, layer, cache, heads, keep_attention)
                if weights is not None:
                    kept.append(weights)
        if cache is not None:
            cache.length = end
        x = self.norm(x[:, -1:] if last else x)
        logits = x @ self.token.weight.T  # (B, T, V)
        return Output(logits, torch.stack(kept) if kept else None)


# --- SmolLM2 -------------------------------------------------------------------------------------

# What its makers tell it before every conversation.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
_ENDS = ("<|im_end|>", "<|endoftext|>")  # of what somebody says; of a text
_CONTEXT = 2048  # of 8192: without a graphics card, reading more takes longer than anybody waits


def load(path: str | Path, *, context: int = _CONTEXT) -> Writer:
    """SmolLM2 as the store keeps it, to go on from any text; about 0.4 GB of memory.

    context: how many tokens it looks back at. Raises CheckpointError, OSError.
    """
    checkpoint = load_checkpoint(path, topic="smollm2")
    shape = LlamaShape(**checkpoint.config)
    state = dict(checkpoint.state)
    tokenizer = tokenizer_from_bytes(bytes(state.pop("tokenizer").numpy()))
    assert isinstance(tokenizer, BPE)
    with torch.device("meta"):
        model = Llama(replace(shape, context=min(context, shape.context)))
    state["token.weight"] = state["token.weight"].float()  # a logit needs more than half precision
    model.load_state_dict(state, assign=True)
    stops = frozenset(map(tokenizer.special_number, _ENDS))
    return Writer(model.eval().requires_grad_(False), tokenizer, stops=stops)


def chatting(
    writer: Writer, turns: Sequence[tuple[str, str]] = (), *, system: str = SYSTEM
) -> Writer:
    """The same model, which answers what it is given as somebody's words instead of going on.

    A conversation is a text, too: who speaks stands between tokens that no typed text is read as.
    turns: what was said and answered before; the oldest are forgotten where all together would take
    more than half of the context.
    """
    tokenizer = writer.tokenizer
    assert isinstance(tokenizer, BPE)
    start, end = (tokenizer.special_number(name) for name in ("<|im_start|>", "<|im_end|>"))
    line = tokenizer.encode("\n")

    def says(who: str) -> list[int]:
        return [start, *tokenizer.encode(f"{who}\n")]

    tail = [end, *line, *says("assistant")]
    past = list[int]()
    for said, answer in reversed(turns):
        turn = [
            *says("user"),
            *tokenizer.encode(said),
            *tail,
            *tokenizer.encode(answer),
            end,
            *line,
        ]
        if len(turn) + len(past) > writer.model.shape.context // 2:
            break
        past = turn + past
    lead = [*says("system"), *tokenizer.encode(system), end, *line, *past, *says("user")]
    return replace(writer, lead=tuple(lead), tail=tuple(tail))
