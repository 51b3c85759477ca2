"""Any picture a person might send becomes upright RGB or a PictureError; none fills the memory."""

import io
import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dlcore.pictures import (
    EXAMPLES,
    MOST_PICTURE_BYTES,
    PICTURES_FOLDER,
    TEXTURES,
    PictureError,
    load_example,
    load_texture,
    open_picture,
)

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def two_tone(mode: str = "RGB") -> Image.Image:
    """40x20: red on the left, blue on the right."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    return picture.convert(mode)


def near(one: tuple[int, ...], other: tuple[int, ...], within: int = 12) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= within


def pixel(picture: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    found = picture.getpixel(place)
    assert isinstance(found, tuple)
    return found


def key_of(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    return caught.value.key


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_every_usual_kind_of_file_is_read(kind: str) -> None:
    picture = open_picture(saved(two_tone(), kind))
    assert (picture.mode, picture.size) == ("RGB", (40, 20))
    assert near(pixel(picture, (4, 10)), RED) and near(pixel(picture, (35, 10)), BLUE)


# What a viewer must do for each of EXIF's eight notes, so that the red half ends up at the left.
@pytest.mark.parametrize(
    ("note", "undone"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),  # stored turned left, to be shown turned right
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_a_picture_turned_by_its_camera_stands_upright(
    note: int, undone: Image.Transpose | None
) -> None:
    upright = two_tone()
    upright.paste(GREEN, (0, 0, 20, 10))  # green, blue / red, blue: no two turns look alike
    stored = upright.transpose(undone) if undone is not None else upright
    exif = Image.Exif()
    exif[0x0112] = note
    opened = open_picture(saved(stored, exif=exif))
    assert np.array_equal(np.asarray(opened), np.asarray(upright))


def test_a_broken_exif_note_does_not_cost_the_picture() -> None:
    data = saved(two_tone(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert open_picture(data).size == (40, 20)


def test_what_is_see_through_lies_on_white() -> None:
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    picture.putpixel((0, 0), (0, 0, 0, 128))
    opened = open_picture(saved(picture))
    assert pixel(opened, (3, 3)) == (255, 255, 255)
    assert near(pixel(opened, (0, 0)), (127, 127, 127), 1)


def test_see_through_entries_of_a_palette_and_of_greys_lie_on_white() -> None:
    palette = two_tone().quantize(4)
    index = palette.getpixel((0, 0))
    assert pixel(open_picture(saved(palette, transparency=index)), (0, 0)) == (255, 255, 255)
    assert pixel(open_picture(saved(palette)), (0, 0)) == RED
    grey = Image.new("LA", (3, 3), (0, 0))
    assert pixel(open_picture(saved(grey)), (1, 1)) == (255, 255, 255)
    keyed = saved(two_tone(), transparency=BLUE)
    assert pixel(open_picture(keyed), (30, 5)) == (255, 255, 255)


def test_sixteen_bits_a_colour_keep_their_greys() -> None:
    ramp = np.linspace(0, 65_535, 256).round().astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        opened = np.asarray(open_picture(saved(Image.fromarray(ramp), kind)))
        assert np.array_equal(opened[..., 0], ramp >> 8)
    big = saved(Image.frombytes("I;16B", (16, 16), ramp.astype(">u2").tobytes()), "TIFF")
    assert np.array_equal(np.asarray(open_picture(big))[..., 0], ramp >> 8)


def test_sixteen_bits_of_red_green_and_blue() -> None:
    rows = b"".join(b"\x00" + struct.pack(">3H", 65_535, 32_896, 0) * 5 for _ in range(5))
    opened = open_picture(png(5, 5, depth=16, colour=2, rows=rows))
    assert pixel(opened, (2, 2)) == (255, 128, 0)


def test_numbers_instead_of_colours_go_from_the_darkest_to_the_brightest() -> None:
    values = np.linspace(-3.0, 5.0, 16, dtype=np.float32).reshape(4, 4)
    values[0, 1], values[0, 2] = np.nan, np.inf
    opened = np.asarray(open_picture(saved(Image.fromarray(values), "TIFF")))[..., 0]
    assert opened[0, 0] == 0 and opened[3, 3] == 255
    assert (opened[0, 1], opened[0, 2]) == (0, 255)
    assert (np.diff(opened[1:].ravel().astype(int)) > 0).all()
    flat = Image.fromarray(np.full((4, 4), 7.0, np.float32))
    assert open_picture(saved(flat, "TIFF")).size == (4, 4)
    none = Image.fromarray(np.full((4, 4), np.nan, np.float32))
    assert open_picture(saved(none, "TIFF")).size == (4, 4)


def test_printing_inks_become_light() -> None:
    opened = open_picture(saved(two_tone("CMYK"), "JPEG", quality=95))
    assert near(pixel(opened, (4, 10)), RED) and near(pixel(opened, (35, 10)), BLUE)


def test_a_colour_profile_is_followed() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    inked = ImageCms.profileToProfile(two_tone(), srgb, lab, outputMode="LAB")
    assert inked is not None
    opened = open_picture(saved(inked, "TIFF"))
    assert near(pixel(opened, (4, 10)), RED, 25) and near(pixel(opened, (35, 10)), BLUE, 25)
    usual = ImageCms.ImageCmsProfile(srgb).tobytes()
    green = saved(Image.new("RGB", (8, 8), (40, 200, 90)), icc_profile=usual)
    assert pixel(open_picture(green), (4, 4)) == (40, 200, 90)
    # The same profile under another name, in which what is called red is green.
    swapped = usual.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    red = saved(Image.new("RGB", (8, 8), (200, 40, 90)), icc_profile=swapped)
    assert near(pixel(open_picture(red), (4, 4)), (40, 200, 90), 2)


def test_a_broken_colour_profile_is_left_aside() -> None:
    data = saved(two_tone(), icc_profile=b"not a profile")
    assert pixel(open_picture(data), (4, 4)) == RED


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_is_taken(kind: str) -> None:
    more = [Image.new("RGB", (40, 20), BLUE)] * 3
    data = saved(Image.new("RGB", (40, 20), RED), kind, save_all=True, append_images=more)
    assert near(pixel(open_picture(data), (20, 10)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBX"])
def test_other_ways_to_keep_colours(mode: str) -> None:
    opened = open_picture(saved(two_tone(mode), "TIFF"))
    assert (opened.mode, opened.size) == ("RGB", (40, 20))


def test_the_smallest_and_the_thinnest() -> None:
    assert open_picture(saved(Image.new("RGB", (1, 1), RED))).size == (1, 1)
    assert open_picture(saved(Image.new("1", (1, 20_000)))).size == (1, 20_000)


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"") -> bytes:
    """A PNG made by hand, so that it may claim what it does not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("side", [8_200, 10_000, 20_000, 2_000_000])
