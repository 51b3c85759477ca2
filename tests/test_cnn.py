"""The CNN against textbook operations, by-hand sums, and thresholds that a broken one misses."""

import dataclasses
import itertools
from collections.abc import Generator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.augment import bend
from dlcore.checkpoint import load as load_checkpoint
from dlcore.cnn import (
    BUNDLED,
    CNN,
    NONE_MUTED,
    TUTORIAL,
    Config,
    Snapshot,
    build,
    evaluate,
    job,
    load_bundled,
    predict,
    restore,
    to_input,
    train,
)
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.settings import SettingError

TINY = Config(epochs=2, batch_size=32, lr=5e-3, precision="float32")


@pytest.fixture(scope="module")
def tiny() -> Mnist:
    """The first 2,000 and 1,000 images."""
    all_of_it = load_mnist()
    return Mnist(
        all_of_it.train_images[:2000],
        all_of_it.train_labels[:2000],
        all_of_it.test_images[:1000],
        all_of_it.test_labels[:1000],
    )


@pytest.fixture(scope="module")
def images(tiny: Mnist) -> Tensor:
    return to_input(tiny.test_images[:6])


@pytest.fixture(scope="module")
def model() -> CNN:
    return build(Config()).eval()


# --- The network ---------------------------------------------------------------------------------


def test_it_is_the_tutorials_network(model: CNN) -> None:
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    assert shapes == {
        "conv1.weight": (32, 1, 3, 3),
        "conv1.bias": (32,),
        "conv2.weight": (64, 32, 3, 3),
        "conv2.bias": (64,),
        "fc1.weight": (64, 1600),
        "fc1.bias": (64,),
        "fc2.weight": (10, 64),
        "fc2.bias": (10,),
    }
    assert sum(value.numel() for value in model.parameters()) == 121_930
    assert build(TUTORIAL).dropout.p == 0.5
    assert (TUTORIAL.epochs, TUTORIAL.batch_size, TUTORIAL.lr) == (3, 64, 1e-3)
    assert (TUTORIAL.schedule, TUTORIAL.augment, TUTORIAL.precision) == (
        "constant",
        False,
        "float32",
    )


@torch.no_grad()
def test_forward_gives_what_the_textbook_order_gives(model: CNN, images: Tensor) -> None:
    x = F.max_pool2d(F.relu(F.conv2d(images, model.conv1.weight, model.conv1.bias)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, model.conv2.weight, model.conv2.bias)), 2)
    x = F.relu(x.flatten(1) @ model.fc1.weight.T + model.fc1.bias)
    x = x @ model.fc2.weight.T + model.fc2.bias
    torch.testing.assert_close(model(images), x)


@torch.no_grad()
def test_the_trace_is_the_forward_pass_step_by_step(model: CNN, images: Tensor) -> None:
    trace = model.trace(images)
    torch.testing.assert_close(trace.logits, model(images))
    torch.testing.assert_close(trace.probabilities, predict(model, images))
    steps = {
        "conv1": (6, 32, 26, 26),
        "relu1": (6, 32, 26, 26),
        "pool1": (6, 32, 13, 13),
        "conv2": (6, 64, 11, 11),
        "relu2": (6, 64, 11, 11),
        "pool2": (6, 64, 5, 5),
        "flat": (6, 1600),
        "hidden": (6, 64),
        "logits": (6, 10),
        "probabilities": (6, 10),
    }
    assert {f.name: tuple(getattr(trace, f.name).shape) for f in dataclasses.fields(trace)} == steps
    assert torch.equal(trace.relu1, trace.conv1.clamp_min(0))
    assert torch.equal(trace.flat, trace.pool2.reshape(6, 1600))
    # max-pooling by hand: the largest of each 2x2; an odd last row and column is left out
    blocks = trace.relu2[:, :, :10, :10].unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.equal(trace.pool2, blocks.amax(dim=(4, 5)))


@torch.no_grad()
def test_one_pixel_of_each_convolution_by_hand(model: CNN, images: Tensor) -> None:
    trace = model.trace(images)
    for layer, before, after in (
        (model.conv1, images, trace.conv1),
        (model.conv2, trace.pool1, trace.conv2),
    ):
        n, channel, row, column = 2, 17, 5, 7
        total = float(layer.bias[channel])  # type: ignore[index]
        for c, i, j in itertools.product(range(before.shape[1]), range(3), range(3)):
            weight = float(layer.weight[channel, c, i, j])
            total += weight * float(before[n, c, row + i, column + j])
        assert float(after[n, channel, row, column]) == pytest.approx(total, abs=1e-5)


