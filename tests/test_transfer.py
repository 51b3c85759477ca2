"""Transfer learning: what is frozen stays, what learns moves, and the base is worth its points."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dlcore import transfer, transfer_base
from dlcore.progress import Progress
from dlcore.transfer import Config, Features, Snapshot
from dlcore.transfer_network import Transfer, TransferError
from dlcore.transfer_pictures import Pictures
from dlcore.transfer_race import Lane, race, training_memory
from dlcore.transfer_study import (
    apart,
    flat,
    head_label,
    learning_curve,
    map_of,
    nearest,
    nearest_label,
    try_cuts,
)

FEW = Config(per_class=2, size=96, epochs=2, batch_size=4)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def few(per_class: int = 2, held: int = 2) -> Pictures:
    """Crops of the three textures, with only some of those to test on."""
    whole = transfer.pictures_of(dataclasses.replace(FEW, per_class=per_class))
    kept = [np.flatnonzero((whole.labels == n) & ~whole.held)[:per_class] for n in range(3)]
    kept += [np.flatnonzero((whole.labels == n) & whole.held)[:held] for n in range(3)]
    places = np.sort(np.concatenate(kept))
    return Pictures(whole.images[places], whole.labels[places], whole.held[places], whole.names)


def trained(config: Config, pictures: Pictures | None = None) -> tuple[Transfer, list[Progress]]:
    pictures = pictures or few()
    model = transfer.build(config, len(pictures.names))
    return model, list(transfer.train(model, pictures, config))


def last(events: list[Progress]) -> Snapshot:
    assert isinstance(events[-1].snapshot, Snapshot)
    return events[-1].snapshot


@pytest.mark.parametrize("seed", [1, 6])  # 6 is the worst of ten
def test_ten_crops_a_class_are_enough_for_a_frozen_base(seed: int) -> None:
    config = Config(seed=seed)
    *_, end = transfer.job(config)
    assert end.metrics["test_accuracy"] >= 0.97
    assert end.snapshot.evaluation.confusion.sum() == 300


@pytest.mark.slow
def test_the_base_is_worth_fifteen_points() -> None:
    """Measured over ten seeds: 99.7 to 100 %; from scratch over five: 56 to 82 %."""
    for seed in range(3):
        frozen, scratch = (
            list(transfer.job(Config(way=way, seed=seed)))[-1].metrics["test_accuracy"]
            for way in ("frozen", "scratch")
        )
        assert frozen >= 0.97 and frozen - scratch >= 0.15


def test_a_frozen_base_stays_and_its_head_moves() -> None:
    base = transfer_base.pretrained_base(FEW.base, "")
    before = {name: value.clone() for name, value in base.state_dict().items()}
    model, events = trained(FEW)
    assert all(torch.equal(value, before[name]) for name, value in base.state_dict().items())
    drift = dict(last(events).drift or {})
    assert drift.pop("head") > 0 and set(drift.values()) == {0.0}
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        "head.weight", "head.bias"
    }  # fmt: skip


def test_fine_tuning_moves_the_last_stages_only_and_nobody_elses() -> None:
    config = dataclasses.replace(FEW, way="tuned", depth=2, epochs=1)
    shared = transfer_base.pretrained_base(FEW.base, "")
    before = shared.state_dict()["stages.mix.0.weight"].clone()
    model, events = trained(config)
    drift = dict(last(events).drift or {})
    assert {name for name, share in drift.items() if share > 0} == {"stage7", "mix", "head"}
    assert torch.equal(shared.state_dict()["stages.mix.0.weight"], before), "the base is shared"
    own = [name for name, stage in model.stages.named_children()
           if stage is not shared.stages.get_submodule(name)]  # fmt: skip
    assert own == ["stage7", "mix"], "what does not learn need not be there twice"
    statistics = model.stages.get_submodule("mix").state_dict()["1.running_mean"]
    assert torch.equal(statistics, shared.state_dict()["stages.mix.1.running_mean"])


def test_a_base_tuned_as_a_whole_keeps_its_statistics_and_a_fresh_one_finds_its_own() -> None:
    """Else tuning every stage would forget more than tuning all but one."""
    everything = dataclasses.replace(FEW, way="tuned", depth=9, epochs=1)
    shared = transfer_base.pretrained_base(FEW.base, "")
    for way, kept in (("tuned", True), ("scratch", False)):
        config = dataclasses.replace(everything, way=way)
        before = shared if kept else transfer.build(config, 3)
        model, _ = trained(config)
        assert kept is all(
            torch.equal(value, before.stages.state_dict()[name])
            for name, value in model.stages.state_dict().items()
            if "running" in name
        ), way


def test_from_scratch_everything_moves() -> None:
    _, events = trained(dataclasses.replace(FEW, way="scratch", epochs=1))
    drift = last(events).drift
    assert drift and min(drift.values()) > 0


def test_a_head_on_features_learns_as_one_on_the_whole_network_would() -> None:
    """Asking the base once changes nothing: the same steps, taken through the whole network."""
    pictures = few()
    model, _ = trained(FEW)
    images, labels = pictures.part(held=False)
    other = transfer.build(FEW, 3)
    optimizer = torch.optim.Adam(other.head.parameters(), lr=FEW.lr)
    rng = torch.Generator().manual_seed(FEW.seed)
    for _ in range(FEW.epochs):
        for batch in torch.randperm(len(labels), generator=rng).split(FEW.batch_size):
            loss = nn.functional.cross_entropy(other(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(model.head.weight, other.head.weight, rtol=1e-3, atol=1e-5)


def test_a_base_is_asked_once_for_each_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    _, events = trained(FEW)
    features = last(events).features
    assert features is not None and len(features.known) == few().count

    def never(*_: Any) -> torch.Tensor:
        raise AssertionError("the base was asked again")

    model = transfer.build(FEW, 3)
    monkeypatch.setattr(Transfer, "features", never)
    again = list(transfer.train(model, few(), dataclasses.replace(FEW, lr=1e-3), features))
    assert "test_accuracy" in again[-1].metrics
    assert Features.begun(dataclasses.replace(FEW, cut=1), features).known == {}, "another base"
    monkeypatch.setattr(transfer, "MOST_KNOWN", 3)
    newest = list(features.known)[-3:]
    assert list(Features.begun(FEW, features).known) == newest, "not more with every run"


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (trained(FEW)[1] for _ in range(2))
    assert [event.metrics for event in first] == [event.metrics for event in second]


def test_what_was_saved_is_what_was_trained() -> None:
    images = few().part(held=True)[0]
    for way in transfer.WAYS:
        config = dataclasses.replace(FEW, way=way, epochs=1, cut=4)
        model, events = trained(config)
        state = last(events).state
        assert state is not None
        again = transfer.restore(state, config)
        torch.testing.assert_close(
            transfer.predict(again, images), transfer.predict(model, images), rtol=0, atol=0
        )


def test_a_cut_leaves_the_last_stages_away() -> None:
    model = transfer.build(dataclasses.replace(FEW, cut=3), 5)
    assert list(dict(model.stages.named_children()))[-1] == "stage5"
    assert model.head.weight.shape == (5, 112)
    with pytest.raises(TransferError) as told:
        base = transfer_base.pretrained_base(FEW.base, "")
        Transfer(base, 3, cut=9)
    assert told.value.key == "transfer.errors.cut"


def test_what_cannot_be_trained_here_says_so(tmp_path: Any) -> None:
    vgg = dataclasses.replace(FEW, base="vgg16")
    with pytest.raises(TransferError, match="weights get vgg16"):
        transfer.build(vgg, 3, weights=str(tmp_path / "none.safetensors"))
    with pytest.raises(TransferError, match="too many"):
        transfer.build(dataclasses.replace(vgg, way="scratch"), 3)


def test_a_base_that_was_copied_into_the_folder_weights_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a downloaded script looks, too."""
    monkeypatch.setattr(transfer_base, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    fetched = tmp_path / "cache" / "models" / "vgg16.safetensors"
    assert transfer_base.base_file("vgg16") == fetched
    for place in (fetched, tmp_path / "weights" / "vgg16.safetensors"):
        place.parent.mkdir(parents=True)
        place.touch()
        assert transfer_base.base_file("vgg16").resolve() == place
    assert transfer_base.base_file("efficientnet_lite0") == transfer_base.BUNDLED_LITE0


def test_earlier_answers_are_kept_but_not_without_end() -> None:
    config = dataclasses.replace(FEW, epochs=100, batch_size=8)
    _, events = trained(config)
    past = [moment.step for moment in last(events).past]
    assert past[0] == 1 and past[-3:] == [98, 99, 100] and past == sorted(set(past))
    assert 30 <= len(past) <= 60
    newest = last(events).past[-1]
    assert newest.confusion.sum() == 6 and newest.metrics == events[-1].metrics


def test_vgg16_gets_a_new_classifier_6() -> None:
    """The tutorial's way: all but the last dense layer stays, 4,096 features go in."""
    with torch.device("meta"):
        base = transfer.NETWORKS["vgg16"]()
        model = Transfer(base, 10)
    assert model.head.weight.shape == (10, 4096)
    free = [name for name, p in model.named_parameters() if p.requires_grad]
    assert free == ["head.weight", "head.bias"]


def test_held_out_pictures_are_tried_some_dozen_times() -> None:
    told = transfer.times_told(30, "tuned")
    assert 8 <= len(told) <= 12 and {1, 30} <= told
    assert transfer.times_told(30, "frozen") == set(range(1, 31))
    assert transfer.times_told(1, "scratch") == {1}


# --- The race ------------------------------------------------------------------------------------


def test_the_race_goes_on_with_whoever_used_least_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a train that takes a known time, the turns are those of equal shares."""
    took = {"frozen": 1.0, "tuned": 4.0, "scratch": 8.0}
    turns: list[str] = []

    def pretended(
        _model: Any, _pictures: Any, config: Config, _known: Any, clock: transfer.Clock
    ) -> Iterator[Progress]:
        for step in range(1, 5):
            turns.append(config.way)
            clock.seconds += took[config.way]
            snapshot = Snapshot(step, clock.seconds, drift={"head": 0.5})
            yield Progress(step, 4, {"test_accuracy": step / 4}, snapshot)

    monkeypatch.setattr("dlcore.transfer_race.train", pretended)
    monkeypatch.setattr("dlcore.transfer_race.pictures_of", lambda *_: few())
    events = list(race(FEW))
    assert turns[:6] == ["frozen", "tuned", "scratch", "frozen", "frozen", "frozen"]
    lanes = {lane.way: lane for lane in events[-1].snapshot.lanes}
    assert [lane.seconds for lane in lanes.values()] == [4.0, 16.0, 32.0]
    assert lanes["tuned"].points == ((4.0, 0.25), (8.0, 0.5), (12.0, 0.75), (16.0, 1.0))
    assert events[-1].step == events[-1].total == 12
    frozen, tuned, scratch = lanes.values()
    assert isinstance(frozen, Lane) and frozen.trained == 3 * 1281
    assert frozen.trained < tuned.trained < scratch.trained == scratch.numbers
    assert frozen.memory < tuned.memory < scratch.memory


@pytest.mark.parametrize(("most", "left"), [(3_000_000, 2), (1_000_000, 1)])
def test_a_way_that_would_learn_too_much_is_left_out_of_the_race(
    monkeypatch: pytest.MonkeyPatch, most: int, left: int
) -> None:
    """As from scratch with VGG16; here of a base of 3.4 million numbers, 2.7 in its last stages."""
    monkeypatch.setattr(transfer_base, "MOST_TRAINED", most)
    monkeypatch.setattr("dlcore.transfer_race.pictures_of", lambda *_: few())
    standings = list(race(dataclasses.replace(FEW, epochs=1)))[-1].snapshot
    ways = ["frozen", "tuned", "scratch"]
    assert [lane.way for lane in standings.lanes] == ways[:left]
    assert all(lane.points for lane in standings.lanes)
    assert sorted(standings.skipped) == sorted(ways[left:])
    assert standings.skipped["scratch"] == {
        "title": "EfficientNet-Lite0", "millions": 3, "most": most // 1_000_000
    }  # fmt: skip


def test_vgg16_can_be_tuned_and_not_learnt_from_scratch() -> None:
    with torch.device("meta"):
        base = transfer.NETWORKS["vgg16"]()
    transfer_base.check_trainable(base, base.stages.children())
    with pytest.raises(TransferError) as told:
        transfer.build(dataclasses.replace(FEW, base="vgg16", way="scratch"), 3)
    assert told.value.key == "transfer.errors.too_large"
    assert told.value.values == {"title": "VGG16", "millions": 134, "most": 40}


def test_memory_counts_what_a_step_keeps() -> None:
    """By hand for a frozen base: all weights, the head's gradient and averages, its input."""
    model = transfer.build(FEW, 3)
    images = few().part(held=False)[0][:4]
    weights = sum(p.numel() for p in model.parameters()) * 4
    head = (1280 * 3 + 3) * 4
    assert training_memory(model, images, FEW) == weights + 3 * head + 4 * 1280 * 4
    scratch = dataclasses.replace(FEW, way="scratch")
    model = transfer.build(scratch, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    training_memory(model, images, scratch)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# --- How few, where to cut, before and after -----------------------------------------------------


def test_the_nearest_is_the_one_of_the_largest_cosine() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    places, cosines = nearest(torch.tensor([2.0, 2.1]), rows, 2)
    assert places == [2, 1]
    assert cosines[0] == pytest.approx(0.9997, abs=1e-4)
    labels = torch.tensor([4, 5, 6])
    assert nearest_label(rows, labels, torch.tensor([[5.0, 0.1], [0.0, 1.0]])).tolist() == [4, 5]


def test_a_head_learns_what_a_line_can_tell_apart() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 8, generator=rng)
    labels = (rows[:, 0] > 0).long()
    rows[:, 0] *= 20
    assert (head_label(rows, labels, rows) == labels).float().mean() > 0.95


def test_the_plane_is_the_one_of_principal_components() -> None:
    from sklearn.decomposition import PCA

    cloud = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    cloud[:, 2] *= 4
    theirs = PCA(2).fit_transform(cloud.numpy())
    ours = flat(cloud).astype(float)
    for axis in range(2):
        assert abs(np.corrcoef(ours[:, axis], theirs[:, axis])[0, 1]) > 0.999
    assert np.abs(ours).max() == 127


def test_classes_are_apart_in_widths_of_a_class() -> None:
    cloud = torch.tensor([[0.0, 1.0], [0.0, -1.0], [10.0, 1.0], [10.0, -1.0]])
    assert apart(cloud, torch.tensor([0, 0, 1, 1])) == pytest.approx(10.0)


def test_a_base_saves_pictures_and_early_stages_know_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dlcore.transfer_study.COUNTS", (1, 3))
    monkeypatch.setattr("dlcore.transfer_study.pictures_of", lambda *_: few(3, 12))
    asked = list(learning_curve(FEW))
    assert sorted({event.step for event in asked}) == [9, 41, 45, 46, 47], (
        "pictures, then two counts"
    )
    assert {event.total for event in asked} == {47}
    curve = asked[-1].snapshot
    assert curve.counts == (1, 3) and curve.accuracy["frozen"].shape == (2, 5)
    assert curve.accuracy["frozen"].mean() > 0.9 > 0.6 > curve.accuracy["pixels"].mean()
    asked = list(try_cuts(FEW))
    assert [event.step for event in asked] == [32, 45, *range(46, 55)], "pictures, then nine stages"
    assert {event.total for event in asked} == {54}
    cuts = asked[-1].snapshot
    assert cuts.stages[0] == "stem" and cuts.stages[-1] == "mix"
    assert cuts.widths[-1] == 1280 and cuts.saved[-1] == 0.0
    assert cuts.accuracy[0] < max(cuts.accuracy)
    _, events = trained(FEW, few(3, 12))
    state = last(events).state
    assert state is not None
    found = list(map_of(FEW, state))[-1].snapshot
    assert found.titles == ("pixels", "before", "after")
    assert found.spread["pixels"] < 1 < found.spread["before"]
    assert found.features.shape == (9, 1280)
