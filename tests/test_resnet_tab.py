"""The image-classification tab without a browser: its numbers are dlcore's own, any file is read
or refused, and what a page may ask is checked.
"""

import base64
import io
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from demos import resnet_handlers as on
from demos import resnet_state as state
from demos import resnet_stress as stress
from demos import resnet_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError
from demos.kit.language import say
from demos.kit.script import standalone
from demos.kit.settings_form import SettingsForm
from demos.resnet import _weights as downloaded_weights
from demos.resnet import script_call
from demos.widgets.classes import classes
from demos.widgets.cover import SIDE, covered
from demos.widgets.photo import MOST_BYTES, uploaded
from demos.widgets.photos import data_url, photo, photos
from demos.widgets.reasons import card, heat
from demos.widgets.stages import MOST_MAPS, stages
from dlcore import faithfulness, resnet, resnet_attack, resnet_why
from dlcore.adversarial import Attack, pgd
from dlcore.disturb import DISTURBANCES, disturbed
from dlcore.efficientnet import load_lite0
from dlcore.explain import grad_cam
from dlcore.image_model import ImageModel
from dlcore.imagenet import imagenet_labels
from dlcore.jobs import WorkerDied
from dlcore.pictures import EXAMPLES, TEXTURES, load_example
from dlcore.preprocess import prepare, prepare_steps, to_input_image
from dlcore.progress import Progress
from dlcore.saliency import METHODS, Asked, explanation_of, integrated_gradients, smooth_grad
from dlcore.settings import SettingError

CONFIG = resnet.Config()
QUICK = resnet_why.WhyConfig(samples=2, steps=3, window=112, shares=4)


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return state.network("efficientnet_lite0")


@pytest.fixture(scope="module")
def cat() -> state.Shown:
    return state.example("chelsea")


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


# The picture and the answer


def test_the_answer_is_the_networks_own(model: ImageModel, cat: state.Shown) -> None:
    shown, photo_value, _, top, notes, record, tick = on.predict(None, "chelsea", None, CONFIG)
    with torch.no_grad():
        chances = model(prepare(load_example("chelsea"), model.recipe)).softmax(dim=1)[0]
    best = chances.topk(5)
    assert [item["id"] for item in top["items"]] == best.indices.tolist()
    assert [item["values"][0] for item in top["items"]] == pytest.approx(best.values.tolist())
    assert top["items"][0]["en"] == "Egyptian cat" and top["items"][0]["vi"]
    assert shown == cat and tick == record.id
    left, upper, right, lower = photo_value["crop"]
    assert right - left < lower - upper < 1, "a wide picture loses more at its sides"
    assert notes["items"][0]["key"] == "answered"


def test_a_picture_of_ones_own_takes_the_examples_place() -> None:
    given = state.sent_picture(file_of(Image.new("RGB", (3000, 1500), "red"), "JPEG"))
    assert given.size == (3000, 1500) and given.picture.size == (1024, 512)
    tiny = state.sent_picture(file_of(Image.new("P", (1, 1))))
    for preparation in ("crop", "squash"):
        config = resnet.Config(preparation=preparation)
        answer = on.predict(None, "", tiny, config)
        assert len(answer[3]["items"]) == 5 and answer[0] is tiny


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"only some words", "not_a_picture"),
        (b"", "empty"),
        (file_of(Image.effect_noise((64, 64), 50))[:1500], "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(data: bytes, key: str) -> None:
    with pytest.raises(UserError) as caught:
        state.sent_picture(data)
    assert caught.value.key == f"widgets.photo.refused.{key}"
    for lang in ("vi", "en"):
        assert say(caught.value.key, lang, **caught.value.values)


def test_a_picture_that_claims_to_be_huge_is_refused_unread() -> None:
    head = file_of(Image.new("1", (20_000, 20_000)))
    with pytest.raises(UserError) as caught:
        state.sent_picture(head)
    told = say(caught.value.key, "en", **caught.value.values)
    assert "400" in told and "64" in told


def test_only_what_was_uploaded_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setattr("demos.widgets.photo.get_upload_folder", lambda: str(folder))
    (folder / "a.png").write_bytes(b"mine")
    (tmp_path / "secret").write_bytes(b"not yours")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "large").write_bytes(bytes(MOST_BYTES + 1))
    assert uploaded({"file": {"path": str(folder / "a.png")}}) == b"mine"
    assert uploaded({"src": "data:"}) is None and uploaded("x") is None
    for name in ("../secret", "link", "missing", "large", "a\x00b", "."):
        with pytest.raises(UserError):
            uploaded({"file": {"path": str(folder / name)}})


