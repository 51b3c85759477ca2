"""What the map of functions and the 200 starts of the perceptron tab show."""

import dataclasses
from typing import Any

import gradio as gr

from demos.perceptron_trial import Swarm, points_of
from demos.widgets.plane import Row
from dlcore.perceptron import FUNCTIONS, Config, survey, why_impossible


def sent(event: gr.EventData) -> dict[str, Any]:
    """What came with a widget's event: a dict, whatever a client sent."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}


def named(rows: tuple[Row, ...]) -> str:
    """The function whose truth table these points are, or "points"."""
    same = (name for name in FUNCTIONS if set(points_of(name, "")) == set(rows) and len(rows) == 4)
    return next(same, "points")


def untried() -> dict[str, Any]:
    return {"functions": [_card(name) for name in FUNCTIONS]}


def _card(name: str) -> dict[str, Any]:
    table = FUNCTIONS[name]
    why = why_impossible(table)
    return {"name": name, "table": list(table), "verdict": "", "line": None, "why": why}


def tried(config: Config) -> dict[str, Any]:
    cards = []
    for name, verdict in survey(config).items():
        kind = "learned" if verdict.learned else "circle" if verdict.period else "not_yet"
        found = dataclasses.asdict(verdict)
        cards.append({**_card(name), **found, "verdict": kind, "line": found.pop("weights")})
    return {"functions": cards, "settings": dataclasses.asdict(config)}


def steps(*swarms: Swarm) -> list[int]:
    return sorted({step for one in swarms for step in one.value["swarm"]["steps"]})


def starts_chart(yours: Swarm, tutorial: Swarm) -> dict[str, Any]:
    curves = {"yours": yours.curve, "tutorial": tutorial.curve}
    panels = [["yours", "tutorial"]]
    return {"runs": [{"id": "starts", "curves": curves}], "panels": panels, "x_label": "update"}
