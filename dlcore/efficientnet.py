"""EfficientNet-Lite0: three of four ImageNet pictures right with 4.7 million numbers.

A plain convolution looks at a neighbourhood and mixes all channels in one step, and pays for every
combination. Here the two are apart: a 1x1 convolution mixes channels without looking around, a
*depthwise* one looks around in each channel alone; together they cost a tenth (Howard et al.,
"MobileNets", 2017). A block widens the channels sixfold, looks around, narrows them again and adds
what came in (Sandler et al., "MobileNetV2", 2018). How many blocks, how wide, was found by search
(Tan and Le, "EfficientNet", 2019); Lite0 is the version for phones. Look at `MBConv`, the block,
and at `_LITE0`, the whole architecture.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.image_model import ImageModel
from dlcore.preprocess import Recipe

BUNDLED_LITE0 = Path(__file__).parent.parent / "weights" / "efficientnet_lite0.safetensors"
# Each stage: how much wider inside a block, kernel, stride, channels, blocks.
_LITE0 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
# What the published file calls the layers of a block.
_LITE0_NAMES = {
    "widen": ("_expand_conv", "_bn0"),
    "look": ("_depthwise_conv", "_bn1"),
    "narrow": ("_project_conv", "_bn2"),
}


class SamePadConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: an odd pixel goes right and below, not left."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D, ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            around = kernel // 2
            return F.conv2d(maps, self.weight, padding=around, groups=self.groups)
        high, wide = (
            max(kernel - (side % stride or stride), 0)  # pixels missing to fill the last step
            for side in maps.shape[-2:]
        )
        maps = F.pad(maps, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return F.conv2d(maps, self.weight, stride=stride, groups=self.groups)


def _conv(
    channels_in: int, channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution without bias, and the normalisation that takes its place."""
    return [
        SamePadConv(channels_in, channels, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01),
    ]


class MBConv(nn.Module):
    """Widen, look around, narrow; and add what came in, where the shape stayed the same."""

    def __init__(self, channels_in: int, channels: int, *, wider: int, kernel: int, stride: int):
        super().__init__()
        inside = channels_in * wider
        widen = [*_conv(channels_in, inside), nn.ReLU6()] if wider > 1 else []
        look = [*_conv(inside, inside, kernel, stride=stride, groups=inside), nn.ReLU6()]
        narrow = _conv(inside, channels)  # no ReLU after it: in few channels it would lose much
        self.widen, self.look, self.narrow = (
            nn.Sequential(*part) for part in (widen, look, narrow)
        )
        self.adds = stride == 1 and channels_in == channels

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D, H / stride, W / stride)."""
        out = self.narrow(self.look(self.widen(maps)))
        return maps + out if self.adds else out


class EfficientNetLite0(ImageModel):
    """A stem, seven stages of `MBConv`, a last mix of channels: 224x224 pixels -> 1280 maps of 7x7.

    What is left out of the original: dropping whole blocks at random, a help when training on all
    of ImageNet.
    """

    name, title, accuracy = "efficientnet_lite0", "EfficientNet-Lite0", 0.751
    # Trained with other means than torchvision's networks, and resized with a sharper filter.
    recipe = Recipe(mean=(127 / 255,) * 3, std=(128 / 255,) * 3, resample="bicubic")
    width, dropped = 1280, 0.2

    def make_stages(self) -> nn.Sequential:
        channels, stages = 32, OrderedDict[str, nn.Module]()
        stages["stem"] = nn.Sequential(*_conv(3, channels, 3, stride=2), nn.ReLU6())
        for number, (wider, kernel, stride, width, blocks) in enumerate(_LITE0, start=1):
            row = []
            for _ in range(blocks):
                row.append(MBConv(channels, width, wider=wider, kernel=kernel, stride=stride))
                channels, stride = width, 1  # only the first block of a stage makes maps smaller
            stages[f"stage{number}"] = nn.Sequential(*row)
        stages["mix"] = nn.Sequential(*_conv(channels, self.width), nn.ReLU6())
        return nn.Sequential(stages)

    @classmethod
    def published_name(cls, name: str) -> str:
        """The blocks of all stages are counted on there: `stage2.1.look.0` is in `_blocks.2`."""
        *place, kind = name.split(".")
        match place:
            case ["head"]:
                return f"_fc.{kind}"
            case ["stages", "stem", layer]:
                return f"{('_conv_stem', '_bn0')[int(layer)]}.{kind}"
            case ["stages", "mix", layer]:
                return f"{('_conv_head', '_bn1')[int(layer)]}.{kind}"
            case ["stages", stage, block, part, layer]:
                before = _LITE0[: int(stage.removeprefix("stage")) - 1]
                number = sum(blocks for *_, blocks in before) + int(block)
                return f"_blocks.{number}.{_LITE0_NAMES[part][int(layer)]}.{kind}"
        raise KeyError(name)


def convert_lite0(raw_folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The published weights, a .pth file in `raw_folder`, as tensors of ours; and the settings.

    In half precision: half the bytes, and probabilities that hardly differ (weights/README.md).
    """
    return EfficientNetLite0.converted(raw_folder, half=True)


def load_lite0() -> EfficientNetLite0:
    """The network that ships with the project. See weights/README.md for where it is from."""
    return EfficientNetLite0.read(BUNDLED_LITE0)