def test_a_page_is_told_why_a_picture_is_refused_and_a_script_gets_the_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cat: state.Shown
) -> None:
    monkeypatch.setattr("demos.widgets.photo.get_upload_folder", lambda: str(tmp_path))
    (tmp_path / "holiday.jpg").write_bytes(b"only some words")
    file = {"path": str(tmp_path / "holiday.jpg")}
    with pytest.raises(UserError):
        on.predict({"file": file}, "", cat, CONFIG)
    sent = {"file": file, "number": 7, "src": "data:", "size": [4, 3]}
    _, told, *others = on.predict(sent, "", cat, CONFIG)
    assert told == {
        "src": "data:",
        "size": [4, 3],
        "answers": 7,
        "refused": {"key": "refused.not_a_picture", "values": {}},
    }
    assert others == [gr.skip()] * 5
    (tmp_path / "holiday.jpg").write_bytes(file_of(Image.new("RGB", (8, 8))))
    now, told, *_ = on.predict(sent, "", cat, CONFIG)
    assert now.size == (8, 8) and told["answers"] == 7 and "refused" not in told
    assert "answers" not in on.predict(None, "chelsea", now, CONFIG)[1]


def only_the_bundled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a fresh install, whatever was fetched on this machine."""
    there = state.find
    monkeypatch.setattr(state, "find", lambda n: there(n) if n == state.BUNDLED else None)


def test_where_a_network_is_missing_the_bundled_one_answers(
    monkeypatch: pytest.MonkeyPatch, cat: state.Shown
) -> None:
    only_the_bundled_one(monkeypatch)
    assert state.present("vgg16") == state.BUNDLED
    notes = on.predict(None, "", cat, resnet.TUTORIAL)[4]["items"]
    assert notes[0]["key"] == "stands_in" and notes[0]["values"]["missing"] == "ResNet50"
    with pytest.raises(UserError):
        state.present("alexnet")


def test_a_question_by_name_or_number_finds_its_label() -> None:
    assert state.label_of(-1) is None and state.label_of("-1") is None
    assert state.label_of("goldfish") == state.label_of("cá vàng") == state.label_of(1.0) == 1
    for wrong in (1000, -2, None, True, [1], "no such thing", float("nan"), 10**30, "²"):
        with pytest.raises(UserError):
            state.label_of(wrong)


# Sections


def test_only_the_open_section_is_made(cat: state.Shown) -> None:
    made = {name: on.study(name, cat, -1, -1, CONFIG) for name in ("gets", "why", "hide", "?")}
    fresh = {name: [i for i, v in enumerate(values) if not _skipped(v)]
             for name, values in made.items()}  # fmt: skip
    assert fresh == {"gets": [0, 1], "why": [2, 3], "hide": [4, 5, 6], "?": []}
    steps, ways = made["gets"][:2]
    keys = [picture["key"] for picture in steps["pictures"]]
    assert keys == ["original", "resized", "crop", "normalised", "squash"]
    assert ways["series"] == ["crop", "squash"]
    squashed = resnet.predict(
        state.network(CONFIG.network), cat.picture, resnet.Config(preparation="squash")
    )
    first = ways["items"][0]
    assert first["values"][1] == pytest.approx(squashed.probabilities[first["id"]].item())


def _skipped(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update" and len(value) == 1


@pytest.mark.parametrize("fill", state.FILLS)
def test_painted_places_are_gone_from_what_the_network_gets(
    model: ImageModel, cat: state.Shown, fill: str
) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:50, 5:30] = 1
    payload = {"mask": base64.b64encode(mask.tobytes()).decode()}
    given, less = on.hide(payload, fill, cat, CONFIG)
    images = prepare(cat.picture, model.recipe)
    places = torch.zeros(224, 224)
    places[40:200, 20:120] = 1
    gone = faithfulness.covered(images, places, blur=12.0 if fill == "blur" else 0.0)
    with torch.no_grad():
        expected = model(gone).softmax(dim=1)[0]
    for item in less["items"]:
        assert item["values"][1] == pytest.approx(expected[item["id"]].item(), abs=1e-5)
    assert int(expected.argmax()) in [item["id"] for item in less["items"]]
    assert given["pictures"][0]["src"].startswith("data:image/webp")


@pytest.mark.parametrize("mask", ["AAAA", "%%%", "é", 5, ["x"]])
def test_a_mask_that_is_none_is_refused(mask: Any) -> None:
    with pytest.raises(UserError):
        covered({"mask": mask})
    assert not covered({"mask": ""}).any() and not covered(None).any()


def test_stages_show_the_loudest_maps(model: ImageModel, cat: state.Shown) -> None:
    value = views.through_stages(cat, CONFIG)
    with torch.no_grad():
        maps = model.stage_maps(prepare(cat.picture, model.recipe))
    assert [stage["name"] for stage in value["stages"]] == list(maps)
    for stage, values in zip(value["stages"], maps.values(), strict=True):
        means = values[0].abs().mean(dim=(1, 2))
        assert stage["shape"] == list(values.shape[1:])
        assert stage["units"] == means.topk(MOST_MAPS).indices.tolist()
        assert stage["strengths"] == pytest.approx(means.topk(MOST_MAPS).values.tolist(), abs=1e-3)
        assert stage["maps"]["shape"][0] == MOST_MAPS and stage["maps"]["shape"][1] <= 56
    assert stages("", {"a": np.zeros((3, 200, 200))})["stages"][0]["silent"] == 1.0


# Why


def test_grad_cam_of_all_stages_is_that_of_each(model: ImageModel, cat: state.Shown) -> None:
    images = prepare(cat.picture, model.recipe)
    for label, against in ((285, None), (282, 281)):
        cams = resnet_why.cam_of_stages(model, images, label, against)
        stages = dict(model.stages.named_children())
        for name in list(stages) if against is None else ["mix"]:
            stage = stages[name]
            whole = grad_cam(model, images, stage, label, against=against)[0]
            larger = torch.nn.functional.interpolate(
                torch.from_numpy(cams[name])[None, None], whole.shape, mode="bilinear"
            )[0, 0]
            torch.testing.assert_close(larger, whole, atol=1e-6, rtol=1e-5)


@pytest.fixture(scope="module")
def asking(cat: state.Shown) -> resnet_why.Question:
    return resnet_why.Question(state.BUNDLED, state.pixels(cat, CONFIG), 285)


def test_four_reasons_come_one_by_one_and_then_their_curves(
    asking: resnet_why.Question, model: ImageModel
) -> None:
    events = list(resnet_why.why_job(asking, QUICK))
    sizes = [(len(e.snapshot.heats), len(e.snapshot.curves)) for e in events]
    assert sizes == sorted(sizes) and sizes[0] == (1, 0) and sizes[-1] == (4, 5)
    assert [e.step for e in events] == sorted(e.step for e in events)
    assert events[-1].step == events[-1].total
    images = to_input_image(Image.fromarray(asking.pixels), model.recipe)
    asked = Asked(model, images, 285)
    wanted = {
        "smooth_grad": smooth_grad(asked, samples=2, noise=QUICK.noise),
        "integrated_gradients": integrated_gradients(asked, steps=3),
    }
    found = events[-1].snapshot
    for name, steps in wanted.items():
        heat = torch.from_numpy(explanation_of(steps).heat)[None, None]
        small = torch.nn.functional.avg_pool2d(heat, 2)[0, 0].numpy()
        np.testing.assert_allclose(found.heats[name], small, atol=1e-5, rtol=1e-3)
    assert set(events[-1].metrics) == {
        f"{kind}_{name}" for kind in ("insertion", "deletion") for name in (*METHODS, "random")
    }
    for curve in found.curves.values():  # nothing taken away, and everything put in
        whole = float(model(images).softmax(dim=1)[0, 285])
        assert curve.deletion[0] == pytest.approx(whole, abs=1e-4)
        assert curve.insertion[-1] == pytest.approx(whole, abs=1e-4)


def test_every_method_can_ask_at_the_layer_of_the_scrubber(asking: resnet_why.Question) -> None:
    deep = resnet_why.Question(asking.network, asking.pixels, 285, None, "stage5", True)
    model = load_lite0()
    for method in METHODS:
        assert deep.asked(model, method).layer is model.stages.stage5
        assert (asking.asked(model, method).layer is None) == (method != "grad_cam")
    assert state.stage_of(model, "stage5") == "stage5"
    assert state.stage_of(model, "layer9") == state.stage_of(model, [1]) == ""


def test_forgetting_changes_the_explanation(asking: resnet_why.Question) -> None:
    events = list(resnet_why.randomise_job(asking, "grad_cam"))
    last = events[-1].snapshot
    assert [one.layer for one in last][:2] == ["", "head"] and len(last) == events[-1].total
    assert last[0].similarity == pytest.approx(1.0) and last[-1].probability < 0.01
    cards = views.randomised(asking.pixels, last)["cards"]
    assert [one["name"] for one in cards[:2]] == ["intact", "forgotten"]
    assert set(cards[1]["values"]["layer"]) == {"vi", "en"}


def test_cards_say_how_much_better_than_chance(asking: resnet_why.Question) -> None:
    line = np.linspace(0, 1, 5, dtype=np.float32)
    good = faithfulness.Curves(line, 0 * line, 0 * line + 1)
    chance = faithfulness.Curves(line, line, line)
    curves = dict.fromkeys(METHODS, good) | {resnet_why.RANDOM: chance}
    found = resnet_why.Reasons({name: np.ones((4, 4)) for name in METHODS}, curves)
    heats = {"stage1": np.ones((2, 2)), "stage2": np.ones((1, 1))}
    value = views.explained(asking.pixels, heats, asked=(285, 0.4), found=found)
    first, second = value["cards"][:2]
    assert first["layer"] == "stage2" and "heat" not in first and "heat" in second
    assert second["values"]["gap"] == 1.0 and second["values"]["chance"] == 0.0
    assert second["areas"] == {"insertion": 1.0, "deletion": 0.0}


def test_a_label_is_not_compared_with_itself(cat: state.Shown) -> None:
    for label in (285, state.OWN_ANSWER):  # the cat's own answer is 285
        told, forgotten = on.study("why", cat, label, 285, CONFIG)[2:4]
        assert told == {"src": "", "cards": [], "hint": "same_label"} and forgotten is None
        with pytest.raises(UserError) as caught:
            on.question(cat, label, 285, "", False, CONFIG)
        assert all(say(caught.value.key, lang) for lang in ("vi", "en"))
    assert on.study("why", cat, 281, 285, CONFIG)[2]["cards"]


def test_curves_measure_one_label_and_say_so_beside_heats_of_two() -> None:
    line = np.linspace(0, 1, 5, dtype=np.float32)
    measured = dict.fromkeys([*METHODS, resnet_why.RANDOM], faithfulness.Curves(line, line, line))
    heats = {"stage1": np.ones((2, 2))}

    def remark(against: int | None, curves: dict[str, faithfulness.Curves]) -> Any:
        found = resnet_why.Reasons({}, curves)
        value = views.explained(
            np.zeros((8, 8, 3), np.uint8), heats, asked=(1, 0.4), against=against, found=found
        )
        return value.get("remark"), value.get("values", {}).get("other")

    assert remark(285, measured) == ("alone", views.named(285))
    assert remark(None, measured) == remark(285, {}) == (None, None)


def test_the_nearest_pieces_of_a_cat_are_the_cats(
    cat: state.Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: EXAMPLES[name] for name in ("coffee", "chelsea")}
    monkeypatch.setattr(resnet_why, "EXAMPLES", few)
    *_, last = resnet_why.library_job(state.BUNDLED)
    library: resnet_why.Library = last.snapshot
    assert library.features.shape == (5 * (len(few) + len(TEXTURES)), 1280)
    shown = views.neighbours(cat, CONFIG, library)["pictures"]
    assert len(shown) == 8 and shown[0]["values"]["name"]["en"] == "Chelsea"
    alike = [picture["values"]["similarity"] for picture in shown]
    assert alike == sorted(alike, reverse=True) and alike[0] < 0.999, "not the very same picture"


# To take away


def test_the_script_runs_alone_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where another network was asked for than the one that answered."""
    only_the_bundled_one(monkeypatch)
    asked = resnet.Config(network="resnet50")
    run = on.predict(None, "", state.sent_picture(_odd_picture()), asked)[5]
    setup, call = script_call(run)
    script = tmp_path / "resnet.py"
    text = standalone(resnet, run.config, threads=torch.get_num_threads(), call=call, setup=setup)
    script.write_text(text, encoding="utf-8")
    weights = tmp_path / "resnet.safetensors"
    weights.write_bytes(downloaded_weights(run))
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(weights)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" = ") for line in done.stdout.splitlines() if " = " in line)
    assert list(told) == list(run.metrics())
    assert [float(p) for p in told.values()] == pytest.approx(
        list(run.metrics().values()), abs=1e-5
    )


