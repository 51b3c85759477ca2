"""What the attention tab shows: from dlcore's arrays to the values of widgets."""

import math
from dataclasses import replace
from typing import Any

from demos.attention_state import Edits
from demos.widgets.arithmetic import arithmetic
from demos.widgets.attention_steps import attention_steps
from demos.widgets.line_chart import line_chart
from dlcore.attention_hand import (
    EDIT,
    Hand,
    Widths,
    by_hand,
)
from dlcore.attention_hand import arithmetic as taken_apart

_BETWEEN = ("scores", "scaled", "weights")  # matrices whose columns are tokens, too


# --- By hand -------------------------------------------------------------------------------------


def steps(hand: Hand, edits: Edits) -> dict[str, Any]:
    """All matrices of a head, and how spread its looks are with the division and without."""
    other = replace(hand.config, scale=not hand.config.scale)
    here = float(hand.entropy.mean())
    there = float(by_hand(hand.tokens, other, custom=hand.mask, edits=edits).entropy.mean())
    scaled, unscaled = (here, there) if hand.config.scale else (there, here)
    spread = {"scaled": scaled, "unscaled": unscaled, "most": math.log(len(hand.tokens))}
    return attention_steps(hand, entropy=spread, edits=edits, most=EDIT)


def cell(hand: Hand, edits: Edits, matrix: str, row: int, column: int) -> dict[str, Any]:
    """What one cell is made of, each of its terms with a name."""
    made = taken_apart(hand, matrix, row, column, edits)
    tokens, count = hand.tokens, len(made.left)
    if made.kind == "softmax":
        names = [tokens[place] for place in made.seen] if made.seen is not None else []
    elif matrix == "output":
        names = list(tokens)
    elif matrix == "inputs" and count:
        names = ["embedding", "position"]
    else:
        names = [str(place + 1) for place in range(count)]
    column_name = tokens[column] if matrix in _BETWEEN else str(column + 1)
    return arithmetic(made, matrix=matrix, row=tokens[row], column=column_name, names=names)


def widths(measured: Widths) -> dict[str, Any]:
    """Entropy against the length of the vectors, with the division and without."""
    across = measured.d_k.tolist()
    curves = {
        "entropy_scaled": list(zip(across, measured.scaled.tolist(), strict=True)),
        "entropy_unscaled": list(zip(across, measured.unscaled.tolist(), strict=True)),
        "entropy_most": [(across[0], measured.most), (across[-1], measured.most)],
    }
    spread = {"spread": list(zip(across, measured.spread.tolist(), strict=True))}
    return line_chart({**curves, **spread}, x_label="d_k", panels=[list(curves), list(spread)])
