"""What is in this photograph? ResNet50 says, sure to so and so many per cent.

Deep networks used to learn worse than shallow ones: every layer had to hand on all it had been
given. A *residual* block hands it on untouched by a shortcut and only adds what it has to say (He,
Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015); so fifty layers learn, and a
hundred. Look at `Bottleneck.forward`, where the shortcut is one plus sign, and at `predict`, which
prepares the picture as those it learnt from: most wrong answers of a pretrained network are wrong
preparation.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from dlcore.efficientnet import EfficientNetLite0
from dlcore.image_model import ImageModel
from dlcore.imagenet import ImageNetLabel, imagenet_labels
from dlcore.preprocess import Prepared, Recipe, prepare_steps, squash_steps
from dlcore.settings import Settings, setting
from dlcore.vgg import VGG16


@dataclass(frozen=True)
class Config(Settings):
    """Which network looks at the picture, and how that is prepared for it."""

    # The first one ships with the project; the others are fetched when somebody asks.
    network: str = setting(
        "efficientnet_lite0", choices=("efficientnet_lite0", "resnet50", "vgg16")
    )
    # "crop": as the network's training pictures were. "squash": squeezed into the square.
    preparation: str = setting("crop", choices=("crop", "squash"))
    top: int = setting(5, low=1, high=20)  # how many labels to name


TUTORIAL = Config(network="resnet50", preparation="squash", top=1)

# Each stage: channels inside a block, blocks, stride of the first.
_RESNET50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
_WIDER = 4  # a block puts out so many times the channels it works on
# What torchvision calls the layers of a stem, or of a block, by our number.
_RESNET50_NAMES = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}


def _normalised(channels_in: int, channels: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution without bias, and the normalisation that takes its place."""
    return [
        nn.Conv2d(channels_in, channels, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
    ]


class Bottleneck(nn.Module):
    """Narrow, look around, widen; and add what came in."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.says = nn.Sequential(
            *_normalised(channels_in, channels, 1), nn.ReLU(),
            *_normalised(channels, channels, 3, stride), nn.ReLU(),
            *_normalised(channels, channels * _WIDER, 1),
        )  # fmt: skip
        changes = stride > 1 or channels_in != channels * _WIDER
        fitting = _normalised(channels_in, channels * _WIDER, 1, stride) if changes else []
        self.shortcut = nn.Sequential(*fitting)  # empty: hands on what it is given

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 * channels, H / stride, W / stride)."""
        return F.relu(self.says(maps) + self.shortcut(maps))


class ResNet50(ImageModel):
    """A stem and four stages of `Bottleneck`: 224x224 pixels -> 2048 maps of 7x7."""

    name, title, accuracy = "resnet50", "ResNet50", 0.761
    recipe, width = Recipe(), 2048

    def make_stages(self) -> nn.Sequential:
        channels, stages = 64, OrderedDict[str, nn.Module]()
        stages["stem"] = nn.Sequential(*_normalised(3, channels, 7, stride=2), nn.ReLU())
        for number, (width, blocks, stride) in enumerate(_RESNET50, start=1):
            row: list[nn.Module] = [nn.MaxPool2d(3, 2, padding=1)] if number == 1 else []
            for _ in range(blocks):
                row.append(Bottleneck(channels, width, stride))
                channels, stride = width * _WIDER, 1  # only the first one makes the maps smaller
            stages[f"stage{number}"] = nn.Sequential(*row)
        return nn.Sequential(stages)

    @classmethod
    def published_name(cls, name: str) -> str:
        """torchvision's: `stages.stage2.0.says.3.weight` is `layer2.0.conv2.weight` there."""
        *place, kind = name.split(".")
        match place:
            case ["head"]:
                return f"fc.{kind}"
            case ["stages", "stem", layer]:
                return f"{_RESNET50_NAMES[layer]}.{kind}"
            case ["stages", stage, block, part, layer]:
                # Our first stage begins with the pooling, which is no block of theirs.
                number = int(block) - (stage == "stage1")
                inside = _RESNET50_NAMES[layer] if part == "says" else f"downsample.{layer}"
                return f"{stage.replace('stage', 'layer')}.{number}.{inside}.{kind}"
        raise KeyError(name)


NETWORKS: dict[str, type[ImageModel]] = {
    network.name: network for network in (EfficientNetLite0, ResNet50, VGG16)
}


@dataclass(frozen=True)
class Guess:
    """A label and how sure the network is of it, 0 … 1."""

    label: ImageNetLabel
    probability: float


@dataclass(frozen=True)
class Answer:
    """What a network says of a picture, and every picture on the way."""

    guesses: tuple[Guess, ...]  # the surest first
    probabilities: Tensor  # (1000,) float32
    prepared: Prepared


def read_network(name: str, path: str | Path) -> ImageModel:
    """The network of that name with the weights in `path`, ready to predict.

    `dlcore.pretrained.find(name)` says where they are. Raises KeyError for an unknown name,
    CheckpointError for weights of something else, OSError if the file cannot be opened.
    """
    return NETWORKS[name].read(path)


def predict(model: ImageModel, picture: Image.Image, config: Config) -> Answer:
    """What is in an RGB picture of any size: the `config.top` likeliest labels, and all steps."""
    steps = squash_steps if config.preparation == "squash" else prepare_steps
    prepared = steps(picture, model.recipe)
    with torch.no_grad():
        probabilities = model(prepared.images).softmax(dim=-1)[0]  # (1000,)
    return Answer(best(probabilities, config.top), probabilities, prepared)


def best(probabilities: Tensor, top: int) -> tuple[Guess, ...]:
    """The likeliest of all labels, given their probabilities (1000,)."""
    labels = imagenet_labels()
    values, indices = probabilities.topk(top)
    return tuple(
        Guess(labels[index], value)
        for index, value in zip(indices.tolist(), values.tolist(), strict=True)
    )


def convert_resnet50(raw_folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """torchvision's weights, a .pth file in `raw_folder`, as tensors of ours; and the settings."""
    return ResNet50.converted(raw_folder)
