"""How people write digits: skeletons of pen strokes, varied by a seeded hand.

Each digit has several ways of writing it. A way is a list of strokes, a stroke a list of points in
a box one unit high (x to the right, y down); a point given twice is a corner, all others lie on a
smooth curve. Nobody looked at a model while these were made, and none of them was taken out after.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Point = tuple[float, float]
Stroke = list[Point]

SIDE = 336  # the pad's own units
STYLES = ("thin", "thick", "small", "off-centre", "slanted")
PER_STYLE = 4  # drawings of each digit in each style
SPACING = 7.0  # between two reports of a pen at an unhurried pace, in the pad's units


def _oval(*, x: float, y: float, wide: float, tall: float, start: float, turn: float) -> Stroke:
    """Part of an oval, from the angle `start` on, through `turn` (degrees; clockwise > 0)."""
    angles = [math.radians(start + turn * i / 9) for i in range(10)]
    return [(x + wide * math.cos(a), y + tall * math.sin(a)) for a in angles]


WAYS: dict[int, list[list[Stroke]]] = {
    0: [
        [_oval(x=0.34, y=0.5, wide=0.31, tall=0.5, start=-80, turn=-365)],
        [_oval(x=0.34, y=0.5, wide=0.27, tall=0.5, start=-55, turn=-385)],  # ends overlap
        [_oval(x=0.34, y=0.5, wide=0.34, tall=0.48, start=-95, turn=350)],  # not quite closed
        [_oval(x=0.3, y=0.5, wide=0.22, tall=0.5, start=-70, turn=-360)],
    ],
    1: [
        [[(0.3, 0.0), (0.3, 0.5), (0.29, 1.0)]],
        [[(0.12, 0.2), (0.34, 0.0), (0.34, 0.0), (0.34, 0.5), (0.34, 1.0)]],  # a flag
        [[(0.14, 0.2), (0.36, 0.0), (0.36, 0.0), (0.36, 1.0)], [(0.1, 1.0), (0.62, 0.99)]],
        [[(0.24, 0.1), (0.33, 0.0), (0.33, 0.0), (0.32, 0.5), (0.33, 1.0)]],  # a short flag
    ],
    2: [
        [[(0.06, 0.22), (0.18, 0.05), (0.4, 0.01), (0.57, 0.15), (0.54, 0.36), (0.33, 0.66),
          (0.05, 0.97), (0.05, 0.97), (0.36, 0.97), (0.66, 0.95)]],
        [[(0.1, 0.2), (0.24, 0.03), (0.46, 0.03), (0.56, 0.2), (0.46, 0.48), (0.26, 0.78),
          (0.08, 0.93), (0.02, 0.84), (0.14, 0.78), (0.34, 0.9), (0.5, 0.97), (0.68, 0.86)]],
        [[(0.04, 0.1), (0.22, 0.0), (0.44, 0.04), (0.52, 0.2), (0.4, 0.46), (0.04, 0.99),
          (0.04, 0.99), (0.62, 0.98)]],
        [[(0.08, 0.28), (0.12, 0.1), (0.32, 0.0), (0.54, 0.1), (0.56, 0.34), (0.36, 0.62),
          (0.06, 0.94), (0.06, 0.94), (0.24, 0.9), (0.44, 0.98), (0.66, 0.93)]],  # a wavy foot
    ],
    3: [
        [[(0.08, 0.13), (0.26, 0.0), (0.5, 0.08), (0.5, 0.32), (0.24, 0.46), (0.24, 0.46),
          (0.5, 0.52), (0.6, 0.74), (0.42, 0.97), (0.2, 0.99), (0.03, 0.86)]],
        [[(0.06, 0.03), (0.56, 0.01), (0.56, 0.01), (0.26, 0.4), (0.26, 0.4), (0.5, 0.45),
          (0.6, 0.7), (0.42, 0.96), (0.18, 0.99), (0.04, 0.9)]],  # a flat top
        [[(0.1, 0.12), (0.3, 0.0), (0.52, 0.1), (0.5, 0.3), (0.34, 0.45), (0.22, 0.46),
          (0.28, 0.4), (0.46, 0.48), (0.58, 0.7), (0.46, 0.94), (0.22, 1.0), (0.04, 0.88)]],
        [[(0.06, 0.08), (0.3, 0.0), (0.54, 0.14), (0.44, 0.38), (0.28, 0.47), (0.28, 0.47),
          (0.48, 0.56), (0.54, 0.78), (0.34, 0.98), (0.06, 0.95)]],
    ],
    4: [
        [[(0.12, 0.02), (0.08, 0.3), (0.05, 0.53), (0.05, 0.53), (0.64, 0.52)],
         [(0.5, 0.08), (0.48, 0.5), (0.46, 1.0)]],  # open
        [[(0.48, 0.0), (0.25, 0.33), (0.02, 0.66), (0.02, 0.66), (0.68, 0.65)],
         [(0.48, 0.0), (0.48, 0.5), (0.48, 1.0)]],  # closed
        [[(0.1, 0.02), (0.06, 0.28), (0.12, 0.48), (0.34, 0.5), (0.56, 0.42)],
         [(0.58, 0.0), (0.55, 0.5), (0.52, 1.0)]],  # a round cup
        [[(0.16, 0.05), (0.06, 0.56), (0.06, 0.56), (0.58, 0.56)],
         [(0.42, 0.3), (0.4, 0.66), (0.38, 1.0)]],  # a short stem
    ],
    5: [
        [[(0.14, 0.03), (0.11, 0.42), (0.11, 0.42), (0.33, 0.35), (0.56, 0.48), (0.58, 0.76),
          (0.36, 0.98), (0.04, 0.91)], [(0.14, 0.03), (0.62, 0.0)]],
        [[(0.6, 0.02), (0.18, 0.03), (0.18, 0.03), (0.12, 0.43), (0.12, 0.43), (0.36, 0.37),
          (0.57, 0.52), (0.54, 0.82), (0.3, 0.99), (0.04, 0.9)]],
        [[(0.58, 0.03), (0.3, 0.02), (0.14, 0.16), (0.16, 0.36), (0.4, 0.46), (0.56, 0.64),
          (0.46, 0.92), (0.22, 0.99), (0.03, 0.88)]],  # like an S
        [[(0.2, 0.02), (0.16, 0.46), (0.16, 0.46), (0.44, 0.44), (0.54, 0.66), (0.4, 0.92),
          (0.06, 1.0)], [(0.2, 0.02), (0.4, 0.04), (0.62, 0.01)]],
    ],
    6: [
        [[(0.5, 0.02), (0.28, 0.16), (0.1, 0.44), (0.07, 0.74), (0.26, 0.98), (0.5, 0.9),
          (0.55, 0.7), (0.4, 0.55), (0.2, 0.62), (0.09, 0.8)]],
        [[(0.4, 0.0), (0.2, 0.4), (0.06, 0.72), (0.16, 0.95), (0.4, 0.98), (0.52, 0.8),
          (0.42, 0.62), (0.22, 0.62), (0.08, 0.74)]],  # a straight stem
        [[(0.26, 0.0), (0.12, 0.3), (0.06, 0.66), (0.18, 0.95), (0.44, 0.97), (0.6, 0.76),
          (0.46, 0.56), (0.22, 0.6), (0.08, 0.74)]],
        [[(0.56, 0.08), (0.38, 0.02), (0.18, 0.2), (0.06, 0.56), (0.14, 0.9), (0.38, 0.98),
          (0.54, 0.8), (0.46, 0.6), (0.26, 0.56), (0.08, 0.7)]],  # a hooked top
    ],
    7: [
        [[(0.04, 0.04), (0.6, 0.03), (0.6, 0.03), (0.44, 0.5), (0.28, 1.0)]],
        [[(0.04, 0.04), (0.62, 0.03), (0.62, 0.03), (0.46, 0.5), (0.3, 1.0)],
         [(0.2, 0.52), (0.62, 0.49)]],  # a bar
        [[(0.05, 0.2), (0.06, 0.04), (0.06, 0.04), (0.62, 0.03), (0.62, 0.03), (0.4, 0.42),
          (0.32, 1.0)]],  # a serif and a curved stem
        [[(0.04, 0.08), (0.24, 0.03), (0.44, 0.06), (0.6, 0.02), (0.6, 0.02), (0.42, 0.36),
          (0.32, 0.7), (0.28, 1.0)], [(0.2, 0.56), (0.54, 0.52)]],  # a wavy top and a bar
    ],
    8: [
        [[(0.52, 0.15), (0.34, 0.01), (0.13, 0.14), (0.2, 0.34), (0.42, 0.52), (0.56, 0.76),
          (0.34, 0.99), (0.08, 0.8), (0.2, 0.56), (0.44, 0.36), (0.53, 0.17)]],
        [_oval(x=0.32, y=0.24, wide=0.22, tall=0.24, start=-60, turn=-365),
         _oval(x=0.32, y=0.73, wide=0.28, tall=0.27, start=-90, turn=-365)],  # two rings
        [[(0.32, 0.47), (0.12, 0.3), (0.2, 0.06), (0.42, 0.03), (0.52, 0.22), (0.32, 0.47),
          (0.1, 0.7), (0.16, 0.95), (0.42, 0.98), (0.54, 0.76), (0.33, 0.48)]],
        [[(0.56, 0.06), (0.3, 0.02), (0.14, 0.2), (0.3, 0.44), (0.52, 0.7), (0.36, 0.98),
          (0.1, 0.86), (0.22, 0.58), (0.46, 0.32), (0.58, 0.04)]],  # begun at the upper right
    ],
    9: [
        [[(0.54, 0.14), (0.34, 0.01), (0.1, 0.16), (0.13, 0.4), (0.35, 0.47), (0.54, 0.28),
          (0.55, 0.1), (0.55, 0.1), (0.52, 0.5), (0.5, 1.0)]],  # a straight stem
        [[(0.53, 0.16), (0.34, 0.02), (0.12, 0.14), (0.12, 0.38), (0.32, 0.48), (0.53, 0.32),
          (0.55, 0.14), (0.55, 0.14), (0.55, 0.6), (0.42, 0.94), (0.12, 0.93)]],  # a hook
        [_oval(x=0.32, y=0.26, wide=0.24, tall=0.26, start=-30, turn=-360),
         [(0.56, 0.06), (0.54, 0.5), (0.46, 1.0)]],  # a ring and a stem
        [[(0.5, 0.06), (0.26, 0.04), (0.08, 0.24), (0.2, 0.46), (0.44, 0.36), (0.54, 0.06),
          (0.54, 0.06), (0.48, 0.54), (0.32, 1.0)]],
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """What to draw and how: strokes in the pad's units, with the pen set to `width`."""

    label: int
    style: str
    way: int  # which of WAYS[label]
    width: int
    strokes: list[Stroke]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def drawings(seed: int = 0) -> list[Drawing]:
    """All 200: each digit in each style PER_STYLE times, once in each of its ways of writing."""
    rng = np.random.default_rng(seed)
    return [
        _drawing(label, style, way % len(WAYS[label]), rng)
        for label in range(10)
        for style in STYLES
        for way in range(PER_STYLE)
    ]


