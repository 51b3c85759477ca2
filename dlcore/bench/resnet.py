"""From a picture's file to five names, against the least that this takes; and what Grad-CAM costs.

The plain side is what a short script would do: Pillow opens the file, torchvision's transforms
prepare it, the same network answers, and nobody asks whether the file was a picture, upright, or
of red, green and blue. Ours asks all that, keeps every step to be shown and finds the names; it may
cost a tenth more.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from PIL import Image
from torch import Tensor

from dlcore.bench.race import Race
from dlcore.efficientnet import load_lite0
from dlcore.explain import grad_cam
from dlcore.image_model import ImageModel
from dlcore.pictures import EXAMPLES, open_picture
from dlcore.preprocess import Recipe, prepare
from dlcore.resnet import Answer, Config, predict
from dlcore.torchvision_mend import import_torchvision

GOAL_MS, GOAL_SHARE, GOAL_GRAD_CAM = 120.0, 1.1, 3.0
PICTURE = EXAMPLES["coffee"].path  # 600x400


def measure(repeat: int) -> None:
    """Print the times of both sides and their ratios."""
    torch.set_num_threads(1)  # as the app answers; the other core is for whoever trains
    model = load_lite0()
    plainly = plain(model.recipe)

    race = Race()
    sides = (lambda: ours(model), lambda: bare(model, plainly))
    for turn in range(repeat + 1):
        first, least, second = (seconds(side) for side in (sides[0], sides[1], sides[0]))
        if turn:  # the first run of anything is slow
            race.add(first, least, second)
    print(f"{'bare':<14} {1e3 * median(race.plain):6.1f} ms  (Pillow, torchvision, the network)")
    print(f"{'dlcore':<14} {1e3 * median(race.ours):6.1f} ms  ", end="")
    print(f"(picture to top 5; goal: at most {GOAL_MS:g})")
    print(f"{'ratio':<14} {1 / median(race.ratios):6.2f}     (goal: at most {GOAL_SHARE:g})")

    images = prepare(open_picture(PICTURE), model.recipe)
    for name in ("mix", "stem"):  # the last maps, and the first
        race = Race()
        for turn in range(repeat + 1):
            first = seconds(lambda: forward(model, images))
            heat = seconds(partial(cam, model, images, name))
            second = seconds(lambda: forward(model, images))
            if turn:
                race.add(first, heat, second)
        print(f"{'forward':<14} {1e3 * median(race.ours):6.1f} ms")
        print(f"{'Grad-CAM':<14} {1e3 * median(race.plain):6.1f} ms  (at {name!r})")
        print(f"{'ratio':<14} {median(race.ratios):6.2f}     (goal: at most {GOAL_GRAD_CAM:g})")


def seconds(side: Callable[[], object]) -> float:
    """Of the processor, one core: as by the clock of a machine that does nothing else."""
    begun = time.process_time()
    side()
    return time.process_time() - begun


def ours(model: ImageModel) -> Answer:
    return predict(model, open_picture(PICTURE), Config())


def plain(recipe: Recipe) -> Callable[[Image.Image], Tensor]:
    """torchvision's own transforms for the same recipe."""
    transforms = import_torchvision().transforms
    transform: Callable[[Image.Image], Tensor] = transforms.Compose(
        [
            transforms.Resize(recipe.resize, transforms.InterpolationMode(recipe.resample)),
            transforms.CenterCrop(recipe.crop),
            transforms.ToTensor(),
            transforms.Normalize(recipe.mean, recipe.std),
        ]
    )
    return transform


def bare(model: ImageModel, transform: Callable[[Image.Image], Tensor]) -> Tensor:
    """The five largest logits' places (1, 5)."""
    with torch.no_grad():
        picture = Image.open(PICTURE).convert("RGB")
        return model(transform(picture)[None]).topk(5).indices


def forward(model: ImageModel, images: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images)


def cam(model: ImageModel, images: Tensor, stage: str) -> Tensor:
    """Grad-CAM at a stage, (1, 224, 224)."""
    return grad_cam(model, images, model.stages.get_submodule(stage), label=967)  # espresso
