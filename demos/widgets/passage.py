"""What a model writes while it learns: a sample text, or sums with their answers, step by step."""

from collections.abc import Iterable
from typing import Any

from demos.widgets.base import Widget


class Passage(Widget):
    """Text as it stands, and sums that are right or wrong; both follow their group's timeline.

    value = {"run", "frames": [{"step", "text", "sums": [[question, answer, right answer], …]}, …]}
    or one such frame by itself. Keyword: empty (the key of the empty state).
    """

    script = "passage"


def passage(text: str, sums: Iterable[tuple[str, str, str]] = ()) -> dict[str, Any]:
    """The value, or a frame."""
    return {"text": text, "sums": [list(sum_) for sum_ in sums]}
