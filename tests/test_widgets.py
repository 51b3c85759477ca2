"""What the Python side of the shared widgets sends: checked by reading it back."""

import base64
from typing import Any

import numpy as np
import pytest

from demos.widgets.bars import bars
from demos.widgets.heatmap import heatmap
from demos.widgets.image_grid import diverging_images, images
from demos.widgets.line_chart import chart_run, line_chart
from demos.widgets.recording import recent
from demos.widgets.status import status
from demos.widgets.timeline import timeline


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """The inverse of pack(), written apart from it: little-endian bytes in base64."""
    data = np.frombuffer(base64.b64decode(packed["data"]), dtype="<" + packed["dtype"])
    return data.reshape(packed["shape"])


def test_a_live_run_sends_its_newest_points_each_in_its_own_slot():
    points = [(step, 1 / (step + 1)) for step in range(100)]
    before = chart_run("a", {"loss": points[:99]}, live=True)["curves"]["loss"]
    after = chart_run("a", {"loss": points}, live=True)["curves"]["loss"]
    assert sorted(after) == [list(map(float, point)) for point in points[-len(after) :]]
    changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert len(changed) == 1  # only what changed travels to the page


def test_a_finished_run_is_packed_whole_with_gaps_as_nan():
    run = chart_run("a", {"loss": [(0, 2.5), (7, None), (14, 0.5)]}, settings={"lr": 0.1})
    curve = run["curves"]["loss"]
    assert unpack(curve["x"]).tolist() == [0, 7, 14]
    ys = unpack(curve["y"])
    assert ys[0] == 2.5 and np.isnan(ys[1]) and ys[2] == 0.5
    assert run["settings"] == {"lr": 0.1}


def test_the_axis_of_a_live_run_is_as_long_as_the_run_will_be_and_of_an_ended_one_as_it_was():
    assert chart_run("a", {}, total=900, live=True)["total"] == 900
    assert chart_run("a", {}, total=900)["total"] == 0


def test_an_empty_curve_can_be_packed():
    curve = chart_run("a", {"loss": []})["curves"]["loss"]
    assert unpack(curve["x"]).shape == (0,)


def test_a_still_chart_has_one_run_and_its_marks():
    value = line_chart({"sine": [(0, 0), (1, None)]}, x_label="angle", marks=[(0.5, "here")])
    assert value["runs"][0]["curves"] == {"sine": [[0.0, 0.0], [1.0, None]]}
    assert value["marks"] == [{"x": 0.5, "label": "here"}]
    assert "panels" not in value


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_recent_loses_nothing_of_the_newest(count):
    assert sorted(recent(range(count))) == list(range(max(0, count - 16), count))


def test_pictures_from_floats_are_clipped_and_from_bytes_kept():
    value = images(np.array([[[-1.0, 0.0, 0.5, 1.0, 7.0, np.nan]]]))
    assert unpack(value["images"]).tolist() == [[[0, 0, 128, 255, 255, 0]]]
    bytes_ = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert (unpack(images(bytes_)["images"]) == bytes_).all()
    assert unpack(images(np.zeros((2, 5, 4, 3)))["images"]).shape == (2, 5, 4, 3)


@pytest.mark.parametrize("shape", [(5,), (5, 5), (2, 5, 5, 4)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="pictures must be"):
        images(np.zeros(shape))


def test_captions_must_match_the_pictures():
    assert images(np.zeros((2, 3, 3)), captions=["a", "b"])["captions"] == ["a", "b"]
    with pytest.raises(ValueError, match="3 captions for 2"):
        images(np.zeros((2, 3, 3)), captions=["a", "b", "c"])


def test_signed_pictures_share_one_limit_and_zero_is_in_the_middle():
    pixels = unpack(diverging_images(np.array([[[-2.0, 0.0]], [[1.0, 2.0]]]))["images"])
    assert pixels.tolist() == [[[1, 128]], [[192, 255]]]
    assert unpack(diverging_images(np.zeros((1, 2, 2)))["images"]).tolist() == [[[128] * 2] * 2]


def test_a_heatmap_keeps_values_labels_and_the_keys_it_was_given_only():
    table = np.arange(6).reshape(2, 3)
    value = heatmap(table, rows=["a", "b"], scale="log", numbers=True)
    assert unpack(value["values"]).tolist() == table.tolist()
    assert {key: value[key] for key in value if key != "values"} == {
        "rows": ["a", "b"], "scale": "log", "numbers": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        (np.zeros(3), {}, "two dimensions"),
        (np.zeros((2, 2)), {"scale": "rainbow"}, "rainbow"),
        (np.zeros((2, 2)), {"columns": ["a"]}, "1 columns labels for 2"),
    ],
)
def test_a_heatmap_says_what_is_wrong(values, more, message):
    with pytest.raises(ValueError, match=message):
        heatmap(values, **more)


def test_bars_need_a_value_for_every_label():
    value = bars(["0", "1"], {"bundled": [0.25, 0.75]})
    assert value["series"] == [{"name": "bundled", "values": [0.25, 0.75]}]
    with pytest.raises(ValueError, match="3 values for 2 labels"):
        bars(["0", "1"], {"bundled": [0.1, 0.2, 0.7]})


def test_the_time_left_is_what_the_steps_so_far_predict():
    value = status("running", step=25, total=100, elapsed_s=5.0)
    assert value["left_s"] == 15.0
    assert "left_s" not in status("running", step=0, total=100, elapsed_s=5.0)
    assert "left_s" not in status("done", step=100, total=100, elapsed_s=5.0)
    with pytest.raises(ValueError, match="asleep"):
        status("asleep")


def test_a_timeline_puts_its_steps_in_order_each_once():
    assert timeline([40, 0, 20, 20], "a") == {"run": "a", "steps": [0, 20, 40]}