def test_a_claim_to_be_huge_is_refused_before_anything_is_decoded(side: int) -> None:
    data = png(side, side, rows=bytes(100_000))
    tracemalloc.start()
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.key == "pixels"
    assert caught.value.values == {"found": round(side * side / 1e6), "most": 64}
    assert most < 2_000_000


def test_too_many_bytes_are_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.jpg"
    with file.open("wb") as opened:
        opened.truncate(MOST_PICTURE_BYTES + 1)  # a hole: takes no room on the disk
    with pytest.raises(PictureError) as caught:
        open_picture(file)
    assert (caught.value.key, caught.value.values) == ("bytes", {"found": 50, "most": 50})
    assert key_of(bytes(MOST_PICTURE_BYTES + 1)) == "bytes"


def test_what_is_no_picture_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "letter.jpg"
    file.write_text("Dear Sir or Madam,\n" * 100, encoding="utf-8")
    with pytest.raises(PictureError) as caught:
        open_picture(file)
    assert caught.value.key == "not_a_picture"
    assert key_of(b"") == "empty"
    for name, data in (
        ("HEIC", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100)),
        ("SVG", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
        ("PDF", b"%PDF-1.7\n" + bytes(100)),
    ):
        with pytest.raises(PictureError) as caught:
            open_picture(data)
        assert (caught.value.key, caught.value.values) == ("format", {"name": name})
    assert key_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not_a_picture"
    with pytest.raises(OSError):
        open_picture(tmp_path / "nothing.jpg")


def test_half_a_picture_is_damaged() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        data = saved(load_example("coffee"), kind)
        assert key_of(data[: len(data) // 2]) in ("damaged", "not_a_picture")


def test_no_bytes_at_all_do_anything_else() -> None:
    rng = random.Random(0)
    kinds = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "ICO", "PPM", "JPEG2000")
    whole = [saved(two_tone(), kind) for kind in kinds]
    outcomes = set()
    for turn in range(600):
        data = bytearray(whole[turn % len(whole)])
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        del data[rng.choice([len(data), rng.randrange(len(data))]) :]
        try:
            outcomes.add(open_picture(bytes(data)).mode)
        except PictureError as error:
            outcomes.add(error.key)
    assert {"RGB", "damaged", "not_a_picture"} <= outcomes


def test_the_pictures_that_come_along() -> None:
    files = {file.stem for file in PICTURES_FOLDER.glob("*.webp")}
    assert files == {*EXAMPLES, *TEXTURES}
    assert sum(file.stat().st_size for file in PICTURES_FOLDER.iterdir()) < 1_000_000
    told = (PICTURES_FOLDER / "README.md").read_text(encoding="utf-8")
    for example in (*EXAMPLES.values(), *TEXTURES.values()):
        assert f"| {example.name}.webp |" in told and example.licence in told
        assert example.author.split(" (")[0] in told
    for name in EXAMPLES:
        assert load_example(name).mode == "RGB" and min(load_example(name).size) >= 300
    for name in TEXTURES:
        texture = load_texture(name)
        assert (texture.shape, texture.dtype) == ((512, 512), np.uint8)
        assert texture.std() > 20
        assert not texture.flags.writeable
