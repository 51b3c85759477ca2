"""What the attention tab keeps, and what it may be asked: any client can send anything."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.kit.models import Models, Own
from demos.kit.run import Run
from demos.widgets.attention_heads import muted as muted_heads
from demos.widgets.attention_steps import read_edits
from dlcore import attention, gpt
from dlcore.attention_hand import EDIT, MOST_WORDS, Hand, HandConfig, by_hand, words_of
from dlcore.lens_text import CausalReader, LensError, Reading, read_text
from dlcore.settings import SettingError, Settings, setting
from dlcore.text import TextError

# The controls of the part made by hand, in the order in which handlers get their values.
HAND = ("d_k", "scale", "positions", "mask", "padding", "d_model", "seed")
Edits = dict[tuple[str, int], list[float]]


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


def _kieu(_: str) -> CausalReader:
    writer = gpt.load_bundled()
    return CausalReader(writer.model, writer.tokenizer, writer.lead)


READERS = Models("attention", _kieu, lambda _: gpt.BUNDLED)


def heads_of(text: object, layers: int, heads: int) -> tuple[tuple[int, int], ...]:
    """The silenced heads, as the page keeps them: [[layer, head], …] as JSON, or empty."""
    if text in (None, ""):
        return ()
    try:
        if not isinstance(text, str) or len(text) > 10_000:
            raise ValueError
        return muted_heads(json.loads(text), layers, heads)
    except (ValueError, RecursionError) as error:
        raise UserError("attention.errors.unreadable") from error


def reading(text: object, muted: object) -> tuple[CausalReader, Reading, Any] | None:
    """A text as the bundled model reads it, and the silenced heads; None without a text.

    Raises UserError for one that is too long.
    """
    if not isinstance(text, str | None):
        raise UserError("attention.errors.unreadable")
    reader = READERS.bundled()
    silent = heads_of(muted, reader.layers, reader.heads)
    # Halves of broken characters can neither be shown nor sent.
    whole = (text or "").encode("utf-8", "replace").decode("utf-8")
    try:
        return reader, read_text(reader, unicodedata.normalize("NFC", whole), silent), silent
    except LensError as error:
        if error.key == "empty":
            return None
        raise UserError("attention.errors.too_long", most=error.values["most"]) from error
