"""Any picture a person might send, as plain red, green and blue; and a few to begin with.

A file that ends in .jpg may be turned on its side (a camera's EXIF note says so), see-through, have
a palette, 16 bits a colour or four printing inks, hold a whole animation, or be no picture at all.
A few kilobytes may claim to be 20,000x20,000 pixels, and decoding them would fill the memory. Look
at `open_picture`: the claim is read first, and refused before anything is decoded.
"""

import io
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageCms, ImageOps

from dlcore.faults import Fault

PICTURES_FOLDER = Path(__file__).parent / "data" / "pictures"
MOST_PICTURE_BYTES = 50_000_000
# 64 million pixels are 192 MB once decoded; no telephone's usual photograph has more.
MOST_PIXELS = 64_000_000


# What browsers and cameras make. Pillow reads more; of those some start other programs.
_FORMATS = (
    "JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "ICO", "PPM",
)  # fmt: skip
# What Pillow's readers raise for bytes that are not as they should be.
_DAMAGE = (
    OSError, ValueError, TypeError, LookupError, SyntaxError, ArithmeticError, EOFError,
    AttributeError, MemoryError, RuntimeError, AssertionError, Image.DecompressionBombError,
)  # fmt: skip


class PictureError(Fault):
    """A file that cannot be used as a picture.

    key: "empty", "bytes" (found, most; megabytes), "pixels" (found, most; millions), "format"
    (name: of a kind that is not read), "not_a_picture" or "damaged".
    """

    def __init__(self, key: str, **values: object) -> None:
        told = ", ".join(f"{name} {value}" for name, value in values.items())
        message = f"this picture cannot be used: {key}" + (told and f" ({told})")
        super().__init__(key, message, **values)