def test_the_record_and_the_code_name_the_network_that_answered(
    monkeypatch: pytest.MonkeyPatch, cat: state.Shown
) -> None:
    only_the_bundled_one(monkeypatch)
    run = on.predict(None, "", cat, resnet.TUTORIAL)[5]
    assert run.config == replace(resnet.TUTORIAL, network=state.BUNDLED)
    with gr.Blocks():
        panel = CodePanel(
            "resnet", sources=[resnet.predict], module=resnet,
            form=SettingsForm("resnet", resnet.Config, tutorial=None, shown=()),
            record=gr.State(), weights=downloaded_weights, call=script_call, used=state.answering,
        )  # fmt: skip
    values = panel.form.values(resnet.TUTORIAL)
    assert panel._describe(*values)["settings"] == asdict(run.config)
    for record in (None, run):
        script = Path(panel._script(record, *values)).read_text(encoding="utf-8")
        assert f"config = {run.config!r}" in script


def _odd_picture() -> bytes:
    """A piece of an example, so that it is none of them."""
    return file_of(load_example("china").crop((100, 50, 400, 300)))


def test_a_table_and_a_figure_of_the_answer(cat: state.Shown) -> None:
    run = on.predict(None, "", cat, CONFIG)[5]
    rows = views.table(run)
    assert len(rows) == 1001 and rows[0] == ["label", "en", "vi", "vi_doubtful", "probability"]
    assert sum(row[-1] for row in rows[1:]) == pytest.approx(1.0, abs=1e-4)
    assert rows[1][1] == "Egyptian cat"
    assert len(views.figure(run, "vi").axes) == 3


