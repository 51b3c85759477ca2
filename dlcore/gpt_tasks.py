"""What a GPT can be taught here: a text's next token, or the sums of two-digit numbers.

Both are the same game for the network, and are told apart by nothing but what it reads. A part of
either is held out: never trained on, only asked about.
"""

import hashlib
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.bpe import train_bpe
from dlcore.faults import Fault
from dlcore.syllables import train_syllables
from dlcore.tokenizers import Characters, Tokenizer, train_characters

MOST_TEXT = 1_000_000  # bytes
LEAST_TEXT = 200  # characters
_MEASURED = 8  # windows of either part that a measurement reads
_SAMPLE = 160  # tokens


class CorpusError(Fault):
    """A text that nothing can be learnt from.

    key: "short" (with `least`, characters) or "large" (with `most`, bytes).
    """

    def __init__(self, key: str, **values: object) -> None:
        messages = {
            "short": f"at least {values.get('least')} characters are needed to learn from",
            "large": f"at most {values.get('most')} bytes of text are taken",
        }
        super().__init__(key, messages[key], **values)


@dataclass(frozen=True)
class Example:
    """A sum as it was asked and answered: "37+85=", "221", right (37 + 85 = 122, read backwards).

    right: the answer that there should have been, in the same order of digits.
    """

    question: str
    answer: str
    right: str

    @property
    def correct(self) -> bool:
        return self.answer == self.right


