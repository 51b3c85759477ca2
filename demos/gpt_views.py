"""What the text-generation tab shows: from tokens and models to the values of widgets."""

import uuid
from collections.abc import Mapping, Sequence

from demos.kit.run import Run
from demos.widgets.bars import bars
from demos.widgets.line_chart import line_chart
from demos.widgets.notes import notes
from demos.widgets.passage import passage
from demos.widgets.writing import Value, part, writing
from dlcore import gpt
from dlcore.gpt_diagnosis import diagnose
from dlcore.gpt_speed import Lap
from dlcore.gpt_tasks import copied
from dlcore.gpt_writing import STAGES, Cost, Decoding, Measures, Token
from dlcore.luc_bat import read_couplets, score
from dlcore.tokenizers import Characters, Tokenizer

_DIGITS = 5  # of a probability
_GOOD = ("fine", "solved")
_GRAVE = ("burst", "memorises", "gap")


def stages_of(decoding: Decoding) -> list[str]:
    """The STAGES at which these settings change anything, the model's own first."""
    changes = {
        "model": True,
        "penalty": decoding.repetition_penalty != 1.0,
        "temperature": decoding.temperature != 1.0,
        "top_k": decoding.top_k > 0,
        "top_p": decoding.top_p < 1.0,
    }
    return [stage for stage in STAGES if changes[stage]]


def token(token: Token, stages: Sequence[str]) -> Value:
    """A token of a Writing, with its probability after each of these stages."""
    columns = [STAGES.index(stage) for stage in stages]

    def chances(probabilities: Sequence[float]) -> list[float]:
        return [round(probabilities[column], _DIGITS) for column in columns]

    return {
        "i": token.id,
        "t": token.text,
        "s": round(token.surprise, 4),
        "e": round(token.entropy, 4),
        "p": chances(token.probabilities),
        "f": token.forced,
        **_named(token),
        "a": [[a.id, a.text, *chances(a.probabilities)] for a in token.alternatives],
    }


def measured(measures: Measures) -> dict[str, float]:
    return {
        "repetition": measures.repetition,
        "entropy": measures.entropy,
        "surprise": measures.surprise,
    }


def verses(writer: gpt.Writer, opening: str, new: str) -> dict[str, int] | None:
    """How many couplets keep to the verse form, and how many lines of the model's own are known by
    heart: those that it began and brought to their end. The reader's are not its memory's.

    None for a model that was not taught verse, and for less than a couplet. A last line that has
    not come to its end does not count.
    """
    text = opening + new
    whole = text[: text.rfind("\n") + 1]
    couplets = read_couplets(whole) if writer.lines and len(writer.known) else []
    if not couplets:
        return None
    found = score(couplets)
    count = found.couplets
    shares = {name: getattr(found, name) for name in ("counted", "level", "rhymed")}
    begun = not opening or opening.endswith("\n")
    own = new if begun else new.partition("\n")[2]
    lines = [line for line in own.splitlines(keepends=True) if line.strip() and line[-1] == "\n"]
    return {
        "couplets": count,
        **{name: round(share * count) for name, share in shares.items()},
        "lines": len(lines),
        "copied": sum(copied("".join(lines), writer.known)),
    }


def plain_token(token: Token) -> Value:
    """A token of a Writing that only shows how surprising it was."""
    shown = {"i": token.id, "t": token.text, "s": round(token.surprise, 4), "f": token.forced}
    return shown | _named(token)


def _named(token: Token) -> Value:
    """A token's name, where that is another than what it adds to the text."""
    return {} if token.name == token.text else {"b": token.name}


# --- Training ------------------------------------------------------------------------------------


def film(run: Run) -> Value:
    """What the model writes, step by step."""

    def frame(snapshot: gpt.Snapshot) -> Value | None:
        sums = [(e.question, e.answer, e.right) for e in snapshot.examples]
        reverse = bool(sums) and run.config.reverse
        shown = passage(snapshot.sample, sums, reverse=reverse)
        return shown if snapshot.sample or sums else None

    return run.film("passage", frame)


def remarks(run: Run) -> Value:
    """What the losses say: does it learn, or learn by heart?"""
    rows = []
    for finding in diagnose(run.events):
        kind = "good" if finding.key in _GOOD else "warning" if finding.key in _GRAVE else "info"
        shares = {k: {"percent": v} for k, v in finding.values.items() if k == "accuracy"}
        rows.append((finding.key, kind, {**finding.values, **shares}))
    return notes(rows)


# --- What a text costs, and how fast it is written -----------------------------------------------


def pieces(tokenizer: Tokenizer, text: str, name: str) -> Value:
    """A text cut into its tokens, those of one character together; unknown ones as they are."""
    found = tokenizer.pieces(tokenizer.encode(text))
    tokens: list[Value] = [
        {"t": piece.text, "s": 0, "f": False, "n": len(piece.ids)} for piece in found
    ]
    if isinstance(tokenizer, Characters):
        for character, token in zip(text, tokens, strict=True):
            token |= {"t": character} | ({} if character in tokenizer.number else {"u": True})
    return writing(
        run=uuid.uuid4().hex[:8], prompt="", stages=[], state="cut", title=name, cut=True,
        parts=[part(0, tokens)],
    )  # fmt: skip


def costs(found: Mapping[str, Mapping[str, Cost]]) -> tuple[Value, Value]:
    """tokenizer -> language -> Cost: tokens of both texts, and what a word of each takes."""
    names = list(found)
    languages = list(next(iter(found.values()))) if found else []
    counts = bars(
        names,
        {lang: [float(found[name][lang].tokens) for name in names] for lang in languages},
        unit="count",
    )
    rows = [
        (name, "info", {lang: round(cost.per_word, 2) for lang, cost in costs.items()})
        for name, costs in found.items()
    ]
    return counts, notes(rows)


def speeds(laps: Sequence[Lap]) -> tuple[Value, Value]:
    """Milliseconds a token with the cache and without, by length; and the whole in words."""
    curves = {
        "cached": [(lap.tokens, lap.cached_s * 1000) for lap in laps],
        "plain": [(lap.tokens, lap.plain_s * 1000) for lap in laps],
    }
    chart = line_chart(curves, x_label="tokens", panels=[["cached", "plain"]])
    if not laps:
        return chart, notes([])
    cached, plain = (sum(getattr(lap, name) for lap in laps) for name in ("cached_s", "plain_s"))
    values = {
        "cached": round(len(laps) / cached),
        "plain": round(len(laps) / plain),
        "times": round(plain / cached, 1),
    }
    told = [("speed", "info", values)]
    told.append(("same", "good", {}) if laps[-1].same else ("differs", "warning", {}))
    return chart, notes(told)
