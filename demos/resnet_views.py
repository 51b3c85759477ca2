"""What the image-classification tab shows: from pictures and networks to the values of widgets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import torch
from PIL import Image

from demos.kit.language import LANGUAGES, localise, say
from demos.kit.run import Run
from demos.resnet_state import OWN_ANSWER, Shown, network, pixels, prepared, present
from demos.widgets.classes import classes
from demos.widgets.notes import notes
from demos.widgets.photos import data_url, photo, photos
from demos.widgets.reasons import card, reasons
from demos.widgets.stages import stages
from dlcore import resnet
from dlcore.explain import laid_over
from dlcore.faithfulness import Curves, Randomised, covered
from dlcore.image_model import ImageModel
from dlcore.imagenet import ImageNetLabel, imagenet_labels
from dlcore.pictures import EXAMPLES, TEXTURES, load_example, open_picture
from dlcore.preprocess import to_picture
from dlcore.resnet_why import RANDOM, Library, Reasons, areas, cam_of_stages, piece_of
from dlcore.saliency import METHODS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PREVIEW = 640  # pixels of the picture on the page
_NEIGHBOURS = 8
SAME_LABEL = "same_label"  # words for a label that is to be compared with itself


# --- The picture and the answer ------------------------------------------------------------------


def named(label: int) -> dict[str, Any]:
    """A label's names, for the widgets that show them."""
    one = imagenet_labels()[label]
    return {"en": one.en, "vi": one.vi, "doubtful": one.doubtful}


def marked(label: ImageNetLabel) -> str:
    """The Vietnamese name where only letters can be shown, as widgets mark it: "?" for a doubt."""
    return f"{label.vi} ?" if label.doubtful else label.vi


def in_both(key: str) -> str:
    """Words in both languages, for a list whose names are in both."""
    return " · ".join(say(key, lang) for lang in LANGUAGES)


def label_choices(none: str) -> list[tuple[str, int]]:
    """All labels for a list, in both languages, so that either finds them; `none` for -1."""
    return [(none, -1), *((f"{one.en} · {marked(one)}", one.index) for one in imagenet_labels())]


def labels(name: str, none: str) -> gr.Dropdown:
    """A list of labels; who comes to the tab fills it. Its names stay through a change of language.

    none: the key of the words for "no label chosen".
    """
    chosen = gr.Dropdown(
        [(in_both(none), OWN_ANSWER)],
        value=OWN_ANSWER,
        allow_custom_value=True,  # the list comes later, and is checked when it is used
        interactive=True,
        min_width=240,
        elem_id=f"resnet-{name}",
    )
    return localise(chosen, label=f"resnet.{name}", info="resnet.doubt_info")


def examples() -> dict[str, Any]:
    """The pictures that come along, to choose from."""
    return photos(
        photo(np.asarray(load_example(name)), name, side=96, id=name) for name in EXAMPLES
    )


def picture(shown: Shown, answer: resnet.Answer) -> dict[str, Any]:
    """The picture with the part that the network gets."""
    width, height = shown.picture.size
    left, top, right, bottom = answer.prepared.box
    crop = [left / width, top / height, right / width, bottom / height]
    return {
        "src": data_url(np.asarray(shown.picture), side=_PREVIEW),
        "size": list(shown.size),
        "crop": [round(min(1.0, max(0.0, share)), 5) for share in crop],
    }


def top(guesses: Mapping[str, torch.Tensor], count: int) -> dict[str, Any]:
    """The likeliest labels of the first answer, with what the others say of them."""
    first = next(iter(guesses.values()))
    ids = first.topk(count).indices.tolist()
    names = [named(label) for label in ids]
    return classes(ids, names, {name: p[ids].tolist() for name, p in guesses.items()})


def told(config: resnet.Config, answer: resnet.Answer) -> dict[str, Any]:
    """Who answered, and how sure; a warning where another network stands in."""
    remarks: list[tuple[str, str, dict[str, Any]]] = []
    name = present(config.network)
    model = resnet.NETWORKS[name]
    if name != config.network:
        missing = resnet.NETWORKS[config.network].title
        remarks.append(("stands_in", "warning", {"title": model.title, "missing": missing}))
    accuracy = {"percent": model.accuracy}
    remarks.append(("answered", "info", {"title": model.title, "accuracy": accuracy}))
    if answer.guesses[0].probability < 0.3:
        remarks.append(("unsure", "info", {"p": {"percent": answer.guesses[0].probability}}))
    return notes(remarks)


# --- What the network gets -----------------------------------------------------------------------


