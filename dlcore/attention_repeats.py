"""Random sequences that repeat themselves: what there is to learn in them, and what there is not.

A block of random tokens, all different, stands again and again until the sequence is full. The
tokens of the first block are pure chance. From then on every token is known to who looks up what
came after it the last time; nobody can learn that by heart, for the next sequence is another. How
long the block is, is drawn anew for each sequence, so that "look k places back" is no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# One block in ten is kept for testing: those whose tokens' numbers add up to a multiple of ten.
KEPT = 10


@dataclass(frozen=True)
class Repeats:
    """N sequences of T + 1 tokens: the first T are read, the last T are the answers."""

    tokens: Tensor  # (N, T + 1) int64
    blocks: Tensor  # (N,) int64: how long the block is that repeats

    @property
    def seen(self) -> Tensor:
        """(N, T): what the network reads."""
        return self.tokens[:, :-1]

    @property
    def answers(self) -> Tensor:
        """(N, T): what comes next."""
        return self.tokens[:, 1:]

    @property
    def knowable(self) -> Tensor:
        """(N, T) bool: is the token that is read a repeated one, so that its answer is known?"""
        return torch.arange(self.tokens.shape[1] - 1) >= self.blocks[:, None]


def draw(
    blocks: Tensor, *, vocab: int, length: int, rng: torch.Generator, held_out: bool = False
) -> Repeats:
    """Sequences whose blocks are that long: blocks (N,) int64, each from 2 to `vocab`.

    vocab: kinds of tokens; length: T. held_out: blocks that are kept for testing and never drawn
    otherwise, wherever in the block a reader begins.
    """
    tokens = torch.empty(len(blocks), length + 1, dtype=torch.int64)
    missing = torch.arange(len(blocks))
    while len(missing):  # draw again what belongs to the other part
        wanted = blocks[missing, None]  # (M, 1)
        order = torch.rand(len(missing), vocab, generator=rng).argsort(dim=1)  # all different
        total = (order * (torch.arange(vocab) < wanted)).sum(dim=1)
        good = (total % KEPT == 0) == held_out
        places = torch.arange(length + 1) % wanted  # (M, T + 1): 0 … block - 1, again and again
        tokens[missing[good]] = order.gather(1, places)[good]
        missing = missing[~good]
    return Repeats(tokens, blocks)


def one_of_each(
    lengths: Sequence[int], each: int, *, vocab: int, length: int, seed: int = 2022
) -> Repeats:
    """Held-out sequences, `each` of every block length: always the same ones, for comparisons."""
    rng = torch.Generator().manual_seed(seed)
    blocks = torch.tensor(lengths).repeat_interleave(each)
    return draw(blocks, vocab=vocab, length=length, rng=rng, held_out=True)
