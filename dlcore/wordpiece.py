"""BERT's tokens: whole words where it knows them, else pieces of words, the longest first.

A word that is not in the vocabulary is cut greedily: the longest beginning that is known, then the
longest beginning of the rest, and so on; "##" marks what does not begin a word (Schuster &
Nakajima, "Japanese and Korean voice search", 2012; Devlin et al., "BERT", 2019). Look at
`plain_words`: capitals and accents are taken away before anything is looked up, so for BERT
"má", "mà" and "ma" are the same word.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import safe_open

from dlcore.bpe import Piece

_LONGEST = 100  # characters: a longer word is not even tried
_INSIDE = "##"
_INVISIBLE = {"Cc", "Cf", "Co", "Cs"}  # control, format, private, half of a surrogate pair
# Han characters, each a word by itself, as BERT's authors list them: first and last.
_HAN = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@dataclass(frozen=True)
class WordPiece:
    """known: all tokens, in the order of their numbers. It must hold [UNK], [CLS] and [SEP].

    What stands in a text is only ever text: "[SEP]" there is three tokens, and ends nothing.
    """

    known: tuple[str, ...]
    number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", {token: n for n, token in enumerate(self.known)})
        missing = {"[UNK]", "[CLS]", "[SEP]"} - self.number.keys()
        if missing:
            raise ValueError(f"the vocabulary has no {', '.join(sorted(missing))}")

    def __len__(self) -> int:
        return len(self.known)

    def encode(self, text: str) -> list[int]:
        """Any text, without [CLS] and [SEP]; what cannot be cut into known pieces is [UNK]."""
        return [i for word in plain_words(text) for i in self._cut(word)]

    def _cut(self, word: str) -> list[int]:
        found, begin = list[int](), 0
        while begin < len(word) <= _LONGEST:
            mark = _INSIDE if begin else ""
            ends = range(len(word), begin, -1)
            end = next((end for end in ends if mark + word[begin:end] in self.number), None)
            if end is None:
                break
            found.append(self.number[mark + word[begin:end]])
            begin = end
        return found if begin == len(word) else [self.number["[UNK]"]]

    def decode(self, ids: Sequence[int]) -> str:
        """The words again, with a space between any two; capitals and accents are lost."""
        return " ".join(self.known[i] for i in ids).replace(f" {_INSIDE}", "")

    def pieces(self, ids: Sequence[int]) -> list[Piece]:
        """Each token as the vocabulary has it: "##" goes on with the word before."""
        return [Piece(self.known[i], (i,)) for i in ids]

    def to_bytes(self) -> bytes:
        """As BERT's vocab.txt has it: a token a line."""
        return "\n".join(self.known).encode()


def words_in(path: str | Path) -> WordPiece:
    """That of MiniLM's file in the store, without the model. Raises ValueError, OSError."""
    with safe_open(path, framework="np") as file:
        return from_vocabulary(file.get_tensor("vocabulary").tobytes())


def from_vocabulary(data: bytes) -> WordPiece:
    """The tokenizer of a vocab.txt, or of what `to_bytes` wrote. Raises ValueError."""
    lines = data.decode().split("\n")  # some tokens are characters that `splitlines` splits at
    return WordPiece(tuple(line.removesuffix("\r") for line in lines if line))


def plain_words(text: str) -> list[str]:
    """A text's words and marks as BERT looks them up: lower case, no accents, nothing invisible."""
    plain = list[str]()
    for letter in unicodedata.normalize("NFD", "".join(_seen(c) for c in text)):
        kind = unicodedata.category(letter)
        if kind == "Mn":  # an accent, by itself since it was taken off its letter
            continue
        mark = kind[0] == "P" or (letter.isascii() and kind[0] == "S")  # $ and + too, but not €
        plain.append(f" {letter} " if mark else letter.lower())
    return "".join(plain).split()


def _seen(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    if letter == "\ufffd" or unicodedata.category(letter) in _INVISIBLE:
        return ""
    return f" {letter} " if any(low <= ord(letter) <= high for low, high in _HAN) else letter