def _drawing(label: int, style: str, way: int, rng: np.random.Generator) -> Drawing:
    tall, width = rng.uniform(180, 260), 22.0  # the pad opens with a pen of 22
    slant = rng.normal(0.06, 0.07)
    middle: np.ndarray | None = rng.normal(SIDE / 2, 10, size=2)
    match style:
        case "thin":
            width = rng.uniform(7, 12)
        case "thick":
            width = rng.uniform(34, 44)
        case "small":
            tall, width = rng.uniform(75, 125), rng.choice([12, 16, 22])
            middle = rng.normal(SIDE / 2, 30, size=2)
        case "off-centre":
            tall = rng.uniform(120, 180)
            middle = None  # towards an edge or a corner; placed below, when its size is known
        case "slanted":
            slant = rng.choice([0.5, -0.4], p=[0.75, 0.25]) * rng.uniform(0.7, 1.2)

    # A hand's habits (aspect, slant, turn) bend the whole digit; its carelessness moves each point.
    aspect, turn = rng.uniform(0.85, 1.2), math.radians(rng.normal(0, 3))
    habit = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    habit = habit @ np.array([[aspect, -slant], [0, 1]])
    paths = [_smooth(_careless(stroke, rng)) @ habit.T * tall for stroke in WAYS[label][way]]

    every = np.concatenate(paths)
    low, high = every.min(axis=0), every.max(axis=0)
    margin = width / 2 + 4
    room = SIDE - 2 * margin - (high - low)
    if middle is None:
        share = rng.permutation([rng.choice([0.0, 1.0]), rng.uniform()])  # touches one edge
        start = margin + share * room
    else:
        start = middle - (high - low) / 2
    start = np.clip(start, margin, np.maximum(margin, margin + room))
    strokes = [_reports(path - low + start) for path in paths]
    return Drawing(label, style, way, round(width), strokes)


