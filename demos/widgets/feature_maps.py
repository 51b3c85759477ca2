"""What the network sees: every map of every stage, from the pixels to the ten probabilities."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from demos.widgets.base import Widget, pack


class FeatureMaps(Widget):
    """The stages of a small CNN as a strip of pictures; one of them is opened into its maps.

    value, made by `feature_maps`, or None before any drawing:
        {"image": u1 (28, 28), "maps": {"conv1" | "pool1" | "conv2" | "pool2": i1 (C, H, W)},
         "hidden": f4 (64,), "probabilities": [10 numbers], "muted": [["conv1", 3], …]}
        Maps travel as signed bytes, byte / 127 = ±√(|value| / largest of the layer): enough for a
        picture that follows the pen, with weak maps still visible beside a strong one. The numbers
        a reader studies come from the Inspector, exactly as computed.
    Events: "inspect" {"stage", "unit"} when a map is chosen; "mute" {"layer", "unit"} to switch a
        filter off or on again; "unmute" {} to switch all of them on.
    """

    script = "feature_maps"
    signals = ("inspect", "mute", "unmute")


def feature_maps(
    image: Any,
    maps: Mapping[str, Any],
    hidden: Any,
    probabilities: Any,
    muted: Iterable[tuple[str, int]] = (),
) -> dict[str, Any]:
    """The widget's value. image (28, 28) in [0, 1]; maps: stage -> (C, H, W); hidden (64,)."""
    return {
        "image": pack(np.rint(np.asarray(image) * 255), "u1"),
        "maps": {stage: _as_bytes(np.asarray(values)) for stage, values in maps.items()},
        "hidden": pack(hidden),
        "probabilities": [float(p) for p in probabilities],
        "muted": [[layer, unit] for layer, unit in sorted(muted)],
    }


def _as_bytes(values: np.ndarray) -> dict[str, Any]:
    values = np.nan_to_num(values)
    strength = np.sqrt(np.abs(values) / (np.abs(values).max() or 1.0))
    return pack(np.rint(127 * np.sign(values) * strength), "i1")
