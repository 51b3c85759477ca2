"""One map or unit of a CNN under the magnifying glass: exact numbers, and where they came from."""

from collections.abc import Mapping
from typing import Any

from demos.widgets.base import Widget, pack


class Inspector(Widget):
    """Exact numbers of one map, pixel by pixel, answered in the browser without the server.

    value, made by `inspector`: {"kind", "stage", "unit", "model", …} or None, where … depends on
    the kind (arrays are packed float32):
        "conv": inputs (C, H, W), kernel (C, 3, 3), bias, partials (C, h, w), output (h, w)
        "relu", "pool": before (H, W), after (h, w), muted
        "flatten": before (h, w)
        "dense": inputs, weights, products (K,), bias, output, after (the output after its ReLU)
        "softmax": as "dense", and logits, exps, probabilities (10,), total
    Every number shown as a result is one of these; the browser multiplies patch by kernel only to
    show the products, and marks with ✓ that they add up to the network's own result.
    """

    script = "inspector"


def inspector(
    kind: str, *, stage: str, unit: int, model: str, parts: Mapping[str, Any]
) -> dict[str, Any]:
    """The widget's value. parts: the kind's numbers (kept) and arrays (packed)."""
    packed = {
        name: value if isinstance(value, (int, float, bool)) else pack(value)
        for name, value in parts.items()
    }
    return {"kind": kind, "stage": stage, "unit": unit, "model": model, **packed}
