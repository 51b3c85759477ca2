"""Which pixels made the network say that? Two answers, both taken from gradients.

The *input gradient* (Simonyan, Vedaldi, Zisserman 2013, https://arxiv.org/abs/1312.6034) asks of
every pixel: if it grew a little, how much would the score of this class grow? It is exact and
fine-grained, and noisy, because it describes a tiny step and not the whole digit.
*Grad-CAM* (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391) asks the same of the feature
maps of a convolution: it adds them up, each weighted by how much the class gains from it. Coarse,
but it shows places rather than pixels. Compare the two on one digit, for its class and for another.
"""

from collections.abc import Callable
from threading import get_ident

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def input_gradient(
    model: nn.Module, images: Tensor, label: int, *, against: int | None = None
) -> Tensor:
    """How the score of `label` changes with each pixel: d logit / d pixel.

    images (N, C, H, W) -> (N, H, W), signed, in logits per unit of brightness; of several colour
    channels the one with the steepest slope. `model` (N, C, H, W) -> logits (N, K) is best in eval
    mode: dropout would add noise. against: see `score`.
    """
    _, slope = slope_at(model, images, None, label, against)
    return steepest(slope)


def grad_cam(
    model: nn.Module,
    images: Tensor,
    layer: nn.Module,
    label: int,
    *,
    against: int | None = None,
) -> Tensor:
    """Where `layer`'s feature maps speak for `label`, laid over the picture.

    images (N, C, H, W) -> (N, H, W) >= 0, not scaled. `layer` is a part of `model` whose output is
    maps (N, K, h, w): the last convolution is the usual choice, the last place that still knows
    where things are. against: see `score`.
    """
    maps, slope = slope_at(model, images, layer, label, against)  # (N, K, h, w) both
    weights = slope.mean(dim=(2, 3), keepdim=True)  # (N, K, 1, 1), eq. 1: what each map is worth
    heat = F.relu((weights * maps).sum(dim=1))  # (N, h, w), eq. 2
    return laid_over(heat, images)


def score(logits: Tensor, label: int, against: int | None = None) -> Tensor:
    """What is to be explained, logits (N, K) -> (N,): the logit of `label`.

    With `against`, how far it lies above that other label's: "why a tabby and not a tiger cat?"
    What speaks for both cancels out.
    """
    return logits[:, label] if against is None else logits[:, label] - logits[:, against]


def slope_at(
    model: nn.Module,
    images: Tensor,
    layer: nn.Module | None,
    label: int,
    against: int | None = None,
) -> tuple[Tensor, Tensor]:
    """What `layer` puts out (N, ...), and the slope of the score there, of the same shape.

    layer=None: at the images themselves.
    """
    leaves: list[Tensor] = []

    def leaf(maps: Tensor) -> Tensor:
        # Gradients need to reach no further back than here: the layers before it cost no memory.
        leaves.append(maps.detach().requires_grad_())
        return leaves[-1]

    with torch.enable_grad():  # the caller may be predicting, with gradients switched off
        logits = through(model, images, layer, leaf)
        # Images of a batch do not see one another, so the gradient of the sum holds each one's own.
        (slope,) = torch.autograd.grad(score(logits, label, against).sum(), leaves)
    return leaves[0].detach(), slope


def through(
    model: nn.Module,
    images: Tensor,
    layer: nn.Module | None,
    change: Callable[[Tensor], Tensor | None],
) -> Tensor:
    """Logits (N, K) of `images`, when `change` may see and replace what leaves `layer`.

    layer=None: what enters the model. What `change` returns goes on through the rest of the model;
    None leaves it as it was. It may have more rows than came: one image, and a hundred versions of
    its maps.
    """
    if layer is None:
        changed = change(images)
        return model(images if changed is None else changed)
    mine = get_ident()  # other visitors may be asking the same model, each in a thread of its own

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        return change(output) if get_ident() == mine else None

    handle = layer.register_forward_hook(hook)
    try:
        return model(images)
    finally:
        handle.remove()


def steepest(slope: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W): of each place's channels the value farthest from zero."""
    largest = slope.abs().argmax(dim=1, keepdim=True)  # (N, 1, H, W)
    return slope.gather(1, largest)[:, 0]


def laid_over(heat: Tensor, images: Tensor) -> Tensor:
    """Heat (N, h, w) enlarged to the size of `images` (…, H, W) -> (N, H, W)."""
    size = images.shape[-2:]
    return F.interpolate(heat[:, None], size, mode="bilinear", align_corners=False)[:, 0]
