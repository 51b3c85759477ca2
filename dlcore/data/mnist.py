"""MNIST: 70,000 handwritten digits, carried by the project and ready in a quarter of a second.

The images were collected by NIST and prepared by LeCun, Cortes and Burges (1998,
http://yann.lecun.com/exdb/mnist): each digit was scaled into a 20x20 box and laid into 28x28 pixels
with its centre of mass in the middle. Licence: CC BY-SA 3.0. Look at `load_mnist`: it decodes the
compressed parts side by side, proves that they are the canonical files, and keeps a plain array.
"""

import hashlib
import io
import lzma
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcore.cache import cache_dir, write_atomically

MNIST_FOLDER = Path(__file__).parent / "mnist"
_TRAIN, _TEST, _MNIST_SIDE = 60_000, 10_000, 28
# The MD5 sums of the four files as they were published, in the IDX format.
CANONICAL_MD5 = {
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}


class DataError(ValueError):
    """The files of a dataset are missing or are not what they should be."""


@dataclass(frozen=True)
class Mnist:
    """Images are uint8 (N, 28, 28), 0 paper … 255 ink; labels int64 (N,), 0 … 9."""

    train_images: Tensor  # (60000, 28, 28)
    train_labels: Tensor  # (60000,)
    test_images: Tensor  # (10000, 28, 28)
    test_labels: Tensor  # (10000,)


@lru_cache(maxsize=1)
def load_mnist(cache: bool = True) -> Mnist:
    """All of MNIST. The first call decodes and checks it; later ones map a plain file (cache=True).

    The tensors are shared by everyone in the process: read them, never write into them.
    Raises DataError when the bundled files are damaged.
    """
    kept = cache_dir() / "mnist.npy"
    if cache and (array := _read_kept(kept)) is not None:
        return _as_tensors(array)
    array = decode()
    if cache:
        _keep(array, kept)
    return _as_tensors(array)


load = load_mnist  # `mnist.load()` reads well; the long name is unique in a downloaded script


def decode() -> np.ndarray:
    """The bundled files, checked: uint8 (70000, 785), an image's 784 pixels and then its label."""
    names = [*(f"train-images-{part}.xz" for part in range(4)), "test-images.xz", "labels.xz"]
    with ThreadPoolExecutor() as pool:  # lzma lets go of the interpreter: parts decode side by side
        *images, labels = pool.map(_decompress, names)
    array = np.empty((_TRAIN + _TEST, _MNIST_SIDE * _MNIST_SIDE + 1), np.uint8)
    try:
        array[:, :-1] = np.frombuffer(b"".join(images), np.uint8).reshape(
            -1, _MNIST_SIDE * _MNIST_SIDE
        )
        array[:, -1] = np.frombuffer(labels, np.uint8)
    except ValueError as error:
        raise DataError("the bundled MNIST files have the wrong length") from error
    for name, content in idx_files(array).items():
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != CANONICAL_MD5[name]:
            raise DataError(f"the bundled MNIST files are damaged: {name}")
    return array


def idx_files(array: np.ndarray) -> dict[str, bytes]:
    """The four files of the original distribution, rebuilt: a magic number, sizes, bytes."""
    files = {}
    for part, rows in (("train", array[:_TRAIN]), ("test", array[_TRAIN:])):
        images = struct.pack(">4i", 2051, len(rows), _MNIST_SIDE, _MNIST_SIDE)
        files[f"{part}_images"] = images + np.ascontiguousarray(rows[:, :-1]).tobytes()
        files[f"{part}_labels"] = struct.pack(">2i", 2049, len(rows)) + rows[:, -1].tobytes()
    return files


def _decompress(name: str) -> bytes:
    try:
        return lzma.decompress((MNIST_FOLDER / name).read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise DataError(f"cannot read the bundled {name}") from error


def _read_kept(path: Path) -> np.ndarray | None:
    """The array kept by an earlier run, or None: then it is simply decoded again."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    right = (
        array.shape == (_TRAIN + _TEST, _MNIST_SIDE * _MNIST_SIDE + 1) and array.dtype == np.uint8
    )
    return array if right else None


def _keep(array: np.ndarray, path: Path) -> None:
    """Save the decoded array for the next start. A full disk costs that start its time, no more."""
    file = io.BytesIO()
    np.save(file, array)
    with suppress(OSError):
        write_atomically(path, file.getvalue())


def _as_tensors(array: np.ndarray) -> Mnist:
    images = torch.from_numpy(np.ascontiguousarray(array[:, :-1])).view(
        -1, _MNIST_SIDE, _MNIST_SIDE
    )
    labels = torch.from_numpy(array[:, -1].astype(np.int64))
    return Mnist(images[:_TRAIN], labels[:_TRAIN], images[_TRAIN:], labels[_TRAIN:])