@torch.no_grad()
def test_a_muted_map_is_zero_and_its_absence_is_felt(model: CNN, images: Tensor) -> None:
    muted = frozenset({("conv1", 3), ("conv2", 40)})
    whole, trace = model.trace(images), model.trace(images, muted)
    assert not trace.relu1[:, 3].any() and not trace.pool2[:, 40].any()
    assert torch.equal(trace.conv1, whole.conv1)  # muted after the convolution, not in it
    assert torch.equal(trace.relu1[:, 4:], whole.relu1[:, 4:])
    torch.testing.assert_close(model(images, muted), trace.logits)
    torch.testing.assert_close(predict(model, images, muted), trace.probabilities)
    assert not torch.equal(trace.logits, whole.logits)

    emptied = CNN()
    emptied.load_state_dict(model.state_dict())
    emptied.conv1.weight[3] = 0  # the reference: a filter that answers nothing
    emptied.conv1.bias[3] = 0  # type: ignore[index]
    emptied.fc1.weight[:, 40 * 25 : 41 * 25] = 0
    torch.testing.assert_close(emptied.eval()(images), trace.logits)


# --- Scores --------------------------------------------------------------------------------------


def test_evaluation_agrees_with_counting_by_hand(model: CNN, tiny: Mnist) -> None:
    result = evaluate(model, tiny.test_images, tiny.test_labels)
    with torch.no_grad():
        logits = model(to_input(tiny.test_images))
    answers = logits.argmax(dim=1)
    assert result.accuracy == pytest.approx(float((answers == tiny.test_labels).float().mean()))
    assert result.loss == pytest.approx(float(F.cross_entropy(logits, tiny.test_labels)), rel=1e-4)
    confusion = np.zeros((10, 10), int)
    for true, answer in zip(tiny.test_labels.tolist(), answers.tolist(), strict=True):
        confusion[true, answer] += 1
    assert (result.confusion == confusion).all()

    assert len(result.mistakes) == (answers != tiny.test_labels).sum()
    assert (result.true == tiny.test_labels[result.mistakes].numpy()).all()
    assert (result.predicted == answers[result.mistakes].numpy()).all()
    assert (result.predicted != result.true).all()
    assert (np.diff(result.probability) <= 0).all()  # worst first
    sure = logits.softmax(dim=1).amax(dim=1)[answers != tiny.test_labels]
    assert result.probability[0] == pytest.approx(float(sure.max()), abs=1e-5)


def test_predict_takes_stored_and_prepared_images_alike(model: CNN, tiny: Mnist) -> None:
    stored = tiny.test_images[:300]
    torch.testing.assert_close(predict(model, stored), predict(model, stored[:, None] / 255))
    assert predict(model, stored).sum(dim=1) == pytest.approx(1, abs=1e-5)


# --- Training ------------------------------------------------------------------------------------


def test_a_tiny_training_learns_and_an_untrained_network_does_not(tiny: Mnist) -> None:
    model = build(TINY)
    assert evaluate(model, tiny.test_images, tiny.test_labels).accuracy < 0.3
    events = list(train(model, tiny, TINY))
    assert events[-1].metrics["test_accuracy"] > 0.88
    assert events[-1].step == events[-1].total == len(events) == 2 * 63
    assert [e.step for e in events if "test_accuracy" in e.metrics] == [63, 126]
    assert all({"loss", "accuracy"} <= e.metrics.keys() for e in events)


def test_the_same_seed_gives_the_same_last_digit_and_another_does_not(tiny: Mnist) -> None:
    config = dataclasses.replace(TINY, epochs=1, augment=True, train_share=0.2)
    runs = [list(train(build(c), tiny, c)) for c in (config, config)]
    other = dataclasses.replace(config, seed=1)
    runs.append(list(train(build(other), tiny, other)))
    first, second, third = (
        ([e.metrics for e in run], {n: v.tobytes() for n, v in run[-1].snapshot.state.items()})
        for run in runs
    )
    assert first == second
    assert first[0][-1] != third[0][-1] and first[1] != third[1]


