"""What the attention tab may be asked by hand: checked here, for any client can send anything."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.widgets.attention_steps import read_edits
from dlcore.attention_hand import EDIT, MOST_WORDS, Hand, HandConfig, by_hand, words_of
from dlcore.settings import SettingError
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
