"""The 16 Boolean functions of two inputs, and what training made of each."""

from typing import Any

from demos.widgets.base import Widget


class FunctionMap(Widget):
    """The map.

    value = {
        "selected": "AND" or "", "functions": [{
            "name": "AND", "table": [0, 0, 0, 1],                  answers for 00, 01, 10, 11
            "verdict": "learned" | "circle" | "not_yet" | "",      what training found; "" untried
            "updates": 24, "changes": 7, "right": 4, "period": 0, "line": [w1, w2, b] or null,
            "why": [1, 1, 2] or null,      the sum of inequalities that contradict each other
        }, …],
    }
    event "pick" {"function": name}: a card was pressed.
    """

    script = "function_map"
    signals = ("pick",)

    def api_info(self) -> dict[str, Any]:
        return {"type": {}, "description": "What training found for each of the 16 functions"}
