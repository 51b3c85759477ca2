"""Text as a GPT takes it: cut into tokens, which were found by counting.

Characters are the plain way: a short list of them, long texts. Byte-pair encoding (Sennrich et
al., "Neural machine translation of rare words with subword units", 2016; on bytes: Radford et al.,
"Language models are unsupervised multitask learners", 2019) begins with the 256 bytes that any
text is made of and, over and over, makes one token of the two neighbours that meet most often. So
a frequent word becomes one token, a rare one several, and no text at all is unknown. Look at
`train_bpe`, and at `BPE.pieces`: a Vietnamese letter takes up to three bytes, and a token may end
in the middle of one.
"""

import codecs
import heapq
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Protocol

SPLITS = ("gpt2", "digits", "words")
_MOST_CHUNKS = 20_000  # different ones that merges are learnt in: a text of nonsense has more
_LONGEST = 20  # characters of a chunk, at most, that merges are learnt in
_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Unicode's White_Space


@dataclass(frozen=True)
class Piece:
    """What can be shown of a text: one token, or those that only together make a character."""

    text: str
    ids: tuple[int, ...]


class Speller(Protocol):
    """Writes tokens down as they come."""

    @property
    def incomplete(self) -> bool:
        """Whether what came last was only a part of a character."""
        ...

    def add(self, token: int, *, last: bool = False) -> str:
        """What a token adds to the text; "" while a character is not complete."""
        ...


class Encoder(Protocol):
    """Text to numbers."""

    def encode(self, text: str) -> list[int]: ...


class Tokenizer(Encoder, Protocol):
    """Text to numbers and back. `len()`: how many numbers there are."""

    def __len__(self) -> int: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def pieces(self, ids: Sequence[int]) -> list[Piece]: ...
    def speller(self) -> Speller: ...
    def name(self, token: int) -> str:
        """What a token is by itself: text, and ‹C3› for each byte that is part of a character."""
        ...

    def to_bytes(self) -> bytes: ...


def name_bytes(data: bytes) -> str:
    """Bytes as text; those that make no whole character in hexadecimal: " ‹C3›", "‹E1 BB›"."""
    name = ""
    while data:
        try:
            return name + data.decode()
        except UnicodeDecodeError as error:
            end = error.end
            while end < len(data) and 0x80 <= data[end] < 0xC0:  # bytes that no character begins
                end += 1
            name += data[: error.start].decode() + f"‹{data[error.start : end].hex(' ').upper()}›"
            data = data[end:]
    return name


