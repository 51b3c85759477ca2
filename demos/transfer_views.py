"""What the transfer tab shows: from pictures and networks to the values of widgets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from demos.kit.run import Run
from demos.transfer_state import Trained
from demos.widgets.bars import bars
from demos.widgets.heatmap import heatmap
from demos.widgets.image_grid import images
from demos.widgets.line_chart import chart_run
from demos.widgets.notes import notes
from demos.widgets.scatter import scatter, scatter_frame
from dlcore import transfer
from dlcore.transfer_classify import classify, pixels_of
from dlcore.transfer_pictures import Pictures
from dlcore.transfer_race import Standings
from dlcore.transfer_study import Curve, Cuts, Map, nearest

Value = dict[str, Any]
SIDE = 72  # pixels of a picture in a grid
LEARNT, MISTAKES, NEAREST = 24, 18, 4


# --- Teach ---------------------------------------------------------------------------------------


def tiles(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, S, S, 3) -> (N, SIDE, SIDE, 3)."""
    if not len(pictures):
        return np.zeros((0, SIDE, SIDE, 3), np.uint8)
    maps = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    shrunk = torch.nn.functional.interpolate(maps, (SIDE, SIDE), mode="area")
    return shrunk.round().byte().permute(0, 2, 3, 1).numpy()


