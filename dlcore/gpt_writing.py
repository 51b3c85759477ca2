"""Writing with a GPT, one token after another, with every choice in the open.

A GPT says how likely each token is to come next; who takes one of them, and how, is the decoder.
Always the likeliest repeats itself before long, and every one as often as the model says stumbles
now and then over an unlikely one. Between those lie the filters here, each of which changes the
probabilities a little before one token is drawn (top-p: Holtzman et al., "The curious case of
neural text degeneration", 2020; repetition penalty: Keskar et al., "CTRL", 2019). Look at `stages`.
"""

import math
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import perf_counter

import torch
from torch import Tensor

from dlcore.bpe import Encoder
from dlcore.decoder import Writer
from dlcore.settings import Settings, setting
from dlcore.tokenizers import Speller, Tokenizer

MOST_ALTERNATIVES = 20
STAGES = ("model", "penalty", "temperature", "top_k", "top_p")  # in the order they are applied


@dataclass(frozen=True)
class Decoding(Settings):
    """How to choose. The defaults are those that the bundled GPT was measured with."""

    length: int = setting(140, low=1, high=1000)  # new tokens
    # The length counts the opening's tokens, too. Of a conversation only the answer counts: what
    # was said before it is no opening.
    whole: bool = setting(False)
    temperature: float = setting(0.8, low=0.05, high=3.0)  # below 1: the likely becomes likelier
    top_k: int = setting(0, low=0, high=1000)  # only the k likeliest; 0: all
    top_p: float = setting(0.95, low=0.05, high=1.0)  # only the likeliest that together reach p
    repetition_penalty: float = setting(1.0, low=1.0, high=2.0)  # against tokens already there
    greedy: bool = setting(False)  # always the likeliest
    seed: int = setting(0, low=0, high=2**31 - 1)


# Four ways to go on from the same text, for comparison.
DECODERS = {
    "greedy": Decoding(greedy=True, temperature=1.0, top_p=1.0),
    "plain": Decoding(temperature=1.0, top_p=1.0),
    "top_k": Decoding(temperature=1.0, top_k=20, top_p=1.0),
    "top_p": Decoding(temperature=1.0, top_p=0.9),
}
# `generate_text` of the tutorial: sampled at temperature 0.7, max_length=100 with the opening. That
# transformers then also keeps only the 50 likeliest tokens (its default) is not said there.
TUTORIAL_DECODING = Decoding(length=100, whole=True, temperature=0.7, top_k=50, top_p=1.0)


@dataclass(frozen=True)
class Alternative:
    """A token that could have come: its probability after each of the STAGES, in [0, 1]."""

    id: int
    text: str  # its name: " ‹C3›" where it holds only a part of a character
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Token:
    """One step of writing.

    text: what it adds to what is written; "" while a character is not complete. surprise: -ln of
    the probability that the model itself gave it, nats; entropy: of the model's whole distribution,
    nats. alternatives: the likeliest for the model, itself perhaps among them. forced: not drawn.
    name: what it is by itself, see `dlcore.bpe.Tokenizer.name`.
    """

    id: int
    text: str
    probabilities: tuple[float, ...]  # of itself, after each of the STAGES
    surprise: float
    entropy: float
    alternatives: tuple[Alternative, ...]
    forced: bool = False
    name: str = ""


def generate(
    writer: Writer,
    prompt: str,
    decoding: Decoding,
    *,
    before: Sequence[int] = (),
    forced: Sequence[int] = (),
    use_cache: bool = True,
) -> Generator[Token, None, None]:
    """Go on from `prompt`, token by token, to its length or to a token that ends a text (which is
    the last that comes); stop by closing.

    before: tokens that were written after the prompt already, to go on from. They are read at once,
    and do not come again. forced: those that come next whatever their probability: a branch of an
    earlier text. Both count as new ones; `new_tokens` says how many there are at most. The seed
    draws one number for each place: after the same tokens the same text follows.
    use_cache: without it, everything is read anew for every token, which changes only the speed.
    """
    ids = encode_prompt(writer, prompt)
    count = new_tokens(writer, prompt, decoding)
    luck = torch.rand(count, generator=_seeded(decoding.seed)).tolist()
    eye = _Eye(writer, use_cache)
    speller = writer.tokenizer.speller()
    for token in before:
        eye.pass_by(ids)
        ids.append(token)
        speller.add(token)
    for place in range(len(before), count):
        logits = eye.read(ids)  # (V,)
        found = stages(logits, ids, decoding)  # (stages, V), probabilities
        is_forced = place - len(before) < len(forced)
        new = (
            forced[place - len(before)]
            if is_forced
            else draw(found[-1], luck[place], decoding.greedy)
        )
        ids.append(new)
        yield _token(writer.tokenizer, new, found, speller, is_forced)
        if new in writer.stops:
            return


