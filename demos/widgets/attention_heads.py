"""What every head looks at: all of them small, and one of them large, as a matrix and as lines."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.kit.errors import UserError
from demos.widgets.base import Widget, pack

TOP = {"u1": 255, "u2": 65_535}  # what stands for a weight of 1
_MOST_MUTED = 400


class AttentionHeads(Widget):
    """Model view and head view of attention weights; a click on a small one makes it the large one.

    value = {"tokens": [T texts], "weights": pack(u1 or u2 (layers, heads, T, T)), "top": what
             stands for 1 in them, "extra": [{"name": key, "weights": pack(the same (T, T))}, …],
             "causal": whether nobody looks ahead: then only the lower triangles are packed, row by
             row, as (layers, heads, T (T + 1) / 2) and (T (T + 1) / 2,),
             "scores": {key: [[one a head] a layer]}, "muted": [[layer, head], …],
             "limit": weight of the fullest colour; else the largest of each matrix}
    Rows look, columns are looked at. "extra" are matrices of no single head: an average, a rollout.
    "scores" stand under the small pictures, as percent. With "frames": [{"step", "weights",
    "scores"}, …] the picture follows its group's timeline.

    AttentionHeads(mute=True) lets heads be silenced: the event `mute` carries {"muted": [[layer,
    head], …]}, all that are; `muted` reads it. `choose` carries {"name": key, "layer", "head"} of
    what is large. Keyword: empty (the key of the empty state).
    """

    script = "attention_heads"
    signals = ("mute", "choose")


def attention_heads(
    tokens: Sequence[str],
    weights: ArrayLike,
    *,
    extra: Mapping[str, ArrayLike] | None = None,
    scores: Mapping[str, ArrayLike] | None = None,
    muted: Collection[tuple[int, int]] = (),
    limit: float | None = None,
    dtype: str = "u2",
) -> dict[str, Any]:
    """The value for weights (layers, heads, T, T), 0 … 1; extra: name -> (T, T).

    dtype: "u2" keeps them to 1/65,535, "u1" to 1/255, which is enough for a film.
    """
    table = np.asarray(weights)
    if table.ndim != 4 or table.shape[2:] != (len(tokens), len(tokens)):
        raise ValueError(f"weights are {table.shape} for {len(tokens)} tokens")
    tables = {name: np.asarray(one) for name, one in (extra or {}).items()}
    causal = not any(np.triu(one, 1).any() for one in (table, *tables.values()))
    if causal:  # half as much to send: SmolLM2 has 270 heads
        seen = np.tril_indices(len(tokens))
        table, *rest = (one[(..., *seen)] for one in (table, *tables.values()))
        tables = dict(zip(tables, rest, strict=True))
    others = [{"name": name, "weights": packed(one, dtype)} for name, one in tables.items()]
    value: dict[str, Any] = {
        "tokens": list(tokens), "weights": packed(table, dtype), "top": TOP[dtype],
        "causal": causal, "extra": others, "muted": [list(head) for head in sorted(muted)],
        **badges(scores or {}),
    }  # fmt: skip
    return value if limit is None else {**value, "limit": limit}


def packed(weights: ArrayLike, dtype: str = "u2") -> dict[str, Any]:
    """Weights 0 … 1 as whole numbers."""
    whole = np.rint(np.clip(np.asarray(weights, np.float32), 0, 1) * np.float32(TOP[dtype]))
    return pack(whole.astype(dtype), dtype)


def badges(scores: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """The part of a value, or of a frame, that says how much of something each head does."""
    rows = {name: np.round(np.asarray(table, float), 4) for name, table in scores.items()}
    return {"scores": {name: table.tolist() for name, table in rows.items()}}


def muted(data: object, layers: int, heads: int) -> tuple[tuple[int, int], ...]:
    """The heads of a `mute` event, whatever a client sent. Raises UserError."""
    pairs = data.get("muted") if isinstance(data, dict) else data
    if not isinstance(pairs, list) or len(pairs) > _MOST_MUTED:
        raise UserError("attention.errors.unreadable")
    found = set()
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
            raise UserError("attention.errors.unreadable")
        if 0 <= pair[0] < layers and 0 <= pair[1] < heads:  # else of a model that had more
            found.add((pair[0], pair[1]))
    return tuple(sorted(found))