def test_a_doubtful_name_is_marked_wherever_it_is_written(cat: state.Shown) -> None:
    projectile, missile = imagenet_labels()[744], imagenet_labels()[657]
    assert projectile.doubtful and not missile.doubtful
    choices = {value: name for name, value in views.label_choices("none")}
    for name in (choices[744], stress._name(744)):
        assert name == f"projectile · {projectile.vi} ?"
    assert choices[657] == stress._name(657) == f"missile · {missile.vi}"
    run = on.predict(None, "rocket", cat, CONFIG)[5]
    assert [row[3] for row in views.table(run) if row[0] in (744, 657)] == [False, True]
    told = say("widgets.doubt.told", "vi")
    for lang, noted in (("vi", f"? {told}"), ("en", "")):
        drawn = views.figure(run, lang)
        written = [text.get_text() for text in drawn.axes[2].get_yticklabels()]
        assert (f"{projectile.vi} ?" in written) == (lang == "vi")
        assert drawn.get_supxlabel() == noted


# Widgets


def test_what_the_widgets_are_sent() -> None:
    grey = np.linspace(0, 1, 12).reshape(3, 4)
    exact = data_url(grey, exact=True).split(",")[1]
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(exact))).convert("L"))
    np.testing.assert_array_equal(back, (grey * 255).round())
    assert photos([photo(grey, "a", id=3)], picked=3)["picked"] == 3
    with pytest.raises(ValueError, match="2 values for 1"):
        classes([1], [{}], {"crop": [0.5, 0.2]})
    values = heat([[1.0, -0.5], [0.0, np.nan]])
    assert np.frombuffer(base64.b64decode(values["data"]), "i1").tolist() == [127, -64, 0, 0]
    with pytest.raises(ValueError, match="not"):
        heat(np.zeros(3))
    assert card("occlusion") == {"name": "occlusion", "values": {}}


