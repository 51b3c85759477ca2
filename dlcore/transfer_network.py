"""A network for pictures with a new head: the one that transfer learning trains and you take home.

A base is a row of stages and, above them, what makes features of the last maps. Look at the order
in `Transfer.__init__`: first the base is frozen, then the new head is made.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from dlcore.efficientnet import EfficientNetLite0
from dlcore.faults import Fault
from dlcore.image_model import ImageModel
from dlcore.vgg import VGG16

NETWORKS: dict[str, type[ImageModel]] = {one.name: one for one in (EfficientNetLite0, VGG16)}


class TransferError(Fault):
    """Settings that do not go together, or a base that is not here. key: "transfer.errors.…"."""

    def __init__(self, key: str, message: str, **values: object) -> None:
        super().__init__(f"transfer.errors.{key}", message, **values)


class Transfer(nn.Module):
    """A base without its own head, and a new head for other classes.

    trained: names of the base's stages that learn, too. The others, and all that is in the base
    besides, stay as they are: no gradient. fresh: the base has not learnt anything yet, and its
    batch normalisation has to find its statistics; that of a pretrained base keeps its own, however
    many stages learn: a few pictures would only blur what a million have told.
    """

    def __init__(
        self,
        base: ImageModel,
        classes: int,
        *,
        cut: int = 0,
        trained: tuple[str, ...] = (),
        fresh: bool = False,
    ) -> None:
        super().__init__()
        names = [name for name, _ in base.stages.named_children()]
        if cut >= len(names):
            message = f"{base.title} has {len(names)} stages: at least one must stay"
            raise TransferError("cut", message, title=base.title, stages=len(names))
        kept = {name: base.stages.get_submodule(name) for name in names[: len(names) - cut]}
        self.stages = nn.Sequential(OrderedDict(kept))
        # What the last stage has found is averaged over all places, or what the base does instead.
        average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.summary = average if cut else base.summary
        self.recipe, self.trained, self.fresh = base.recipe, trained, fresh
        self.stages.requires_grad_(False)
        self.summary.requires_grad_(False)
        for name in trained:
            self.stages.get_submodule(name).requires_grad_(True)
        self.stages.eval()
        width = base.width if not cut else self._averaged_width()
        # Only now: whoever freezes after this line freezes the head, too, and nothing is learnt.
        self.head = nn.Linear(width, classes)

    @torch.no_grad()
    def _averaged_width(self) -> int:
        """How many maps the last kept stage has."""
        return self.stages(torch.zeros(1, 3, 32, 32)).shape[1]

    def train(self, mode: bool = True) -> "Transfer":
        """Training mode for the head and a fresh base; nothing else drops out or counts anew."""
        super().train(False)
        self.training = mode
        self.head.train(mode)
        for name in self.trained:
            self.stages.get_submodule(name).train(mode and self.fresh)
        return self

    def features(self, images: Tensor) -> Tensor:
        """images uint8 (N, 3, S, S) -> what the head is given, float32 (N, D)."""
        return self.summary(self.stages(self.prepare(images)))

    def prepare(self, images: Tensor) -> Tensor:
        """Pixels as the base learnt with: uint8 (N, 3, S, S) -> float32 (N, 3, S, S)."""
        ready = self.recipe.normalise(images.float().div(255))
        return ready.contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """images uint8 (N, 3, S, S) -> logits (N, classes)."""
        return self.head(self.features(images))
