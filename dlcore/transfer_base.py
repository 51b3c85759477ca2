"""Where a base comes from: read from a file and shared by all, or made at random.

Look at `own_copy`: whoever tunes the last stages of a base needs those for himself, and may share
the others.
"""

import copy
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from dlcore.cache import cache_dir
from dlcore.efficientnet import BUNDLED_LITE0
from dlcore.image_model import ImageModel
from dlcore.transfer_network import NETWORKS, TransferError

MOST_TRAINED = 40_000_000  # numbers to train; beyond that neither memory nor patience suffice here


def base_file(name: str) -> Path:
    """Where a base's weights lie, or would lie if somebody had fetched them.

    Looked for among those that ship, in a folder weights/ where one works, and where the store of
    pretrained models keeps what it fetched.
    """
    folders = (BUNDLED_LITE0.parent, Path("weights"), cache_dir() / "models")
    places = [folder / f"{name}.safetensors" for folder in folders]
    return next((place for place in places if place.is_file()), places[-1])


@lru_cache(maxsize=2)
def pretrained_base(name: str, file: str = "") -> ImageModel:
    """A base with ImageNet's weights, shared by everyone in the process: never train it.

    file: where its weights lie, if elsewhere than usual. Raises TransferError.
    """
    path = Path(file) if file else base_file(name)
    try:
        return NETWORKS[name].read(path)
    except OSError as error:
        title = NETWORKS[name].title
        message = (
            f"{title} is not here: python -m dlcore weights get {name}, "
            f"or copy {name}.safetensors into the folder weights"
        )
        raise TransferError("no_base", message, title=title, name=name) from error


def own_copy(base: ImageModel, learning: Sequence[str]) -> ImageModel:
    """A base whose stages of these names are its own; the rest it shares with everybody else."""
    shared = (part for name, part in base.stages.named_children() if name not in learning)
    return copy.deepcopy(base, {id(part): part for part in (*shared, base.summary, base.head)})


def check_trainable(base: ImageModel, parts: Iterable[nn.Module]) -> None:
    """Raise TransferError where these parts of a base are too large to train."""
    count = sum(p.numel() for part in parts for p in part.parameters())
    if count > MOST_TRAINED:
        most, millions = MOST_TRAINED // 1_000_000, round(count / 1e6)
        message = f"{base.title} would train {count:,} numbers: too many here"
        raise TransferError("too_large", message, title=base.title, millions=millions, most=most)


def random_base(name: str) -> ImageModel:
    """A base that has seen nothing yet. Raises TransferError where it is too large to train."""
    with torch.device("meta"):
        planned = NETWORKS[name]()
    check_trainable(planned, [planned.stages, planned.summary])
    base = NETWORKS[name](1)
    for part in base.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 0.1  # a short training must find its statistics soon
    return base.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
