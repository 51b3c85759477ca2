"""Four ways to ask a network why, of one picture, any label and any layer.

*Grad-CAM* and the gradient are one question each (dlcore/explain.py). The three others ask many:
*SmoothGrad* (Smilkov et al. 2017, https://arxiv.org/abs/1706.03825) averages the gradient over
noisy copies, *integrated gradients* (Sundararajan, Taly, Yan 2017,
https://arxiv.org/abs/1703.01365) over all pictures between nothing and this one, and *occlusion*
(Zeiler, Fergus 2013, https://arxiv.org/abs/1311.2901) needs no gradient: it covers one place after
another and watches the score fall. Each is a generator, so that the picture can be seen to form,
and stopped. They disagree; which to believe is the question of dlcore/faithfulness.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.explain import grad_cam, laid_over, score, slope_at, steepest, through
from dlcore.progress import Progress

_AT_ONCE = 8  # versions of a picture in one pass: more is hardly faster and needs more memory


@dataclass(frozen=True)
class Explanation:
    """What speaks for a label, as far as it is known; heat (H, W) float32, one value a pixel.

    Positive: speaks for it, negative (not in Grad-CAM): against it. total, for the whole picture:
    how far its score lies above that of the baseline; NaN for a method that has no baseline.
    """

    heat: np.ndarray
    total: float = float("nan")


@dataclass(frozen=True)
class Asked:
    """A question: why does `model` see `label` in this picture?

    images (1, C, H, W), as the model takes them; layer: where in the model to look, None for the
    pixels; against: another label, to ask why not that one; baseline: what stands for "nothing
    there", of one number or of the images' shape. Zero is the mean colour for networks that get
    normalised pictures, and the only baseline at a layer.
    """

    model: nn.Module
    images: Tensor
    label: int
    layer: nn.Module | None = None
    against: int | None = None
    baseline: Tensor | float = 0.0

    def maps(self) -> Tensor:
        """What `layer` puts out for the picture (1, K, h, w); for None the picture itself."""
        seen: list[Tensor] = []
        with torch.no_grad():
            through(self.model, self.images, self.layer, seen.append)
        return seen[0]

    def slope(self, maps: Tensor) -> Tensor:
        """The slope of the score at each of `maps` (N, K, h, w), instead of the layer's own."""
        if self.layer is None:
            return slope_at(self.model, maps, None, self.label, self.against)[1]
        leaf = maps.detach().requires_grad_()
        with torch.enable_grad():
            logits = through(self.model, self.images, self.layer, lambda _: leaf)
            (slope,) = torch.autograd.grad(score(logits, self.label, self.against).sum(), leaf)
        return slope

    def scores(self, maps: Tensor) -> Tensor:
        """The score (N,) with each of `maps` (N, K, h, w) instead of the layer's own."""
        with torch.no_grad():
            logits = through(self.model, self.images, self.layer, lambda _: maps)
        return score(logits, self.label, self.against)

    def nothing(self, maps: Tensor) -> Tensor:
        """The baseline, of the shape of `maps`."""
        value = self.baseline if self.layer is None else 0.0
        return torch.as_tensor(value, dtype=maps.dtype).expand_as(maps)

    def explanation(self, heat: Tensor, total: float = float("nan")) -> Explanation:
        """Heat (1, h, w) at the layer, as an Explanation of the picture's size."""
        return Explanation(laid_over(heat, self.images)[0].float().numpy(), total)


def grad_cam_steps(asked: Asked) -> Iterator[Progress]:
    """Grad-CAM, in its one step. Raises ValueError without a layer: pixels are no feature maps."""
    if asked.layer is None:
        raise ValueError("Grad-CAM needs a layer")
    heat = grad_cam(
        asked.model, asked.images, asked.layer, asked.label, against=asked.against
    )  # fmt: skip
    yield Progress(1, 1, snapshot=Explanation(heat[0].float().numpy()))


def smooth_grad(
    asked: Asked, *, samples: int = 24, noise: float = 0.15, seed: int = 0
) -> Iterator[Progress]:
    """The slope, averaged over `samples` copies with noise; its value farthest from zero (signed).

    noise: the deviation of the noise, as a share of the distance from the smallest to the largest
    value. The paper finds 0.1 to 0.2 best. At a layer the noise is added to the layer's maps.
    """
    rng = torch.Generator().manual_seed(seed)
    maps = asked.maps()
    deviation = noise * (maps.max() - maps.min())
    total = torch.zeros_like(maps)
    for done in _counted(samples):
        noises = torch.randn(len(done), *maps.shape[1:], generator=rng, dtype=maps.dtype)
        total += asked.slope(maps + deviation * noises).sum(dim=0)
        heat = steepest(total / done.stop)
        yield Progress(done.stop, samples, snapshot=asked.explanation(heat))


