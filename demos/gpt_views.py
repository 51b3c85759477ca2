"""What the text-generation tab shows: from tokens and models to the values of widgets."""

from collections.abc import Sequence

from demos.widgets.writing import Value
from dlcore import gpt
from dlcore.gpt_tasks import copied
from dlcore.gpt_writing import STAGES, Decoding, Measures, Token
from dlcore.luc_bat import read_couplets, score

_DIGITS = 5  # of a probability


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
        "a": [[a.id, a.text, *chances(a.probabilities)] for a in token.alternatives],
    }


def measured(measures: Measures) -> dict[str, float]:
    return {
        "repetition": measures.repetition,
        "entropy": measures.entropy,
        "surprise": measures.surprise,
    }


def verses(writer: gpt.Writer, text: str) -> dict[str, int] | None:
    """How many couplets keep to lục bát, and how many new lines are known by heart.

    None for a model that was not taught verse, and for less than a couplet. A last line that has
    not come to its end does not count.
    """
    whole = text[: text.rfind("\n") + 1]
    couplets = read_couplets(whole) if writer.lines and len(writer.known) else []
    if not couplets:
        return None
    found = score(couplets)
    count = found.couplets
    shares = {name: getattr(found, name) for name in ("counted", "level", "rhymed")}
    lines = [line for line in whole.splitlines() if line.strip()]
    return {
        "couplets": count,
        **{name: round(share * count) for name, share in shares.items()},
        "lines": len(lines),
        "copied": sum(copied("\n".join(lines), writer.known)),
    }
