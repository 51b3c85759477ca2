"""The bundled MNIST against its published checksums; damage and a broken cache."""

import hashlib
import lzma
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dlcore.data import mnist


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test loads anew, with an empty cache of its own."""
    monkeypatch.setattr(mnist, "cache_dir", lambda: tmp_path)
    mnist.load_mnist.cache_clear()
    yield tmp_path
    mnist.load_mnist.cache_clear()


def test_the_idx_files_have_the_published_checksums() -> None:
    # Written out here again: a wrong constant in the module must not excuse wrong data.
    published = {
        "train_images": "6bbc9ace898e44ae57da46a324031adb",
        "train_labels": "a25bea736e30d166cdddb491f175f624",
        "test_images": "2646ac647ad5339dbf082846283269ea",
        "test_labels": "27ae3e4e09519cfbb04c329615203637",
    }
    files = mnist.idx_files(mnist.decode())
    assert {name: hashlib.md5(content).hexdigest() for name, content in files.items()} == published


def test_tensors_have_the_promised_shapes_and_the_known_first_labels() -> None:
    data = mnist.load(cache=False)
    assert data.train_images.shape == (60_000, 28, 28) and data.train_images.dtype == torch.uint8
    assert data.test_images.shape == (10_000, 28, 28) and data.test_images.dtype == torch.uint8
    assert data.train_labels.shape == (60_000,) and data.train_labels.dtype == torch.int64
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.train_images.is_contiguous() and data.test_images.is_contiguous()


def test_the_second_start_reads_the_kept_array_and_decodes_nothing(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = mnist.load()
    assert [file.name for file in fresh.iterdir()] == ["mnist.npy"]
    mnist.load_mnist.cache_clear()

    def refuse() -> np.ndarray:
        raise AssertionError("decoded again")

    monkeypatch.setattr(mnist, "decode", refuse)
    second = mnist.load()
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_labels, second.test_labels)
    assert mnist.load() is second  # and within a process it is loaded once


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00"])
def test_a_broken_cache_is_decoded_again(fresh: Path, content: bytes) -> None:
    (fresh / "mnist.npy").write_bytes(content)
    assert mnist.load().train_labels[:3].tolist() == [5, 0, 4]
    assert (fresh / "mnist.npy").stat().st_size > 50_000_000  # and mended


def test_an_array_of_another_shape_in_the_cache_is_not_used(fresh: Path) -> None:
    np.save(fresh / "mnist.npy", np.zeros((3, 785), np.uint8))
    assert len(mnist.load().train_labels) == 60_000


def test_without_a_place_to_keep_it_loading_works(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fresh / "file").touch()
    monkeypatch.setattr(mnist, "cache_dir", lambda: fresh / "file")  # no folder can be there
    assert len(mnist.load().test_labels) == 10_000


@pytest.mark.parametrize("damage", ["missing", "truncated", "shorter", "one bit"])
def test_damaged_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(mnist.MNIST_FOLDER, folder)
    file = folder / "labels.xz"
    labels = bytearray(lzma.decompress(file.read_bytes()))
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "shorter":
        file.write_bytes(lzma.compress(labels[:-1]))
    else:
        labels[17] ^= 1
        file.write_bytes(lzma.compress(labels, preset=0))
    monkeypatch.setattr(mnist, "MNIST_FOLDER", folder)
    with pytest.raises(mnist.DataError, match="MNIST|labels.xz"):
        mnist.load(cache=False)
