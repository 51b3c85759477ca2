"""Every method gives captum's numbers, at pixels and at layers; each can be stopped half way."""

from threading import Thread

import numpy as np
import pytest
import torch
from captum.attr import (
    IntegratedGradients,
    LayerGradCam,
    LayerIntegratedGradients,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from torch import Tensor, nn

from dlcore.explain import grad_cam, input_gradient, laid_over, steepest, through
from dlcore.progress import Progress
from dlcore.saliency import (
    METHODS,
    Asked,
    Explanation,
    explanation_of,
    grad_cam_steps,
    integrated_gradients,
    occlusion,
    smooth_grad,
)

LABEL, OTHER = 2, 4
CUT = 2  # the small network is cut behind this layer: its output is 5 maps of 8 x 9


@pytest.fixture
def model(one_thread: None) -> nn.Sequential:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 5, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(5, 4, 3)]
    last = nn.Linear(4 * 6 * 7, 6)
    last.weight.data *= 30  # answers as far apart as those of a trained network
    return (
        nn.Sequential(*parts, nn.ReLU(), nn.Flatten(), last).double().eval().requires_grad_(False)
    )


@pytest.fixture
def images() -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(1, 3, 16, 18, generator=rng, dtype=torch.float64)


@pytest.fixture(params=["pixels", "layer"])
def cut(request: pytest.FixtureRequest, model: nn.Sequential, images: Tensor) -> "Cut":
    return Cut(model, images, at_layer=request.param == "layer")


class Cut:
    """A question to the whole model, and the part behind the cut, of which captum is asked."""

    def __init__(self, model: nn.Sequential, images: Tensor, *, at_layer: bool) -> None:
        self.asked = Asked(model, images, LABEL, model[CUT] if at_layer else None)
        self.tail = model[CUT + 1 :] if at_layer else model
        self.maps = model[: CUT + 1](images) if at_layer else images

    def check(self, found: Explanation, reference: Tensor) -> None:
        """reference (1, h, w) where the model was cut."""
        assert reference.abs().max() > 1e-3  # or this test would compare nothing
        expected = laid_over(reference.detach(), self.asked.images)[0]
        np.testing.assert_allclose(found.heat, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [2, 20, 32])
def test_integrated_gradients_are_captums(cut: Cut, steps: int) -> None:
    reference = IntegratedGradients(cut.tail).attribute(
        cut.maps, target=LABEL, n_steps=steps, method="riemann_middle"
    )
    found = explanation_of(integrated_gradients(cut.asked, steps=steps, power=1))
    cut.check(found, reference.sum(dim=1))


def test_integrated_gradients_are_captums_with_another_baseline(model, images) -> None:
    baseline = torch.linspace(-1, 1, 18, dtype=torch.float64).expand_as(images)
    reference = IntegratedGradients(model).attribute(
        images, baseline, target=LABEL, n_steps=16, method="riemann_middle"
    )
    asked = Asked(model, images, LABEL, baseline=baseline)
    Cut(model, images, at_layer=False).check(
        explanation_of(integrated_gradients(asked, steps=16, power=1)), reference.sum(dim=1)
    )


def test_integrated_gradients_at_a_layer_are_those_of_captums_layer_method(model, images) -> None:
    """captum goes the way at the layer, too, when the baseline's maps are all zeros."""
    silent = nn.Sequential(*model)  # without biases the first layers make zeros of zeros
    silent.get_parameter("0.bias").zero_()
    reference = LayerIntegratedGradients(silent, silent[CUT]).attribute(
        images, 0.0, target=LABEL, n_steps=24, method="riemann_middle"
    )
    cut = Cut(silent, images, at_layer=True)
    found = explanation_of(integrated_gradients(cut.asked, steps=24, power=1))
    cut.check(found, reference.sum(dim=1))


