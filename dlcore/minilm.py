"""MiniLM: what a sentence means, as 384 numbers; sentences that mean alike point the same way.

It is a BERT (Devlin et al., "BERT", 2019), made small by copying a large one's attention (Wang et
al., "MiniLM", 2020) and then shown a billion pairs of sentences that belong together, until the
average of its tokens' vectors told who belongs to whom (Reimers & Gurevych, "Sentence-BERT", 2019).
Unlike a GPT it does not write: every token looks at all others, those after it too. Look at
`EncoderLayer`, which normalises after adding where newer models do before, and at `meaning_of`.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.bpe import Piece
from dlcore.checkpoint import load as load_checkpoint
from dlcore.wordpiece import WordPiece, from_vocabulary


@dataclass(frozen=True)
class EncoderShape:
    """The size of a BERT. The defaults are all-MiniLM-L6-v2's."""

    vocabulary: int = 30522
    context: int = 512
    layers: int = 6
    heads: int = 12
    width: int = 384
    inner: int = 1536  # numbers that a layer thinks with


@dataclass(frozen=True)
class Encoded:
    """states: (B, T, C), what each token has become in its sentence.

    attention: (layers, B, heads, T, T) if it was asked for; rows sum to 1.
    """

    states: Tensor
    attention: Tensor | None = None


class EncoderLayer(nn.Module):
    """Look around, then think; each is added to what was there, and normalised after that."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)  # queries, keys, values of all heads
        self.out = nn.Linear(shape.width, shape.width)
        self.norm_1 = nn.LayerNorm(shape.width, eps=1e-12)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.norm_2 = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(
        self, x: Tensor, muted: Collection[int], keep: bool
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, T, C) -> the same after this layer, and the weights (B, nh, T, T) if kept."""
        seen, weights = self._look(x, muted, keep)
        x = self.norm_1(x + seen)
        return self.norm_2(x + self.down(F.gelu(self.up(x)))), weights

    def _look(self, x: Tensor, muted: Collection[int], keep: bool) -> tuple[Tensor, Tensor | None]:
        batch, count, width = x.shape
        heads = self.qkv(x).view(batch, count, 3 * self.heads, -1).transpose(1, 2)
        q, k, v = heads.chunk(3, dim=1)  # (B, nh, T, hs) each
        weights = None
        if keep:
            weights = (q @ k.transpose(2, 3) / math.sqrt(k.shape[3])).softmax(dim=3)
            y = weights @ v  # (B, nh, T, hs)
        else:  # the same in one call that never makes the whole (T, T) matrix
            y = F.scaled_dot_product_attention(q, k, v)
        if muted:
            silent = torch.zeros(self.heads, dtype=torch.bool)
            silent[list(muted)] = True
            y = y.masked_fill(silent[:, None, None], 0.0)
        return self.out(y.transpose(1, 2).reshape(batch, count, width)), weights


class Encoder(nn.Module):
    """Tokens in, what each means in its sentence out."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        if shape.width % shape.heads:
            raise ValueError(f"{shape.heads} heads cannot share a width of {shape.width} evenly")
        self.shape = shape
        self.token = nn.Embedding(shape.vocabulary, shape.width)
        self.position = nn.Embedding(shape.context, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))

    def forward(
        self,
        ids: Tensor,
        muted: Collection[tuple[int, int]] = (),
        keep_attention: bool = False,
    ) -> Encoded:
        """ids int64 (B, T), sentences as long as each other, [CLS] first and [SEP] last.

        muted: (layer, head) pairs, counted from 0, that say nothing. Raises ValueError for more
        tokens than `shape.context`.
        """
        count = ids.shape[1]
        if count > self.shape.context:
            raise ValueError(f"{count} tokens, but the context holds {self.shape.context}")
        x = self.norm(self.token(ids) + self.position.weight[:count])  # (B, T, C)
        kept = list[Tensor]()
        for place, layer in enumerate(self.layers):
            heads = [head for where, head in muted if where == place]
            x, weights = layer(x, heads, keep_attention)
            if weights is not None:
                kept.append(weights)
        return Encoded(x, torch.stack(kept) if kept else None)


def meaning_of(states: Tensor) -> Tensor:
    """What its tokens became (B, T, C) -> each sentence's vector (B, C): their mean, of length 1.

    So the cosine of two sentences is a product: 1 for the same, about 0 for unrelated ones.
    """
    return F.normalize(states.mean(dim=1), dim=1)


class MiniLM:
    """An encoder with its tokenizer, as `dlcore.lens_text` reads it: a TextReader."""

    answers, lead, tail = "meaning", 1, 1  # [CLS] before every text, [SEP] after it

    def __init__(self, model: Encoder, tokenizer: WordPiece) -> None:
        self.model, self.tokenizer = model, tokenizer
        shape = model.shape
        self.layers, self.heads, self.most = shape.layers, shape.heads, shape.context

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, between [CLS] and [SEP]."""
        first, last = (self.tokenizer.number[name] for name in ("[CLS]", "[SEP]"))
        return [first, *self.tokenizer.encode(text), last]

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        return self.tokenizer.pieces(ids)

    def name(self, token: int) -> str:
        return "".join(piece.text for piece in self.pieces([token]))

    def read(
        self, ids: Tensor, muted: Collection[tuple[int, int]] = (), keep: bool = True
    ) -> tuple[Tensor | None, Tensor]:
        """ids (B, T) -> weights (layers, B, heads, T, T) if kept, and meanings (B, C)."""
        out = self.model(ids, muted=muted, keep_attention=keep)
        return out.attention, meaning_of(out.states)

    @torch.no_grad()
    def meanings(self, texts: Sequence[str], muted: Collection[tuple[int, int]] = ()) -> np.ndarray:
        """Texts -> vectors (N, C) float32 of length 1. Of a longer text only the beginning is read:
        `most` tokens."""
        found = np.empty((len(texts), self.model.shape.width), np.float32)
        for n, text in enumerate(texts):  # one by one: nothing to pad, nothing to mask
            first, *rest, last = self.encode(text)
            ids = [first, *rest[: self.most - 2], last]
            found[n] = self.read(torch.tensor([ids]), muted, keep=False)[1][0].numpy()
        return found


