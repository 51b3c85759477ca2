"""VGG16: thirteen plain 3x3 convolutions and three dense layers, 138 million numbers.

Two 3x3 convolutions in a row see as far as one of 5x5, three as far as one of 7x7, with fewer
numbers and more bends (Simonyan, Zisserman, "Very deep convolutional networks for large-scale image
recognition", 2014). Nothing else is in it, which is why it is still the first network of many a
lesson. Look at `_VGG16`, the whole architecture, and at where the numbers are: 103 million of them
in the first dense layer. torchvision calls that layer `classifier[0]` and the head `classifier[6]`.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dlcore.image_model import ImageModel
from dlcore.preprocess import Recipe

# Each stage: its channels and how many convolutions give them.
_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class VGG16(ImageModel):
    """Five stages, each after the first begins by halving the maps: 224x224 pixels -> 512 of 14x14.

    Its features are those of the second dense layer, 4096 numbers.
    """

    name, title, accuracy = "vgg16", "VGG16", 0.716
    recipe, width, dropped = Recipe(), 4096, 0.5

    def make_stages(self) -> nn.Sequential:
        stages, channels = OrderedDict[str, nn.Module](), 3
        for number, (width, convolutions) in enumerate(_VGG16, start=1):
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if number > 1 else []
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
                channels = width
            stages[f"stage{number}"] = nn.Sequential(*layers)
        return nn.Sequential(stages)

    def make_summary(self) -> nn.Sequential:
        return nn.Sequential(
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(7),  # of pictures of 224x224 there are 7x7 places left already
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, self.width),
            nn.ReLU(),
            nn.Dropout(self.dropped),
            nn.Linear(self.width, self.width),
            nn.ReLU(),
        )

    @classmethod
    def published_name(cls, name: str) -> str:
        """torchvision's, which counts the layers of all stages on: `features.5` is `stage2.1`."""
        *place, kind = name.split(".")
        match place:
            case ["head"]:
                return f"classifier.6.{kind}"
            case ["summary", layer]:  # the two poolings and the flattening come before it here
                return f"classifier.{int(layer) - 3}.{kind}"
            case ["stages", stage, layer]:
                before = _VGG16[: int(stage.removeprefix("stage")) - 1]
                # Each convolution has a ReLU, and each stage after the first a pooling.
                first = sum(2 * convolutions + 1 for _, convolutions in before) - bool(before)
                return f"features.{first + int(layer)}.{kind}"
        raise KeyError(name)


def convert_vgg16(raw_folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """torchvision's weights, a .pth file in `raw_folder`, as tensors of ours; and the settings."""
    return VGG16.converted(raw_folder)