def test_points_closer_to_the_baseline_lead_to_the_same(cut: Cut) -> None:
    reference = IntegratedGradients(cut.tail).attribute(
        cut.maps, target=LABEL, n_steps=4000, method="riemann_middle"
    ).sum(dim=1)  # fmt: skip
    expected = laid_over(reference, cut.asked.images)[0]
    found = explanation_of(integrated_gradients(cut.asked, steps=2000)).heat
    largest = expected.abs().max().item()
    np.testing.assert_allclose(found, expected, atol=0.01 * largest, rtol=0)


@pytest.mark.parametrize("power", [1, 2])
def test_integrated_gradients_add_up_to_the_score(model, images, power: float) -> None:
    """Completeness; and half of the points are spread over the whole way."""
    asked = Asked(model, images, LABEL)
    events = list(integrated_gradients(asked, steps=1024, power=power))
    last, half = events[-1], events[len(events) // 2 - 1]
    score = (model(images)[0, LABEL] - model(torch.zeros_like(images))[0, LABEL]).item()
    scale = float(
        np.abs(last.snapshot.heat).sum()
    )  # what is for it and what against it nearly cancel
    assert last.metrics["total"] == last.snapshot.total == pytest.approx(score)
    assert last.metrics["sum"] == pytest.approx(score, abs=0.005 * scale)
    assert last.snapshot.heat.sum() == pytest.approx(last.metrics["sum"], rel=1e-4)
    assert half.step == 512
    assert half.metrics["sum"] == pytest.approx(score, abs=0.01 * scale)


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 2), (3, 1), (8, 8)])
def test_occlusion_is_captums(cut: Cut, window: int, stride: int) -> None:
    channels = cut.maps.shape[1]
    reference = Occlusion(cut.tail).attribute(
        cut.maps,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, stride, stride),
        baselines=0,
        target=LABEL,
    )
    found = explanation_of(occlusion(cut.asked, window=window, stride=stride))
    cut.check(found, reference[:, 0])


def test_a_window_larger_than_the_picture_covers_all_of_it(cut: Cut) -> None:
    found = explanation_of(occlusion(cut.asked, window=40, stride=1))
    fall = (cut.tail(cut.maps) - cut.tail(torch.zeros_like(cut.maps)))[0, LABEL].item()
    np.testing.assert_allclose(found.heat, fall, rtol=1e-5)


def test_places_between_windows_far_apart_are_said_to_matter_nothing(model, images) -> None:
    heat = explanation_of(occlusion(Asked(model, images, LABEL), window=2, stride=5)).heat
    assert (heat[2:5] == 0).all() and (heat[:, 2:5] == 0).all()
    assert (heat[:2, :2] == heat[0, 0]).all() and heat[0, 0] != 0


