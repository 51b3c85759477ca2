"""What cuts a text into tokens: by characters, by byte pairs, by halves of Vietnamese syllables.

Characters are the plain way: a short list of tokens, and long texts. The other two have modules of
their own, `dlcore.bpe` and `dlcore.syllables`. All give back the text that they took, and show
their tokens in whole characters.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from dlcore.bpe import BPE, SPLITS, Piece, Speller, Tokenizer
from dlcore.syllables import Syllables

__all__ = [
    "BPE", "Characters", "Piece", "Speller", "Syllables", "Tokenizer", "tokenizer_from_bytes",
    "tokenizer_in", "tokenizer_tensor", "train_characters",
]  # fmt: skip


@dataclass(frozen=True)
class Characters:
    """One token for each known character, and a last one, shown as �, for all others."""

    known: str
    number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", {c: n for n, c in enumerate(self.known)})

    def __len__(self) -> int:
        return len(self.known) + 1

    def encode(self, text: str) -> list[int]:
        return [self.number.get(c, len(self.known)) for c in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join((*self.known, "�")[i] for i in ids)

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        return [Piece(self.decode([i]), (i,)) for i in ids]

    def name(self, token: int) -> str:
        return self.decode([token])

    def speller(self) -> "CharacterSpeller":
        return CharacterSpeller(self)

    def to_bytes(self) -> bytes:
        return json.dumps({"kind": "characters", "known": self.known}).encode()


def train_characters(text: str, most: int = 2000) -> Characters:
    """The characters of a text, in the order of their numbers in Unicode.

    most: of a text with more kinds of them, only the most frequent are known.
    """
    return Characters("".join(sorted(c for c, _ in Counter(text).most_common(most))))


class CharacterSpeller:
    """Each token is a character, and waits for nothing."""

    def __init__(self, tokenizer: Characters) -> None:
        self.tokenizer = tokenizer

    incomplete = False

    def add(self, token: int, *, last: bool = False) -> str:
        return self.tokenizer.decode([token])


def tokenizer_tensor(tokenizer: Tokenizer) -> Tensor:
    """Its bytes (N,) uint8, to lie among the weights of a model."""
    return torch.frombuffer(bytearray(tokenizer.to_bytes()), dtype=torch.uint8)


def tokenizer_in(path: str | Path) -> Tokenizer:
    """That of a pretrained model's file, without the model. Raises ValueError, OSError."""
    with safe_open(path, framework="pt") as file:
        return tokenizer_from_bytes(bytes(file.get_tensor("tokenizer").numpy()))


def tokenizer_from_bytes(data: bytes) -> Tokenizer:
    """What `to_bytes` wrote. Raises ValueError for anything else."""
    try:
        told = json.loads(data)
        if told["kind"] == "characters":
            return Characters(str(told["known"]))
        if told["kind"] == "syllables":
            return Syllables(tuple(half.encode("latin-1") for half in told["halves"]))
        merges = tuple((int(a), int(b)) for a, b in told["merges"])
        order, special = bytes(told["order"]), tuple(map(str, told["special"]))
        first = bool(told.get("special_first", False))
        known = len(order) + (len(special) if first else 0)
        if any(not 0 <= i < n for n, pair in enumerate(merges, known) for i in pair):
            raise ValueError("a token is made of tokens that come later")
        if not order or len(set(order)) < len(order) or told["split"] not in SPLITS:
            raise ValueError("a byte has two numbers, or the split is unknown")
        return BPE(merges, told["split"], order, special, first)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no tokenizer: {error}") from error