def learnt_and_held(pictures: Pictures) -> Value:
    """Some pictures to learn from, as many of each class, and as captions what they are."""
    labels = pictures.labels
    each = max(1, LEARNT // len(pictures.names))
    chosen = [
        place
        for label in range(len(pictures.names))
        for place in np.flatnonzero((labels == label) & ~pictures.held)[:each]
    ][:LEARNT]
    captions = [pictures.names[labels[place]] for place in chosen]
    return images(tiles(pictures.images[chosen]), captions=captions)


def confusion(run: Run) -> Value:
    """The confusion matrix, now and whenever the held-out pictures were tried before."""
    past = run.snapshot.past if run.snapshot else ()
    value: Value = {"run": run.id, "frames": [], "at": run.latest.step}
    if not past:
        return value
    names = names_of(run.arguments[0], run.arguments[1])
    now = heatmap(
        past[-1].confusion,
        rows=names,
        columns=names,
        row_title="true",
        column_title="answered",
        numbers=True,
        max=float(past[-1].confusion.sum(axis=1).max()),
    )
    frames = [{"step": one.step, "values": heatmap(one.confusion)["values"]} for one in past]
    return {**now, **value, "frames": frames}


def names_of(config: transfer.Config, own: Any) -> list[str]:
    if config.data == "own":
        return list(own or ())
    return ["brick", "grass", "gravel"] if config.data == "textures" else [*"0123456789"]


def mistakes(kept: Trained) -> Value:
    """The held-out pictures that are answered wrongly, the surest first."""
    found, pictures = kept.evaluation, kept.pictures
    if found is None:
        return images(np.zeros((0, SIDE, SIDE, 3), np.uint8))
    held = np.flatnonzero(pictures.held)
    wrong = np.flatnonzero(found.answers != pictures.labels[held])
    wrong = wrong[np.argsort(-found.sure[wrong], kind="stable")][:MISTAKES]
    captions = [
        f"{pictures.names[pictures.labels[held[at]]]} → {pictures.names[found.answers[at]]}"
        f"  {100 * found.sure[at]:.0f} %"
        for at in wrong
    ]
    shown = tiles(pictures.images[held[wrong]])
    return images(shown, captions=captions, empty="no_mistakes")


def findings(kept: Trained, run: Run) -> Value:
    """What the run says of itself."""
    pictures, config = kept.pictures, kept.config
    learnt, held = int((~pictures.held).sum()), int(pictures.held.sum())
    model = kept.classifier.model
    numbers = sum(p.numel() for p in model.parameters())
    if config.way == "frozen":
        count = sum(p.numel() for p in model.head.parameters())
    else:
        count = sum(value.size for name, value in kept.state.items() if "running" not in name)
    items: list[tuple[str, str, Value]] = []
    if found := kept.evaluation:
        right = {"accuracy": {"percent": found.accuracy}, "held": held, "learnt": learnt}
        items.append(("accuracy", "good" if found.accuracy >= 0.9 else "info", right))
    trained = {
        "trained": {"count": count},
        "numbers": {"count": numbers},
        "seconds": round(run.kept.seconds, 2),
    }
    items.append((config.way, "info", trained))
    counts = np.bincount(pictures.labels[~pictures.held])
    if counts.max() > 3 * counts.min():
        few, many = int(counts.argmin()), int(counts.argmax())
        values = {"few": pictures.names[few], "many": pictures.names[many]}
        items.append(("uneven", "warning", values))
    if held < 20:
        items.append(("few_tested", "warning", {"held": held}))
    return notes(items)


def classes_on_map(found: Map, kept: Trained) -> Value:
    """The pictures before and after, each a point; held-out ones hollow."""
    pictures = kept.pictures
    value = scatter(
        f"map-{id(found)}",
        [scatter_frame(found.step, found.planes)],
        labels=pictures.labels,
        classes=list(pictures.names),
        titles=[_title(title, kept.config.way) for title in found.titles],
        held=pictures.held,
    )
    return value


def _title(plane: str, way: str) -> str:
    return "plane_pixels" if plane == "pixels" else f"plane_{plane}_{way}"


def spreads(found: Map) -> Value:
    values = {title: round(value, 2) for title, value in found.spread.items()}
    return notes([("spread", "info", values)])


# --- Try -----------------------------------------------------------------------------------------


def answer(kept: Trained, picture: Any) -> tuple[Value, Value]:
    """Each class's probability for an RGB picture, and what it is most alike."""
    shares = classify(kept.classifier, picture)
    with torch.no_grad():
        features = kept.classifier.model.features(pixels_of(picture, kept.classifier.size))[0]
    places, cosines = nearest(features, kept.features, NEAREST)
    learnt = np.flatnonzero(~kept.pictures.held)
    names = kept.pictures.names
    captions = [
        f"{names[kept.pictures.labels[learnt[place]]]}  {cosine:.2f}"
        for place, cosine in zip(places, cosines, strict=True)
    ]
    seen = pixels_of(picture, kept.classifier.size)[0].permute(1, 2, 0).numpy()
    both = np.concatenate([seen[None], kept.learnt[places]])
    shown = images(tiles(both), captions=["this", *captions], marks=["right", *[""] * len(places)])
    return bars(names, {"share": shares}), shown


# --- Race ----------------------------------------------------------------------------------------


def lanes(standings: Standings) -> Value:
    """Test accuracy against seconds of learning, a curve a way."""
    curves = {lane.way: list(lane.points) for lane in standings.lanes if lane.points}
    return {
        "runs": [chart_run("race", curves)],
        "x_label": "seconds",
        "panels": [[lane.way for lane in standings.lanes]],
        "shares": list(transfer.WAYS),
    }


def table(standings: Standings) -> Value:
    """Accuracy, time, memory and numbers of each way, as a line each; or why it does not race."""
    lines: list[tuple[str, str, Mapping[str, Any]]] = []
    for lane in standings.lanes:
        accuracy = lane.points[-1][1] if lane.points else None
        values = {
            "accuracy": "–" if accuracy is None else {"percent": accuracy},
            "seconds": float(f"{lane.seconds:.2g}") if lane.seconds < 1 else round(lane.seconds, 1),
            "trained": {"count": lane.trained},
            "share": {"percent": lane.trained / lane.numbers},
            "memory": round(lane.memory / 1e6),
        }
        lines.append((lane.way, "info", values))
    lines += [(f"{way}_skipped", "warning", why) for way, why in standings.skipped.items()]
    return notes(lines)


def drifts(standings: Standings) -> Value:
    """How far each stage's weights have come, in the ways in which they move."""
    moved = {lane.way: lane.drift for lane in standings.lanes if lane.drift}
    stages = list(next(iter(moved.values()), {}))
    series = {way: [drift[stage] for stage in stages] for way, drift in moved.items()}
    return bars(stages, {way: series[way] for way in ("tuned", "scratch") if way in series})


# --- How few, and where to cut -------------------------------------------------------------------


def curve(found: Curve) -> Value:
    """Accuracy against pictures per class, with the worst and the best draw as a band."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for method, rows in found.accuracy.items():
        for name, value in ((method, rows.mean), (f"{method}_low", rows.min),
                            (f"{method}_high", rows.max)):  # fmt: skip
            curves[name] = list(zip(map(float, found.counts), value(axis=1).tolist(), strict=True))
    return {
        "runs": [chart_run("curve", curves)],
        "x_label": "per_class",
        "panels": [list(found.accuracy)],
        "shares": list(curves),
    }


def cuts(found: Cuts) -> Value:
    """Test accuracy of a head on each stage, and what is saved with all that comes after it."""
    labels = [f"{name} · {width}" for name, width in zip(found.stages, found.widths, strict=True)]
    series: Mapping[str, list[float]] = {
        "accuracy": list(found.accuracy),
        "saved": list(found.saved),
    }
    return bars(labels, series)


# --- Pictures to try with ------------------------------------------------------------------------


def sampled(kept: Trained, count: int) -> list[int]:
    """Positions of some held-out pictures, evenly from all of them."""
    held = np.flatnonzero(kept.pictures.held)
    return held[np.linspace(0, len(held) - 1, min(count, len(held))).round().astype(int)].tolist()


def samples(kept: Trained, count: int) -> Value:
    places = sampled(kept, count)
    names, labels = kept.pictures.names, kept.pictures.labels
    return images(
        tiles(kept.pictures.images[places]), captions=[names[labels[one]] for one in places]
    )