def integrated_gradients(
    asked: Asked, *, steps: int = 32, power: float = 2.0
) -> Iterator[Progress]:
    """The slope averaged on the straight way from the baseline to the picture, times the way.

    Summed over channels. At the pixels, or at the size of the layer, all values add up to `total`,
    the score of the picture minus that of the baseline (the paper's completeness), but for the
    error of taking `steps` points for the whole way; metrics: "sum" and "total".

    power: point t of [0, 1] lies at t ** power of the way, and counts accordingly. A faint picture
    already says most of it, so the score climbs early; with 32 points on photographs, power 2 comes
    within 6 % of `total`, equal distances (1, as usual) miss it by up to a half.
    """
    maps = asked.maps()
    nothing = asked.nothing(maps)
    way = maps - nothing
    high, low = asked.scores(torch.cat([maps, nothing])).tolist()
    points = (torch.arange(steps, dtype=maps.dtype) + 0.5) / steps  # midpoints of equal parts
    parts = -(-steps // _AT_ONCE)
    slopes, done = torch.zeros_like(maps), 0
    for part in (*range(0, parts, 2), *range(1, parts, 2)):
        t = points[part::parts].view(-1, 1, 1, 1)  # spread over the whole way: half is a fair half
        speed = power * t ** (power - 1)  # along the way, at t
        slopes += (speed * asked.slope(nothing + t**power * way)).sum(dim=0)
        done += len(t)
        heat = (way * slopes / done).sum(dim=1)  # (1, h, w)
        metrics = {"sum": heat.sum().item(), "total": high - low}
        yield Progress(done, steps, metrics, asked.explanation(heat, high - low))


def occlusion(
    asked: Asked, *, window: int | None = None, stride: int | None = None
) -> Iterator[Progress]:
    """How far the score falls when a square of `window` places is covered with the baseline.

    The square moves `stride` places at a time; a place that was covered several times gets the
    mean. None: a seventh of the shorter side, moving by half of that. At a layer, places of all
    its maps are covered.
    """
    maps = asked.maps()
    nothing = asked.nothing(maps)
    height, width = maps.shape[-2:]
    window = window or max(1, min(height, width) // 7)
    stride = stride or max(1, window // 2)
    corners = [(y, x) for y in _starts(height, window, stride)
               for x in _starts(width, window, stride)]  # fmt: skip
    whole = asked.scores(maps)  # (1,)
    falls, times = torch.zeros(2, height, width, dtype=maps.dtype)
    for done in _counted(len(corners)):
        covers = torch.zeros(len(done), 1, height, width, dtype=torch.bool)
        for cover, number in zip(covers, done, strict=True):
            y, x = corners[number]
            cover[:, y : y + window, x : x + window] = True
        fall = whole - asked.scores(torch.where(covers, nothing, maps))  # (n,)
        falls += (fall.view(-1, 1, 1) * covers[:, 0]).sum(dim=0)
        times += covers[:, 0].sum(dim=0)
        heat = falls / times.clamp_min(1)
        yield Progress(done.stop, len(corners), snapshot=asked.explanation(heat[None]))


# In the order of how long they take.
METHODS: dict[str, Callable[[Asked], Iterator[Progress]]] = {
    "grad_cam": grad_cam_steps,
    "smooth_grad": smooth_grad,
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


def explanation_of(steps: Iterator[Progress]) -> Explanation:
    """The finished explanation of any of the methods: `explanation_of(occlusion(asked))`."""
    *_, last = steps
    found: Explanation = last.snapshot
    return found


def _counted(total: int) -> Iterator[range]:
    """0 … total - 1 in ranges of at most `_AT_ONCE`."""
    for start in range(0, total, _AT_ONCE):
        yield range(start, min(start + _AT_ONCE, total))


def _starts(size: int, window: int, stride: int) -> range:
    """Where a window begins so that every place is covered; the last may stick out."""
    return range(0, max(1, size - window + stride), stride)