def test_smooth_grad_is_captums(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, noise = 20, 0.15
    rng = torch.Generator().manual_seed(5)
    noises = torch.randn(samples, *cut.maps.shape[1:], generator=rng, dtype=torch.float64)
    deviation = noise * (cut.maps.max() - cut.maps.min()).item()
    with monkeypatch.context() as patch:  # captum draws its noise anew; give it ours
        patch.setattr(torch, "normal", lambda _mean, deviations: deviations * noises)
        reference = NoiseTunnel(Saliency(cut.tail)).attribute(
            cut.maps, nt_samples=samples, stdevs=deviation, target=LABEL, abs=False
        )
    found = explanation_of(smooth_grad(cut.asked, samples=samples, noise=noise, seed=5))
    cut.check(found, steepest(reference))


def test_grad_cam_is_captums_and_needs_a_layer(model, images) -> None:
    layer = model[3]
    reference = LayerGradCam(model, layer).attribute(
        images, target=LABEL, relu_attributions=True
    )  # fmt: skip
    found = explanation_of(grad_cam_steps(Asked(model, images, LABEL, layer)))
    Cut(model, images, at_layer=False).check(found, reference[:, 0])
    with pytest.raises(ValueError, match="layer"):
        list(grad_cam_steps(Asked(model, images, LABEL)))


@pytest.mark.parametrize("method", METHODS)
def test_why_this_and_not_that_is_why_this_less_why_that(model, images, method: str) -> None:
    """Contrast is a question about the difference of two scores, as if the model had that label."""
    difference = nn.Linear(6, 1, bias=False).double()
    difference.weight.data.zero_()
    difference.weight.data[0, LABEL], difference.weight.data[0, OTHER] = 1, -1
    contrasted = nn.Sequential(*model, difference).requires_grad_(False)
    expected = explanation_of(METHODS[method](Asked(contrasted, images, 0, model[CUT])))
    asked = Asked(model, images, LABEL, model[CUT], against=OTHER)
    found = explanation_of(METHODS[method](asked))
    np.testing.assert_allclose(found.heat, expected.heat, rtol=1e-5, atol=1e-8)
    plain = explanation_of(METHODS[method](Asked(model, images, LABEL, model[CUT])))
    assert np.abs(plain.heat - found.heat).max() > 1e-3


def test_gradients_take_a_contrast_too(model, images) -> None:
    both = input_gradient(model, images, LABEL), input_gradient(model, images, OTHER)
    found = input_gradient(model, images, LABEL, against=OTHER)
    assert not torch.allclose(found, both[0])
    back = input_gradient(model, images, OTHER, against=LABEL)
    torch.testing.assert_close(back, -found)
    cams = [grad_cam(model, images, model[3], LABEL, against=other) for other in (None, OTHER)]
    assert not torch.allclose(cams[0], cams[1])


@pytest.mark.parametrize("method", METHODS)
def test_it_forms_in_front_of_ones_eyes_and_can_be_stopped(model, images, method: str) -> None:
    asked = Asked(model, images, LABEL, model[CUT])
    with torch.no_grad():  # as in the app, which predicts without gradients
        steps = METHODS[method](asked)
        events = [next(steps)]
        assert not any(layer._forward_hooks for layer in model)  # nothing is left while one waits
        steps.close()  # type: ignore[attr-defined]  # they are all generators
        events = list(METHODS[method](asked))
    totals = {event.total for event in events}
    assert len(totals) == 1 and events[-1].step == totals.pop()
    assert [event.step for event in events] == sorted({event.step for event in events})
    for event in events:
        assert isinstance(event, Progress)
        assert event.snapshot.heat.shape == (16, 18)
        assert event.snapshot.heat.dtype == np.float32
        assert np.isfinite(event.snapshot.heat).all()
    assert all(weight.grad is None for weight in model.parameters())


def test_the_same_seed_gives_the_same_noise(model, images) -> None:
    asked = Asked(model, images, LABEL)
    first, again, other = (
        explanation_of(smooth_grad(asked, samples=9, seed=seed)).heat for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert (first != other).any()


class Meanwhile(nn.Module):
    """A layer during which another visitor asks the same model, in a thread of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = lambda: None

    def forward(self, maps: Tensor) -> Tensor:
        ask, self.ask = self.ask, lambda: None  # the other visitor comes through here, too
        other = Thread(target=ask)
        other.start()
        other.join()
        return maps


@pytest.mark.parametrize("method", METHODS)
def test_visitors_of_one_model_do_not_meet(model, images, method: str) -> None:
    meanwhile = Meanwhile()
    shared = nn.Sequential(*model[: CUT + 1], meanwhile, *model[CUT + 1 :])
    asked = Asked(shared, images, LABEL, shared[CUT])
    undisturbed = explanation_of(METHODS[method](asked)).heat
    answers = []
    steps = METHODS[method](asked)
    # A question of another picture, asked while the first one's hooks are in the layer.
    meanwhile.ask = lambda: answers.append(shared(-images))
    heat = explanation_of(steps).heat
    assert (heat == undisturbed).all()
    torch.testing.assert_close(answers, [model(-images)])


def test_one_picture_goes_on_as_many_versions_of_its_maps(model, images) -> None:
    maps = torch.randn(7, 5, 8, 9, dtype=torch.float64)
    logits = through(model, images, model[CUT], lambda _: maps)
    torch.testing.assert_close(logits, model[CUT + 1 :](maps))
