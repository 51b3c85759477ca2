"""One number of a network, taken apart into the numbers that it is the sum of.

A convolution's output pixel is: patch times kernel, summed over the patch and over all incoming
maps, plus a bias. A dense unit is: input times weight, summed, plus a bias. Nothing else happens in
a CNN that has to be learned. Look at the partial sums: which incoming map decided the answer?
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ConvParts:
    """One output map of a convolution and all that it was made of. float32."""

    inputs: Tensor  # (C, H, W), the incoming maps
    kernel: Tensor  # (C, kh, kw), one slice for each of them
    bias: float
    partials: Tensor  # (C, h, w): what each incoming map contributes to each output pixel
    output: Tensor  # (h, w) = partials.sum(dim=0) + bias


@dataclass(frozen=True)
class DenseParts:
    """One unit of a dense layer and all that it was made of. float32."""

    inputs: Tensor  # (K,)
    weights: Tensor  # (K,)
    products: Tensor  # (K,) = inputs * weights
    bias: float
    output: float  # products.sum() + bias, before any activation


@torch.no_grad()
def conv_parts(layer: nn.Conv2d, inputs: Tensor, unit: int) -> ConvParts:
    """Output map `unit` of `layer` for `inputs` (C, H, W)."""
    kernel = layer.weight.detach()[unit]  # (C, kh, kw)
    bias = 0.0 if layer.bias is None else layer.bias[unit].item()
    # With as many groups as maps, every slice of the kernel sees its own map and nothing is summed.
    partials = F.conv2d(
        inputs[None],
        kernel[:, None],
        stride=layer.stride,
        padding=layer.padding,
        groups=len(inputs),
    )[0]  # (C, h, w)
    output = layer(inputs[None])[0, unit]  # (h, w), as the network itself computes it
    return ConvParts(inputs, kernel, bias, partials, output)


@torch.no_grad()
def dense_parts(layer: nn.Linear, inputs: Tensor, unit: int) -> DenseParts:
    """Unit `unit` of `layer` for `inputs` (K,)."""
    weights = layer.weight.detach()[unit]  # (K,)
    bias = 0.0 if layer.bias is None else layer.bias[unit].item()
    return DenseParts(inputs, weights, inputs * weights, bias, layer(inputs)[unit].item())
