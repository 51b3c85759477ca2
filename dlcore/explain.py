"""Which pixels made the network say that? Two answers, both taken from gradients.

The *input gradient* (Simonyan, Vedaldi, Zisserman 2013, https://arxiv.org/abs/1312.6034) asks of
every pixel: if it grew a little, how much would the score of this class grow? It is exact and
fine-grained, and noisy, because it describes a tiny step and not the whole digit.
*Grad-CAM* (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391) asks the same of the feature
maps of a convolution: it adds them up, each weighted by how much the class gains from it. Coarse,
but it shows places rather than pixels. Compare the two on one digit, for its class and for another.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def input_gradient(model: nn.Module, images: Tensor, label: int) -> Tensor:
    """How the score of `label` changes with each pixel: d logit / d pixel.

    images (N, C, H, W) -> (N, H, W), signed, in logits per unit of brightness; of several colour
    channels the one with the steepest slope. `model` (N, C, H, W) -> logits (N, K) is best in eval
    mode: dropout would add noise.
    """
    with torch.enable_grad():  # the caller may be predicting, with gradients switched off
        images = images.detach().requires_grad_()
        # Images of a batch do not see one another, so the gradient of the sum holds each one's own.
        score = model(images)[:, label].sum()
        (slope,) = torch.autograd.grad(score, images)  # (N, C, H, W)
    steepest = slope.abs().argmax(dim=1, keepdim=True)  # (N, 1, H, W)
    return slope.gather(1, steepest)[:, 0]


def grad_cam(model: nn.Module, images: Tensor, layer: nn.Module, label: int) -> Tensor:
    """Where `layer`'s feature maps speak for `label`, laid over the picture.

    images (N, C, H, W) -> (N, H, W) >= 0, not scaled. `layer` is a part of `model` whose output is
    maps (N, K, h, w): the last convolution is the usual choice, the last place that still knows
    where things are.
    """
    maps, score = _watched(model, images, layer, label)
    (slope,) = torch.autograd.grad(score, maps)  # (N, K, h, w)
    weights = slope.mean(dim=(2, 3), keepdim=True)  # (N, K, 1, 1), eq. 1: what each map is worth
    heat = F.relu((weights * maps.detach()).sum(dim=1, keepdim=True))  # (N, 1, h, w), eq. 2
    size = images.shape[-2:]
    return F.interpolate(heat, size, mode="bilinear", align_corners=False)[:, 0]  # (N, H, W)


def _watched(
    model: nn.Module, images: Tensor, layer: nn.Module, label: int
) -> tuple[Tensor, Tensor]:
    """Run `model`; return what `layer` put out (N, K, h, w) and the score of `label`, summed."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        with torch.enable_grad():
            # requires_grad also when the model's own weights are frozen
            score = model(images.detach().requires_grad_())[:, label].sum()
    finally:
        handle.remove()
    return seen[-1], score
