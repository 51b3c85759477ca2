"""A network that learnt your classes, as a file; and what it says of a picture or a folder of them.

This is all that is needed to use one: the page answers with these functions, and the script that
is taken home consists of them, so both say the same. Look at `classify`.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcore.checkpoint import CheckpointError, from_bytes, to_bytes
from dlcore.pictures import PictureError, open_picture
from dlcore.transfer_network import NETWORKS, Transfer

LABELS_FILE, WEIGHTS_FILE = "labels.txt", "model.safetensors"


@dataclass(frozen=True)
class Classifier:
    """A trained network, the names of its classes, and how many pixels wide it sees pictures."""

    model: Transfer
    names: tuple[str, ...]
    size: int


def central_square(picture: Image.Image, size: int) -> Image.Image:
    """The largest square around the middle, made `size` pixels wide."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    box = (left, top, left + side, top + side)
    return picture.resize((size, size), Image.Resampling.BICUBIC, box)


def pixels_of(picture: Image.Image, size: int) -> Tensor:
    """An RGB picture as the network gets it: uint8 (1, 3, size, size)."""
    pixels = torch.from_numpy(np.array(central_square(picture, size), np.uint8))  # (S, S, 3)
    return pixels.permute(2, 0, 1)[None]


@torch.no_grad()
def classify(classifier: Classifier, picture: Image.Image) -> list[float]:
    """The probability of each class, in the order of their names; picture: RGB, any size."""
    logits = classifier.model.eval()(pixels_of(picture, classifier.size))
    return logits.softmax(dim=-1)[0].tolist()


def classify_folder(
    classifier: Classifier, folder: str | Path
) -> Iterator[tuple[Path, list[float] | None]]:
    """Every file in a folder, with the probability of each class; None for what is no picture."""
    for path in sorted(one for one in Path(folder).rglob("*") if one.is_file()):
        try:
            yield path, classify(classifier, open_picture(path))
        except PictureError:
            yield path, None


def to_file(classifier: Classifier, *, base: str, cut: int) -> bytes:
    """The whole network as a .safetensors file. base, cut: as in `transfer.Config`.

    Stages that did not learn came in half precision where they ship with the project; so they are
    kept, without loss, in half the bytes.
    """
    model = classifier.model
    state = {}
    for name, value in model.state_dict().items():
        half = value.half() if value.is_floating_point() else value
        state[name] = half if torch.equal(half.to(value.dtype), value) else value
    about = {"base": base, "cut": cut, "size": classifier.size, "names": list(classifier.names)}
    return to_bytes(state, topic="transfer", config=about, metrics={})


def read_classifier(path: str | Path) -> Classifier:
    """What `to_file` wrote, ready to classify. Raises CheckpointError, OSError."""
    checkpoint = from_bytes(Path(path).read_bytes(), topic="transfer")
    about = checkpoint.config
    try:
        names, size = tuple(map(str, about["names"])), int(about["size"])
        base = NETWORKS[about["base"]](1)
        model = Transfer(base, len(names), cut=int(about["cut"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError("no_metadata", f"not a classifier: {error}") from error
    state = {
        name: value.float() if value.is_floating_point() else value
        for name, value in checkpoint.state.items()
    }
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    if {name: value.shape for name, value in state.items()} != wanted:
        raise CheckpointError("wrong_shapes", "these weights are for another network")
    model.load_state_dict(state)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Classifier(model.eval().requires_grad_(False), names, size)


def classify_command(arguments: Sequence[str]) -> int:
    """FOLDER: print a line of CSV for each file in it: the answer, then every class's probability.

    The weights are looked for beside the script.
    """
    if len(arguments) != 2:
        print(f"usage: python {Path(arguments[0]).name} FOLDER", file=sys.stderr)
        return 2
    classifier = read_classifier(Path(arguments[0]).resolve().parent / WEIGHTS_FILE)
    writer = csv.writer(sys.stdout)
    writer.writerow(["file", "answer", *classifier.names])
    for path, shares in classify_folder(classifier, arguments[1]):
        if shares is None:
            writer.writerow([path, ""])
            continue
        answer = classifier.names[shares.index(max(shares))]
        writer.writerow([path, answer, *(f"{share:.6f}" for share in shares)])
    return 0