def steps(shown: Shown, config: resnet.Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """The steps of both preparations as pictures, and what each of them makes of the answer."""
    model = network(config.network)
    pictures, answers = [], {}
    for way in ("crop", "squash"):
        answer = resnet.predict(model, shown.picture, resnet.Config(preparation=way))
        made = answer.prepared
        answers[way] = answer.probabilities
        if way == "crop":
            whole = np.asarray(shown.picture)
            pictures.append(photo(whole, "original", side=320, values=_size(shown.picture)))
            pictures.append(photo(np.asarray(made.resized), "resized", values=_size(made.resized)))
        pictures.append(photo(np.asarray(made.cropped), way, values=_size(made.cropped)))
        if way == "crop":
            pictures.append(_normalised(made.images[0], model))
    return photos(pictures), top(answers, config.top)


def _size(image: Image.Image) -> dict[str, Any]:
    return {"width": image.width, "height": image.height}


def _normalised(image: torch.Tensor, model: ImageModel) -> dict[str, Any]:
    """Normalised numbers as colours, their range stretched; the words give the range."""
    low, high = image.min().item(), image.max().item()
    shown = ((image - low) / max(high - low, 1e-9)).permute(1, 2, 0).numpy()
    told = {"low": round(low, 2), "high": round(high, 2), "mean": round(image.mean().item(), 2)}
    return photo(shown, "normalised", values=told)


# --- Why -----------------------------------------------------------------------------------------


def asked_label(shown: Shown, config: resnet.Config, label: int | None) -> tuple[int, float]:
    """The label to explain, the network's own answer if None, and its probability."""
    model = network(config.network)
    with torch.no_grad():
        chances = model(prepared(shown, config).images).softmax(dim=1)[0]
    chosen = int(chances.argmax()) if label is None else label
    return chosen, chances[chosen].item()


def cams(
    shown: Shown, config: resnet.Config, label: int, against: int | None
) -> dict[str, np.ndarray]:
    """Grad-CAM at every stage, (h, w) each."""
    return cam_of_stages(
        network(config.network), prepared(shown, config).images, label, against
    )  # fmt: skip


def explained(
    pixels: np.ndarray,
    heats: Mapping[str, np.ndarray],
    *,
    asked: tuple[int, float],
    against: int | None = None,
    stage: str = "",
    found: Reasons | None = None,
) -> dict[str, Any]:
    """Four cards. heats: Grad-CAM by stage; stage: where it was asked; found: the rest."""
    label, probability = asked
    words = {"label": named(label), "p": {"percent": probability}}
    curves = found.curves if found else {}
    measured = areas(curves)
    stage = stage or list(heats)[-1]
    cards = []
    for name in METHODS:
        more: dict[str, Any] = {"words": words}
        if name in curves:
            more["words"] = {**words, **_verdict(measured, name)}
            more["note"] = "trust"
            more["curves"] = {k: _line(curves[name], k) for k in ("insertion", "deletion")}
            more["areas"] = {k: measured[f"{k}_{name}"] for k in ("insertion", "deletion")}
        if name == "grad_cam":
            more |= {"layers": heats, "layer": stage}
        cards.append(card(name, found.heats.get(name) if found else None, **more))
    remark: dict[str, Any] = {}
    if curves and against is not None:  # heats compare two labels, curves do not
        remark = {"remark": "alone", "values": {"label": named(label), "other": named(against)}}
    return reasons(data_url(pixels, quality=92), cards, **remark)


def same_label() -> dict[str, Any]:
    """In place of heats that would all be zero."""
    return reasons("", [], hint=SAME_LABEL)


def _line(curve: Curves, kind: str) -> list[tuple[float, float]]:
    return list(zip(curve.shares.tolist(), getattr(curve, kind).tolist(), strict=True))


def _verdict(measured: Mapping[str, float], name: str) -> dict[str, Any]:
    """How much better than chance: the areas' difference, and a heat's that knows nothing."""
    insertion, deletion = (measured[f"{kind}_{RANDOM}"] for kind in ("insertion", "deletion"))
    gap = measured[f"insertion_{name}"] - measured[f"deletion_{name}"]
    return {
        "gap": round(gap, 2) + 0.0,
        "chance": round(insertion - deletion, 2) + 0.0,  # no "-0"
        "insertion": round(insertion, 2),
        "deletion": round(deletion, 2),
    }


def randomised(pixels: np.ndarray, found: tuple[Randomised, ...]) -> dict[str, Any]:
    """The heat after each stage has forgotten what it had learned."""
    cards = []
    for one in found:
        name = "forgotten" if one.layer else "intact"
        told = {
            "similarity": _rounded(one.similarity),
            "p": {"percent": one.probability},
            "layer": {lang: say(f"resnet.words.{one.layer or name}", lang) for lang in LANGUAGES},
        }
        cards.append(card(name, one.explanation.heat, note="left", words=told))
    return reasons(data_url(pixels, quality=92), cards)


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 2)


