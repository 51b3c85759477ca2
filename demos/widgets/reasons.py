"""One picture under several explanations: where each looks, and how far it can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget, pack


class Reasons(Widget):
    """A card an explanation: the picture in grey, blue what speaks for the class, orange against.

    value = {"src": data URL of the picture as the network gets it, "cards": [
        {"name": a key, "heat": pack(i1 (h, w)), "values": {…} for the words under it,
         "curves": {"deletion": [[share, p], …], "insertion": …}, "areas": {"deletion": 0.1, …},
         "layers": [{"name", "heat"}, …], "layer": the one shown at first}, …]}
    A heat is ±127 where it is strong; it is stretched smoothly over the picture. A card without
    "heat" waits for its own and says so. With "layers" it has a scrubber from the first to the
    last; the event `layer` carries {"name"} when it comes to rest. Its curves are those of "layer":
    at another one they are hidden, and a button sends the event `measure` with its {"name"}.
    "note" is a key whose words, filled with "values", stand under the picture; so does "remark" in
    the value itself, for all cards. Without cards the value's "hint" says why there are none.
    """

    script = "reasons"
    signals = ("layer", "measure")


def heat(values: ArrayLike) -> dict[str, Any]:
    """A map (h, w), signed, as bytes: ±127 where it is as strong as all but its top half percent.

    A few pixels that stand out by far would make all the others invisible.
    """
    table = np.nan_to_num(np.asarray(values, np.float32))
    if table.ndim != 2:
        raise ValueError(f"heat must be (h, w), not {table.shape}")
    strength = np.abs(table)
    limit = float(np.quantile(strength, 0.995)) or float(strength.max()) or 1.0
    return pack(np.rint(127 * (table / limit).clip(-1, 1)), "i1")


def card(
    name: str,
    values: ArrayLike | None = None,
    *,
    layers: Mapping[str, ArrayLike] | None = None,
    layer: str = "",
    curves: Mapping[str, Sequence[Sequence[float]]] | None = None,
    areas: Mapping[str, float] | None = None,
    note: str = "",
    words: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One explanation. values: its map; or layers: a map for each of several layers.

    words: what fills the placeholders of its name and of its note.
    """
    made: dict[str, Any] = {"name": name, "values": dict(words or {})}
    if layers:
        made["layers"] = [{"name": n, "heat": heat(m), "size": len(np.asarray(m))}
                          for n, m in layers.items()]  # fmt: skip
        made["layer"] = layer
    elif values is not None:
        made["heat"] = heat(values)
    if curves:
        made["curves"] = {n: [[float(x), float(y)] for x, y in c] for n, c in curves.items()}
        made["areas"] = {n: float(a) for n, a in (areas or {}).items()}
    if note:
        made["note"] = note
    return made


def reasons(src: str, cards: Iterable[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """The value, of cards made with `card`."""
    return {"src": src, "cards": [dict(one) for one in cards], **more}
