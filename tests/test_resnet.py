"""What is in a photograph: the bundled network's answers, named, and prepared in two ways."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dlcore.bench import resnet as bench
from dlcore.checkpoint import CheckpointError
from dlcore.efficientnet import BUNDLED_LITE0, EfficientNetLite0, load_lite0
from dlcore.imagenet import imagenet_labels
from dlcore.pictures import load_example
from dlcore.preprocess import prepare
from dlcore.pretrained import MODELS
from dlcore.resnet import (
    NETWORKS,
    TUTORIAL,
    Bottleneck,
    Config,
    best,
    predict,
    read_network,
)
from dlcore.settings import SettingError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> EfficientNetLite0:
    return load_lite0()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("coffee", "espresso"), ("chelsea", "Egyptian cat"), ("flower", "daisy"), ("china", "palace")],
)
def test_photographs_are_recognised(model: EfficientNetLite0, name: str, expected: str) -> None:
    answer = predict(model, load_example(name), Config())
    assert answer.guesses[0].label.en == expected
    assert answer.guesses[0].label.vi


def test_the_answer_is_the_networks(model: EfficientNetLite0) -> None:
    picture = load_example("coffee")
    answer = predict(model, picture, Config(top=7))
    with torch.no_grad():
        expected = model(prepare(picture, model.recipe)).softmax(dim=-1)[0]
    torch.testing.assert_close(answer.probabilities, expected)
    assert len(answer.guesses) == 7
    assert [guess.probability for guess in answer.guesses] == sorted(
        (guess.probability for guess in answer.guesses), reverse=True
    )
    for guess in answer.guesses:
        assert guess.probability == pytest.approx(float(expected[guess.label.index]))
    assert answer.guesses == best(expected, 7)
    assert answer.prepared.picture is picture


def test_squashing_prepares_another_picture(model: EfficientNetLite0) -> None:
    picture = load_example("rocket")  # 640x427
    cropped = predict(model, picture, Config())
    squashed = predict(model, picture, Config(preparation="squash"))
    assert squashed.prepared.box == (0.0, 0.0, 640.0, 427.0)
    assert cropped.prepared.box != squashed.prepared.box
    assert cropped.guesses[0].label != squashed.guesses[0].label


def test_every_network_is_in_the_store_and_in_the_settings() -> None:
    for name, kind in NETWORKS.items():
        assert kind.name == name == Config(network=name).network
        assert MODELS[name].title == kind.title
        module, _, function = MODELS[name].prepare.partition(":")
        assert module == kind.__module__ and function.startswith("convert_")
        assert 0.7 < kind.accuracy < 0.8
    assert {name for name, model in MODELS.items() if model.task == "image"} == {*NETWORKS}
    assert (TUTORIAL.network, TUTORIAL.preparation) == ("resnet50", "squash")


@pytest.mark.parametrize(
    "wrong", [{"network": "alexnet"}, {"preparation": "stretch"}, {"top": 0}, {"top": 21}]
)
def test_bad_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        Config(**wrong)  # type: ignore[arg-type]


def test_networks_are_read_by_name(tmp_path: Path) -> None:
    assert isinstance(read_network("efficientnet_lite0", BUNDLED_LITE0), EfficientNetLite0)
    with pytest.raises(KeyError):
        read_network("alexnet", BUNDLED_LITE0)
    with pytest.raises(CheckpointError):
        read_network("resnet50", BUNDLED_LITE0)
    with pytest.raises(OSError):
        read_network("resnet50", tmp_path / "nothing.safetensors")


def test_labels_are_in_the_networks_order() -> None:
    labels = imagenet_labels()
    assert [label.index for label in labels] == list(range(1000))
    assert labels[285].en == "Egyptian cat"
    assert labels[967].named("en") == "espresso"
    assert labels[967].named("vi") == labels[967].vi
    assert 0 < sum(label.doubtful for label in labels) < 1000


def test_a_shortcut_hands_on_what_it_is_given() -> None:
    torch.manual_seed(0)
    block = Bottleneck(64, 16, stride=1).eval()
    with torch.no_grad():
        for value in block.says.parameters():
            value.zero_()  # it has nothing to say …
        maps = torch.rand(2, 64, 5, 5)
        torch.testing.assert_close(block(maps), maps)  # … so all goes on as it came
        assert Bottleneck(64, 16, stride=2).eval()(maps).shape == (2, 64, 3, 3)


def test_the_bench_compares_the_same_answers(model: EfficientNetLite0) -> None:
    plainly = bench.bare(model, bench.plain(model.recipe))[0].tolist()
    assert [guess.label.index for guess in bench.ours(model).guesses] == plainly
    images = prepare(load_example("coffee"), model.recipe)
    heat = bench.cam(model, images, "mix")
    assert heat.shape == (1, 224, 224)
    assert np.isfinite(heat.numpy()).all() and heat.max() > 0


def test_the_bench_row_prints_times_and_ratios(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter(range(1000))
    monkeypatch.setattr(bench, "seconds", lambda side: {0: 2.0, 1: 1.0, 2: 2.0}[next(times) % 3])
    before = torch.get_num_threads()
    bench.measure(1)
    torch.set_num_threads(before)
    printed = capsys.readouterr().out
    assert "bare           1000.0 ms" in printed and "dlcore         2000.0 ms" in printed
    assert "ratio            2.00     (goal: at most 1.1)" in printed
    assert "ratio            0.50     (goal: at most 3)" in printed
