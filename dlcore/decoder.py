"""What every model that writes has in common, whatever it is made of.

It reads tokens and says, for each, what may come next; it may be given a `Cache`, which saves it
from reading the same text anew for each token; and a tokenizer belongs to it. `dlcore.gpt.GPT` and
`dlcore.llama.Llama` are such models, and whatever is done with one can be done with the other.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dlcore.tokenizers import Tokenizer


@dataclass(frozen=True)
class Output:
    """logits (B, T, V): for each token the next one's; softmax makes probabilities of them. Where
    only the last one's were asked for, (B, 1, V).

    attention: (layers, B, heads, T, S) if it was asked for: how much of what token T takes in
    comes from token S. Rows sum to 1.
    """

    logits: Tensor
    attention: Tensor | None = None


class Cache:
    """The keys and values of all tokens read so far: a new token needs only its own computed.

    Nothing that a token has become depends on those after it, so nothing of it ever changes.
    """

    def __init__(self, *, layers: int, batch: int, heads: int, context: int, width: int) -> None:
        """heads: those that have keys and values; width: numbers in each of them."""
        self.keys = torch.empty(layers, batch, heads, context, width)
        self.values = torch.empty_like(self.keys)
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep those of new tokens, each (B, nh, T, hs) -> those of all, (B, nh, S, hs)."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class Size(Protocol):
    """What others need to know of a model's size."""

    @property
    def vocabulary(self) -> int: ...
    @property
    def context(self) -> int:
        """How many tokens it can take at once."""

    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...


class LanguageModel(Protocol):
    """ids int64 (B, T) in, an Output out; see `dlcore.gpt.GPT.forward`."""

    @property
    def shape(self) -> Size: ...
    def cache(self, batch: int = 1) -> Cache:
        """An empty one."""

    def __call__(
        self,
        ids: Tensor,
        cache: Cache | None = None,
        muted: Collection[tuple[int, int]] = (),
        keep_attention: bool = False,
        *,
        last: bool = False,
    ) -> Output: ...


@dataclass(frozen=True)
class Writer:
    """A model and the tokenizer that belongs to it.

    lead, tail: tokens before and after every text that it is given: a line break, so that a text
    never is empty, or what a conversation is written in. stops: tokens that end what it writes.
    recall: tokens at most that it goes on from, 0: as many as the model takes. lines: a text that
    grows longer than that is cut at every n-th line; 0: anywhere.
    known: fingerprints of the lines that it has read, int64, sorted; see `dlcore.gpt_tasks.copied`.
    """

    model: LanguageModel
    tokenizer: Tokenizer
    lead: tuple[int, ...] = ()
    lines: int = 0
    known: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    tail: tuple[int, ...] = ()
    stops: frozenset[int] = frozenset()
    recall: int = 0

    @property
    def reach(self) -> int:
        """How many tokens it goes on from."""
        context = self.model.shape.context
        return min(self.recall, context) if self.recall else context
