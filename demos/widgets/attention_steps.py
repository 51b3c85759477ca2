"""One head of attention as a row of matrices, from the words to the output, step by step."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.widgets.base import Widget, pack

MATRICES = (
    "embeddings", "positions", "inputs", "queries", "keys", "values", "scores", "scaled", "weights",
    "output",
)  # fmt: skip
_MOST = 20_000  # characters of a mask and of all dragged numbers together


class AttentionSteps(Widget):
    """All matrices of one head; a click or the arrow keys choose a cell, a drag changes a vector.

    value = {"tokens": [T texts], "matrices": {name: pack(f4 (T, …))} for all of MATRICES,
             "mask": pack(u1 (T, T)), 1 where a token may look, "scale": bool, "d_k": int,
             "positions": bool, "most": how far a number can be dragged,
             "edits": {"query:0": [d_k numbers], …},
             "custom": is the mask one that a hand made?,
             "entropy": {"scaled", "unscaled", "most"} in nats, "difference": from torch's own}

    The event `cell` carries {"matrix", "row", "column"} of the cell that was chosen, also when its
    numbers are new; `edit` carries {"mask": [T texts of 0 and 1] or null, "edits": as above} as a
    hand left them; `edited` reads it. Keyword: empty (the key of the empty state).
    """

    script = "attention_steps"
    signals = ("cell", "edit")


def edited(data: object) -> str:
    """The JSON text of what an `edit` event brings, whatever a client sent. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("attention.errors.unreadable")
    kept = {name: data[name] for name in ("mask", "edits") if data.get(name)}
    text = json.dumps(kept) if kept else ""
    read_edits(text)
    return text


def read_edits(text: object) -> tuple[np.ndarray | None, dict[tuple[str, int], list[float]]]:
    """The mask (T, T) bool, or None, and the vectors by kind and token, in such a text.

    Raises UserError for a text that is none; whether it fits a sentence is not asked here.
    """
    if text in (None, ""):
        return None, {}
    try:
        if not isinstance(text, str) or len(text) > _MOST:
            raise ValueError
        data = json.loads(text)
        rows = data.get("mask")
        mask = None if rows is None else np.array([[_bit(c) for c in row] for row in rows], bool)
        edits = {_place(key): _numbers(vector) for key, vector in data.get("edits", {}).items()}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise UserError("attention.errors.unreadable") from error
    return mask, edits


def _bit(character: object) -> bool:
    return {"0": False, "1": True}[str(character)]


def _place(key: str) -> tuple[str, int]:
    kind, _, at = key.partition(":")
    if kind not in ("query", "key") or not (at.isascii() and at.isdigit() and len(at) < 4):
        raise ValueError(key)
    return kind, int(at)


def _numbers(vector: Any) -> list[float]:
    numbers = [float(x) for x in vector]
    if not all(math.isfinite(x) for x in numbers):
        raise ValueError(vector)
    return numbers


def reordered(text: object, order: Sequence[int]) -> str:
    """The same text when the tokens stand in another order: what a hand did goes with its tokens.

    order: the place in the sentence that each token comes from. What did not fit the sentence is
    left out. Raises UserError for a text that is none.
    """
    mask, edits = read_edits(text)
    new_place = {old: new for new, old in enumerate(order)}
    kept: dict[str, Any] = {}
    if mask is not None and mask.shape == (len(order), len(order)):
        moved = mask[np.ix_(order, order)]
        kept["mask"] = ["".join(str(int(may)) for may in row) for row in moved]
    vectors = {
        f"{kind}:{new_place[at]}": vector for (kind, at), vector in edits.items() if at in new_place
    }
    if vectors:
        kept["edits"] = vectors
    return json.dumps(kept) if kept else ""


def attention_steps(
    hand: Any, *, entropy: Mapping[str, float], edits: Mapping[tuple[str, int], Any], most: float
) -> dict[str, Any]:
    """The value for a `dlcore.attention_hand.Hand`."""
    return {
        "tokens": list(hand.tokens),
        "matrices": {name: pack(getattr(hand, name)) for name in MATRICES},
        "mask": pack(hand.mask, "u1"),
        "scale": hand.config.scale,
        "d_k": hand.config.d_k,
        "positions": hand.config.positions != "none",
        "most": most,
        "custom": hand.config.mask == "custom",
        "edits": {f"{kind}:{at}": list(numbers) for (kind, at), numbers in edits.items()},
        "entropy": dict(entropy),
        "difference": hand.difference,
    }