def open_picture(source: bytes | str | Path) -> Image.Image:
    """A file, or its content -> an upright RGB picture of the size it was sent in.

    Turned as EXIF says; on white where it is see-through; of an animation the first picture; of 16
    bits a colour the upper 8; colours of another profile (inks, wide gamut) brought to sRGB.
    Raises PictureError, whatever the bytes are, and OSError if the file cannot be read.
    """
    data = source if isinstance(source, bytes) else _read_at_most(Path(source))
    if not data:
        raise PictureError("empty")
    if len(data) > MOST_PICTURE_BYTES:
        raise _too_many_bytes(len(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow has to say of odd files helps nobody here
        picture = _opened(data)
        try:
            picture.seek(0)
            picture.load()
            return _upright_rgb(picture)
        except _DAMAGE as error:
            raise PictureError("damaged") from error


def _opened(data: bytes) -> Image.Image:
    """The picture with only its head read: enough to know its size."""
    Image.init()  # all readers; which there are depends on how Pillow was built
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        picture = Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:  # Pillow's own bound, above ours
        pixels = re.search(r"\d+", str(error))
        raise _too_many_pixels(int(pixels[0]) if pixels else 2 * MOST_PIXELS) from error
    except _DAMAGE as error:
        for name, marks in _UNREAD.items():
            if any(mark in data[:512] for mark in marks):
                raise PictureError("format", name=name) from error
        raise PictureError("not_a_picture") from error
    if picture.width * picture.height > MOST_PIXELS:
        raise _too_many_pixels(picture.width * picture.height)
    if not picture.width * picture.height:
        raise PictureError("damaged")
    return picture


# Kinds of pictures that are not read, and how they begin.
_UNREAD = {
    "HEIC": (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1"),
    "SVG": (b"<svg",),
    "PDF": (b"%PDF-",),
    "PSD": (b"8BPS",),
}


def _read_at_most(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_PICTURE_BYTES:
        raise _too_many_bytes(size)
    return path.read_bytes()


def _too_many_bytes(size: int) -> PictureError:
    return PictureError("bytes", found=round(size / 1e6), most=MOST_PICTURE_BYTES // 1_000_000)


def _too_many_pixels(pixels: int) -> PictureError:
    return PictureError("pixels", found=round(pixels / 1e6), most=MOST_PIXELS // 1_000_000)


def _upright_rgb(picture: Image.Image) -> Image.Image:
    with suppress(*_DAMAGE):  # a broken EXIF note must not cost the picture
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _from_deep(picture).convert("RGB")
    picture = _in_srgb(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _from_deep(picture: Image.Image) -> Image.Image:
    """Grey in more than 8 bits -> grey in 8. Pillow would cut all above 255 off to white."""
    values = np.asarray(picture)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 1)
    if picture.mode != "F" and low >= 0 and high <= 65_535:
        shift = 8 if high > 255 or picture.mode != "I" else 0
        return Image.fromarray((values.astype(np.uint16) >> shift).astype(np.uint8))
    # Floating point, or 32 bits: there is no agreed range, so from the darkest to the brightest.
    values = np.nan_to_num(values.astype(np.float32), nan=low, posinf=high, neginf=low)
    spread = (values - low) * (255 / max(float(high) - float(low), 1e-12))
    return Image.fromarray(spread.round().clip(0, 255).astype(np.uint8))


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The colours as the file's own profile means them; unchanged where it has none."""
    profile = picture.info.get("icc_profile")
    if picture.mode != "LAB" and not (profile and picture.mode in ("RGB", "RGBA", "CMYK", "L")):
        return picture
    mode: Literal["RGBA", "RGB"] = "RGBA" if picture.mode == "RGBA" else "RGB"
    with suppress(ImageCms.PyCMSError, *_DAMAGE):
        if picture.mode == "LAB":
            own = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        if "sRGB" in ImageCms.getProfileDescription(own):  # as most have: nothing to change
            return picture
        srgb = ImageCms.createProfile("sRGB")
        changed = ImageCms.profileToProfile(picture, own, srgb, outputMode=mode)
        if changed is not None:
            return changed
    return picture


@dataclass(frozen=True)
class Example:
    """A photograph that comes with the project (dlcore/data/pictures/README.md says more)."""

    name: str
    author: str
    licence: str
    source: str

    @property
    def path(self) -> Path:
        return PICTURES_FOLDER / f"{self.name}.webp"


EXAMPLES = {
    example.name: example
    for example in (
        Example("chelsea", "Stefan van der Walt", "CC0 1.0", "scikit-image: data.chelsea"),
        Example("coffee", "Rachel Michetti", "CC0 1.0", "scikit-image: data.coffee"),
        Example("rocket", "SpaceX", "CC0 1.0", "scikit-image: data.rocket"),
        Example("astronaut", "NASA", "public domain", "scikit-image: data.astronaut"),
        Example(
            "china",
            "danielbuechele",
            "CC BY 2.0",
            "https://www.flickr.com/photos/danielbuechele/6061409035",
        ),
        Example(
            "flower", "vultilion", "CC BY 2.0", "https://www.flickr.com/photos/vultilion/6056698931"
        ),
    )
}
TEXTURES = {
    texture.name: texture
    for texture in (
        Example("brick", "CC0Textures (Bricks25)", "CC0 1.0", "scikit-image: data.brick"),
        Example("grass", "linolafett", "CC0 1.0", "scikit-image: data.grass"),
        Example("gravel", "CC0Textures (Gravel04)", "CC0 1.0", "scikit-image: data.gravel"),
    )
}


@lru_cache(maxsize=16)
def load_example(name: str) -> Image.Image:
    """An example by its name, RGB; shared by everyone in the process: copy before drawing on it.

    Raises KeyError for an unknown name.
    """
    return open_picture(EXAMPLES[name].path)


@lru_cache(maxsize=4)
def load_texture(name: str) -> np.ndarray:
    """A photograph of brick, grass or gravel: grey, uint8 (512, 512), read-only.

    Raises KeyError for an unknown name.
    """
    grey = np.array(open_picture(TEXTURES[name].path).convert("L"))
    grey.setflags(write=False)
    return grey
