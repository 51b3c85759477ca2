"""Pictures in classes: halves that do not meet, folders and zip files of any kind, limits."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlcore import transfer_pictures as pictures
from dlcore.__main__ import main
from dlcore.checkpoint import load
from dlcore.pictures import load_texture
from dlcore.transfer_pictures import (
    PicturesError,
    check_classes,
    check_limits,
    digit_pictures,
    own_pictures,
    read_folder,
    read_zip,
    small,
    split_own,
    texture_pictures,
    to_zip,
)


def picture(
    colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (40, 30)
) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def archive(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, data in entries:
            whole.writestr(name, data)
    return file.getvalue()


def test_crops_to_learn_from_and_to_test_on_come_from_different_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a photograph whose left half is black and whose right half is white."""
    halves = np.zeros((512, 512), np.uint8)
    halves[:, 256:] = 255
    seen: dict[bool, set[int]] = {False: set(), True: set()}
    plain = pictures._crop

    def watched(photograph: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        seen[bool(photograph.mean() > 127)] |= {int(photograph.min()), int(photograph.max())}
        return plain(photograph, size, rng)

    monkeypatch.setattr(pictures, "load_texture", lambda _: halves)
    monkeypatch.setattr(pictures, "_crop", watched)
    made = texture_pictures(3, 96, seed=0)
    assert seen == {False: {0}, True: {255}}
    assert made.held.sum() == 300 and (~made.held).sum() == 9


def test_the_seed_chooses_what_is_learnt_and_never_what_is_tested() -> None:
    one, other = texture_pictures(2, 96, seed=0), texture_pictures(2, 96, seed=1)
    assert np.array_equal(one.images[one.held], other.images[other.held])
    assert not np.array_equal(one.images[~one.held], other.images[~other.held])
    assert one.images.dtype == np.uint8 and one.images.shape == (306, 96, 96, 3)


def test_brightness_tells_no_texture() -> None:
    assert abs(float(load_texture("brick").mean()) - float(load_texture("gravel").mean())) > 10
    made = texture_pictures(5, 96, seed=0)
    means = [made.images[made.labels == label].mean() for label in range(3)]
    assert max(means) - min(means) < 3


def test_digits_are_black_on_white_and_balanced() -> None:
    made = digit_pictures(2, 96, seed=3)
    assert np.bincount(made.labels[~made.held]).tolist() == [2] * 10
    assert np.bincount(made.labels[made.held]).tolist() == [30] * 10
    assert made.images[:, 0, 0].min() > 200


def test_of_ones_own_the_last_quarter_is_held_out() -> None:
    assert split_own(8) == [False] * 6 + [True] * 2
    assert split_own(2) == [False, True] and split_own(1) == [False]
    colours = [(10 * n, 0, 0) for n in range(4)]
    classes = {"a": [small(picture(c)) for c in colours], "b": [small(picture())] * 2}
    made = own_pictures(classes, 96)
    assert made.names == ("a", "b") and made.held.tolist() == [0, 0, 0, 1, 0, 1]
    assert made.images[3].mean(axis=(0, 1))[0] == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    ("classes", "key"),
    [
        ({"a": [b"x", b"x"]}, "few_classes"),
        ({"a": [b"x", b"x"], "b": [b"x"]}, "few_pictures"),
        ({str(n): [] for n in range(11)}, "many_classes"),
        ({"": [b"x"] * 2, "b": [b"x"] * 2}, "name"),
        ({"a\x00": [b"x"] * 2, "b": [b"x"] * 2}, "name"),
        ({"a" * 41: [b"x"] * 2, "b": [b"x"] * 2}, "name"),
        ({"a": [b"x"] * 101, "b": [b"x"] * 2}, "many_of_a_class"),
        ({str(n): [b"x"] * 81 for n in range(5)}, "many"),
    ],
)
def test_what_cannot_be_learnt_says_why(classes: dict[str, list[bytes]], key: str) -> None:
    with pytest.raises(PicturesError) as told:
        check_limits(classes)
        check_classes(classes)
    assert told.value.key == f"transfer.errors.{key}"


def test_any_picture_becomes_a_small_square() -> None:
    made = small(picture(size=(300, 100)))
    with Image.open(io.BytesIO(made)) as opened:
        assert opened.size == (224, 224) and opened.format == "JPEG"
    assert small(made) == made, "a second time nothing is lost"
    with pytest.raises(PicturesError):
        small(b"not a picture")


def test_folders_and_zip_files_hold_the_same_classes(tmp_path: Path) -> None:
    files = {
        "cats/1.png": picture(), "cats/2.png": picture((0, 90, 0)),
        "dogs/a.png": picture((0, 0, 90)), "dogs/notes.txt": b"hello",
        "dogs/.hidden.png": picture(), "__MACOSX/cats/1.png": b"resource",
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    folder, zipped = read_folder(tmp_path), read_zip(archive(*files.items()))
    assert folder == zipped
    assert {name: len(one) for name, one in folder.items()} == {"cats": 2, "dogs": 1}
    assert read_zip(to_zip(folder)) == folder, "what is taken home can be brought back"


def test_no_zip_file_hurts(tmp_path: Path) -> None:
    def key(data: bytes) -> str:
        with pytest.raises(PicturesError) as told:
            read_zip(data)
        return told.value.key.removeprefix("transfer.errors.")

    whole = archive(("cats/1.png", picture()))
    assert key(b"") == key(b"PK\x03\x04nonsense") == key(whole[:60]) == "no_zip"
    assert key(archive(("notes.txt", b"x"))) == key(archive(("1.png", picture()))) == "no_folders"
    assert key(archive(*((f"c/{n}.png", b"x") for n in range(2_001)))) == "many_files"
    assert key(archive(*((f"c{n}/1.png", picture()) for n in range(11)))) == "many_classes"
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.rindex(b"PK\x01\x02") + 8] |= 1
    assert key(bytes(locked)) == "locked"
    assert key(archive(("../../evil/1.png", picture()))) == "no_folders"
    assert list(read_zip(archive(("/deep/down/1.png", picture())))) == ["down"]


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(*((f"c/{n}.png", bytes(1_000_000)) for n in range(4)))
    monkeypatch.setattr(pictures, "MOST_UNPACKED", 3_000_000)

    def never(*_: object) -> bytes:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(pictures, "_unpacked", never)
    with pytest.raises(PicturesError) as told:
        read_zip(bomb)
    assert told.value.key == "transfer.errors.large"


def test_a_terminal_learns_classes_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # they are the test run's
    monkeypatch.setattr("dlcore.device.repeatable", lambda: None)
    file, out = tmp_path / "mine.zip", tmp_path / "mine.safetensors"
    red, blue = picture(), picture((20, 20, 200))
    file.write_bytes(archive(*((f"red/{n}.png", red) for n in range(4)),
                             *((f"blue/{n}.png", blue) for n in range(4))))  # fmt: skip
    words = ["train", "transfer", "--pictures", str(file), "--epochs", "9", "--out", str(out)]
    assert main(words) == 0
    made = load(out, topic="transfer")
    assert made.config["data"] == "own" and made.state["head.bias"].shape == (2,)
    assert made.metrics["test_accuracy"] == 1.0
    file.write_bytes(b"nonsense")
    assert main(words) == 1
    assert "not a zip file" in capsys.readouterr().err
