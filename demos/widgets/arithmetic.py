"""How one number of attention came about, written out with the numbers that made it."""

from collections.abc import Sequence
from typing import Any

from demos.widgets.base import Widget


class Arithmetic(Widget):
    """The arithmetic of one cell.

    value = {"matrix", "row", "column": texts that say which cell, "value": number,
             "kind": "sum" | "divide" | "softmax" | "hidden" | "given" | "drawn",
             "terms": [{"name": text, "left", "right", "product"}, …], "place": of the softmax}
    For "sum" product = left × right; for "softmax" product = exp(left − right), where right is
    the largest score of the row. The numbers are `dlcore.attention_hand.arithmetic`'s.
    """

    script = "arithmetic"


def arithmetic(
    made: Any, *, matrix: str, row: str, column: str, names: Sequence[str]
) -> dict[str, Any]:
    """The value for a `dlcore.attention_hand.Arithmetic`; names: one for each of its terms."""
    columns = zip(names, made.left, made.right, made.products, strict=True)
    terms = [
        {"name": name, "left": float(left), "right": float(right), "product": float(product)}
        for name, left, right, product in columns
    ]
    return {
        "matrix": matrix, "row": row, "column": column, "value": made.value, "kind": made.kind,
        "terms": terms, "place": made.place,
    }  # fmt: skip