def new_tokens(writer: Writer, prompt: str, decoding: Decoding) -> int:
    """How many tokens may come: at least one, also where the opening is as long as it may be."""
    answers = bool(writer.tail)
    before = len(encode_prompt(writer, prompt)) if decoding.whole and not answers else 0
    return max(1, decoding.length - before)


def encode_prompt(writer: Writer, prompt: str) -> list[int]:
    """A prompt's tokens, of composed letters (NFC), as the texts are that models learn from."""
    ids = writer.tokenizer.encode(unicodedata.normalize("NFC", prompt))
    return [*writer.lead, *ids, *writer.tail]


def write(writer: Writer, prompt: str, decoding: Decoding) -> str:
    """The new text alone, whole."""
    return spelled(writer, [token.id for token in generate(writer, prompt, decoding)])


def spelled(writer: Writer, ids: Sequence[int]) -> str:
    """Written tokens as text, without those that end one."""
    return writer.tokenizer.decode([i for i in ids if i not in writer.stops])


def generate_text(writer: Writer, prompt: str, max_length: int = 100, *, seed: int = 0) -> str:
    """The tutorial's function: the opening and what follows, `max_length` tokens together."""
    return prompt + write(writer, prompt, replace(TUTORIAL_DECODING, length=max_length, seed=seed))


def stages(logits: Tensor, ids: Sequence[int], decoding: Decoding) -> Tensor:
    """logits (V,) -> probabilities (5, V) after each of the STAGES; the last are drawn from.

    ids: all tokens before this one, which a penalty makes less likely.
    """
    kept = [logits]
    if decoding.repetition_penalty != 1.0 and ids:
        seen = torch.tensor(sorted(set(ids)))
        was = logits[seen]
        less = torch.where(was > 0, was / decoding.repetition_penalty,
                           was * decoding.repetition_penalty)  # fmt: skip
        logits = logits.index_put((seen,), less)
    kept.append(logits)
    logits = logits / decoding.temperature
    kept.append(logits)
    if 0 < decoding.top_k < len(logits):
        least = logits.topk(decoding.top_k).values[-1]
        logits = logits.masked_fill(logits < least, -inf)
    kept.append(logits)
    if decoding.top_p < 1.0:
        ordered, order = logits.softmax(dim=0).sort(descending=True)
        beyond = ordered.cumsum(dim=0) - ordered >= decoding.top_p  # enough without it
        logits = logits.index_fill(0, order[beyond], -inf)
    kept.append(logits)
    return torch.stack(kept).softmax(dim=1)


def draw(probabilities: Tensor, luck: float, greedy: bool = False) -> int:
    """A token by its probability (V,). luck: a number in [0, 1) from a seed."""
    if greedy:
        return int(probabilities.argmax())
    sums = probabilities.double().cumsum(dim=0)
    return int(torch.searchsorted(sums, luck * sums[-1], right=True).clamp(max=len(sums) - 1))


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class _Eye:
    """Reads a text that grows: what the model expects next, with as little reading as it can."""

    def __init__(self, writer: Writer, use_cache: bool) -> None:
        self.writer, self.use_cache = writer, use_cache
        self.first = self.read_to = 0  # of all tokens: those in the cache
        self.cache = writer.model.cache()

    @torch.no_grad()
    def read(self, ids: Sequence[int]) -> Tensor:
        """All tokens so far -> logits (V,) of the next one."""
        if not ids:
            raise ValueError("a model needs at least one token to go on from")
        self.pass_by(ids)
        if not self.use_cache:
            return self.writer.model(torch.tensor([ids[self.first :]]), last=True).logits[0, -1]
        new = torch.tensor([ids[self.read_to :]])
        self.read_to = len(ids)
        return self.writer.model(new, self.cache, last=True).logits[0, -1]

    def pass_by(self, ids: Sequence[int]) -> None:
        """Forget the beginning of a text that has outgrown the writer's reach; nothing is read.

        Where it is cut depends on how long it was then: a text that is read at once has to be
        passed by at each length that it was read at while it grew.
        """
        if len(ids) - self.first > self.writer.reach:
            self.first = self.read_to = _cut(ids, self.writer)
            self.cache.length = 0


