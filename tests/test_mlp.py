"""The MLP against autograd and by hand: its layers, settings and files, edits of its weights."""

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcore.checkpoint import from_bytes, to_bytes
from dlcore.data.tables import TableError
from dlcore.mlp import (
    ACTIVATIONS,
    MLP,
    Config,
    backpropagate,
    build,
    edit,
    job,
    load,
    predict,
    restore,
    train,
)
from dlcore.settings import SettingError
from tests.mlp_runs import TINY, last


def test_the_network_is_plain_dense_layers() -> None:
    torch.manual_seed(0)
    model = MLP([3, 5, 4, 2], "tanh")
    model.mean.copy_(torch.tensor([1.0, 2, 3]))
    model.scale.copy_(torch.tensor([2.0, 0.5, 1]))
    x = torch.randn(7, 3)
    reference = nn.Sequential(
        model.layers[0], nn.Tanh(), model.layers[1], nn.Tanh(), model.layers[2]
    )
    inputs = (x - model.mean) / model.scale
    torch.testing.assert_close(model(x), reference(inputs))
    first, second, logits = model.trace(x)
    torch.testing.assert_close(first, reference[:2](inputs))
    torch.testing.assert_close(second, reference[:4](inputs))
    assert torch.equal(logits, model(x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dropout", [False, True])
def test_backpropagation_by_hand_is_autograds(activation: str, outputs: int, dropout: bool) -> None:
    torch.manual_seed(1)
    model = MLP([4, 6, 5, outputs], activation)
    x, rows = torch.randn(20, 4), torch.randint(max(outputs, 2), (20,))
    masks = [(torch.rand(20, n) > 0.4) / 0.6 for n in (6, 5)] if dropout else []
    targets = rows[:, None].float() if outputs == 1 else F.one_hot(rows, 3).float()
    backpropagate(model, x, targets, masks)
    logits = model.answers(x, masks)[-1]
    loss = (
        F.binary_cross_entropy_with_logits(logits[:, 0], rows.float())
        if outputs == 1
        else F.cross_entropy(logits, rows)
    )
    for parameter, wanted in zip(
        model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
    ):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-5, atol=1e-7)


def test_penalties_pull_weights_and_leave_biases_alone() -> None:
    table = load(TINY)
    for field, slope in (("l2", lambda w: 0.5 * w), ("l1", lambda w: 0.5 * w.sign())):
        config = replace(
            TINY, dropout=0.0, l2=0.0, batch_size=2048, optimizer="sgd", lr=0.1, schedule="constant"
        )
        model = build(config, table)
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        states = []
        for one in (config, Config(**{**dataclasses.asdict(config), field: 0.5})):
            states.append(last(train(build(one, table), table, one, updates=1)).snapshot.state)
        for name, value in before.items():
            moved = states[1][name] - states[0][name]
            wanted = -0.1 * slope(value) if name.endswith("weight") else torch.zeros_like(value)
            np.testing.assert_allclose(moved, wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize("init", ["default", "he", "xavier", "small", "large", "zeros"])
def test_first_weights_have_the_size_they_should(init: str) -> None:
    config = Config(dataset="tutorial", hidden="64,64", init=init)
    weight = build(config, load(config)).layers[1].weight  # (64, 64)
    wanted = {
        "default": (1 / 3 / 64) ** 0.5, "he": (2 / 64) ** 0.5, "xavier": (1 / 64) ** 0.5,
        "small": 0.01, "large": 3.0, "zeros": 0.0,
    }  # fmt: skip
    assert weight.std().item() == pytest.approx(wanted[init], rel=0.06)


def test_standardising_measures_the_training_part_alone() -> None:
    table = load(Config(dataset="tutorial"))
    model = build(Config(dataset="tutorial"), table)
    seen = table.features[table.train].astype(np.float64)
    np.testing.assert_allclose(model.mean, seen.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.scale, seen.std(axis=0), rtol=1e-5)
    assert not np.allclose(model.mean, table.features.mean(axis=0), atol=1e-4)
    raw = build(Config(dataset="tutorial", standardize=False), table)
    assert not raw.mean.any() and bool((raw.scale == 1).all())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", "65"),
        ("hidden", "0"),
        ("hidden", "1,1,1,1,1,1,1"),
        ("hidden", "a"),
        ("hidden", "-3"),
        ("lr", float("nan")),
        ("batch_size", 0),
        ("dataset", "mnist"),
        ("init", "lucky"),
        ("samples", 10**9),
        ("standardize", 1),
    ],
)
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_layer_sizes_are_kept_in_one_form() -> None:
    assert Config(hidden=" 8, 4 ").hidden == "8,4"
    assert Config(hidden="").hidden_sizes == []
    assert Config(hidden=8).hidden_sizes == [8]  # type: ignore[arg-type]


def test_csv_without_a_table_says_so() -> None:
    with pytest.raises(TableError) as caught:
        next(job(Config(dataset="csv")))
    assert caught.value.key == "mlp.errors.no_csv"


def test_weights_survive_a_file() -> None:
    event = last(job(TINY))
    data = to_bytes(event.snapshot.state, topic="mlp", config=TINY, metrics=event.metrics)
    checkpoint = from_bytes(data, topic="mlp")
    model = restore(checkpoint.state, Config(**checkpoint.config))
    table = load(TINY)
    chance = predict(model, table.features[table.held_out]).numpy()
    assert np.array_equal(chance, event.snapshot.judged.probabilities)


def test_an_edited_weight_is_in_everything_and_training_goes_on_from_it() -> None:
    table, before = load(TINY), last(job(TINY)).snapshot
    after = edit(before, table, TINY, layer=1, unit=2, source=3, value=2.5)
    assert after.state["layers.1.weight"][2, 3] == after.picture.weights[1][2, 3] == 2.5
    changed = {n for n in before.state if not np.array_equal(before.state[n], after.state[n])}
    assert changed == {"layers.1.weight"}
    assert before.state["layers.1.weight"][2, 3] != 2.5  # the old one is as it was
    model = restore(after.state, TINY)
    chance = predict(model, table.features[table.held_out]).numpy()
    assert np.array_equal(after.judged.probabilities, chance)
    assert after.picture.fields is not None and before.picture.fields is not None
    assert not np.array_equal(after.picture.fields, before.picture.fields)
    bias = edit(after, table, TINY, layer=2, unit=0, source=None, value=-1.0)
    assert bias.state["layers.2.bias"].tolist() == [-1.0]
    event = last(job(TINY, start=after, updates=1))
    assert event.step == before.step + 1
    assert event.snapshot.state["layers.1.weight"][2, 3] == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("layer", {"layer": 3}),
        ("layer", {"layer": -1}),
        ("unit", {"unit": 5}),
        ("source", {"source": 6}),
        ("source", {"source": -1}),
        ("value", {"value": float("nan")}),
        ("value", {"value": 1e9}),
    ],
)
def test_an_edit_outside_the_network_is_refused(field: str, where: dict[str, Any]) -> None:
    table, snapshot = load(TINY), last(job(TINY, updates=1)).snapshot
    place: dict[str, Any] = {"layer": 1, "unit": 0, "source": 0, "value": 1.0} | where
    with pytest.raises(SettingError) as caught:
        edit(snapshot, table, TINY, **place)
    assert caught.value.field == field
