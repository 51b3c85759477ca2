"""How far to trust an explanation: two tests that need no opinion.

*Deletion and insertion* (Petsiuk, Das, Saenko, "RISE", 2018, https://arxiv.org/abs/1806.07421):
take away the places the heat calls important, the most important first, and the probability should
fall at once; put them back into a blurred picture, and it should rise at once. The area under the
curve says how soon; a heat drawn at random says what any order would give. *Randomisation* (Adebayo
et al., "Sanity checks for saliency maps", 2018, https://arxiv.org/abs/1810.03292): destroy what the
network has learned, layer by layer from the answer down; a heat that stays the same explained the
picture, not the network. Look at `deletion_insertion` and `randomisation`.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.disturb import blurred
from dlcore.progress import Progress
from dlcore.saliency import Asked, Explanation, explanation_of


@dataclass(frozen=True)
class Curves:
    """How the probability of the label goes while places are taken away, or put back.

    shares (S,) of the places, from 0 up to 1 when finished; deletion, insertion (S,) float32
    probabilities. The areas are means over the shares so far: for deletion small is good, for
    insertion large.
    """

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        return _area(self.shares, self.deletion)

    @property
    def insertion_area(self) -> float:
        return _area(self.shares, self.insertion)


def deletion_insertion(
    model: nn.Module,
    images: Tensor,
    heats: Mapping[str, Tensor | np.ndarray],
    label: int,
    *,
    steps: int = 20,
    cell: int = 8,
    blur: float = 10.0,
) -> Iterator[Progress]:
    """Both curves for several explanations (H, W) of one picture (1, C, H, W), growing together.

    Snapshot: a dict, the explanation's name -> Curves. Deleted places become the mean colour (0);
    insertion begins with the picture blurred (Gaussian, `blur` pixels). Places are squares of
    `cell` pixels, ordered by their mean heat: single pixels strewn over a picture are a pattern of
    their own that a network has never seen, and would favour a coarse heat.
    """
    orders = [ranking(torch.as_tensor(heat), cell) for heat in heats.values()]  # (H, W) each
    dim = blurred(images[0], torch.tensor([blur]))  # (1, C, H, W)
    shares, rows = [], []
    for step in range(steps + 1):
        share = step / steps
        gone = [order < share for order in orders]  # (H, W) each
        with torch.no_grad():
            versions = [torch.where(places, torch.zeros_like(images), images) for places in gone]
            versions += [torch.where(places, images, dim) for places in gone]
            # One explanation at a time: ten large pictures at once would be slower.
            chances = [model(version).softmax(dim=1)[0, label].item() for version in versions]
        shares.append(share)
        rows.append(chances)
        table = np.array(rows, np.float32)  # (S, 2 * number of heats)
        curves = {
            name: Curves(
                np.array(shares, np.float32), table[:, number], table[:, number + len(heats)]
            )
            for number, name in enumerate(heats)
        }
        yield Progress(step + 1, steps + 1, snapshot=curves)


def ranking(heat: Tensor, cell: int = 1) -> Tensor:
    """What share of the places is hotter, (H, W) float in [0, 1): `ranking < 0.1` is the top tenth.

    Places are squares of `cell` pixels (at the right and lower edge smaller). Of equally hot ones
    the upper left comes first.
    """
    height, width = heat.shape
    cells = F.avg_pool2d(heat[None, None].float(), cell, ceil_mode=True)[0, 0]  # (h, w)
    order = cells.flatten().argsort(descending=True, stable=True)
    ranks = torch.empty(len(order))
    ranks[order] = torch.arange(len(order)) / len(order)
    ranks = ranks.view_as(cells).repeat_interleave(cell, 0).repeat_interleave(cell, 1)
    return ranks[:height, :width]


def random_heat(images: Tensor, seed: int = 0) -> Tensor:
    """A heat that knows nothing (H, W), to compare with."""
    return torch.rand(images.shape[-2:], generator=torch.Generator().manual_seed(seed))


def covered(images: Tensor, mask: Tensor, *, blur: float = 0.0) -> Tensor:
    """Pictures (N, C, H, W) with the places of `mask` (H, W) in [0, 1] gone; 1: wholly.

    They become the mean colour (0), or with `blur` the picture itself blurred by so many pixels,
    which hides what is there without adding an edge.
    """
    instead = torch.zeros_like(images)
    if blur:
        instead = torch.cat([blurred(image, torch.tensor([blur])) for image in images])
    return images + mask * (instead - images)


@dataclass(frozen=True)
class Randomised:
    """An explanation after the layers from the answer down to `layer` have lost their learning.

    similarity: Spearman's rank correlation of the two heats' sizes (their signs left out, as in the
    paper), 1 for the same order, about 0 for none. probability: what is left of the label's.
    """

    layer: str
    explanation: Explanation
    similarity: float
    probability: float


def randomisation(
    asked: Asked,
    method: Callable[[Asked], Iterator[Progress]],
    parts: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
) -> Iterator[Progress]:
    """Explain again and again while more and more of the network is destroyed, the answer first.

    A layer's weights are shuffled among themselves: the same numbers, and nothing learned.
    Snapshot: Randomised; the first one, layer "", is the intact network's. parts: the name shown ->
    the name of a submodule, in the order of the way through the network; None: all its children,
    those of `stages` each for itself. The model is copied, and left as it was.
    """
    model = copy.deepcopy(asked.model)
    names = {part: name for name, part in asked.model.named_modules()}
    layer = None if asked.layer is None else model.get_submodule(names[asked.layer])
    question = Asked(
        model, asked.images, asked.label, layer, asked.against, asked.baseline
    )  # fmt: skip
    parts = stage_names(model) if parts is None else parts
    rng = torch.Generator().manual_seed(seed)
    original: np.ndarray | None = None
    for step, name in enumerate(["", *reversed(list(parts))]):
        if name:
            shuffle_weights(model.get_submodule(parts[name]), rng)
        found = explanation_of(method(question))
        if original is None:
            original = found.heat
        with torch.no_grad():
            chance = model(asked.images).softmax(dim=1)[0, asked.label].item()
        alike = rank_correlation(np.abs(original), np.abs(found.heat))
        metrics = {"similarity": alike, "probability": chance}
        snapshot = Randomised(name, found, alike, chance)
        yield Progress(step + 1, len(parts) + 1, metrics, snapshot)


def stage_names(model: nn.Module) -> dict[str, str]:
    """The parts of a model that have weights, by the name to be shown -> their submodule's name."""
    names = dict[str, str]()
    for name, part in model.named_children():
        if name == "stages":
            names |= {stage: f"stages.{stage}" for stage, _ in part.named_children()}
        else:
            names[name] = name
    return {
        shown: name
        for shown, name in names.items()
        if next(model.get_submodule(name).parameters(), None) is not None
    }


@torch.no_grad()
def shuffle_weights(part: nn.Module, rng: torch.Generator) -> None:
    """Shuffle every tensor of parameters among itself, in place."""
    for weights in part.parameters():
        order = torch.randperm(weights.numel(), generator=rng)
        weights.copy_(weights.flatten()[order].view_as(weights))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays of one shape; equal values share their mean rank.

    NaN where one of them is all the same.
    """
    first, second = _ranks(a), _ranks(b)
    first, second = first - first.mean(), second - second.mean()
    sizes = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / sizes) if sizes else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    return (times.cumsum() - (times - 1) / 2)[place.ravel()]


def _area(shares: np.ndarray, values: np.ndarray) -> float:
    if len(shares) < 2:
        return float(values.mean())
    return float(np.trapezoid(values, shares) / (shares[-1] - shares[0]))
