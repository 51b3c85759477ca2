"""What every image network here has in common: stages that see more and more, and a head.

The stages turn a picture into maps: many small ones where the picture was one large one, each map a
place-by-place answer to a question the network taught itself. Averaged over the places they are a
description of the picture, its *features*; the head, one dense layer, turns the description into a
score for each of ImageNet's 1,000 labels. Look at `ImageModel.forward`: that is all there is.
A new head on the same features is transfer learning; the maps of a stage are what Grad-CAM reads.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from dlcore.checkpoint import CheckpointError
from dlcore.checkpoint import load as load_checkpoint
from dlcore.preprocess import Recipe

IMAGENET_LABELS = 1000


class ImageModel(nn.Module):
    """A network for pictures: `stages`, then `summarise`, then `head`.

    stages: named parts in their order; each takes the maps before it and gives maps (N, C, h, w).
    `model.stages.stage3` is one, `dict(model.stages.named_children())` are all.
    head: the last dense layer, (N, D) -> (N, K); another one may be put in its place.
    """

    name: ClassVar[str]  # as the store of pretrained models calls it
    title: ClassVar[str]
    accuracy: ClassVar[float]  # on ImageNet's 50,000 validation pictures, as published
    recipe: ClassVar[Recipe]  # how its pictures must be prepared
    width: ClassVar[int]  # D, how many numbers its features are
    dropped: ClassVar[float] = 0.0  # the share of the features left out of a step in training

    def __init__(self, labels: int = IMAGENET_LABELS) -> None:
        super().__init__()
        self.stages = self.make_stages()
        self.summary = self.make_summary()
        self.dropout = nn.Dropout(self.dropped)
        self.head = nn.Linear(self.width, labels)

    def make_stages(self) -> nn.Sequential:
        """The architecture: named stages with weights drawn at random."""
        raise NotImplementedError

    def make_summary(self) -> nn.Sequential:
        """From the last maps (N, C, h, w) to features (N, D): here the mean of each map, D = C."""
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """images (N, 3, H, W) float, prepared by `recipe` -> logits (N, K)."""
        return self.head(self.dropout(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """images (N, 3, H, W) -> what the head is given: a description of each, (N, D)."""
        return self.summarise(self.stages(images))

    def summarise(self, maps: Tensor) -> Tensor:
        """The last stage's maps (N, C, h, w) -> features (N, D)."""
        return self.summary(maps)

    def stage_maps(self, images: Tensor) -> dict[str, Tensor]:
        """Every stage's maps (N, C, h, w), by the stage's name, in their order."""
        maps, x = dict[str, Tensor](), images
        for name, stage in self.stages.named_children():
            maps[name] = x = stage(x)
        return maps

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The network with the weights in `path`, ready to predict: float32, eval mode, frozen.

        Raises CheckpointError for weights of something else, OSError if it cannot be opened.
        """
        checkpoint = load_checkpoint(path, topic=cls.name)
        for name, value in checkpoint.state.items():
            checkpoint.state[name] = _as_used(value)
        with torch.device("meta"):  # weights are about to come: drawing some at random takes time
            model = cls()
        return checkpoint.fill(model, assign=True).eval().requires_grad_(False)

    @classmethod
    def published_name(cls, name: str) -> str:
        """What the published file calls the tensor that has this `name` here."""
        raise NotImplementedError

    @classmethod
    def converted(
        cls, raw_folder: Path, *, half: bool = False
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Published weights, the one .pth file in `raw_folder`, under our names; and the settings.

        Raises FileNotFoundError without a file, CheckpointError if it holds something else.
        """
        file = next(iter(sorted(raw_folder.rglob("*.pth"))), None)
        if file is None:
            raise FileNotFoundError(f"no .pth file in {raw_folder}")
        published, state = _published(file), dict[str, Tensor]()
        with torch.device("meta"):
            wanted = cls().state_dict()
        for name, value in wanted.items():
            theirs = cls.published_name(name)
            given = published.pop(theirs, None)
            if given is None and name.endswith("num_batches_tracked"):
                # Of the training's steps, by which nothing is predicted; older files lack it.
                given = torch.zeros((), dtype=torch.long)
            if given is None or given.shape != value.shape:
                found = "missing" if given is None else f"of shape {tuple(given.shape)}"
                raise CheckpointError(
                    "wrong_shapes", f"{file.name} is not for {cls.title}: {theirs} is {found}"
                )
            state[name] = given.half() if half and given.is_floating_point() else given
        if published:
            more = f"it also has {next(iter(published))}"
            raise CheckpointError("wrong_shapes", f"{file.name} is not for {cls.title}: {more}")
        return state, {"labels": IMAGENET_LABELS}


def _published(file: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file by their names there. Raises CheckpointError for anything else."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, AttributeError, EOFError, UnpicklingError) as error:
        raise CheckpointError("wrong_shapes", f"{file.name} holds no weights: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError("wrong_shapes", f"{file.name} holds no weights by their names")
    return dict(content)


def _as_used(value: Tensor) -> Tensor:
    """A tensor from a file, where half precision is enough, as it is computed with."""
    if not value.is_floating_point():
        return value
    if value.dim() != 4:
        return value.float()
    # The channels of a pixel side by side in memory: convolutions run faster.
    return value.to(torch.float32, memory_format=torch.channels_last)