def _cut(ids: Sequence[int], writer: Writer) -> int:
    """Where to read on when a text has outgrown the reach: at its half, or a line near that."""
    half = len(ids) - writer.reach // 2
    if writer.lines and len(writer.lead) == 1:
        breaks = [n for n, i in enumerate(ids) if i == writer.lead[0]][:: writer.lines]
        inside = [n for n in breaks if len(ids) - n < writer.reach]
        return min(inside, key=lambda n: abs(n - half), default=half)
    return half


def _token(tokenizer: Tokenizer, new: int, found: Tensor, speller: Speller, forced: bool) -> Token:
    best = found[0].topk(min(MOST_ALTERNATIVES, found.shape[1])).indices
    columns = found[:, best].T.tolist()
    alternatives = tuple(
        Alternative(i, tokenizer.name(i), tuple(column))
        for i, column in zip(best.tolist(), columns, strict=True)
    )
    own = tuple(found[:, new].tolist())
    nats = -(found[0] * found[0].clamp(min=1e-30).log()).sum().item()
    surprise = -math.log(max(own[0], 1e-30))
    text, name = speller.add(new), tokenizer.name(new)
    return Token(new, text, own, surprise, max(nats, 0.0), alternatives, forced, name)


# --- What is measured of a text ------------------------------------------------------------------


@dataclass(frozen=True)
class Measures:
    """Of a text that was written: how much it repeats itself, how sure the model was.

    repetition: share of its runs of four tokens that had come before, in [0, 1]; entropy and
    surprise: means over its tokens, nats.
    """

    repetition: float
    entropy: float
    surprise: float


def measure(tokens: Sequence[Token]) -> Measures:
    """Raises ValueError for no token at all."""
    if not tokens:
        raise ValueError("nothing was written")
    ids = [token.id for token in tokens]
    runs = [tuple(ids[n : n + 4]) for n in range(len(ids) - 3)]
    repetition = 1 - len(set(runs)) / len(runs) if runs else 0.0
    count = len(tokens)
    return Measures(
        repetition,
        sum(token.entropy for token in tokens) / count,
        sum(token.surprise for token in tokens) / count,
    )


def compare(
    writer: Writer, prompt: str, *, length: int = 100, seed: int = 0
) -> Iterator[tuple[str, Token]]:
    """All DECODERS on one prompt and seed, a token of each in turn, until all have ended."""
    runs = {
        name: generate(writer, prompt, replace(decoding, length=length, seed=seed))
        for name, decoding in DECODERS.items()
    }
    while runs:
        for name, run in list(runs.items()):
            token = next(run, None)
            if token is None:
                del runs[name]
            else:
                yield name, token


@dataclass(frozen=True)
class Cost:
    """What a text costs: `per_word` is tokens for each word (in Vietnamese: syllable)."""

    tokens: int
    characters: int
    per_word: float


def cost(tokenizer: Encoder, text: str) -> Cost:
    count = len(tokenizer.encode(text))
    return Cost(count, len(text), count / max(1, len(text.split())))


def pace(writer: Writer, prompt: str, *, length: int, use_cache: bool) -> float:
    """Tokens a second, of the model alone: it reads, the likeliest token comes next, and so on."""
    ids, eye = encode_prompt(writer, prompt), _Eye(writer, use_cache)
    begun = perf_counter()
    for _ in range(length):
        ids.append(int(eye.read(ids).argmax()))
    return length / (perf_counter() - begun)
