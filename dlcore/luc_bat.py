"""Lục bát, "six-eight", the verse of Truyện Kiều and of Vietnamese folk song, as rules to check.

Lines of six and of eight syllables take turns. Vietnamese has six tones in two classes: level
(bằng: no mark, or grave) and sharp (trắc: acute, hook, tilde, dot). The form wants (Dương Quảng
Hàm, "Việt Nam văn học sử yếu", 1943; Bùi Kỷ, "Quốc văn cụ thể", 1932):

    line of 6    ·  level  ·  sharp  ·  LEVEL(a)
    line of 8    ·  level  ·  sharp  ·  LEVEL(a)  ·  LEVEL(b)      b rhymes with the next line's a

Syllables 1, 3, 5 and 7 are free. In the line of eight, the two level tones at 6 and 8 differ: one
has a grave accent, the other no mark. Level at (a) and (b) and the rhymes are never given up; at 2
and 4 a poet may turn them ("Mai cốt cách, tuyết tinh thần").
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL, SHARP = "level", "sharp"
SIX, EIGHT = 6, 8
# Counted from 1, as poets do. The last one, or two, bear the rhymes.
TONES = {
    SIX: {2: LEVEL, 4: SHARP, 6: LEVEL},
    EIGHT: {2: LEVEL, 4: SHARP, 6: LEVEL, 8: LEVEL},
}
RHYMES = {SIX: (6,), EIGHT: (6, 8)}
_SHARP_MARKS = "\u0301\u0309\u0303\u0323"  # acute, hook, tilde, dot below
_TONE_MARKS = re.compile(f"[\u0300{_SHARP_MARKS}]")
_ONSET = re.compile(r"ngh|ng|nh|ch|gh|gi(?=[^\W_])(?!m$|n$)|kh|ph|qu|th|tr|[bcdđghklmnprstvx]")
_MEDIAL = re.compile(r"^(?:o(?=[aăe])|u(?=[êyâơ]))")  # "oa", "uê": the ear rhymes on what follows
_WORD = re.compile(r"[^\W_]+")
# Vowels that poets rhyme with each other (vần thông) beside equal ones (vần chính).
_KIN = ("a ă â ơ ươ ư o", "e ê i iê yê y ia ya", "o ô u uô ua", "ơ ư ươ ưa i")
# Before some ends more of them do: "mình" with "lành", "rồi" with "lời" and "người".
_KIN_BEFORE = {"nh": "a ê i y", "i": "a o ô ơ u ươ uô", "ng": "ô uô ươ"}


def syllables(line: str) -> list[str]:
    """The words of a line, which in Vietnamese are syllables; NFC, as they are written."""
    return _WORD.findall(unicodedata.normalize("NFC", line))


def tone(syllable: str) -> str:
    """LEVEL or SHARP."""
    marks = unicodedata.normalize("NFD", syllable)
    return SHARP if any(mark in marks for mark in _SHARP_MARKS) else LEVEL


def has_grave(syllable: str) -> bool:
    """Which of the two level tones: the falling one (huyền)?"""
    return "\u0300" in unicodedata.normalize("NFD", syllable)


def rhyme(syllable: str) -> tuple[str, str]:
    """What is left without onset, glide and tone: the vowel and the end, "hoàng" -> ("a", "ng")."""
    bare = _TONE_MARKS.sub("", unicodedata.normalize("NFD", syllable.lower()))
    letters = unicodedata.normalize("NFC", bare)
    found = _ONSET.match(letters)
    rest = letters[found.end() :] if found else letters
    rest = _MEDIAL.sub("", rest or letters)
    split = re.match(r"([^bcdđghklmnpqrstvxz]*?)(ng|nh|ch|[cmnpt]|(?<=.)[iyuo])?$", rest)
    return (split[1], split[2] or "") if split else (rest, "")


def rhymes(first: str, second: str) -> bool:
    """Whether two syllables rhyme: the same end, and equal or kindred vowels."""
    (vowel, end), (other, other_end) = rhyme(first), rhyme(second)
    same_end = end == other_end or {end, other_end} in ({"i", "y"}, {"o", "u"}, {"n", "nh"})
    groups = [*_KIN, _KIN_BEFORE.get(end, "")]
    kin = any({vowel, other} <= set(group.split()) for group in groups)
    return same_end and (vowel == other or kin)


@dataclass(frozen=True)
class Verse:
    """A line and how it keeps to the form.

    wanted: 6 or 8 syllables. tones: for each place (from 1) that the form speaks of, whether its
    tone is right; a place that the line does not have is wrong.
    """

    text: str
    wanted: int
    syllables: tuple[str, ...]
    tones: dict[int, bool]

    @property
    def counted(self) -> bool:
        return len(self.syllables) == self.wanted

    @property
    def level(self) -> bool:
        """Level tones where rhymes stand: the sixth of every line, and the eighth."""
        return all(self.tones[place] for place in RHYMES[self.wanted])


def read_verse(line: str, wanted: int) -> Verse:
    """A line as one of `wanted` syllables, 6 or 8."""
    words = syllables(line)
    tones = {
        place: len(words) >= place and tone(words[place - 1]) == kind
        for place, kind in TONES[wanted].items()
    }
    return Verse(line, wanted, tuple(words), tones)


@dataclass(frozen=True)
class Couplet:
    """A line of six and one of eight.

    rhymed: six's last syllable with eight's sixth; linked: with the couplet before, whose last
    syllable rhymes with six's last; None for the first. turned: eight's two level tones differ.
    """

    six: Verse
    eight: Verse
    rhymed: bool
    linked: bool | None
    turned: bool

    @property
    def counted(self) -> bool:
        return self.six.counted and self.eight.counted

    @property
    def level(self) -> bool:
        return self.six.level and self.eight.level


def read_couplets(text: str) -> list[Couplet]:
    """The couplets of a text whose first line is one of six; a line left over is left out.

    Empty lines do not count.
    """
    lines = [line.strip() for line in text.splitlines() if syllables(line)]
    found = list[Couplet]()
    last = ""
    for first, second in zip(lines[::2], lines[1::2], strict=False):
        six, eight = read_verse(first, SIX), read_verse(second, EIGHT)
        six_end, eight_middle, eight_end = _at(six, 6), _at(eight, 6), _at(eight, 8)
        found.append(
            Couplet(
                six,
                eight,
                rhymed=bool(six_end and eight_middle) and rhymes(six_end, eight_middle),
                linked=(bool(six_end) and rhymes(last, six_end)) if last else None,
                turned=bool(eight_end) and has_grave(eight_middle) != has_grave(eight_end),
            )
        )
        last = eight_end
    return found


def _at(verse: Verse, place: int) -> str:
    return verse.syllables[place - 1] if len(verse.syllables) >= place else ""


@dataclass(frozen=True)
class Score:
    """Shares in [0, 1] of `couplets`, and of `lines`, that keep to a rule.

    counted: both lines have exactly 6 and 8 syllables; level: both level where rhymes stand; tones:
    all seven tones right; rhymed, linked, turned: as in Couplet (linked: of those that have one
    before them).
    """

    couplets: int
    counted: float
    level: float
    tones: float
    rhymed: float
    linked: float
    turned: float


def score(couplets: Sequence[Couplet]) -> Score:
    """Raises ValueError for none."""
    if not couplets:
        raise ValueError("there is no couplet to judge")

    def share(kept: Sequence[bool]) -> float:
        return sum(kept) / len(kept) if kept else 0.0

    return Score(
        len(couplets),
        counted=share([c.counted for c in couplets]),
        level=share([c.level for c in couplets]),
        tones=share([all([*c.six.tones.values(), *c.eight.tones.values()]) for c in couplets]),
        rhymed=share([c.rhymed for c in couplets]),
        linked=share([c.linked for c in couplets if c.linked is not None]),
        turned=share([c.turned for c in couplets]),
    )
