"""What a model writes while it learns: a sample text, or sums with their answers, step by step."""

from collections.abc import Iterable
from typing import Any

from demos.widgets.base import Widget


class Passage(Widget):
    """Text as it stands, and sums that are right or wrong; both follow their group's timeline.

    value = {"run", "frames": [{"step", "text", "sums": [[question, answer, right answer], …],
    "reverse"}, …]} or one such frame by itself. reverse: answers have their lowest digit first, so
    what number each means is told as well. Keyword: empty (the key of the empty state).
    """

    script = "passage"


def passage(
    text: str, sums: Iterable[tuple[str, str, str]] = (), *, reverse: bool = False
) -> dict[str, Any]:
    """The value, or a frame."""
    return {"text": text, "sums": [list(sum_) for sum_ in sums], "reverse": reverse}
