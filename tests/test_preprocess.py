"""Preparing pictures: torchvision's very numbers, every step kept, any proportions."""

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.pictures import load_example
from dlcore.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Recipe,
    prepare,
    prepare_steps,
    squash_steps,
    to_input_image,
    to_picture,
    to_pixels,
)
from dlcore.torchvision_mend import import_torchvision


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


# Odd, even, smaller than the crop, square, both ways round; and scales that are not round.
SIZES = [(640, 427), (427, 640), (300, 300), (31, 57), (1, 1), (224, 224), (257, 999), (1021, 333)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_the_numbers_are_torchvisions(size: tuple[int, int], resample: str) -> None:
    import_torchvision()
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode

    reference = transforms.Compose(
        [
            transforms.Resize(256, InterpolationMode(resample)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    picture = noise(*size)
    ours = prepare(picture, Recipe(resample=resample))
    torch.testing.assert_close(ours[0], reference(picture), rtol=0, atol=1e-6)


def test_every_step_is_kept() -> None:
    picture, recipe = load_example("coffee"), Recipe()
    steps = prepare_steps(picture, recipe)
    assert steps.picture is picture
    assert steps.resized.size == (384, 256)  # from 600x400
    assert steps.cropped.size == (224, 224)
    assert np.array_equal(np.asarray(steps.cropped), np.asarray(steps.resized)[16:240, 80:304])
    assert (steps.images.shape, steps.images.dtype) == ((1, 3, 224, 224), torch.float32)
    torch.testing.assert_close(recipe.denormalise(steps.images), to_pixels(steps.cropped))
    assert steps.box == pytest.approx((125, 25, 475, 375))


def test_the_box_is_what_the_network_sees() -> None:
    picture = Image.new("RGB", (900, 300), "black")
    left, top, right, bottom = (round(side) for side in prepare_steps(picture, Recipe()).box)
    picture.paste("white", (left, top, right, bottom))
    picture.paste("red", (left, top, left + 20, top + 20))
    picture.paste("blue", (right - 20, bottom - 20, right, bottom))
    seen = np.asarray(prepare_steps(picture, Recipe()).cropped)
    assert seen[2:-2, 2:-2].max(axis=-1).min() == 255  # nothing of what is black …
    assert seen[5, 5].tolist() == [255, 0, 0]  # … and all from corner to corner
    assert seen[-6, -6].tolist() == [0, 0, 255]


def test_squashing_shows_everything_and_keeps_no_proportions() -> None:
    picture = Image.new("RGB", (400, 100), "red")
    picture.paste("blue", (0, 0, 40, 100))  # a tenth, at the left edge
    steps = squash_steps(picture, Recipe())
    assert steps.resized.size == steps.cropped.size == (224, 224)
    assert steps.box == (0.0, 0.0, 400.0, 100.0)
    blue = np.asarray(steps.cropped)[..., 2] > 128
    assert blue.mean() == pytest.approx(0.1, abs=0.01)
    assert (np.asarray(prepare_steps(picture, Recipe()).cropped)[..., 2] == 0).all()  # cut off


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1), (3, 900), (5_000, 20)])
def test_any_proportions_make_an_input_of_the_same_size(size: tuple[int, int]) -> None:
    steps = prepare_steps(Image.new("RGB", size, "red"), Recipe())
    assert max(steps.resized.size) <= 16 * 256  # the middle of a strip, not all of it
    assert steps.images.shape == (1, 3, 224, 224)
    assert np.asarray(steps.cropped)[..., 0].min() == 255
    left, top, right, bottom = steps.box
    assert (left + right) / 2 == pytest.approx(size[0] / 2, abs=1)
    assert (top + bottom) / 2 == pytest.approx(size[1] / 2, abs=1)
    assert squash_steps(Image.new("RGB", size, "red"), Recipe()).images.shape == (1, 3, 224, 224)


def test_there_and_back() -> None:
    picture = noise(40, 30)
    assert np.array_equal(np.asarray(to_picture(to_pixels(picture))), np.asarray(picture))
    recipe = Recipe(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    images = to_input_image(picture, recipe)
    torch.testing.assert_close(recipe.denormalise(images), to_pixels(picture))
    torch.testing.assert_close(recipe.normalise(recipe.denormalise(images)), images)
    wild = torch.tensor([-1.0, 0.5, 2.0]).view(3, 1, 1).expand(3, 4, 4)
    assert np.asarray(to_picture(wild))[0, 0].tolist() == [0, 128, 255]
