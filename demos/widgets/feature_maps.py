"""What the network sees: every map of every stage, from the pixels to the ten probabilities."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from demos.widgets.base import Widget, pack


class FeatureMaps(Widget):
    """The stages of a small CNN as a strip of pictures; one of them is opened into its maps.

    value, made by `feature_maps`:
        {"image": u1 (28, 28),
         "maps": {"conv1" | "pool1" | "conv2" | "pool2" | "hidden": {"data": i1 (…), "scale": s}},
         "probabilities": [10 numbers], "muted": [["conv1", 3], …]}, or None before any drawing.
        Maps travel as signed bytes, value = byte / 127 × scale: enough for a picture that follows
        the pen. The numbers a reader studies come from the Inspector, exactly as computed.
    Events: "inspect" {"stage", "unit"} when a map is chosen; "mute" {"layer", "unit"} to switch a
        filter off or on again; "unmute" {} to switch all of them on.
    """

    script = "feature_maps"
    signals = ("inspect", "mute", "unmute")


def feature_maps(
    image: Any,
    maps: Mapping[str, Any],
    probabilities: Any,
    muted: Iterable[tuple[str, int]] = (),
) -> dict[str, Any]:
    """The widget's value. image: (28, 28) in [0, 1]; maps: stage -> array; probabilities: (10,)."""
    return {
        "image": pack(np.rint(np.asarray(image) * 255), "u1"),
        "maps": {stage: _quantised(np.asarray(values)) for stage, values in maps.items()},
        "probabilities": [float(p) for p in probabilities],
        "muted": [[layer, unit] for layer, unit in sorted(muted)],
    }


def _quantised(values: np.ndarray) -> dict[str, Any]:
    scale = float(np.abs(values).max()) or 1.0
    return {"data": pack(np.rint(values * (127 / scale)), "i1"), "scale": scale}