# --- Paint over ----------------------------------------------------------------------------------


def to_cover(shown: Shown, config: resnet.Config) -> dict[str, Any]:
    """The picture to paint on."""
    return {"src": data_url(pixels(shown, config), quality=92)}


def less(
    shown: Shown, config: resnet.Config, mask: np.ndarray, *, fill: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The picture with the mask's places gone, as the network gets it, and both answers."""
    model = network(config.network)
    images = prepared(shown, config).images  # (1, 3, H, W)
    places = torch.from_numpy(mask).float()[None]
    side = images.shape[-1] // len(mask)
    places = places.repeat_interleave(side, 1).repeat_interleave(side, 2)[0]  # (H, W)
    gone = covered(images, places, blur=12.0 if fill == "blur" else 0.0)
    with torch.no_grad():
        before, after = model(torch.cat([images, gone])).softmax(dim=1)
    answers = {"before": before, "after": after}
    ids = list(dict.fromkeys([*before.topk(config.top).indices.tolist(), int(after.argmax())]))
    seen = classes(ids, [named(i) for i in ids], {n: p[ids].tolist() for n, p in answers.items()})
    given = np.asarray(to_picture(model.recipe.denormalise(gone)))
    return photos([photo(given, "given")]), seen


# --- Stages and neighbours -----------------------------------------------------------------------


def through_stages(shown: Shown, config: resnet.Config) -> dict[str, Any]:
    """What every stage makes of the picture."""
    with torch.no_grad():
        maps = network(config.network).stage_maps(prepared(shown, config).images)
    given = data_url(pixels(shown, config), quality=92)
    return stages(given, {name: one[0].numpy() for name, one in maps.items()})


def neighbours(shown: Shown, config: resnet.Config, library: Library) -> dict[str, Any]:
    """The pieces of the pictures that come along that the network finds most like this one."""
    model = network(config.network)
    with torch.no_grad():
        query = model.features(prepared(shown, config).images)[0]
    found = library.nearest(query, _NEIGHBOURS + 1)
    pictures = []
    for position, alike in zip(found.positions.tolist(), found.similarities.tolist(), strict=True):
        name, box = library.names[position], library.boxes[position]
        itself = name == shown.name and box[2] - box[0] == 1.0
        if itself and config.preparation == "crop":
            continue  # the very same picture teaches nothing
        piece = piece_of(open_picture({**EXAMPLES, **TEXTURES}[name].path), box)
        words = {"name": _both(name), "similarity": round(alike, 3)}
        pictures.append(photo(np.asarray(piece), "neighbour", side=160, values=words))
    return photos(pictures[:_NEIGHBOURS])


def _both(name: str) -> dict[str, str]:
    return {lang: say(f"resnet.examples.{name}", lang) for lang in LANGUAGES}


# --- To take away --------------------------------------------------------------------------------


def table(run: Run) -> list[list[Any]]:
    """All labels with their probabilities, the likeliest first."""
    _, answer = run.snapshot
    order = answer.probabilities.argsort(descending=True).tolist()
    labels = imagenet_labels()
    rows = [
        [i, labels[i].en, labels[i].vi, labels[i].doubtful, answer.probabilities[i].item()]
        for i in order
    ]
    return [["label", "en", "vi", "vi_doubtful", "probability"], *rows]


def figure(run: Run, lang: str) -> "Figure":
    """The picture as the network got it, with Grad-CAM over it, and the likeliest labels."""
    from matplotlib.figure import Figure  # only a download needs it, and it loads slowly

    _, answer = run.snapshot
    config: resnet.Config = run.config
    labels = [guess.label for guess in answer.guesses]
    names = [marked(one) if lang == "vi" else one.en for one in labels]
    cam = cam_of_stages(network(config.network), answer.prepared.images, labels[0].index)
    last = torch.from_numpy(next(reversed(cam.values())))[None]
    drawn = Figure(figsize=(9.0, 3.4), layout="constrained")
    first, second, bars = drawn.subplots(1, 3, width_ratios=(1, 1, 1.2))
    for axes in (first, second):
        axes.imshow(answer.prepared.cropped)
        axes.set_axis_off()
    heat = laid_over(last, answer.prepared.images)[0].numpy()
    second.imshow(heat, cmap="viridis", alpha=0.55)
    second.set_title(f"Grad-CAM: {names[0]}", fontsize=9)
    bars.barh(names[::-1], [guess.probability for guess in answer.guesses[::-1]])
    bars.set_xlim(0, 1)
    bars.spines[["top", "right"]].set_visible(False)
    if lang == "vi" and any(one.doubtful for one in labels):
        drawn.supxlabel(f"? {say('widgets.doubt.told', lang)}", fontsize=8)
    return drawn
