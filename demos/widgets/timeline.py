"""A slider through the recorded moments of a run, which every widget of its group follows."""

from collections.abc import Iterable
from typing import Any

from demos.widgets.base import Widget


class Timeline(Widget):
    """Play, scrub, and return to the newest moment.

    value = {"run": id, "steps": [0, 20, 40, …]}, the steps of the group's frames in rising order.
    Fewer than two steps, or None, show the empty state; a new "run" starts at its newest step.
    A whole film plays in some six seconds; pause: milliseconds at each step instead.
    Arrows, Home and End move; space plays and pauses.
    """

    script = "timeline"


def timeline(steps: Iterable[float], run: str = "") -> dict[str, Any]:
    """The value of a timeline over these steps, put in order, each once."""
    return {"run": run, "steps": sorted(set(steps))}