def test_close_at_any_moment_leaves_a_usable_network(tiny: Mnist) -> None:
    model = build(TINY)
    steps = train(model, tiny, TINY)
    events = list(itertools.islice(steps, 20))
    assert isinstance(steps, Generator)
    steps.close()
    result = evaluate(model, tiny.test_images, tiny.test_labels)
    assert result.accuracy > 0.3  # better than guessing after 20 steps already
    stopped = restore(events[-1].snapshot.state)
    assert torch.equal(predict(stopped, tiny.test_images), predict(model, tiny.test_images))


def test_a_snapshot_is_a_copy_that_later_steps_leave_alone(tiny: Mnist) -> None:
    model = build(TINY)
    first, *_, last = itertools.islice(train(model, tiny, TINY), 3)
    assert isinstance(first.snapshot, Snapshot)
    assert first.snapshot.kernels.shape == (32, 3, 3)
    assert not np.array_equal(first.snapshot.kernels, last.snapshot.kernels)
    assert np.array_equal(first.snapshot.kernels, first.snapshot.state["conv1.weight"][:, 0])
    assert np.array_equal(last.snapshot.kernels, model.conv1.weight.detach()[:, 0])
    assert all(value.dtype == np.float32 for value in first.snapshot.state.values())


def test_the_share_of_the_training_set_sets_the_number_of_steps(tiny: Mnist) -> None:
    config = dataclasses.replace(TINY, epochs=1, train_share=0.1)  # 200 images, 32 at a time
    assert next(train(build(config), tiny, config)).total == 7


@pytest.mark.parametrize(
    "field, value",
    [
        ("epochs", 0),
        ("lr", float("nan")),
        ("batch_size", 10**9),
        ("schedule", "zigzag"),
        ("augment", 1),
        ("train_share", 0.0),
        ("precision", "float16"),
        ("seed", -1),
    ],
)
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.slow
def test_the_default_settings_reach_98_7_percent() -> None:
    *_, last = job(Config())
    assert last.metrics["test_accuracy"] >= 0.987


# --- Augmentation --------------------------------------------------------------------------------


def test_bent_digits_stay_pictures_follow_the_seed_and_leave_the_originals_alone(
    tiny: Mnist,
) -> None:
    images = to_input(tiny.train_images[:400])
    before = images.clone()
    bent = bend(images, torch.Generator().manual_seed(3))
    assert bent.shape == images.shape and bent.dtype == torch.float32
    assert bent.min() >= 0 and bent.max() <= 1
    assert torch.equal(images, before)
    assert torch.equal(bent, bend(images, torch.Generator().manual_seed(3)))
    assert not torch.equal(bent, bend(images, torch.Generator().manual_seed(4)))
    untouched = (bent == images).flatten(1).all(dim=1).float().mean()
    assert 0.08 < untouched < 0.25
    ink = bent.sum(dim=(1, 2, 3)) / images.sum(dim=(1, 2, 3))
    assert ink.min() < 0.8 and ink.max() > 1.3  # thinner and thicker pens
    assert ink.min() > 0.2  # but no digit vanishes


# --- The weights that ship -----------------------------------------------------------------------


def test_the_bundled_network_reads_99_4_percent_of_the_test_set() -> None:
    data = load_mnist()
    result = evaluate(load_bundled(), data.test_images, data.test_labels)
    assert result.accuracy >= 0.994
    told = load_checkpoint(BUNDLED, topic="cnn")
    assert told.metrics["test_accuracy"] == pytest.approx(result.accuracy, abs=2e-4)
    Config(**told.config)  # the settings in the file are still settings


def test_the_row_of_layers_is_the_network_with_its_muted_maps() -> None:
    model = build(Config()).eval()
    images = torch.rand(3, 1, 28, 28)
    for muted in (NONE_MUTED, frozenset({("conv1", 3), ("conv2", 40), ("conv2", 7)})):
        torch.testing.assert_close(model.layers(muted)(images), model(images, muted))
    muted_maps = model.layers(frozenset({("conv2", 7)}))[:5](images)
    assert muted_maps[:, 7].abs().max() == 0 and muted_maps[:, 8].abs().max() > 0
