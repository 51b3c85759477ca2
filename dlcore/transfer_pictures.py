"""Pictures in classes: your own, crops of three photographs, or a few handwritten digits.

A class is a name and some pictures. Part of them is held out: nothing is learnt from those, and
what a network says of them is the only honest score. How they are held out decides whether it is:
neighbouring crops of one photograph, and neighbouring frames of one camera burst, are almost the
same picture. So crops to train on and to test on come from different halves of the photograph, and
of a burst the *last* quarter is held out, not a random one. Look at `texture_pictures` and at
`split_own`.
"""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcore.data.mnist import load_mnist
from dlcore.faults import Fault
from dlcore.pictures import TEXTURES, PictureError, load_texture, open_picture
from dlcore.transfer_classify import central_square

OWN_SIDE = 224  # pixels; what is sent is cut square and made this small at once
FEWEST_CLASSES, MOST_CLASSES = 2, 10
FEWEST_PICTURES = 2  # of a class: one to learn from, one to be tested on
MOST_OF_A_CLASS, MOST_OWN = 100, 400
LONGEST_NAME = 40
MOST_FILES = 2_000  # in a folder or a zip file
MOST_UNPACKED = 300_000_000  # bytes: a zip file of a few kilobytes may claim to hold gigabytes
TEST_CROPS = 100  # of each texture
TEST_DIGITS = 30  # of each digit
CROP_SIDES = (32, 96)  # pixels of the photograph, of 512
_GREY, _CONTRAST = 128.0, 48.0  # mean and deviation of every crop
_HELD_SHARE = 0.25
_JPEG_QUALITY = 92

Classes = Mapping[str, Sequence[bytes]]  # a name -> its pictures, each the content of a file


class PicturesError(Fault):
    """Pictures that cannot be learnt from. key: "transfer.errors.…", with its values."""

    def __init__(self, key: str, message: str, **values: object) -> None:
        super().__init__(f"transfer.errors.{key}", message, **values)


@dataclass(frozen=True)
class Pictures:
    """images: uint8 (N, S, S, 3); labels: int64 (N,), below C; held: bool (N,), not to learn from;
    names: the C classes."""

    images: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.labels)

    def part(self, *, held: bool) -> tuple[Tensor, Tensor]:
        """Images (M, 3, S, S) uint8 and labels (M,) of the held-out part, or of the other."""
        chosen = np.flatnonzero(self.held == held)
        images = torch.from_numpy(self.images[chosen]).permute(0, 3, 1, 2)
        return images, torch.from_numpy(self.labels[chosen])


def texture_pictures(per_class: int, size: int, seed: int) -> Pictures:
    """Crops of brick, grass and gravel: `per_class` to learn from, TEST_CROPS to test, of each.

    Those to learn from lie in the left half of a photograph, those to test in the right one. The
    seed chooses the former; the latter are always the same.
    """
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(2**31)
    parts: list[tuple[np.ndarray, int, bool]] = []
    for label, name in enumerate(TEXTURES):
        photograph = load_texture(name)
        half = photograph.shape[1] // 2
        left, right = photograph[:, :half], photograph[:, half:]
        parts += [(_crop(left, size, rng), label, False) for _ in range(per_class)]
        parts += [(_crop(right, size, fixed), label, True) for _ in range(TEST_CROPS)]
    return _gathered(parts, tuple(TEXTURES))


