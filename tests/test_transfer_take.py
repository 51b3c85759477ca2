"""What is taken home says what the page says: the file, the script, the ONNX file."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from PIL import Image

from demos.transfer_handlers import script
from dlcore import transfer
from dlcore.checkpoint import CheckpointError
from dlcore.pictures import EXAMPLES
from dlcore.transfer_classify import (
    WEIGHTS_FILE,
    Classifier,
    classify_command,
    classify_folder,
    pixels_of,
    read_classifier,
    to_file,
)
from dlcore.transfer_export import check_size, to_onnx
from dlcore.transfer_network import Transfer, TransferError
from dlcore.transfer_pictures import Pictures

CONFIG = transfer.Config(size=96)
NAMES = ("mèo", "cốc", 'a "quoted", name')


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """With a head that answers differently for each picture."""
    model = transfer.build(CONFIG, len(NAMES))
    return Classifier(model.eval().requires_grad_(False), NAMES, CONFIG.size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several kinds and shapes, and a file that is none."""
    made = tmp_path_factory.mktemp("pictures")
    for name in ("chelsea", "coffee"):
        with Image.open(EXAMPLES[name].path) as picture:
            picture.convert("RGB").save(made / f"{name}.png")
    (made / "inside").mkdir()
    Image.new("RGBA", (20, 300), (0, 200, 0, 90)).save(made / "inside" / "see through.png")
    Image.new("L", (1, 1)).save(made / "tiny.png")
    (made / "notes.jpg").write_text("not a picture")
    return made


def test_a_saved_classifier_says_the_same(classifier: Classifier, folder: Path) -> None:
    file = folder.parent / "again.safetensors"
    file.write_bytes(to_file(classifier, base=CONFIG.base, cut=0))
    assert file.stat().st_size < 8_000_000, "stages that did not learn are kept in half the bytes"
    again = read_classifier(file)
    assert (again.names, again.size) == (NAMES, 96)
    assert list(classify_folder(again, folder)) == list(classify_folder(classifier, folder))


def test_stages_that_learnt_are_kept_whole(folder: Path) -> None:
    tuned = transfer.build(transfer.Config(way="tuned", cut=2), 2)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.add_(0.001 * torch.randn_like(parameter))
    one = Classifier(tuned.eval(), ("a", "b"), 96)
    file = folder.parent / "tuned.safetensors"
    file.write_bytes(to_file(one, base=CONFIG.base, cut=2))
    assert list(classify_folder(read_classifier(file), folder)) == list(
        classify_folder(one, folder)
    )


def test_the_script_says_the_same_as_the_page(
    classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "classify.py").write_text(script(), encoding="utf-8")
    (tmp_path / WEIGHTS_FILE).write_bytes(to_file(classifier, base=CONFIG.base, cut=0))
    done = subprocess.run(
        [sys.executable, "-P", "-X", "utf8", "classify.py", str(folder)],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True,
    )  # fmt: skip
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert header == ["file", "answer", *NAMES]
    here = dict(classify_folder(classifier, folder))
    assert {Path(row[0]) for row in rows} == set(here)
    for name, answer, *shares in rows:
        expected = here[Path(name)]
        if expected is None:
            assert Path(name).name == "notes.jpg" and answer == ""
            continue
        assert [float(share) for share in shares] == pytest.approx(expected, abs=1e-6)
        assert answer == NAMES[int(np.argmax(expected))]


def test_the_script_without_a_folder_says_how_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = script()
    compile(text, "classify.py", "exec")
    assert "from dlcore" not in text and "import gradio" not in text
    assert classify_command(["classify.py"]) == 2
    assert "usage: python classify.py FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("way", "cut"), [("frozen", 0), ("frozen", 5), ("tuned", 0), ("tuned", 5), ("scratch", 6)]
)
def test_the_onnx_file_says_the_same(way: str, cut: int) -> None:
    """Of whatever learnt: a new head, one on an earlier stage, tuned stages, all of them."""
    config = transfer.Config(way=way, cut=cut, size=96, epochs=1, per_class=1, batch_size=4)
    model = transfer.build(config, 3)
    list(transfer.train(model, learnt(config), config))
    data = to_onnx(Classifier(model.eval().requires_grad_(False), NAMES, config.size))
    about = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
    assert about == {f"class_{n}": name for n, name in enumerate(NAMES)}
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    pictures = [Image.open(EXAMPLES[name].path).convert("RGB") for name in EXAMPLES]
    images = torch.cat([pixels_of(picture, 96) for picture in pictures])  # (6, 3, 96, 96)
    for few in (images, images[:1]):
        (theirs,) = session.run(["probabilities"], {"images": few.numpy()})
        np.testing.assert_allclose(theirs, transfer.predict(model, few), atol=1e-4)


def learnt(config: transfer.Config) -> Pictures:
    """A crop of each texture to learn from, and one to be tested on."""
    whole = transfer.pictures_of(config)
    keep = ~whole.held
    keep[whole.held.argmax()] = True
    return Pictures(whole.images[keep], whole.labels[keep], whole.held[keep], whole.names)


def test_vgg16_is_small_enough_without_its_dense_layers() -> None:
    """As the message says to whoever wants to take more than a download may have."""
    with torch.device("meta"):
        base = transfer.NETWORKS["vgg16"]()
        whole, cut = Transfer(base, 3), Transfer(base, 3, cut=1)
    with pytest.raises(TransferError):
        check_size(Classifier(whole, NAMES, 224))
    check_size(Classifier(cut, NAMES, 224))


def test_what_is_too_large_or_no_classifier_says_so(
    classifier: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlcore.transfer_export.MOST_BYTES", 1_000_000)
    with pytest.raises(TransferError) as told:
        to_onnx(classifier)
    assert told.value.key == "transfer.errors.too_large_to_take"
    assert told.value.values == {"mb": 13, "most_mb": 1}
    file = folder.parent / "other.safetensors"
    for data in (b"", b"nonsense" * 9, to_file(classifier, base="no such base", cut=0),
                 to_file(classifier, base=CONFIG.base, cut=3)):  # fmt: skip
        file.write_bytes(data)
        with pytest.raises(CheckpointError):
            read_classifier(file)
