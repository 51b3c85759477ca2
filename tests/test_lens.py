"""A number taken apart adds up to the number that the network computed."""

import torch
import torch.nn.functional as F
from torch import nn

from dlcore.lens import conv_parts, dense_parts


def test_partial_sums_of_a_convolution_add_up_to_its_output() -> None:
    torch.manual_seed(0)
    layer, inputs = nn.Conv2d(5, 7, 3), torch.rand(5, 9, 9)
    parts = conv_parts(layer, inputs, unit=4)
    expected = layer(inputs[None])[0, 4]
    torch.testing.assert_close(parts.output, expected)
    torch.testing.assert_close(parts.partials.sum(dim=0) + parts.bias, expected)


def test_a_partial_sum_is_patch_times_kernel() -> None:
    torch.manual_seed(1)
    layer, inputs = nn.Conv2d(3, 2, 3), torch.rand(3, 6, 8)
    parts = conv_parts(layer, inputs, unit=1)
    patches = F.unfold(inputs[2][None, None], 3)  # (1, 9, 4 * 6)
    expected = (patches[0].T @ parts.kernel[2].flatten()).view(4, 6)
    torch.testing.assert_close(parts.partials[2], expected)


def test_products_of_a_dense_unit_add_up_to_its_output() -> None:
    torch.manual_seed(2)
    layer, inputs = nn.Linear(40, 6), torch.randn(40)
    parts = dense_parts(layer, inputs, unit=3)
    expected = layer(inputs)[3].item()
    assert parts.output == expected
    assert abs(parts.products.sum().item() + parts.bias - expected) < 1e-5


def test_parts_hold_no_graph_of_the_network() -> None:
    parts = conv_parts(nn.Conv2d(1, 2, 3), torch.rand(1, 5, 5), unit=0)
    assert not any(tensor.requires_grad for tensor in (parts.kernel, parts.partials, parts.output))
