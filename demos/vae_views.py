"""What the VAE tab shows: from models, pictures and runs to the values of widgets."""

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from demos.kit.run import Run
from demos.vae_state import SAMPLES, STEPS, Overlay, Point
from demos.widgets.bars import bars
from demos.widgets.base import pack
from demos.widgets.drawing_pad import stroke
from demos.widgets.image_grid import images, sheet
from demos.widgets.latent_plane import laid_on, latent_frame, latent_plane
from dlcore import vae
from dlcore.data.mnist import load_mnist
from dlcore.quality import read
from dlcore.vae_holes import Holes, count_holes

PAIRS = 8  # test images beside their reconstructions
POINTS = 2_000  # test images on a plane that is not being trained
_FINE = 20  # decoded places along each side of such a plane
# Six hundred of these, and the points and curves beside them, are two minutes of training: they
# shall stay below 5 MB.
_MOMENT_BYTES, _PLANE_BYTES = 2_600, 30_000
TERMS = ("reconstruction", "kl", "loss")

Value = dict[str, Any]


class View:
    """A finished model's plane: where test images lie, and what is decoded between them."""

    def __init__(self, model: vae.VAE, places: int = _FINE) -> None:
        data = load_mnist()
        with torch.no_grad():
            means, _ = model.encode(data.test_images[:POINTS])  # (M, D)
        self.plane = vae.find_plane(means)
        self.points = self.plane.to_plane(means)  # (M, 2)
        self.span = vae.span_of(self.points)
        tiles = vae.manifold(model, self.plane, size=places, span=self.span).numpy()
        frame = latent_frame(0, self.points.numpy(), self.span)
        frame["manifold"] = sheet(_halved(tiles), places, most=_PLANE_BYTES)
        labels = data.test_labels[:POINTS].numpy()
        axes = _axes(means.shape[1])
        self.run = uuid.uuid4().hex[:8]
        self.value = latent_plane(self.run, labels, [frame], axes=axes)

    def codes(self, points: Sequence[Point]) -> Tensor:
        """Places of the plane -> codes (N, D). Places past the plane's edge are brought back."""
        return self.plane.to_latent(torch.tensor(points).clamp(-self.span, self.span))


def _axes(dims: int) -> list[str]:
    """What the plane's directions are called: of many dimensions they are principal components."""
    return ["z₁", "z₂"] if dims <= 2 else ["PC₁", "PC₂"]


_views: "WeakKeyDictionary[vae.VAE, View]" = WeakKeyDictionary()


def view_of(model: vae.VAE) -> View:
    """The model's plane, made once: a model never changes once it is here."""
    if model not in _views:
        _views[model] = View(model)
    return _views[model]


def _halved(pictures: np.ndarray) -> np.ndarray:
    """(N, 28, 28) uint8 -> (N, 14, 14): a plane of four hundred has no room for more."""
    small = pictures.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return small.round().astype(np.uint8)


# --- Explore -------------------------------------------------------------------------------------


def plane(model: vae.VAE, overlay: Overlay, image: Tensor | None) -> Value:
    """The plane with everything that the reader put on it."""
    parts = (pointed(model, overlay), walked(model, overlay), encoded(model, overlay, image))
    laid = {name: value for part in parts for name, value in part.items()}
    return {**laid, **view_of(model).value}


def pointed(model: vae.VAE, overlay: Overlay) -> Value:
    """The place that the reader points to, and what is decoded there."""
    view = view_of(model)
    if overlay.pointer is None:
        return laid_on(view.run, pointer=None, picture=None)
    pointer = dict(zip("xy", overlay.pointer, strict=True))
    [picture] = vae.pictures(model, view.codes([overlay.pointer]))
    return laid_on(view.run, pointer=pointer, picture=pack(_bytes(picture), "u1"))


def walked(model: vae.VAE, overlay: Overlay) -> Value:
    """The reader's path."""
    path = [list(end) for end in overlay.path] if overlay.path else None
    return laid_on(view_of(model).run, path=path)


def encoded(model: vae.VAE, overlay: Overlay, image: Tensor | None) -> Value:
    """What the encoder says about a picture: an ellipse, and codes drawn from it."""
    view = view_of(model)
    if image is None:
        return laid_on(view.run, ellipse=None, samples=None)
    cloud = vae.posterior(model, image)
    codes = vae.draw(cloud, SAMPLES, seed=overlay.draws)
    samples = pack(view.plane.to_plane(codes).numpy())
    return laid_on(view.run, ellipse=ellipse(view.plane, cloud), samples=samples)


def ellipse(plane: vae.Plane, cloud: vae.Posterior) -> Value:
    """A posterior's shadow on the plane: middle, one standard deviation each way, and its turn."""
    [[x, y]] = plane.to_plane(torch.from_numpy(cloud.mu)[None]).tolist()
    spread = (plane.axes * cloud.sigma**2) @ plane.axes.T  # (2, 2), the shadow's covariance
    sizes, ways = np.linalg.eigh(spread.astype(np.float64))  # least first
    sx, sy = np.sqrt(sizes[::-1].clip(0)).tolist()
    angle = math.atan2(ways[1, 1], ways[0, 1])
    return {"x": x, "y": y, "sx": sx, "sy": sy, "angle": angle}


