"""What a picture suffers, compared with other libraries' blur, turn and crop; none is none."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from dlcore.disturb import (
    DISTURBANCES,
    blurred,
    cut_closer,
    disturbed,
    noisy,
    packed,
    sweep,
    turned,
)
from dlcore.preprocess import Recipe, to_picture

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pixels() -> Tensor:
    """(3, 24, 30): a picture that is not square, with something different in every corner."""
    rng = torch.Generator().manual_seed(0)
    smooth = torch.rand(3, 4, 5, generator=rng)
    return nn.functional.interpolate(smooth[None], (24, 30), mode="bilinear")[0]


@pytest.mark.parametrize("sigma", [0.7, 2.0, 9.0])
def test_blur_is_scipys(pixels: Tensor, sigma: float) -> None:
    ours = blurred(pixels, torch.tensor([sigma]))[0]
    for channel in range(3):
        reference = ndimage.gaussian_filter(
            pixels[channel].double().numpy(), sigma, mode="nearest", truncate=4.0
        )
        np.testing.assert_allclose(ours[channel], reference, atol=2e-4)


def test_a_quarter_turn_is_clockwise(pixels: Tensor) -> None:
    square = pixels[:, :, :24]
    ours = turned(square, torch.tensor([90.0, 180.0]))
    torch.testing.assert_close(ours[0], square.rot90(-1, (1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(ours[1], square.rot90(2, (1, 2)), atol=1e-4, rtol=0)


def test_a_turn_keeps_proportions_and_fills_corners_with_the_mean(pixels: Tensor) -> None:
    upside_down = turned(pixels, torch.tensor([180.0]))[0]
    torch.testing.assert_close(upside_down, pixels.rot90(2, (1, 2)), atol=1e-4, rtol=0)
    quarter = turned(pixels, torch.tensor([90.0]))[0]  # 30 wide, now 24 wide in the middle of 30
    expected = pixels.rot90(-1, (1, 2))[:, 3:27]  # (3, 24, 24) of its 30 rows
    torch.testing.assert_close(quarter[:, :, 3:27], expected, atol=1e-4, rtol=0)
    mean = pixels.mean(dim=(1, 2))
    torch.testing.assert_close(quarter[:, 0, 0], mean)
    eighth = turned(pixels, torch.tensor([45.0]))[0]
    torch.testing.assert_close(eighth[:, 0, 0], mean)
    reference = np.stack(
        [
            ndimage.rotate(channel - channel.mean(), -45, reshape=False, order=1)
            for channel in pixels.double().numpy()
        ]
    ) + mean.double().numpy().reshape(3, 1, 1)
    inside = np.s_[:, 6:18, 9:21]
    np.testing.assert_allclose(eighth.numpy()[inside], reference[inside], atol=1e-3)


def test_noise_is_the_same_pattern_however_strong(pixels: Tensor) -> None:
    middle = pixels * 0 + 0.5
    weak, strong = noisy(middle, torch.tensor([0.01, 0.02])) - 0.5
    torch.testing.assert_close(strong, 2 * weak)
    assert weak.std().item() == pytest.approx(0.01, rel=0.1)
    loud = noisy(pixels, torch.tensor([5.0]))
    assert loud.min() == 0 and loud.max() == 1  # still a picture


def test_a_closer_crop_is_the_middle_enlarged(pixels: Tensor) -> None:
    half = cut_closer(pixels, torch.tensor([0.5]))[0]
    middle = pixels[:, 6:18, 7:22]  # 12 x 15 of 24 x 30
    expected = nn.functional.interpolate(middle[None], (24, 30), mode="bilinear")[0]
    torch.testing.assert_close(half, expected)
    tiny = cut_closer(pixels, torch.tensor([0.001]))[0]  # never less than one pixel
    torch.testing.assert_close(tiny, pixels[:, 11:12, 14:15].expand(3, 24, 30))


@pytest.mark.parametrize("quality", [1, 50, 95])
def test_jpeg_is_what_a_file_would_hold(pixels: Tensor, quality: int) -> None:
    ours = packed(pixels, torch.tensor([float(quality)]))[0]
    file = io.BytesIO()
    to_picture(pixels).save(file, "JPEG", quality=quality)
    reference = np.asarray(Image.open(file)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(ours, reference, atol=1e-6)
    assert 0 < (ours - pixels).abs().mean() < 0.2


@pytest.mark.parametrize("name", DISTURBANCES)
def test_none_is_none_and_most_is_much(pixels: Tensor, name: str) -> None:
    change = DISTURBANCES[name]
    amounts = change.amounts(5)
    assert amounts[0] == change.none and amounts[-1] == change.most
    changed = change.apply(pixels, amounts)
    assert changed.shape == (5, 3, 24, 30)
    torch.testing.assert_close(changed[0], pixels, atol=1e-5, rtol=0)
    assert (changed[-1] - pixels).abs().mean() > 0.02
    assert changed.min() >= -1e-5 and changed.max() <= 1 + 1e-5
    for amount, alone in zip(amounts, changed, strict=True):  # in a batch as alone
        torch.testing.assert_close(change.apply(pixels, amount[None])[0], alone)


def test_changes_are_made_in_the_tables_order(pixels: Tensor) -> None:
    both = disturbed(pixels, {"jpeg": 10.0, "rotate": 30.0, "noise": 0.0})
    first = turned(pixels, torch.tensor([30.0]))[0]
    torch.testing.assert_close(both, packed(first, torch.tensor([10.0]))[0])
    assert disturbed(pixels, {}) is pixels


class Bright(nn.Module):
    """Label 1 for a picture whose normalised mean is above 0."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean(dim=(1, 2, 3))
        return torch.stack([-mean, mean, mean * 0], dim=1) * 4


def test_a_sweep_asks_at_every_amount(pixels: Tensor) -> None:
    recipe = Recipe(mean=(0.2, 0.3, 0.4), std=(0.5, 0.5, 0.5))
    events = list(sweep(Bright(), recipe, pixels, "crop", count=6, others={"jpeg": 30.0}))
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6]
    last = events[-1].snapshot
    assert last.amounts.tolist() == pytest.approx(DISTURBANCES["crop"].amounts(6).tolist())
    assert last.probabilities.shape == (6, 3) and last.probabilities.dtype == np.float32
    for amount, answer in zip(last.amounts.tolist(), last.probabilities, strict=True):
        changed = disturbed(pixels, {"crop": amount, "jpeg": 30.0})[None]
        expected = Bright()(recipe.normalise(changed)).softmax(dim=1)[0]
        np.testing.assert_allclose(answer, expected, rtol=1e-5)
    np.testing.assert_array_equal(events[2].snapshot.probabilities, last.probabilities[:3])
