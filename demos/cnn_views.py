"""What the CNN tab shows: from pictures and networks to the values of widgets."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
import numpy as np
import torch
from torch import Tensor

from demos.cnn_state import MODELS, Look, Trained, as_batch, traced
from demos.kit.models import NAMES
from demos.kit.run import Run
from demos.widgets.bars import bars
from demos.widgets.drawing_pad import stroke
from demos.widgets.feature_maps import feature_maps
from demos.widgets.heatmap import heatmap
from demos.widgets.image_grid import diverging_images, images, on_paper
from demos.widgets.inspector import inspector
from demos.widgets.line_chart import line_chart
from dlcore import cnn
from dlcore.data.mnist import load_mnist
from dlcore.drawing import CHANGES
from dlcore.explain import grad_cam, input_gradient
from dlcore.lens import conv_parts, dense_parts

DIGITS = [str(digit) for digit in range(10)]
SWEEP = 41  # amounts of a change that are tried
_MOST_CURVES = 4  # digits that get a curve of their own
_SHOWN_MISTAKES = 30

Networks = Mapping[str, cnn.CNN]


def answers(models: Networks, image: Tensor | None, look: Look) -> dict[str, Any]:
    """The ten probabilities of each network, as bars."""
    if image is None:
        return bars(DIGITS, {})
    batch = as_batch(image)
    return bars(
        DIGITS,
        {n: cnn.predict(m, batch, look.muted_of(n))[0].tolist() for n, m in models.items()},
    )


def maps(models: Networks, image: Tensor | None, look: Look) -> list[dict[str, Any] | None]:
    """The feature maps of each of NAMES; None for a network that is not asked."""
    return [
        _maps(models[name], image, look.muted_of(name))
        if name in models and image is not None
        else None
        for name in NAMES
    ]


def _maps(model: cnn.CNN, image: Tensor, muted: cnn.Muted) -> dict[str, Any]:
    trace = traced(model, image, muted)
    stages = ("conv1", "pool1", "conv2", "pool2")
    shown = {stage: getattr(trace, stage)[0].numpy() for stage in stages}
    return feature_maps(image, shown, trace.hidden[0], trace.probabilities[0].tolist(), muted)


def magnified(image: Tensor | None, look: Look, own: Trained | None) -> dict[str, Any] | None:
    """The exact numbers of the map under the magnifying glass."""
    if image is None or look.unit is None:
        return None
    name, stage, unit = look.unit
    model, muted = MODELS.named(name, own), look.muted_of(name)
    trace = traced(model, image, muted)
    kind, parts = _parts(model, as_batch(image)[0], trace, stage, unit)
    if kind == "relu":
        parts["muted"] = (stage.replace("relu", "conv"), unit) in muted
    return inspector(kind, stage=stage, unit=unit, model=name, parts=parts)


def _parts(
    model: cnn.CNN, image: Tensor, trace: cnn.Trace, stage: str, unit: int
) -> tuple[str, dict[str, Any]]:
    def map_of(name: str) -> Tensor:
        return getattr(trace, name)[0, unit]

    match stage:
        case "conv1":
            return "conv", dict(vars(conv_parts(model.conv1, image, unit)))
        case "conv2":
            return "conv", dict(vars(conv_parts(model.conv2, trace.pool1[0], unit)))
        case "relu1" | "relu2":
            before = map_of(stage.replace("relu", "conv"))
            return "relu", {"before": before, "after": map_of(stage)}
        case "pool1" | "pool2":
            before = map_of(stage.replace("pool", "relu"))
            return "pool", {"before": before, "after": map_of(stage)}
        case "flat":
            return "flatten", {"before": map_of("pool2")}
        case "hidden":
            parts = vars(dense_parts(model.fc1, trace.flat[0], unit))
            return "dense", {**parts, "after": trace.hidden[0, unit].item()}
    exps = trace.logits[0].double().exp()
    parts = vars(dense_parts(model.fc2, trace.hidden[0], unit))
    whole = {"exps": exps, "total": exps.sum().item(), "probabilities": trace.probabilities[0]}
    return "softmax", {**parts, "logits": trace.logits[0], **whole}


def gets(image: Tensor | None) -> dict[str, Any] | None:
    return None if image is None else images(image[None].numpy(), columns=1)


# --- Training ------------------------------------------------------------------------------------


def filmstrip(run: Run) -> Any:
    """The first layer's kernels over time, as often as the page is told."""

    def frame(snapshot: cnn.Snapshot) -> dict[str, Any]:
        return {"images": diverging_images(snapshot.kernels)["images"]}

    return _recorded(run, "kernels", frame, palette="diverging")


def confusion_over_time(run: Run) -> Any:
    """The confusion matrix after each epoch."""

    def frame(snapshot: cnn.Snapshot) -> dict[str, Any] | None:
        return confusion(snapshot.evaluation) if snapshot.evaluation else None

    return _recorded(run, "confusion", frame)


def mistakes_over_time(run: Run) -> Any:
    """The worst mistakes after each epoch."""

    def frame(snapshot: cnn.Snapshot) -> dict[str, Any] | None:
        return gallery(snapshot.evaluation) if snapshot.evaluation else None

    return _recorded(run, "mistakes", frame)


def _recorded(run: Run, name: str, frame: Callable[[Any], Any], **more: Any) -> Any:
    """The value with all frames so far; nothing is sent while there is no new one."""
    frames = run.frames(name, frame)
    fresh = not run.events or run.ended or (frames and frames[-1]["step"] == run.latest.step)
    return {"run": run.id, "frames": frames, **more} if fresh else gr.skip()


