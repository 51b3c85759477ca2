"""Text as a network takes it: cut into tokens, each token a number.

A network computes with numbers, so a sentence becomes a list of them: `tokens` cuts it, `key`
decides which spellings count as the same word, and a `Vocabulary` gives every word of the training
part a number of its own. Number 0 is padding and belongs to no word; number 1 stands for every
word that was never seen. Vietnamese is written in syllables, so a token is a syllable there.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dlcore.faults import Fault

PAD, UNKNOWN = 0, 1
MOST_TOKENS = 200
ROOT = 5  # letters
# A word (with its apostrophes and inner hyphens), else a smiley, else one emoji.
_TOKEN = re.compile(
    r"[^\W_]+(?:['’\-][^\W_]+)*"
    r"|[:;=]['\-]?[)(\]\[dDpP3]+|<3"
    r"|[☀-➿\U0001F300-\U0001FAFF]"
)
# Where the tone mark goes is a matter of school: "hoà" and "hòa" are the same word.
_OLD_TONES = {
    f"{first}{marked}": f"{toned}{plain}"
    for first, toned_row, plain, marked_row in (
        ("o", "òóỏõọ", "a", "àáảãạ"), ("o", "òóỏõọ", "e", "èéẻẽẹ"), ("u", "ùúủũụ", "y", "ỳýỷỹỵ"),
    )
    for toned, marked in zip(toned_row, marked_row, strict=True)
}  # fmt: skip
_OLD_TONE = re.compile(rf"(?<![qQ])({'|'.join(_OLD_TONES)})\b")
# What people type for very common syllables.
_SHORT = {
    "ko": "không", "k": "không", "kg": "không", "hk": "không", "hok": "không", "kô": "không",
    "khg": "không", "hông": "không", "hem": "không", "đc": "được", "dc": "được", "đk": "được",
    "dk": "được", "vs": "với", "r": "rồi", "nhìu": "nhiều", "bít": "biết", "bit": "biết",
    "lun": "luôn", "rùi": "rồi", "cx": "cũng", "cg": "cũng", "j": "gì", "ntn": "nào",
    "wa": "quá", "qá": "quá", "wá": "quá", "trc": "trước", "mk": "mình", "mik": "mình",
    "ng": "người", "nma": "nhưng", "nhg": "nhưng", "nhưg": "nhưng", "thik": "thích",
    "ok": "ổn", "oke": "ổn", "okie": "ổn", "okela": "ổn",
}  # fmt: skip


class TextError(Fault):
    """Text that cannot be read.

    key: "empty" (no word in it) or "long" (with `most`: how many words are read at most).
    """

    def __init__(self, key: str, **values: object) -> None:
        messages = {
            "empty": "there is no word to read",
            "long": f"more than {values.get('most')} words",
        }
        super().__init__(key, messages[key], **values)


def bare(text: str) -> str:
    """Vietnamese without its marks, as many people type it: "Không hề tệ" -> "Khong he te"."""
    letters = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in letters if not unicodedata.combining(c))


def tokens(text: str, split: str = "syllable") -> list[str]:
    """The tokens of a text, as they are written in it (NFC).

    "syllable": words, Vietnamese syllables and smileys; punctuation is left out.
    "word": whatever stands between two spaces, punctuation included.
    """
    text = unicodedata.normalize("NFC", text)
    return text.split() if split == "word" else _TOKEN.findall(text)


@lru_cache(maxsize=50_000)
def key(token: str, diacritics: bool = True) -> str:
    """What a token is looked up as: "Hoà" as "hòa", "KO" as "không", "hayyy" as "hay"."""
    word = unicodedata.normalize("NFC", token).lower().replace("’", "'")
    word = re.sub(r"([^\W\d])\1{2,}", r"\1", word)  # letters drawn out for emphasis
    if len(word) > 1 and word != "10":  # stars and marks count; other numbers are just numbers
        word = re.sub(r"\d+", "0", word)
    word = _SHORT.get(word, word)
    word = _OLD_TONE.sub(lambda match: _OLD_TONES[match[0]], word)
    return word if diacritics else bare(word)


def root(word: str) -> str:
    """What a word shares with its kin: "disappointing", "disappointed" -> "disap-"; "dở" -> "do-".

    The first letters without their marks; "" for a word that is as short and as bare as that.
    """
    first = bare(word)[:ROOT]
    return "" if first == word else f"{first}-"


@dataclass(frozen=True)
class Vocabulary:
    """The words that have a number: `words[n]` is word n; 0 and 1 are padding and unknown.

    Two words that often stand side by side may have a number together ("thất vọng",
    "not worth"): such a pair is written with a space between them. So may the root of a word,
    written with a hyphen after it: of a word that is not known it says what it is akin to.
    """

    words: tuple[str, ...]
    split: str = "syllable"
    diacritics: bool = True
    number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {word: n for n, word in enumerate(self.words) if n > UNKNOWN}
        object.__setattr__(self, "number", numbers)

    def __len__(self) -> int:
        return len(self.words)

    def tokens(self, text: str) -> list[str]:
        return tokens(text, self.split)

    def keys(self, text: str) -> list[str]:
        return [key(token, self.diacritics) for token in self.tokens(text)]

    def encode(self, text: str) -> list[int]:
        """One number a token; UNKNOWN for a word that has none. No tokens: one UNKNOWN."""
        return [self.number.get(word, UNKNOWN) for word in self.keys(text)] or [UNKNOWN]

    def encode_pairs(self, text: str) -> list[int]:
        """For every token the number of (the token before it, it), PAD if that pair has none."""
        words = self.keys(text)
        pairs = [f"{a} {b}" for a, b in zip(words, words[1:], strict=False)]
        return [PAD, *(self.number.get(pair, PAD) for pair in pairs)]

    def encode_roots(self, text: str) -> list[int]:
        """For every token the number of its root, PAD if that has none."""
        return [self.number.get(root(word), PAD) for word in self.keys(text)] or [PAD]

    def to_bytes(self) -> bytes:
        return "\n".join(self.words).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, split: str, diacritics: bool) -> "Vocabulary":
        return cls(tuple(data.decode().split("\n")), split, diacritics)


def learn_vocabulary(
    texts: Iterable[str],
    *,
    split: str = "syllable",
    diacritics: bool = True,
    least: int = 1,
    least_pair: int = 0,
    roots: bool = False,
) -> Vocabulary:
    """The words that occur at least `least` times, the most frequent first; then pairs and roots.

    least_pair: how often two neighbours must meet to get a number together; 0: never.
    """
    empty = Vocabulary(("", "?"), split, diacritics)
    rows: Sequence[list[str]] = [empty.keys(text) for text in texts]
    words = Counter(word for row in rows for word in row)
    known = [word for word, count in sorted(words.items(), key=_by_count) if count >= least]
    pairs: Counter[str] = Counter()
    if least_pair:
        pairs.update(f"{a} {b}" for row in rows for a, b in zip(row, row[1:], strict=False))
    known += [pair for pair, count in sorted(pairs.items(), key=_by_count) if count >= least_pair]
    if roots:
        known += sorted({root(word) for word in words} - {"", *known})
    return Vocabulary((*empty.words, *known), split, diacritics)


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
