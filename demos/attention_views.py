"""What the attention tab shows: from dlcore's arrays to the values of widgets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from demos.attention_state import Edits, Many, Read, Trained
from demos.kit.run import Run
from demos.widgets.arithmetic import arithmetic
from demos.widgets.attention_heads import TOP, attention_heads, badges, packed
from demos.widgets.attention_steps import attention_steps
from demos.widgets.bars import bars
from demos.widgets.heatmap import heatmap
from demos.widgets.line_chart import line_chart
from demos.widgets.notes import notes
from demos.widgets.rankings import rankings
from demos.widgets.token_strip import token_strip
from dlcore import attention
from dlcore.attention_hand import (
    EDIT,
    Hand,
    Widths,
    by_hand,
)
from dlcore.attention_hand import arithmetic as taken_apart
from dlcore.attention_heads import Comparison, TutorialFaults
from dlcore.lens_text import (
    Honesty,
    Reading,
    average,
    between_pieces,
    change,
    likeliest,
    rollout,
)
from dlcore.minilm import MiniLM

_MOST_LINES, _LINE_READ, _LINE_SHOWN = 8, 2_000, 80  # sentences to compare with; characters
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


# --- Many heads ----------------------------------------------------------------------------------


def many(asked: Many, compared: Comparison) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each head looks at, and how far all of it is from torch's own."""
    tokens = [f"x{n}" for n in range(1, asked.length + 1)]
    gradient = max(compared.gradient_differences.values())
    told = {
        "output": compared.output_difference,
        "weights": compared.weights_difference,
        "gradient": gradient,
    }
    kind = "good" if max(told.values()) <= 1e-6 else "warning"
    sizes = {"d_model": asked.d_model, "heads": asked.heads, "d_k": asked.d_model // asked.heads}
    remarks = notes(
        [
            ("sizes", "info", {**sizes, "parameters": grouped(compared.parameters)}),
            ("equal", kind, told),
        ]
    )
    return attention_heads(tokens, compared.weights.numpy()[:1]), remarks


def grouped(count: int) -> str:
    """1050624 as 1 050 624, which reads the same in every language."""
    return f"{count:,}".replace(",", "\u202f")


def faults(found: TutorialFaults) -> dict[str, Any]:
    """The tutorial's mistakes, each measured beside ours."""
    half = {"theirs": str(found.half), "ours": found.half_ours}
    learnable = {"theirs": found.learnable, "ours": grouped(found.learnable_ours)}
    return notes(
        [
            ("twice", "warning", {"theirs": found.twice, "ours": found.twice_ours}),
            ("learnable", "warning", learnable),
            ("hidden_row", "warning", {"theirs": found.hidden_row, "ours": found.hidden_row_ours}),
            ("half", "warning", half),
        ]
    )


# --- Trained here --------------------------------------------------------------------------------


def watched_tokens(config: attention.Config) -> list[str]:
    """The tokens of the sequence that is watched, as they are shown."""
    return _names(attention.watched(config).seen[0].tolist())


def _names(tokens: Sequence[int]) -> list[str]:
    """Letters, then letters with a number: tokens that mean nothing, but can be told apart."""
    return [chr(97 + n % 26) + (str(n // 26) if n >= 26 else "") for n in tokens]


def film(run: Run) -> dict[str, Any]:
    """What every head looks at in the watched sequence, as it changes while the network learns."""

    def frame(snapshot: attention.Snapshot) -> dict[str, Any]:
        return {"weights": packed(snapshot.patterns, "u1"), **_scores(snapshot)}

    tokens = watched_tokens(run.config)
    fixed = {"tokens": tokens, "top": TOP["u1"], "extra": [], "muted": [], "limit": 1.0}
    return {**fixed, **run.film("heads", frame)}


def _scores(judged: attention.Judgement) -> dict[str, Any]:
    return badges({"prefix": judged.prefix, "previous": judged.previous})


def chances(run: Run) -> dict[str, Any]:
    """How sure the network is of each next token of the watched sequence."""

    def frame(snapshot: attention.Snapshot) -> dict[str, Any]:
        return {"p": [round(float(p), 4) for p in snapshot.chances]}

    return {**token_strip(watched_tokens(run.config)), **run.film("chances", frame)}


def by_block(run: Run) -> dict[str, Any]:
    """Accuracy for each length of the block, also those that training never showed."""

    def frame(snapshot: attention.Snapshot) -> dict[str, Any]:
        return _blocks({"held_out_accuracy": snapshot})

    kept = run.film("blocks", frame)
    return {"labels": [], "series": [], "unit": "share", "max": 1.0, **kept}


def _blocks(judged: Mapping[str, attention.Judgement]) -> dict[str, Any]:
    labels = next(iter(judged.values())).blocks.tolist()
    return bars(labels, {name: j.by_block.tolist() for name, j in judged.items()}, top=1.0)


def silenced(
    own: Trained, muted: attention.Heads
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The watched sequence, accuracy by block, and remarks, with these heads silenced."""
    config, model = own.config, own.model
    tests, example = attention.held_out_sequences(config), attention.watched(config)
    patterns, _ = attention.look(model, example, muted)
    whole = attention.judge(model, tests, config)
    less = attention.judge(model, tests, config, muted)
    scores = {"prefix": less.prefix, "previous": less.previous}
    heads = attention_heads(
        _names(example.seen[0].tolist()), patterns, muted=list(muted), scores=scores, limit=1.0
    )
    told = {"whole": {"percent": whole.accuracy}, "less": {"percent": less.accuracy}}
    kind = "warning" if less.accuracy < whole.accuracy - 0.01 else "info"
    remarks = notes([("silenced", kind, {**told, "count": len(muted)})])
    return heads, _blocks({"held_out_accuracy": whole, "muted_accuracy": less}), remarks


def one_by_one(own: Trained) -> dict[str, Any]:
    """Accuracy when each head is silenced alone."""
    tests = attention.held_out_sequences(own.config)
    table = attention.muting(own.model, tests, own.config)
    rows, columns = ([str(n + 1) for n in range(count)] for count in table.shape)
    return heatmap(
        table, rows=rows, columns=columns, row_title="layer", column_title="head", numbers=True,
        unit="share", min=0.0, max=1.0,
    )  # fmt: skip


# --- Pretrained ----------------------------------------------------------------------------------


def heads(read: Read) -> dict[str, Any]:
    """All heads over a text, with their average, the last layer's, and the rollout."""
    found, shown = read.found, read.found.shown
    extra = {
        "average": average(shown),
        "last_layer": average(shown, -1),
        "rollout": between_pieces(rollout(found.weights)[-1], found.pieces),
    }
    tokens = [piece.text for piece in found.pieces]
    return attention_heads(tokens, shown, extra=extra, muted=list(read.muted))


def answered(read: Read, whole: Read, others: str) -> dict[str, Any] | None:
    """What may come next; or, from a model of meanings, how alike each line of `others` is.

    whole: the same with all heads.
    """
    answers = {"all_heads": whole.found.answer}
    if read.muted:
        answers["some_muted"] = read.found.answer
    if not isinstance(read.reader, MiniLM):
        likely = likeliest(read.reader, whole.found.answer, 8)
        best = np.argsort(-whole.found.answer, kind="stable")[:8]
        return bars(
            [_visible(text) for text, _ in likely],
            {name: answer[best].tolist() for name, answer in answers.items()},
            plain=True,
        )
    lines = [line[:_LINE_READ].strip() for line in others.split("\n") if line.strip()][:_MOST_LINES]
    if not lines:
        return None
    muted = {"all_heads": (), "some_muted": read.muted}
    alike = {
        name: (read.reader.meanings(lines, muted[name]) @ answer).tolist()
        for name, answer in answers.items()
    }
    labels = [line if len(line) <= _LINE_SHOWN else f"{line[:_LINE_SHOWN]}…" for line in lines]
    return bars(labels, alike, unit="number", top=1.0, plain=True)


def remarks(read: Read, whole: Read) -> dict[str, Any]:
    """How many tokens, of which model, and by how much silenced heads moved its answer."""
    told: list[tuple[str, str, dict[str, Any]]] = [
        (f"count_{read.name}", "info", {"count": len(read.found.ids)})
    ]
    if read.muted:
        by = change(read.reader, whole.found.answer, read.found.answer)
        told.append((f"moved_{read.reader.answers}", "warning", {"by": by}))
    return notes(told)


def _visible(text: str) -> str:
    return text.replace("\n", "⏎").replace(" ", "␣")


def honest(found: Reading, judged: Honesty) -> dict[str, Any]:
    """What was looked at beside what mattered."""
    texts = [found.pieces[place].text for place in judged.places]
    measures = (judged.attention, judged.effect)
    return rankings(
        texts, measures, (judged.attention_rank, judged.effect_rank), judged.correlation
    )


def measuring(found: Reading, effects: np.ndarray) -> dict[str, Any]:
    """How many of the pieces have been left out by now."""
    return {"done": int(np.isfinite(effects).sum()), "count": sum(found.candidates)}