def confusion(evaluation: cnn.Evaluation) -> dict[str, Any]:
    return heatmap(
        evaluation.confusion,
        rows=DIGITS,
        columns=DIGITS,
        row_title="true",
        column_title="answer",
        scale="log",
        numbers=True,
        max=1135,  # the most common digit of the test set, so that all epochs share one scale
    )


def gallery(evaluation: cnn.Evaluation, cell: tuple[int, int] | None = None) -> dict[str, Any]:
    """The worst mistakes, all or those of one cell of the confusion matrix (true, answer)."""
    chosen = np.arange(len(evaluation.mistakes))
    if cell is not None:
        chosen = chosen[(evaluation.true == cell[0]) & (evaluation.predicted == cell[1])]
    chosen = chosen[:_SHOWN_MISTAKES]
    positions = evaluation.mistakes[chosen]
    captions = [
        f"{evaluation.true[i]} → {evaluation.predicted[i]}  {100 * evaluation.probability[i]:.0f} %"
        for i in chosen
    ]
    pictures = load_mnist().test_images.numpy()[positions]
    return images(pictures, captions=captions, ids=positions.tolist())


def scores(before: cnn.Evaluation, after: cnn.Evaluation) -> dict[str, Any]:
    """Right answers of all and of each digit, with every filter on and with some muted."""

    def shares(evaluation: cnn.Evaluation) -> list[float]:
        table = evaluation.confusion
        return [evaluation.accuracy, *(table.diagonal() / table.sum(axis=1).clip(1)).tolist()]

    return bars(["all", *DIGITS], {"before": shares(before), "after": shares(after)})


def ended(run: Run, evaluation: cnn.Evaluation) -> tuple[dict[str, Any], dict[str, Any]]:
    """Confusion matrix and mistakes over time, with a last moment for a run that was stopped."""
    step = run.latest.step
    matrix, mistakes = confusion_over_time(run), mistakes_over_time(run)
    matrix["frames"] = [*matrix["frames"], {"step": step, **confusion(evaluation)}]
    mistakes["frames"] = [*mistakes["frames"], {"step": step, **gallery(evaluation)}]
    return matrix, mistakes


def example_digits() -> dict[str, Any]:
    """The first image of each digit in the test set."""
    data = load_mnist()
    first = [int((data.test_labels == digit).nonzero()[0]) for digit in range(10)]
    return images(data.test_images.numpy()[first], captions=DIGITS, ids=first)


# --- Bending the digit ---------------------------------------------------------------------------


def bent(image: Tensor, amounts: Mapping[str, float], last: Tensor, kind: str) -> Tensor:
    """The picture (28, 28) after every change but `kind`, then `kind` by each of `last`: (N, …)."""
    for name, change in CHANGES.items():
        if name != kind and amounts[name] != change.none:
            image = change.apply(image, torch.tensor([amounts[name]]))[0]
    return CHANGES[kind].apply(image, last)


def sweep(
    model: cnn.CNN, image: Tensor, amounts: Mapping[str, float], kind: str, muted: cnn.Muted
) -> dict[str, Any]:
    """Probabilities over the whole range of one change, the others as they are set."""
    tried = CHANGES[kind].amounts(SWEEP)
    pictures = bent(image, amounts, tried, kind)  # (41, 28, 28)
    table = cnn.predict(model, as_batch(pictures), muted)  # (41, 10)
    shown = sorted(table.amax(dim=0).topk(_MOST_CURVES).indices.tolist())
    curves = {str(d): list(zip(tried.tolist(), table[:, d].tolist(), strict=True)) for d in shown}
    return line_chart(
        curves,
        x_label=kind,
        panels=[list(curves)],
        marks=[(amounts[kind], "")],
        shares=list(curves),
    )


def bent_picture(image: Tensor, amounts: Mapping[str, float], kind: str) -> dict[str, Any]:
    """The digit after all five changes."""
    return images(bent(image, amounts, torch.tensor([amounts[kind]]), kind).numpy(), columns=1)


# --- Why -----------------------------------------------------------------------------------------


def explanation(
    model: cnn.CNN, image: Tensor, target: int | None, muted: cnn.Muted
) -> dict[str, Any]:
    """The digit, where Grad-CAM looks, and what each pixel does to the score of one digit."""
    # A row of its own: Grad-CAM listens to it while others use the network.
    layers = model.layers(muted)
    batch = as_batch(image)
    shares = cnn.predict(model, batch, muted)[0]
    digit = int(shares.argmax()) if target is None else target
    cam = grad_cam(layers, batch, layers.get_submodule("relu2"), digit)[0]  # (28, 28), ≥ 0
    gradient = input_gradient(layers, batch, digit)[0]  # (28, 28), signed
    ink, heat, slope = image.numpy(), cam.numpy(), gradient.numpy()
    pictures = [on_paper(ink), on_paper(ink, heat), on_paper(ink, slope)]
    captions = [f"{digit}: {100 * shares[digit]:.1f} %", "cam", "gradient"]
    return images(np.stack(pictures), captions=captions)


# --- Drawings that the lesson lays on the pad ----------------------------------------------------

_PATHS = {  # points as shares of the pad, and the pen's width in pixels
    "small_three": ([(0.08, 0.1), (0.2, 0.08), (0.22, 0.14), (0.14, 0.18), (0.23, 0.22),
                     (0.21, 0.3), (0.08, 0.29)], 3.0),
    "six": ([(0.62, 0.14), (0.46, 0.26), (0.36, 0.46), (0.34, 0.66), (0.42, 0.8), (0.56, 0.82),
             (0.66, 0.72), (0.64, 0.58), (0.52, 0.52), (0.4, 0.58)], 6.0),
}  # fmt: skip


def drawing(name: str) -> dict[str, str]:
    """A digit drawn as straight strokes, for the pad."""
    return stroke(*_PATHS[name])
