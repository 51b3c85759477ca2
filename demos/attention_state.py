"""What the attention tab keeps, and what it may be asked: any client can send anything."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.kit.models import Models, Own
from demos.kit.run import Run
from demos.kit.writers import writer
from demos.widgets.attention_heads import muted as muted_heads
from demos.widgets.attention_steps import read_edits
from dlcore import attention, gpt, minilm, pretrained
from dlcore.attention_hand import EDIT, MOST_WORDS, Hand, HandConfig, by_hand, words_of
from dlcore.decoder import Writer
from dlcore.lens_text import (
    CausalReader,
    LensError,
    Reading,
    TextReader,
    leaving_out,
    read_text,
)
from dlcore.settings import SettingError, Settings, setting
from dlcore.text import TextError

# The controls of the part made by hand, in the order in which handlers get their values.
HAND = ("d_k", "scale", "positions", "mask", "padding", "d_model", "seed")
Edits = dict[tuple[str, int], list[float]]
Heads = tuple[tuple[int, int], ...]  # (layer, head), both counted from 0


def words(text: object) -> tuple[str, ...]:
    """The words of a sentence, none for none. Raises UserError for one that is not read."""
    if text is None or text == "":
        return ()
    if not isinstance(text, str):
        raise UserError("attention.errors.unreadable")
    try:
        return words_of(text)
    except TextError as error:
        if error.key == "empty":
            return ()
        raise UserError("attention.errors.long", most=MOST_WORDS) from error


def hand_config(values: Sequence[Any]) -> HandConfig:
    """The settings for the controls' values. Raises SettingError, with the words for its field."""
    try:
        return HandConfig(**dict(zip(HAND, values, strict=True)))
    except SettingError as error:
        error.label = f"attention.hand.{error.field}"
        raise


def made(text: object, values: Sequence[Any], hands: object) -> tuple[Hand, Edits] | None:
    """One head over a sentence as it was typed, dragged and masked; None without a word.

    What a hand did to another sentence, or to longer vectors, and no longer fits, is let go.
    """
    config, tokens = hand_config(values), words(text)
    if not tokens:
        return None
    mask, edits = read_edits(hands)
    count = len(tokens)
    custom = mask if mask is not None and mask.shape == (count, count) else None
    fitting = {
        place: vector
        for place, vector in edits.items()
        if place[1] < count and len(vector) == config.d_k and bool(np.all(np.abs(vector) <= EDIT))
    }
    return by_hand(tokens, config, custom=custom, edits=fitting), fitting


# --- Many heads ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Many(Settings):
    """What many heads are compared on. The defaults are the tutorial's: input (1, 10, 512)."""

    d_model: int = setting(512, choices=(16, 64, 256, 512))
    heads: int = setting(8, choices=(1, 2, 4, 8, 16))
    length: int = setting(10, low=2, high=32)
    causal: bool = setting(False)
    seed: int = setting(0, low=0, high=2**31 - 1)


MANY = ("d_model", "heads", "length", "causal", "seed")


def many(values: Sequence[Any]) -> Many:
    """The settings for the controls' values. Raises SettingError, with the words for its field."""
    try:
        return Many(**dict(zip(MANY, values, strict=True)))
    except SettingError as error:
        error.label = f"attention.many.{error.field}"
        raise


# --- Trained here --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trained(Own[attention.AttentionOnly]):
    """The reader's own network, with the settings that it was trained with."""

    config: attention.Config


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before it kept anything."""
    if run.kept is None:
        return None
    return Trained(attention.restore(run.kept.state, run.config), run.config)


# --- Pretrained ----------------------------------------------------------------------------------

BUNDLED = "kieu"
READERS = (BUNDLED, "smollm2", "gpt2", "minilm")  # the rest are names in the store
_BUNDLED = Models("attention", lambda _: gpt.load_bundled(), lambda _: gpt.BUNDLED)
_locks = {name: Lock() for name in READERS}  # no model is loaded twice by visitors who come at once


def reader_of(name: object) -> tuple[str, Any]:
    """A model by its name, a TextReader; the bundled one as long as it has still to be fetched.

    Gives the name of the one that it really is first. Raises UserError for a name of none.
    """
    if not isinstance(name, str) or name not in READERS:
        raise UserError("attention.errors.unknown_model")
    path = None if name == BUNDLED else pretrained.find(name)
    really = BUNDLED if path is None else name
    with _locks[really]:
        return really, _loaded(really, path)


@cache
def _loaded(name: str, path: Path | None) -> TextReader:
    if path is None:
        found: Writer | None = _BUNDLED.bundled()
    elif name == "minilm":
        return minilm.load(path)
    else:
        found = writer(name)
    if found is None:
        raise FileNotFoundError(path)
    return CausalReader(found.model, found.tokenizer, found.lead)


def heads_of(text: object, layers: int, heads: int, name: str = "") -> Heads:
    """The silenced heads, as the page keeps them, or empty: [[layer, head], …] as JSON, or with the
    name of the model that they belong to: {"model": …, "muted": […]}. Another has none silenced.
    """
    if text in (None, ""):
        return ()
    try:
        if not isinstance(text, str) or len(text) > 10_000:
            raise ValueError
        kept = json.loads(text)
        if isinstance(kept, dict) and kept.get("model", name) != name:
            return ()
        return muted_heads(kept, layers, heads)
    except (ValueError, RecursionError) as error:
        raise UserError("attention.errors.unreadable") from error


@dataclass(frozen=True)
class Read:
    """A text as a model reads it, with these heads silenced."""

    name: str  # of the model
    reader: TextReader
    text: str
    muted: Heads
    found: Reading

    def leaving_out(self) -> Iterator[np.ndarray]:
        """How much each piece matters, as far as it is known; see `dlcore.lens_text`."""
        question = (self.name, self.text, self.muted)
        if (known := _known_effects.get(question)) is not None:
            yield known
            return
        for effects in leaving_out(self.reader, self.found, self.muted):
            yield effects
        _known_effects[question] = effects
        while len(_known_effects) > _MOST_KNOWN:
            _known_effects.pop(next(iter(_known_effects)), None)


# Of the last questions: another matrix beside it, and nothing has to be measured again.
_MOST_KNOWN = 50
_known_effects: dict[Any, np.ndarray] = {}


def reading(name: object, text: object, muted: object) -> Read | None:
    """A text as a model reads it; None without a text. Raises UserError for one that is too long.

    muted: the silenced heads, as the page keeps them.
    """
    if not isinstance(text, str | None):
        raise UserError("attention.errors.unreadable")
    really, reader = reader_of(name)
    silent = heads_of(muted, reader.layers, reader.heads, really)
    # Halves of broken characters can neither be shown nor sent.
    whole = (text or "").encode("utf-8", "replace").decode("utf-8")
    whole = unicodedata.normalize("NFC", whole)
    try:
        return Read(really, reader, whole, silent, _read(reader, whole, silent))
    except LensError as error:
        if error.key == "empty":
            return None
        key = "too_long" if error.key == "long" else "far_too_long"
        raise UserError(f"attention.errors.{key}", **error.values) from error


@lru_cache(maxsize=4)  # the page asks for the same reading twice: to show it, and to rank it
def _read(reader: Any, text: str, silent: Heads) -> Reading:
    return read_text(reader, text, silent)