class ByteSpeller:
    """Writes tokens of bytes down as they come; part of a character waits for the rest."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self.tokens = tokens
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def incomplete(self) -> bool:
        return bool(self.decoder.getstate()[0])

    def add(self, token: int, *, last: bool = False) -> str:
        """What a token adds to the text. last: nothing comes after it, so nothing waits."""
        return self.decoder.decode(self.tokens[token], final=last)


def spell_pieces(speller: Speller, ids: Sequence[int]) -> list[Piece]:
    """The tokens one by one, except where only several together make whole characters."""
    found, text, group = list[Piece](), "", list[int]()
    for place, i in enumerate(ids):
        text += speller.add(i, last=place == len(ids) - 1)
        group.append(i)
        if not speller.incomplete:
            found.append(Piece(text, tuple(group)))
            text, group = "", []
    return found


@dataclass(frozen=True)
class BPE:
    """Byte-pair encoding. Numbers 0 to 255 are the bytes, 256 + n is what merge n made.

    merges: for each further token the two that it joins, the first learnt first.
    split: how a text is cut into chunks, over whose borders nothing is joined; see `chunks`.
    order: which byte the number n < 256 stands for; GPT-2 has an order of its own. A byte that is
    missing there is left out of every text: SmolLM2 knows none that no letter it met is made of.
    special: tokens that stand for no text, such as "<|endoftext|>". No text is ever read as one.
    special_first: they have the numbers before all others, not after them.
    """

    merges: tuple[tuple[int, int], ...]
    split: str = "words"
    order: bytes = bytes(range(256))
    special: tuple[str, ...] = ()
    special_first: bool = False
    tokens: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    _made: dict[tuple[int, int], int] = field(init=False, repr=False, compare=False)
    _number: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        special = [name.encode() for name in self.special]
        tokens = [*special] if self.special_first else []
        number = {b: n for n, b in enumerate(self.order, len(tokens))}
        tokens += [bytes([b]) for b in self.order]
        made = {pair: n for n, pair in enumerate(self.merges, len(tokens))}
        for a, b in self.merges:
            tokens.append(tokens[a] + tokens[b])
        tokens += [] if self.special_first else special
        object.__setattr__(self, "tokens", tuple(tokens))
        object.__setattr__(self, "_made", made)
        object.__setattr__(self, "_number", number)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Any text, also one with letters never seen in training, whose bytes then stand alone."""
        known: dict[str, list[int]] = {}
        ids: list[int] = []
        for chunk in chunks(text, self.split):
            if chunk not in known:
                data = chunk.encode("utf-8", "replace")  # half of a pair of surrogates is no text
                numbers = [self._number[b] for b in data if b in self._number]
                known[chunk] = _join(numbers, self._made)
            ids += known[chunk]
        return ids

    def special_number(self, name: str) -> int:
        """Raises ValueError where there is none of that name."""
        before = 0 if self.special_first else len(self) - len(self.special)
        return before + self.special.index(name)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens. Bytes that make no character are shown as �."""
        return b"".join(self.tokens[i] for i in ids).decode("utf-8", "replace")

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        """The tokens one by one, except where only several together make whole characters."""
        return spell_pieces(self.speller(), ids)

    def name(self, token: int) -> str:
        return name_bytes(self.tokens[token])

    def speller(self) -> "ByteSpeller":
        return ByteSpeller(self.tokens)

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "kind": "bpe",
                "split": self.split,
                "merges": self.merges,
                "order": list(self.order),
                "special": self.special,
                "special_first": self.special_first,
            }
        ).encode()


# --- Chunks: what is never joined ----------------------------------------------------------------


def chunks(text: str, split: str) -> list[str]:
    """Cut a text so that `"".join` gives it back.

    "gpt2": as GPT-2 does: words with the space before them, numbers, runs of marks, spaces.
    "digits": the same, but each digit alone, as SmolLM2 does.
    "words": the same without English's 's and 't, and nothing longer than 20 characters.
    """
    return _pattern(split).findall(text)


@cache
def _pattern(split: str) -> re.Pattern[str]:
    numbers = _numbers()
    letter, number = rf"[^\W_{numbers}]", f"[{numbers}]"
    mark = rf"(?:[^\w{_SPACE}]|_)"
    if split != "words":
        # A digit ends what came before it: all spaces there are one chunk.
        numbers = f" ?{number}+" if split == "gpt2" else f"{number}|[{_SPACE}]+(?={number})"
        return re.compile(
            rf"'s|'t|'re|'ve|'m|'ll|'d| ?{letter}+|{numbers}| ?{mark}+"
            rf"|[{_SPACE}]+(?![^{_SPACE}])|[{_SPACE}]+"
        )
    return re.compile(rf" ?{letter}{{1,{_LONGEST}}}| ?{number}{{1,3}}| ?{mark}{{1,8}}|[{_SPACE}]")


@cache
def _numbers() -> str:
    """Ranges of all characters that are numbers, "²" and "Ⅷ" too, for a regular expression."""
    found = [c for c in range(128, sys.maxunicode + 1) if unicodedata.category(chr(c))[0] == "N"]
    ranges, first = [r"0-9"], 0
    for place, c in enumerate(found):
        if place + 1 == len(found) or found[place + 1] != c + 1:
            ranges.append(f"{chr(found[first])}-{chr(c)}")
            first = place + 1
    return "".join(ranges)


# --- Merging -------------------------------------------------------------------------------------


def _join(ids: list[int], made: dict[tuple[int, int], int]) -> list[int]:
    """Join neighbours until no known pair is left: the merge learnt first, from left to right.

    In a heap, so that a million letters without a space take seconds, not days. made: pair -> what
    it becomes; a pair's place in the order of learning is the number of what it becomes.
    """
    if len(ids) < 2:
        return ids
    ids, end = list(ids), len(ids)
    after, before = list(range(1, end + 1)), list(range(-1, end - 1))
    heap = [
        (made[pair], n) for n, pair in enumerate(zip(ids, ids[1:], strict=False)) if pair in made
    ]
    heapq.heapify(heap)
    while heap:
        new, n = heapq.heappop(heap)
        second = after[n]
        if second == end or made.get((ids[n], ids[second])) != new:
            continue  # one of the two has been joined with another meanwhile
        third = after[second]
        ids[n], ids[second], after[n] = new, -1, third
        if third < end:
            before[third] = n
            if (new, ids[third]) in made:
                heapq.heappush(heap, (made[new, ids[third]], n))
        if (first := before[n]) >= 0 and (ids[first], new) in made:
            heapq.heappush(heap, (made[ids[first], new], first))
    return [i for i in ids if i >= 0]


def train_bpe(text: str, size: int, split: str = "words") -> BPE:
    """Learn merges until there are `size` tokens, or until no pair meets twice.

    A pair counts as often as the chunks that it stands in; of equals the lower numbers come first.
    """
    counts = Counter(
        part
        for chunk in chunks(text, split)
        for part in re.findall(f"(?s).{{1,{_LONGEST}}}", chunk)
    )
    frequent = counts.most_common(_MOST_CHUNKS)
    words = [list(chunk.encode("utf-8", "replace")) for chunk, _ in frequent]
    times = [count for _, count in frequent]
    pairs: Counter[tuple[int, int]] = Counter()
    where: dict[tuple[int, int], set[int]] = defaultdict(set)
    for n, word in enumerate(words):
        for pair in zip(word, word[1:], strict=False):
            pairs[pair] += times[n]
            where[pair].add(n)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    merges: list[tuple[int, int]] = []
    while heap and 256 + len(merges) < size:
        count, best = heapq.heappop(heap)
        if -count != pairs[best]:  # it was counted before other merges took some away
            if pairs[best] > 1:
                heapq.heappush(heap, (-pairs[best], best))
            continue
        if -count < 2:
            break
        changed = set[tuple[int, int]]()
        for n in where[best]:
            old, new = words[n], _replace(words[n], best, 256 + len(merges))
            for pair in zip(old, old[1:], strict=False):
                pairs[pair] -= times[n]
            for pair in zip(new, new[1:], strict=False):
                pairs[pair] += times[n]
                where[pair].add(n)
                changed.add(pair)
            words[n] = new
        for pair in changed:
            heapq.heappush(heap, (-pairs[pair], pair))
        del pairs[best], where[best]
        merges.append(best)
    return BPE(tuple(merges), split)


def _replace(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """The tokens of a word with every `pair`, from the left, become one token."""
    made, n = list[int](), 0
    while n < len(word):
        if tuple(word[n : n + 2]) == pair:
            made.append(new)
            n += 2
        else:
            made.append(word[n])
            n += 1
    return made


# --- Published ones -------------------------------------------------------------------------------


def from_published(numbers: Mapping[str, int], merges: Sequence[str], split: str) -> BPE:
    """A tokenizer as others publish it: each token's number, and "a b" for each merge.

    There a byte is written as a letter that can be seen: "Ġ" for a space. Raises KeyError or
    ValueError where the two do not belong together.
    """
    letters = _visible_bytes()
    order = sorted((b for b in range(256) if letters[b] in numbers),
                   key=lambda b: numbers[letters[b]])  # fmt: skip
    pairs = [(a, b) for a, b in (merge.split(" ") for merge in merges)]
    plain = [letters[b] for b in order] + [a + b for a, b in pairs]
    names = sorted(numbers.keys() - set(plain), key=lambda name: numbers[name])
    first = bool(names) and numbers[names[0]] < numbers[plain[0]]
    expected = [*names, *plain] if first else [*plain, *names]
    if [numbers[token] for token in expected] != list(range(len(numbers))):
        raise ValueError("the tokens are not numbered in the order of the merges")
    ids = tuple((numbers[a], numbers[b]) for a, b in pairs)
    return BPE(ids, split, bytes(order), tuple(names), first)


def from_gpt2_files(vocabulary: str, merges: str) -> BPE:
    """GPT-2's tokenizer from its published vocab.json (encoder.json) and merges.txt (vocab.bpe)."""
    lines = [line for line in merges.splitlines() if line and line[:8] != "#version"]
    return from_published(json.loads(vocabulary), lines, "gpt2")


@lru_cache(maxsize=1)
def _visible_bytes() -> list[str]:
    """The letter that GPT-2's files, and others' after them, write for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(rest)) for b in range(256)]