def _crop(photograph: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A square from a random place, brought to (size, size, 3) and to one brightness.

    Else brightness alone would give the class away, and nobody need look at the texture.
    """
    side = int(rng.integers(CROP_SIDES[0], CROP_SIDES[1], endpoint=True))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photograph.shape)
    crop = photograph[top : top + side, left : left + side].astype(np.float32)
    even = (crop - crop.mean()) / max(float(crop.std()), 1.0) * _CONTRAST + _GREY
    return _coloured(even.round().clip(0, 255).astype(np.uint8), size)


def _coloured(grey: np.ndarray, size: int) -> np.ndarray:
    """Grey (H, W) uint8 -> (size, size, 3) uint8."""
    picture = Image.fromarray(grey).resize((size, size), Image.Resampling.BICUBIC)
    return np.repeat(np.asarray(picture)[..., None], 3, axis=-1)


def digit_pictures(per_class: int, size: int, seed: int) -> Pictures:
    """Handwritten digits, black on white: `per_class` of each to learn from, TEST_DIGITS to test.

    They come from MNIST's training and test part; the seed chooses the former.
    """
    mnist, rng = load_mnist(), np.random.default_rng(seed)
    parts: list[tuple[np.ndarray, int, bool]] = []
    for label in range(10):
        places = (mnist.train_labels == label).nonzero().flatten().numpy()
        for place in rng.permutation(places)[:per_class]:
            parts.append((_on_white(mnist.train_images[place], size), label, False))
        for place in (mnist.test_labels == label).nonzero().flatten()[:TEST_DIGITS]:
            parts.append((_on_white(mnist.test_images[place], size), label, True))
    return _gathered(parts, tuple(map(str, range(10))))


def _on_white(digit: Tensor, size: int) -> np.ndarray:
    return _coloured(255 - digit.numpy(), size)


def _gathered(parts: Sequence[tuple[np.ndarray, int, bool]], names: tuple[str, ...]) -> Pictures:
    images, labels, held = zip(*parts, strict=True)
    return Pictures(np.stack(images), np.array(labels, np.int64), np.array(held), names)


# --- One's own pictures --------------------------------------------------------------------------


def own_pictures(classes: Classes, size: int) -> Pictures:
    """One's own classes, ready to learn from. Raises PicturesError where they are too few.

    Of each class the last quarter is held out, in the order in which the pictures came.
    """
    check_classes(classes)
    parts = []
    for label, files in enumerate(classes.values()):
        held = split_own(len(files))
        for file, apart in zip(files, held, strict=True):
            picture = open_picture(file).resize((size, size), Image.Resampling.BICUBIC)
            parts.append((np.asarray(picture), label, apart))
    return _gathered(parts, tuple(classes))


def split_own(count: int) -> list[bool]:
    """Which of a class's pictures, in their order, are held out: the last quarter, at least one."""
    held = max(1, round(_HELD_SHARE * count)) if count > 1 else 0
    return [place >= count - held for place in range(count)]


def check_classes(classes: Classes) -> None:
    """Raise PicturesError unless these classes can be learnt from."""
    if len(classes) < FEWEST_CLASSES:
        raise PicturesError("few_classes", f"{len(classes)} classes: there must be at least "
                            f"{FEWEST_CLASSES}", least=FEWEST_CLASSES)  # fmt: skip
    for name, files in classes.items():
        if len(files) < FEWEST_PICTURES:
            message = f"{name!r} has {len(files)} pictures, {FEWEST_PICTURES} are needed"
            raise PicturesError("few_pictures", message, name=name, least=FEWEST_PICTURES)
    check_limits(classes)


def check_limits(classes: Classes) -> None:
    """Raise PicturesError if there are too many classes or pictures, or a name is unusable."""
    if len(classes) > MOST_CLASSES:
        message = f"{len(classes)} classes: there may be at most {MOST_CLASSES}"
        raise PicturesError("many_classes", message, most=MOST_CLASSES)
    for name, files in classes.items():
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            message = f"a class's name has 1 to {LONGEST_NAME} letters"
            raise PicturesError("name", message, most=LONGEST_NAME)
        if len(files) > MOST_OF_A_CLASS:
            message = f"{name!r} has {len(files)} pictures, at most {MOST_OF_A_CLASS} are allowed"
            raise PicturesError("many_of_a_class", message, name=name, most=MOST_OF_A_CLASS)
    if sum(map(len, classes.values())) > MOST_OWN:
        raise PicturesError("many", f"at most {MOST_OWN} pictures in all", most=MOST_OWN)


def small(data: bytes) -> bytes:
    """Any picture's file -> a small one: the central square, OWN_SIDE pixels wide, as JPEG.

    One that is so already stays as it is. Raises PicturesError.
    """
    try:
        picture = open_picture(data)
    except PictureError as error:
        raise PicturesError("picture", str(error)) from error
    if picture.size == (OWN_SIDE, OWN_SIDE) and data[:2] == b"\xff\xd8" and len(data) < 200_000:
        return data
    file = io.BytesIO()
    central_square(picture, OWN_SIDE).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def read_classes(path: str | Path) -> dict[str, list[bytes]]:
    """The classes in a folder or a zip file. Raises PicturesError, OSError."""
    return read_folder(path) if Path(path).is_dir() else read_zip(path)


def read_zip(file: str | Path | bytes) -> dict[str, list[bytes]]:
    """The classes in a zip file: each folder that holds pictures is one, named as the folder is.

    Raises PicturesError for what is no zip file, is locked, or holds too much; and OSError.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else Path(file)
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if _wanted(entry)]
            if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
                raise _too_large()
            if any(entry.flag_bits & 1 for entry in entries):
                raise PicturesError("locked", "the zip file is locked with a password")
            _check_count(len(entries))
            # One by one, so that only small pictures are ever held.
            return _by_folder((entry.filename, _unpacked(archive, entry)) for entry in entries)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise PicturesError("no_zip", "this is not a zip file that can be read") from error


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """An entry's content; never more than it claims to hold."""
    with archive.open(entry) as file:
        return file.read(entry.file_size)


def _wanted(entry: zipfile.ZipInfo) -> bool:
    linked = stat.S_ISLNK(entry.external_attr >> 16)
    return not entry.is_dir() and not linked and _visible(entry.filename)


def _visible(name: str) -> bool:
    """Whether a file is somebody's own, and not one that an operating system left there."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not any(part.startswith((".", "__MACOSX")) or part == "Thumbs.db" for part in parts)


def read_folder(folder: str | Path) -> dict[str, list[bytes]]:
    """The classes in a folder, as for `read_zip`. Raises PicturesError, OSError."""
    root = Path(folder)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    files = [path for path in files if _visible(path.relative_to(root).as_posix())]
    _check_count(len(files))
    named = ((path.relative_to(root).as_posix(), path.read_bytes()) for path in files)
    return _by_folder(named)


def _check_count(count: int) -> None:
    if count > MOST_FILES:
        message = f"{count} files: there may be at most {MOST_FILES}"
        raise PicturesError("many_files", message, count=count, most=MOST_FILES)


def _by_folder(files: Iterable[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    """Name and content of files -> classes. What is no picture is passed over."""
    classes: dict[str, list[bytes]] = {}
    for name, data in files:
        above = PurePosixPath(name.replace("\\", "/")).parent.name
        if not above or not data:
            continue
        try:
            picture = small(data)
        except PicturesError:
            continue
        classes.setdefault(above[:LONGEST_NAME], []).append(picture)
        check_limits(classes)
    if not classes:
        message = "no pictures in folders: a class is a folder with pictures in it"
        raise PicturesError("no_folders", message)
    return classes


def _too_large() -> PicturesError:
    most = MOST_UNPACKED // 1_000_000
    return PicturesError("large", f"unpacked it has more than {most} MB", most_mb=most)


def to_zip(classes: Classes) -> bytes:
    """The classes as a zip file that `read_zip` reads back, picture for picture."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, pictures in classes.items():
            for place, picture in enumerate(pictures, start=1):
                archive.writestr(f"{_file_name(name)}/{place:03}.jpg", picture)
    return file.getvalue()


def _file_name(name: str) -> str:
    """A class's name as a folder's: without what some system forbids."""
    kept = "".join("_" if letter in '<>:"/\\|?*' else letter for letter in name).strip(" .")
    return kept or "_"