_BERT_NAMES = {
    "embeddings.word_embeddings.": "token.",
    "embeddings.LayerNorm.": "norm.",
    "encoder.layer.": "layers.",
    "attention.output.dense.": "out.",
    "attention.output.LayerNorm.": "norm_1.",
    "intermediate.dense.": "up.",
    "output.dense.": "down.",
    "output.LayerNorm.": "norm_2.",
}
_QKV = ("query", "key", "value")


def from_bert(state: Mapping[str, Tensor], heads: int = 0) -> Encoder:
    """A BERT from its published weights, of any size; float32, ready to use.

    heads: how many, if not one for every 32 numbers of the width, as MiniLM has them.
    Raises KeyError or RuntimeError for weights of something else.
    """
    state = {name.removeprefix("bert."): value.float() for name, value in state.items()}
    named = dict[str, Tensor]()
    for name, value in state.items():
        ours = name
        for theirs, own in _BERT_NAMES.items():
            ours = ours.replace(theirs, own, 1)
        if name.startswith(("embeddings.", "encoder.")) and ".self." not in ours:
            named[ours] = value
    layers = sum(name.endswith(".up.bias") for name in named)
    for layer in range(layers):
        for kind in ("weight", "bias"):
            own = f"encoder.layer.{layer}.attention.self"
            named[f"layers.{layer}.qkv.{kind}"] = torch.cat(
                [state[f"{own}.{part}.{kind}"] for part in _QKV]
            )
    # BERT adds a vector that tells a first text from a second. Here is only ever a first.
    first = named.pop("embeddings.token_type_embeddings.weight")[0]
    named["position.weight"] = named.pop("embeddings.position_embeddings.weight") + first
    named.pop("embeddings.position_ids", None)  # 0, 1, 2, …, which older files carry
    vocabulary, width = named["token.weight"].shape
    context, inner = len(named["position.weight"]), len(named["layers.0.up.bias"])
    shape = EncoderShape(vocabulary, context, layers, heads or width // 32, width, inner)
    model = Encoder(shape)
    model.load_state_dict(named)
    return model.eval().requires_grad_(False)


def convert(raw: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The published model.safetensors and vocab.txt -> what `load` takes: tensors and settings."""
    from safetensors.torch import load_file

    model = from_bert(load_file(raw / "model.safetensors"))
    words = from_vocabulary((raw / "vocab.txt").read_bytes()).to_bytes()
    tensors: dict[str, Tensor] = dict(model.state_dict())
    tensors["vocabulary"] = torch.from_numpy(np.frombuffer(words, np.uint8).copy())
    return tensors, asdict(model.shape)


def load(path: Path) -> MiniLM:
    """The model that `dlcore.pretrained` keeps as "minilm". Raises CheckpointError, OSError."""
    checkpoint = load_checkpoint(path, topic="minilm")
    tokenizer = from_vocabulary(bytes(checkpoint.state.pop("vocabulary").numpy()))
    with torch.device("meta"):  # no random numbers for weights that are about to be replaced
        model = Encoder(EncoderShape(**checkpoint.config))
    model.load_state_dict(checkpoint.state, assign=True)
    return MiniLM(model.eval().requires_grad_(False), tokenizer)
