"""Why did the network say that? Four explanations of one picture, and two tests of them, as jobs.

Each question takes seconds, because it asks the network hundreds of times; so they run as jobs
that show what they have so far and can be stopped. The explanations are in dlcore/saliency.py, the
tests in dlcore/faithfulness.py. Look at `why_job`: four heats, then how far each can be trusted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dlcore.explain import score
from dlcore.faithfulness import Curves, deletion_insertion, random_heat, randomisation
from dlcore.image_model import ImageModel
from dlcore.neighbours import Nearest, nearest_rows
from dlcore.pictures import EXAMPLES, TEXTURES, open_picture
from dlcore.preprocess import prepare, to_input_image
from dlcore.pretrained import find
from dlcore.progress import Progress
from dlcore.resnet import read_network
from dlcore.saliency import (
    METHODS,
    Asked,
    Explanation,
    integrated_gradients,
    occlusion,
    smooth_grad,
)
from dlcore.settings import Settings, setting

RANDOM = "random"  # the heat that knows nothing, for comparison
SHOWN = 112  # pixels of a heat as it is sent to a page


@dataclass(frozen=True)
class WhyConfig(Settings):
    """How thoroughly to ask. More is slower and smoother."""

    samples: int = setting(24, low=1, high=100)  # noisy copies; the paper's curves flatten at 50
    noise: float = setting(0.15, low=0.0, high=0.5)  # the paper finds 0.1 to 0.2 best
    steps: int = setting(32, low=2, high=200)  # on the way from nothing to the picture
    window: int = setting(32, low=8, high=112)  # pixels covered at once: a seventh of the picture
    shares: int = setting(20, low=4, high=50)  # points of a deletion or insertion curve
    blur: float = setting(10.0, low=1.0, high=40.0)  # of the picture that insertion begins with
    seed: int = setting(0, low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Question:
    """Which network, of which picture, why which label?

    pixels: uint8 (H, W, 3), as the network gets them but for the normalisation. against: another
    label, or None. stage: where Grad-CAM looks, "" for the last; everywhere: the others look there,
    too, and not at the pixels.
    """

    network: str
    pixels: np.ndarray
    label: int
    against: int | None = None
    stage: str = ""
    everywhere: bool = False

    def asked(self, model: ImageModel, method: str) -> Asked:
        """The question as dlcore/saliency.py takes it."""
        stages = dict(model.stages.named_children())
        layer = stages[self.stage or next(reversed(stages))]
        images = to_input_image(Image.fromarray(self.pixels), model.recipe)
        at_layer = self.everywhere or method == "grad_cam"
        return Asked(model, images, self.label, layer if at_layer else None, self.against)


@dataclass(frozen=True)
class Reasons:
    """What is known so far: method -> heat (SHOWN, SHOWN) float32 or smaller, method -> curves.

    seconds are not kept: a heat is finished when the next method has one. curves also has RANDOM.
    """

    heats: dict[str, np.ndarray]
    curves: dict[str, Curves]


def why_job(question: Question, config: WhyConfig = WhyConfig()) -> Iterator[Progress]:  # noqa: B008
    """Four explanations, then their deletion and insertion curves. Snapshot: Reasons.

    metrics: "insertion_…" and "deletion_…", the areas of each method's curves so far.
    Raises FileNotFoundError where the network's weights are not here.
    """
    model = load_network(question.network)
    methods: dict[str, Callable[[Asked], Iterator[Progress]]] = {
        "grad_cam": METHODS["grad_cam"],
        "smooth_grad": partial(
            smooth_grad, samples=config.samples, noise=config.noise, seed=config.seed
        ),
        "integrated_gradients": partial(integrated_gradients, steps=config.steps),
        "occlusion": METHODS["occlusion"] if question.everywhere else partial(
            occlusion, window=config.window, stride=max(1, config.window // 2)
        ),
    }  # fmt: skip
    total = 100 * (len(methods) + 1)  # each method, and the curves, are a hundred steps
    whole: dict[str, np.ndarray] = {}
    heats: dict[str, np.ndarray] = {}
    for number, (name, method) in enumerate(methods.items()):
        for progress in method(question.asked(model, name)):
            found: Explanation = progress.snapshot
            whole[name] = found.heat
            heats = {**heats, name: _smaller(found.heat)}
            done = 100 * number + 100 * progress.step // progress.total
            yield Progress(done, total, snapshot=Reasons(heats, {}))
    images = question.asked(model, "grad_cam").images
    compared: dict[str, np.ndarray | Tensor] = {**whole, RANDOM: random_heat(images, config.seed)}
    for progress in deletion_insertion(
        model, images, compared, question.label, steps=config.shares, blur=config.blur
    ):
        curves: dict[str, Curves] = progress.snapshot
        done = 100 * len(methods) + 100 * progress.step // progress.total
        yield Progress(done, total, areas(curves), Reasons(heats, curves))


def areas(curves: dict[str, Curves]) -> dict[str, float]:
    """The areas under all curves, by "insertion_METHOD" and "deletion_METHOD"."""
    found: dict[str, float] = {}
    for name, curve in curves.items():
        found[f"insertion_{name}"] = curve.insertion_area
        found[f"deletion_{name}"] = curve.deletion_area
    return found


def randomise_job(question: Question, method: str, seed: int = 0) -> Iterator[Progress]:
    """The same explanation while the network forgets, stage by stage from the answer down.

    Snapshot: a tuple of Randomised so far, heats made smaller. method: a name in METHODS.
    """
    model = load_network(question.network)
    found: tuple[object, ...] = ()
    for progress in randomisation(question.asked(model, method), METHODS[method], seed=seed):
        one = progress.snapshot
        small = Explanation(_smaller(one.explanation.heat), one.explanation.total)
        found = (*found, type(one)(one.layer, small, one.similarity, one.probability))
        yield Progress(progress.step, progress.total, progress.metrics, found)


def cam_of_stages(
    model: ImageModel, images: Tensor, label: int, against: int | None = None
) -> dict[str, np.ndarray]:
    """Grad-CAM at every stage, each (h, w) float32 >= 0 at the stage's own size, from one pass.

    The same numbers as `explain.grad_cam` gives stage by stage before it enlarges them.
    """
    maps: dict[str, Tensor] = {}
    with torch.enable_grad():
        x = images.detach().requires_grad_()
        for name, stage in model.stages.named_children():
            maps[name] = x = stage(x)  # (1, C, h, w)
        logits = model.head(model.dropout(model.summarise(x)))
        slopes = torch.autograd.grad(score(logits, label, against).sum(), list(maps.values()))
    cams: dict[str, np.ndarray] = {}
    for (name, values), slope in zip(maps.items(), slopes, strict=True):
        weights = slope.mean(dim=(2, 3), keepdim=True)  # (1, C, 1, 1)
        cams[name] = F.relu((weights * values.detach()).sum(dim=1))[0].numpy()  # (h, w)
    return cams


# --- Neighbours ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """Pieces of the pictures that come along, to find neighbours among.

    names (M): of the pictures; boxes (M): what was cut out, (left, top, right, bottom) in shares;
    features (M, D) float32.
    """

    names: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    features: np.ndarray

    def nearest(self, query: Tensor, count: int) -> Nearest:
        """The `count` pieces most like a picture with the features `query` (D,)."""
        return nearest_rows(query, torch.from_numpy(self.features), count)


_PIECES = (
    (0.0, 0.0, 1.0, 1.0),
    *((x, y, x + 0.6, y + 0.6) for y in (0.0, 0.4) for x in (0.0, 0.4)),
)


def library_job(network: str) -> Iterator[Progress]:
    """What a network makes of the pictures that come along, whole and in pieces. Snapshot: Library
    with the last event."""
    model = load_network(network)
    pictures = {name: example.path for name, example in {**EXAMPLES, **TEXTURES}.items()}
    total = len(pictures) * len(_PIECES)
    names: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    rows: list[Tensor] = []
    for name, path in pictures.items():
        picture = open_picture(path)
        for box in _PIECES:
            with torch.no_grad():
                rows.append(model.features(prepare(piece_of(picture, box), model.recipe))[0])
            names.append(name)
            boxes.append(box)
            if len(rows) < total:
                yield Progress(len(rows), total)
    library = Library(tuple(names), tuple(boxes), torch.stack(rows).numpy())
    yield Progress(total, total, snapshot=library)


def piece_of(picture: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    """What lies in a box of shares (left, top, right, bottom)."""
    width, height = picture.size
    left, top, right, bottom = box
    return picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def load_network(name: str) -> ImageModel:
    """The network of that name, ready to predict. Raises FileNotFoundError if it is not here."""
    path = find(name)
    if path is None:
        raise FileNotFoundError(f"the weights of {name} are not here")
    return read_network(name, path)


def _smaller(heat: np.ndarray) -> np.ndarray:
    """Heat (H, W), of every k x k values their mean, so that at most SHOWN stand in a row."""
    step = -(-max(heat.shape) // SHOWN)
    return F.avg_pool2d(torch.from_numpy(heat)[None, None], step)[0, 0].numpy()