def test_the_crop_on_the_page_is_the_one_that_was_cut_out(model: ImageModel) -> None:
    for name in EXAMPLES:
        shown = state.example(name)
        made = prepare_steps(shown.picture, model.recipe)
        answer = resnet.predict(model, shown.picture, CONFIG)
        crop = views.picture(shown, answer)["crop"]
        width, height = shown.picture.size
        assert np.array(crop) * [width, height, width, height] == pytest.approx(made.box, abs=0.6)


# What an answer withstands, and how it is fooled


def test_every_part_of_every_network_has_a_name() -> None:
    for kind in resnet.NETWORKS.values():
        with torch.device("meta"):
            parts = faithfulness.stage_names(kind())
        for part in parts:
            assert all(say(f"resnet.words.{part}", lang) for lang in ("vi", "en"))


def test_a_changed_picture_is_answered_at_once_and_its_curve_follows(
    model: ImageModel, cat: state.Shown
) -> None:
    still = [change.none for change in DISTURBANCES.values()]
    amounts = [6.0, *still[1:]]
    *events, last = stress.withstood(cat, "a", "blur", amounts, CONFIG)
    bent, answer, _ = events[0]
    pixels = torch.from_numpy(state.pixels(cat, CONFIG)).permute(2, 0, 1) / 255
    with torch.no_grad():
        changed = model.recipe.normalise(disturbed(pixels, {"blur": 6.0})[None])
        expected = model(changed).softmax(dim=1)[0]
    for item in answer["items"]:
        assert item["values"][1] == pytest.approx(expected[item["id"]].item(), abs=1e-5)
    curves = last[2]["runs"][0]["curves"]
    name, points = next(iter(curves.items()))
    assert len(points) == 13 and 1 <= len(curves) <= 4 and " · " in name
    at = {x: y for x, y in points}
    label = next(one.index for one in imagenet_labels() if name.startswith(f"{one.en} · "))
    assert at[6.0] == pytest.approx(expected[label].item(), abs=1e-5)
    [again] = stress.withstood(cat, "a", "blur", [3.0, *still[1:]], CONFIG)
    assert again[2]["runs"] == last[2]["runs"] and again[2]["marks"][0]["x"] == 3.0