def steps(model: vae.VAE, overlay: Overlay) -> Value | None:
    """The pictures along the path, with what the CNN reads in each."""
    if overlay.path is None:
        return None
    start, end = view_of(model).codes(overlay.path)
    return _read(vae.pictures(model, vae.path(start, end, STEPS)))


def dreams(model: vae.VAE, seed: int) -> Value:
    """New digits: codes drawn from the prior, decoded, read by the CNN."""
    rng = torch.Generator().manual_seed(seed)
    return _read(vae.pictures(model, torch.randn(STEPS, _dims(model), generator=rng)))


def _read(pictures: Tensor) -> Value:
    digits, chances = read(_bytes(pictures))  # (N,), (N, 10)
    sure = chances.max(axis=1)
    captions = [f"{d}: {100 * p:.0f} %" for d, p in zip(digits, sure, strict=True)]
    return images(_bytes(pictures), captions=captions)


def drawn(model: vae.VAE, image: Tensor | None, overlay: Overlay) -> tuple[Value | None, Value]:
    """What the model makes of a picture, and what it costs: pictures, the ELBO's two terms."""
    if image is None:
        return None, bars(TERMS, {}, unit="count")
    cloud = vae.posterior(model, image)
    codes = torch.cat(
        [torch.from_numpy(cloud.mu)[None], vae.draw(cloud, SAMPLES, seed=overlay.draws)]
    )
    pictures = torch.cat([image[None], vae.pictures(model, codes)])  # (2 + 8, 28, 28)
    captions = ["input", "mean", *["sample"] * SAMPLES]
    cost = vae.elbo(model, image)
    terms = [round(term, 1) for term in (cost.reconstruction, cost.kl, cost.loss)]
    return images(_bytes(pictures), captions=captions), bars(TERMS, {"nats": terms}, unit="count")


def _bytes(pictures: Tensor) -> np.ndarray:
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _dims(model: vae.VAE) -> int:
    return model.mu.out_features


# --- Training ------------------------------------------------------------------------------------


def live(run: Run) -> Value:
    """The plane as it forms."""

    frames = run.recorded("plane", _moment)
    labels = run.snapshot.labels if run.snapshot is not None else np.zeros(0, np.uint8)
    value = latent_plane(run.id, labels, frames, axes=_axes(run.config.latent_dim))
    return {**value, "at": run.latest.step}  # never the same: see `Run.film`


def _moment(snapshot: vae.Snapshot) -> Value:
    points = snapshot.means.astype(np.float32) * (snapshot.span / 127)
    frame = latent_frame(snapshot.step, points, snapshot.span)
    side = math.isqrt(len(snapshot.manifold))
    return {**frame, "manifold": sheet(snapshot.manifold, side, most=_MOMENT_BYTES)}


def pairs(run: Run) -> Value:
    """Test images, and below each what the model makes of it: about once a second."""

    def frame(snapshot: vae.Snapshot) -> Value | None:
        if snapshot.state is None and not run.ended:
            return None
        return sheet(snapshot.pairs.reshape(-1, 28, 28), columns=PAIRS)

    return run.film("pairs", frame)


# --- Compare -------------------------------------------------------------------------------------


def cell(model: vae.VAE, name: str) -> Value:
    """One of several planes side by side."""
    return {**view_of(model).value, "title": name}


def moment(snapshot: vae.Snapshot, name: str) -> Value:
    """The same while it is still learning."""
    return {**latent_plane(name, snapshot.labels, [_moment(snapshot)]), "title": name}


def holes_of(model: vae.VAE) -> Holes:
    """How much of the plane, as it is shown, means something."""
    view = view_of(model)
    return count_holes(model, view.plane, view.points, span=view.span)


def measured(tests: Mapping[str, Mapping[str, float]]) -> Value:
    """Both terms on the test set, and their sum, for each model."""
    series = {term: [round(test[term], 1) for test in tests.values()] for term in TERMS}
    return bars(list(tests), series if tests else {}, unit="count")


def meaning(found: Mapping[str, Holes]) -> Value:
    """The shares of the plane that are lived in, and found again."""
    series = {
        "lived_in": [holes.lived_in for holes in found.values()],
        "found_again": [holes.found_again for holes in found.values()],
    }
    return bars(list(found), series if found else {})


# --- What the lesson lays on the pad -------------------------------------------------------------


def stranger() -> Value:
    """A house: a shape of strokes as a pen draws them, and no digit."""
    walls = [
        (0.3, 0.75),
        (0.3, 0.45),
        (0.5, 0.22),
        (0.7, 0.45),
        (0.7, 0.75),
        (0.3, 0.75),
        (0.7, 0.45),
    ]
    return stroke(walls, 6.0)
