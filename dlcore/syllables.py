"""Vietnamese cut where the ear cuts it: each syllable in two tokens, its onset with the tone, and
its rhyme without.

"trời" becomes "tr`" and "ơi". So what counts in verse lies open to a network: a syllable's tone is
a property of one token, and syllables that rhyme end in the very same token, whatever their tone.
Text that is no Vietnamese syllable falls apart into bytes, and nothing is lost. A tone is written
as a byte that no text contains.
"""

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dlcore.bpe import Piece, name_bytes, spell_pieces

_TONES = "\u0300\u0301\u0309\u0303\u0323"  # grave, acute, hook, tilde, dot below
_TONE_BYTES = b"\xf9\xfa\xfb\xfc\xfd"  # never in UTF-8
_SHOWN = "`´ˀ~."  # a tone by itself, on screen
_VOWELS = "aăâeêioôơuưy"
_SYLLABLE = re.compile(
    r"( ?)(ngh|ng|nh|ch|gh|gi(?=[aăâeêoôơuư])|kh|ph|qu|th|tr|[bcdđghklmnprstvx]|)"
    rf"([{_VOWELS}]+(?:ng|nh|ch|[cmnpt])?)",
    re.IGNORECASE,
)
_WORD = re.compile(r" ?[^\W\d_]+|.", re.DOTALL)


@dataclass(frozen=True)
class Syllables:
    """Numbers 0 to 255 are bytes; 256 + n is `halves[n]`, an onset (perhaps with a space before it
    and a tone byte after it) or a rhyme.
    """

    halves: tuple[bytes, ...]
    number: dict[bytes, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {half: 256 + n for n, half in enumerate(self.halves)}
        object.__setattr__(self, "number", numbers)

    def __len__(self) -> int:
        return 256 + len(self.halves)

    def encode(self, text: str) -> list[int]:
        """Any text. A syllable with a half that was not met in training stands in bytes."""
        ids = list[int]()
        for word in _WORD.findall(text):
            found = [self.number.get(half) for half in halves(word)]
            if found and None not in found:
                ids += [i for i in found if i is not None]
            else:
                ids += word.encode("utf-8", "replace")
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(piece.text for piece in self.pieces(ids, alone=False))

    def pieces(self, ids: Sequence[int], *, alone: bool = True) -> list[Piece]:
        """One for each token, bytes that make one character together.

        alone: a tone that no rhyme follows is shown as a sign of its own, else left out.
        """
        speller = self.speller()
        found = spell_pieces(speller, ids)
        if alone and found and speller.tone:
            tone = _SHOWN[_TONES.index(speller.tone)]
            found[-1] = Piece(found[-1].text + tone, found[-1].ids)
        return found

    def name(self, token: int) -> str:
        """A tone is shown as a sign after the onset that waits for its rhyme."""
        return name_bytes(bytes([token])) if token < 256 else self.pieces([token])[0].text

    def speller(self) -> "SyllableSpeller":
        return SyllableSpeller(self)

    def to_bytes(self) -> bytes:
        written = [half.decode("latin-1") for half in self.halves]
        return json.dumps({"kind": "syllables", "halves": written}).encode()


class SyllableSpeller:
    """Writes tokens down as they come; a tone waits for the rhyme that bears it."""

    def __init__(self, tokenizer: Syllables) -> None:
        self.tokenizer, self.tone = tokenizer, ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def incomplete(self) -> bool:
        """Whether the last byte was only a part of a character."""
        return bool(self.decoder.getstate()[0])

    def add(self, token: int, *, last: bool = False) -> str:
        """What a token adds to the text."""
        data = self.tokenizer.halves[token - 256] if token >= 256 else bytes([token])
        tone, self.tone = self.tone, ""
        if token >= 256 and data[-1] in _TONE_BYTES:
            self.tone = _TONES[_TONE_BYTES.index(data[-1])]
            data = data[:-1]
        text = self.decoder.decode(data, final=last)
        return put_tone(text, tone) if tone and token >= 256 else text


def halves(word: str) -> list[bytes]:
    """ " trời" -> [b" tr" + tone byte, "ơi" in UTF-8]; empty for what is no Vietnamese syllable."""
    return list(_halves(word))


@lru_cache(maxsize=20_000)
def _halves(word: str) -> tuple[bytes, ...]:
    letters = unicodedata.normalize("NFD", word)
    tones = [c for c in letters if c in _TONES]
    bare = unicodedata.normalize("NFC", "".join(c for c in letters if c not in _TONES))
    found = _SYLLABLE.fullmatch(bare)
    if not found or len(tones) > 1:
        return ()
    space, onset, rhyme = found.groups()
    tone = tones[0] if tones else ""
    if space + onset + put_tone(rhyme, tone) != word:
        return ()  # the mark stands elsewhere: "hoà" where "hòa" is the rule
    first = (space + onset).encode()
    if tone:
        first += bytes([_TONE_BYTES[_TONES.index(tone)]])
    return (first, rhyme.encode()) if first else (rhyme.encode(),)


def put_tone(rhyme: str, tone: str) -> str:
    """A rhyme with a tone where Vietnamese writes it: ("iên", grave) -> "iền"."""
    vowels = [n for n, c in enumerate(rhyme) if c.lower() in _VOWELS]
    if not tone or not vowels:
        return rhyme
    marked = [n for n in vowels if rhyme[n].lower() in "ăâêôơư"]
    if marked:  # the last of them: "ươ" bears it on the "ơ"
        place = marked[-1]
    elif vowels[-1] < len(rhyme) - 1:  # before a consonant the last vowel: "oán"
        place = vowels[-1]
    else:  # the last but one: "òa", "ái", "oái"
        place = vowels[max(0, len(vowels) - 2)]
    return unicodedata.normalize("NFC", rhyme[: place + 1] + tone) + rhyme[place + 1 :]


def train_syllables(text: str, size: int) -> Syllables:
    """All halves of a text's syllables; with more than `size - 256`, the most frequent ones."""
    counts = Counter(half for word in _WORD.findall(text) for half in halves(word))
    ordered = sorted(counts, key=lambda half: (-counts[half], half))
    return Syllables(tuple(sorted(ordered[: max(0, size - 256)])))
