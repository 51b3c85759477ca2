"""What happens on the VAE tab when somebody points, drags, draws or presses. No layout here."""

import random
from typing import Any

import gradio as gr

from demos import vae_views as views
from demos.kit.events import sent
from demos.vae_state import (
    MODELS,
    Overlay,
    Trained,
    changed,
    path_of,
    point_of,
    what_it_gets,
)
from demos.widgets.drawing_pad import DrawingPad, showing
from dlcore.data.mnist import load_mnist
from dlcore.drawing import from_mnist

_TEST_IMAGES = 10_000
_SEEDS = 2**31 - 1


def explore(
    pixels: Any, which: Any, own: Any, overlay: Any, shown: Any, event: gr.EventData
) -> list[Any]:
    """A drawing's posterior on the plane, its samples' pictures, and its negative ELBO in nats.

    which: 2, 20 (bundled models, by latent dimensions) or yours. The pen, which is there many
    times a second, is not sent the plane and the path where the page shows them.
    """
    model, laid = MODELS.named(which, own), changed(overlay)
    image = what_it_gets(pixels, laid)
    run = views.view_of(model).run
    if run == shown and isinstance(event.target, DrawingPad):
        plane, steps = views.encoded(model, laid, image), gr.skip()
    else:
        plane, steps = views.plane(model, laid, image), views.steps(model, laid)
    return [plane, *views.drawn(model, image, laid), steps, run]


def point(which: Any, own: Any, overlay: Any, event: gr.EventData) -> tuple[Overlay, Any]:
    """What the decoder paints at a place of the plane."""
    seen = changed(overlay, pointer=point_of(sent(event)))
    return seen, views.pointed(MODELS.named(which, own), seen)


def follow(which: Any, own: Any, overlay: Any, event: gr.EventData) -> tuple[Overlay, Any, Any]:
    """A path between two places: the pictures on the way, read by the CNN."""
    seen, model = changed(overlay, path=path_of(sent(event))), MODELS.named(which, own)
    return seen, views.walked(model, seen), views.steps(model, seen)


def dream(which: Any, own: Any) -> Any:
    """Ten new digits: places drawn from the prior, decoded."""
    return views.dreams(MODELS.named(which, own), random.randrange(_SEEDS))


def resample(overlay: Any, asked: int) -> tuple[Overlay, int]:
    """Draw other samples from the posterior."""
    draws = changed(overlay).draws
    return changed(overlay, draws=(draws + 1) % _SEEDS), asked + 1


def load_random(overlay: Any) -> tuple[Any, Overlay]:
    """One of the 10,000 test images onto the pad."""
    position = random.randrange(_TEST_IMAGES)
    pad = showing(from_mnist(load_mnist().test_images[position] / 255))
    return pad, changed(overlay, loaded=(pad["pixels"], position))


def finish(own: Any, overlay: Any, asked: int) -> list[Any]:
    """After a run: explore the new model."""
    if not isinstance(own, Trained):
        return [gr.skip()] * 3
    return ["yours", changed(overlay, pointer=None, path=None), asked + 1]
