"""What a network's stages make of a picture: from many small questions to few large ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget, pack

MOST_MAPS = 12  # of a stage that are shown: those that answer most strongly
_MOST_SIDE = 56  # pixels; larger maps are averaged to fit


class Stages(Widget):
    """A strip of stages; the open one shows its strongest maps, the chosen one over the picture.

    value = {"src": data URL of the picture as the network gets it, "stages": [
        {"name": "stage3", "shape": [C, h, w], "maps": pack(i1 (n, h', w')), "units": [7, …],
         "strengths": [mean of each map], "silent": share of the maps that are zero everywhere}, …]}
    Maps are ±127 where the strongest of their stage is. Stages and maps are chosen in the page.
    """

    script = "stages"


def stages(src: str, maps: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """The value; maps: stage -> (C, h, w), as many channels as it has."""
    return {"src": src, "stages": [_stage(name, np.asarray(m)) for name, m in maps.items()]}


def _stage(name: str, maps: np.ndarray) -> dict[str, Any]:
    values = np.nan_to_num(maps.astype(np.float32))
    strengths = np.abs(values).mean(axis=(1, 2))  # (C,)
    units = np.argsort(-strengths, kind="stable")[:MOST_MAPS]
    shown = _smaller(values[units])
    scaled = 127 * shown / (np.abs(shown).max(initial=0.0) or 1.0)
    return {
        "name": name,
        "shape": list(values.shape),
        "maps": pack(np.rint(scaled), "i1"),
        "units": units.tolist(),
        "strengths": [round(float(s), 4) for s in strengths[units]],
        "silent": float((np.abs(values).max(axis=(1, 2)) == 0).mean()),
    }


def _smaller(maps: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) of at most _MOST_SIDE each way: of every k x k numbers their mean."""
    count, height, width = maps.shape
    step = max(1, -(-max(height, width) // _MOST_SIDE))
    even = maps[:, : height // step * step, : width // step * step]
    return even.reshape(count, height // step, step, width // step, step).mean(axis=(2, 4))
