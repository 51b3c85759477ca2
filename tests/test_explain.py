"""Explanations: compared with captum, and with the network asked a little to either side."""

import pytest
import torch
from captum.attr import LayerGradCam, Saliency
from torch import Tensor, nn

from dlcore.cnn import CNN
from dlcore.explain import grad_cam, input_gradient


@pytest.fixture
def model() -> CNN:
    torch.manual_seed(0)
    return CNN().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("label", [0, 7])
def test_input_gradient_is_captums(model: CNN, images: Tensor, label: int) -> None:
    watched = images.clone().requires_grad_()
    reference = Saliency(model).attribute(watched, target=label, abs=False)[:, 0]
    torch.testing.assert_close(input_gradient(model, images, label), reference)


def test_input_gradient_is_the_slope_of_the_score(model: CNN, images: Tensor) -> None:
    model, images, label, step = model.double(), images[:1].double(), 4, 1e-6
    gradient = input_gradient(model, images, label)[0]
    with torch.no_grad():
        for row, column in [(3, 3), (14, 14), (20, 9)]:
            nudge = torch.zeros_like(images)
            nudge[0, 0, row, column] = step
            rise = model(images + nudge)[0, label] - model(images - nudge)[0, label]
            assert gradient[row, column].item() == pytest.approx(rise.item() / (2 * step), rel=1e-5)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
@pytest.mark.parametrize("label", [0, 7])
def test_grad_cam_is_captums(model: CNN, images: Tensor, layer: str, label: int) -> None:
    part = getattr(model, layer)
    heat = LayerGradCam(model, part).attribute(images, target=label, relu_attributions=True)
    reference = nn.functional.interpolate(heat, (28, 28), mode="bilinear")[:, 0]
    ours = grad_cam(model, images, part, label)
    assert ours.max() > 0  # or this test would compare nothing
    torch.testing.assert_close(ours, reference.detach())


def test_grad_cam_weights_a_map_by_what_the_class_gains_from_it() -> None:
    """One map shows the left half, the other the right; class 0 likes the first, not the second."""
    halves = torch.zeros(1, 2, 4, 4)
    halves[0, 0, :, :2], halves[0, 1, :, 2:] = 1, 1
    maps = nn.Identity()
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.tensor([[2.0, -3.0], [0.0, 1.0]])
    model = nn.Sequential(maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    heat = grad_cam(model, halves, maps, 0)[0]
    # the class gains 2 from the map's average, an average of 16 places: 2 / 16 from each
    torch.testing.assert_close(heat, halves[0, 0] * 2 / 16)
    torch.testing.assert_close(grad_cam(model, halves, maps, 1)[0], halves[0, 1] / 16)


def test_images_of_a_batch_are_explained_apart(model: CNN, images: Tensor) -> None:
    cam, slope = grad_cam(model, images, model.conv2, 2), input_gradient(model, images, 2)
    for index in range(len(images)):
        one = images[index : index + 1]
        torch.testing.assert_close(cam[index], grad_cam(model, one, model.conv2, 2)[0])
        torch.testing.assert_close(slope[index], input_gradient(model, one, 2)[0])


def test_of_colour_channels_the_steepest_counts_with_its_sign() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1, bias=False))
    model[1].weight.data = torch.tensor([[0.5, -2.0, 1.0]])
    slope = input_gradient(model, torch.rand(2, 3, 1, 1), 0)
    assert slope.flatten().tolist() == [-2.0, -2.0]


def test_the_model_is_left_as_it_was(model: CNN, images: Tensor) -> None:
    model.requires_grad_(False)  # the app holds its models read-only, and predicts without grad
    with torch.no_grad():
        grad_cam(model, images, model.conv2, 1)
        input_gradient(model, images, 1)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.conv2._forward_hooks
    assert not images.requires_grad