def _careless(stroke: Stroke, rng: np.random.Generator) -> np.ndarray:
    """The points (N, 2), each a little off; the two of a corner move together."""
    points = np.array(stroke)
    off = rng.normal(0, 0.025, size=points.shape)
    same = np.all(points[1:] == points[:-1], axis=1)
    off[1:][same] = off[:-1][same]
    return points + off


def _smooth(points: np.ndarray) -> np.ndarray:
    """A curve through the points: Catmull-Rom splines, broken at corners."""
    corners = np.flatnonzero(np.all(points[1:] == points[:-1], axis=1)) + 1
    return np.concatenate([_spline(part) for part in np.split(points, corners) if len(part)])


def _spline(points: np.ndarray) -> np.ndarray:
    if len(points) < 2:
        return points
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 24)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                   + (3 * b - a - 3 * c + d) * t**3)
        )  # fmt: skip
    return np.concatenate(pieces)


def _reports(path: np.ndarray) -> Stroke:
    """What a browser reports of a pen on this path: whole pixels, SPACING apart, and the end."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], max(2, round(along[-1] / SPACING)))
    xs, ys = (np.interp(places, along, path[:, axis]).round().astype(int) for axis in (0, 1))
    return list(zip(xs.tolist(), ys.tolist(), strict=True))