class Task(Protocol):
    """Where batches come from, and how good somebody is at it."""

    tokenizer: Tokenizer
    fingerprints: np.ndarray  # int64 (N,), see `fingerprint`

    def batch(self, tokens: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """About so many tokens: ids and targets, int64 (B, T); -1: whatever comes is right."""
        ...

    def measure(self, model: Any, last: bool = False) -> dict[str, float]:
        """Metrics of both parts; `last`: the training is over, so that time is no matter."""
        ...

    def show(self, model: Any) -> tuple[str, tuple[Example, ...]]: ...


def make_task(config: Any, text: str = "") -> Task:
    """The task that the settings ask for. Raises CorpusError for a text that cannot be used."""
    return Sums(config) if config.task == "addition" else Corpus(config, text)


class Corpus:
    """A text, its first part to learn from and its last to be asked about."""

    def __init__(self, config: Any, text: str) -> None:
        if len(text.encode("utf-8", "replace")) > MOST_TEXT:
            raise CorpusError("large", most=MOST_TEXT)
        text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip("\n") + "\n"
        if len(text) < LEAST_TEXT:
            raise CorpusError("short", least=LEAST_TEXT)
        cut = int(len(text) * (1 - config.held_out))
        if config.lines:  # between two lines, and with the same number of them before each window
            ends = [n + 1 for n, c in enumerate(text) if c == "\n"][
                config.lines - 1 :: config.lines
            ]
            cut = max((end for end in ends if end <= cut), default=cut)
        if config.tokens == "char":
            self.tokenizer: Tokenizer = train_characters(text)
        elif config.tokens == "syllables":
            self.tokenizer = train_syllables(text[:cut], config.vocabulary)
        else:  # merges, too, are learnt without the held-out part
            self.tokenizer = train_bpe(text[:cut], config.vocabulary, config.tokens)
        self.learnt = _Part(self.tokenizer, text[:cut], config)
        self.held = _Part(self.tokenizer, text[cut:], config)
        self.fingerprints = fingerprints(text.splitlines())
        self.seed = config.seed

    def batch(self, tokens: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        size = (max(1, tokens // self.learnt.context),)
        return self.learnt.windows(torch.randint(len(self.learnt.starts), size, generator=rng))

    @torch.no_grad()
    def measure(self, model: Any, last: bool = False) -> dict[str, float]:
        """train_loss, valid_loss: nats per token; valid_bits: bits per character, whatever a token.

        Of the same windows each time: eight evenly spread ones of either part.
        """
        losses = [part.loss(model) for part in (self.learnt, self.held)]
        bits = losses[1] * self.held.tokens_per_character / math.log(2)
        return {"train_loss": losses[0], "valid_loss": losses[1], "valid_bits": bits}

    def show(self, model: Any) -> tuple[str, tuple[Example, ...]]:
        ids = self.tokenizer.encode("\n")
        count = min(_SAMPLE, model.shape.context - len(ids))
        rng = torch.Generator().manual_seed(self.seed)
        written = write_plainly(model, torch.tensor([ids]), count, rng, temperature=0.8)
        return self.tokenizer.decode(written[0].tolist()), ()


class _Part:
    """Tokens of one part of a text, and where windows of `context` of them may begin."""

    def __init__(self, tokenizer: Tokenizer, text: str, config: Any) -> None:
        # A line break before the first line, as before any other: with it a text begins.
        self.ids = torch.tensor(tokenizer.encode("\n") + tokenizer.encode(text))
        self.tokens_per_character = len(self.ids) / max(1, len(text))
        self.context = config.context
        if config.lines:
            (line_break,) = tokenizer.encode("\n")
            starts = (self.ids == line_break).nonzero()[:, 0][:: config.lines]
            self.starts = starts[starts < len(self.ids) - 1]
        else:
            self.starts = torch.arange(max(1, len(self.ids) - self.context))

    def windows(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The windows (B,) -> ids and targets (B, T), -1 past the end of the part."""
        places = self.starts[numbers][:, None] + torch.arange(self.context + 1)  # (B, T + 1)
        inside = places < len(self.ids)
        ids = self.ids[places.clamp(max=len(self.ids) - 1)]
        return ids[:, :-1], ids[:, 1:].masked_fill(~inside[:, 1:], -1)

    def loss(self, model: Any) -> float:
        numbers = torch.linspace(0, len(self.starts) - 1, min(_MEASURED, len(self.starts))).long()
        ids, targets = self.windows(numbers)
        logits = model(ids).logits.flatten(0, 1)
        return F.cross_entropy(logits, targets.flatten(), ignore_index=-1).item()


class Sums:
    """a+b= and the sum of three digits, for all a and b from 0 to 99; a fifth is held out."""

    SIGNS = "0123456789+="

    def __init__(self, config: Any) -> None:
        self.tokenizer: Tokenizer = Characters(self.SIGNS)
        self.fingerprints = np.zeros(0, np.int64)
        self.reverse = config.reverse
        order = torch.randperm(10_000, generator=torch.Generator().manual_seed(config.seed))
        self.held, self.learnt = order[:2000], order[2000:]
        self.table = torch.tensor(
            [self.tokenizer.encode(self.question(n) + self.right(n)) for n in range(10_000)]
        )  # (10000, 9)

    def question(self, number: int) -> str:
        """Sum number 3785 -> "37+85="."""
        return f"{number // 100:02}+{number % 100:02}="

    def right(self, number: int) -> str:
        digits = f"{number // 100 + number % 100:03}"
        return digits[::-1] if self.reverse else digits

    def batch(self, tokens: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        size = (max(1, tokens // (self.table.shape[1] - 1)),)
        rows = self.table[self.learnt[torch.randint(len(self.learnt), size, generator=rng)]]
        targets = rows[:, 1:].clone()
        targets[:, :5] = -1  # which numbers are added is nobody's to guess
        return rows[:, :-1], targets

    @torch.no_grad()
    def measure(self, model: Any, last: bool = False) -> dict[str, float]:
        """train_accuracy, valid_accuracy: share of whole sums right, of 300 of either part; in the
        end of all 2,000 held-out ones.

        Answered digit by digit, the likeliest first; valid_loss: nats per digit.
        """
        held = self.held if last else self.held[:300]
        accuracy = [
            (self.answers(model, part) == self.table[part][:, 6:]).all(dim=1).float().mean().item()
            for part in (self.learnt[:300], held)
        ]
        rows = self.table[held]
        logits = model(rows[:, :-1]).logits[:, 5:]  # (N, 3, V)
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 6:].flatten()).item()
        return {"train_accuracy": accuracy[0], "valid_accuracy": accuracy[1], "valid_loss": loss}

    def answers(self, model: Any, numbers: Tensor) -> Tensor:
        """The digits (N, 3) that a model gives to sums (N,)."""
        return write_plainly(model, self.table[numbers][:, :6], 3)

    def show(self, model: Any) -> tuple[str, tuple[Example, ...]]:
        numbers = self.held[:12]
        rows = self.answers(model, numbers).tolist()
        return "", tuple(
            Example(self.question(n), self.tokenizer.decode(row), self.right(n))
            for n, row in zip(numbers.tolist(), rows, strict=True)
        )


@torch.no_grad()
def write_plainly(
    model: Any,
    ids: Tensor,
    count: int,
    rng: torch.Generator | None = None,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """`count` tokens (B, count) after ids (B, T), texts side by side; the likeliest without `rng`.

    Reads all anew for each token, as the idea says. `dlcore.gpt_writing` has the quick way.
    """
    for _ in range(count):
        logits = model(ids).logits[:, -1]  # (B, V)
        if rng is None:
            new = logits.argmax(dim=1, keepdim=True)
        else:
            new = (logits / temperature).softmax(dim=1).multinomial(1, generator=rng)
        ids = torch.cat([ids, new], dim=1)
    return ids[:, -count:]


# --- Lines that are known by heart ---------------------------------------------------------------


def fingerprint(line: str) -> int:
    """A number that tells whether two lines have the same words; not which words they are.

    Neither capitals nor punctuation count.
    """
    words = " ".join("".join(c if c.isalnum() else " " for c in line.lower()).split())
    return int.from_bytes(
        hashlib.blake2b(words.encode(), digest_size=8).digest(), "big", signed=True
    )


def fingerprints(lines: Iterable[str]) -> np.ndarray:
    """Those of all lines with a word in them, int64 (N,), sorted."""
    return np.unique(
        np.array([fingerprint(line) for line in lines if any(map(str.isalnum, line))], np.int64)
    )


def copied(text: str, known: np.ndarray) -> list[bool]:
    """For each line of a text, whether it stands word for word among those with fingerprints."""
    lines = text.splitlines()
    return np.isin([fingerprint(line) for line in lines], known).tolist() if lines else []
