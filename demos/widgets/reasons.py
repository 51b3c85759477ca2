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
    A heat is ±127 where it is strongest; it is stretched smoothly over the picture. A card without
    "heat" waits for its own and says so. With "layers" it has a scrubber from the first to the
    last; the event `layer` carries {"name"} when it comes to rest. "note" is a key whose words,
    filled with "values", stand under the picture.
    """

    script = "reasons"
    signals = ("layer",)


def heat(values: ArrayLike) -> dict[str, Any]:
    """A map (h, w), signed, as bytes: its strongest value is 127 or -127."""
    table = np.nan_to_num(np.asarray(values, np.float32))
    if table.ndim != 2:
        raise ValueError(f"heat must be (h, w), not {table.shape}")
    return pack(np.rint(127 * table / (np.abs(table).max(initial=0.0) or 1.0)), "i1")


def card(
    name: str,
    values: ArrayLike | None = None,
    *,
    layers: Mapping[str, ArrayLike] | None = None,
    layer: str = "",
    curves: Mapping[str, Sequence[Sequence[float]]] | None = None,
    areas: Mapping[str, float] | None = None,
    note: str = "",
    **words: Any,
) -> dict[str, Any]:
    """One explanation. values: its map; or layers: a map for each of several layers."""
    made: dict[str, Any] = {"name": name, "values": words}
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