def test_amounts_out_of_bounds_are_refused() -> None:
    still = [change.none for change in DISTURBANCES.values()]
    for place, wrong in ((0, -1), (1, math.nan), (2, "x"), (3, 0.0), (4, 101), (4, True)):
        with pytest.raises(SettingError):
            stress.amounts_of([*still[:place], wrong, *still[place + 1 :]])


def test_steps_of_an_attack_are_those_of_dlcore(model: ImageModel, cat: state.Shown) -> None:
    given = state.pixels(cat, CONFIG)
    how = resnet_attack.AttackConfig(steps=3)
    events = list(resnet_attack.attack_job(state.BUNDLED, given, 1, True, how))
    attack = Attack(model, model.recipe, 1, towards=True, limit=2 / 255)
    pixels = torch.from_numpy(given).permute(2, 0, 1) / 255
    *_, expected = pgd(attack, pixels, steps=3)
    last: resnet_attack.Fooled = events[-1].snapshot
    np.testing.assert_allclose(last.probabilities, expected.snapshot.probabilities, atol=1e-5)
    assert [event.snapshot.step for event in events] == [0, 1, 2, 3]
    assert last.largest == pytest.approx(2.0, abs=1e-3) and events[0].snapshot.largest == 0
    assert np.abs(last.picture.astype(int) - given).max() <= 2
    assert (events[0].snapshot.change == 128).all() and last.change.min() == 0
    seen = stress._seen("run", [event.snapshot for event in events], 285, 1, CONFIG)
    pictures, timeline, remarks, beside, path = seen
    assert timeline["steps"] == [0, 1, 2, 3] and len(pictures["frames"][0]["pictures"]) == 3
    assert beside["frames"][0]["step"] == 3
    assert path["runs"][0]["curves"][stress._name(1)][3][1] == pytest.approx(
        float(last.probabilities[1])
    )
    assert remarks["items"]


class _Breaks:
    """A stream whose worker dies after its first event."""

    ended = ""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[Progress]:
        yield Progress(0, 0)
        raise WorkerDied("worker 3")

    def close(self) -> None:
        self.closed = True


def test_a_worker_that_dies_leaves_no_button_disabled(
    monkeypatch: pytest.MonkeyPatch, cat: state.Shown
) -> None:
    monkeypatch.setattr(on, "stream", _Breaks)
    monkeypatch.setattr(stress, "stream", _Breaks)
    handlers = {
        (True, True, False): on.randomise(cat, 285, -1, "", "grad_cam", CONFIG, "page"),
        (True, False): stress.attacked(cat, 1, CONFIG, resnet_attack.AttackConfig()),
    }
    for free, updates in handlers.items():
        told = []
        with pytest.raises(WorkerDied):
            for update in updates:
                told.append(update)
        count = len(free)
        for update, expected in ((told[0], [not one for one in free]), (told[-1], [*free])):
            assert [one["interactive"] for one in update[:count]] == expected
        assert told[0][count]["state"] == "waiting" and told[-1][count]["state"] == "failed"
        assert all(_skipped(one) for one in told[-1][count + 1 :]), "what was shown stays"


def test_aiming_at_the_answer_itself_is_refused(cat: state.Shown) -> None:
    with pytest.raises(UserError, match="already_there"):
        next(stress.attacked(cat, 285, CONFIG, resnet_attack.AttackConfig()))
