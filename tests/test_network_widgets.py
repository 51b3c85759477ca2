"""What the Python side of the network's pictures sends and accepts."""

import math

import numpy as np
import pytest

from demos.kit.errors import UserError
from demos.widgets.network import (
    MOST_INPUTS,
    network,
    network_frame,
    network_points,
    read_edit,
    read_shape,
)
from demos.widgets.scatter import scatter, scatter_frame
from tests.test_widgets import unpack

RNG = np.random.default_rng(0)
SIZES = (2, 3, 1)


def frame(step=0, sizes=SIZES, **more):
    weights = [RNG.normal(size=(b, a)).astype("f4") for a, b in zip(sizes, sizes[1:], strict=False)]
    return network_frame(step, weights, [np.zeros(b, "f4") for b in sizes[1:]], **more), weights


def test_a_frame_carries_every_weight_and_the_fields_as_bytes():
    fields = np.arange(4 * 24 * 24).reshape(4, 24, 24) % 256
    sent, weights = frame(7, fields=fields, output=np.full((60, 60), 255))
    assert sent["step"] == 7
    for packed, weight in zip(sent["weights"], weights, strict=True):
        assert (unpack(packed) == weight).all()
    assert (unpack(sent["fields"]) == fields).all()
    assert unpack(sent["output"]).shape == (60, 60) and unpack(sent["output"]).min() == 255


def test_of_many_inputs_the_first_are_sent_and_the_rest_counted():
    sent, weights = frame(sizes=(27, 3, 1))
    assert unpack(sent["weights"][0]).shape == (3, MOST_INPUTS)
    assert (unpack(sent["weights"][0]) == weights[0][:, :MOST_INPUTS]).all()
    names = [f"x{i}" for i in range(27)]
    value = network("a", [sent], inputs=names, layers=[3], outputs=["no", "yes"])
    assert value["inputs"] == names[:MOST_INPUTS] and value["more"] == 7


def test_a_live_network_sends_its_newest_frames_only():
    frames = [frame(step)[0] for step in range(40)]
    value = network(
        "a", frames, inputs=["x", "y"], layers=[3], outputs=["0", "1"], view=(0, 1, 0, 1)
    )
    assert sorted(one["step"] for one in value["frames"]) == list(range(24, 40))
    assert value["view"] == [0.0, 1.0, 0.0, 1.0] and value["points"] is None


def test_weights_and_biases_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        network_frame(0, [np.zeros((3, 2))], [np.zeros(2)])
    with pytest.raises(ValueError, match="1 weight matrices, 0 biases"):
        network_frame(0, [np.zeros((3, 2))], [])


def test_points_keep_their_class_and_their_part():
    sent = network_points(np.array([[0.5, -1.0]]), np.array([1]), np.array([True]))
    assert unpack(sent["x"]).tolist() == [[0.5, -1.0]]
    assert unpack(sent["labels"]).tolist() == [1] and unpack(sent["held"]).tolist() == [1]


def test_an_edit_is_a_place_in_the_network_and_a_number():
    wanted = {"layer": 1, "unit": 0, "source": 2, "value": -0.5}
    assert read_edit(wanted, SIZES) == (1, 0, 2, -0.5)
    assert read_edit({**wanted, "source": None, "value": 3}, SIZES) == (1, 0, None, 3.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer": 2}, {"layer": -1}, {"layer": True}, {"layer": "0"}, {"unit": 1}, {"unit": 0.0},
        {"source": 3}, {"source": -1}, {"value": math.nan}, {"value": math.inf}, {"value": 101},
        {"value": "1"}, {"value": None}, {"value": True},
    ],
)  # fmt: skip
def test_any_other_edit_is_refused(wrong):
    with pytest.raises(UserError):
        read_edit({"layer": 1, "unit": 0, "source": 2, "value": 0.5, **wrong}, SIZES)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"layer": 0}])
def test_what_is_no_edit_at_all_is_refused(data):
    with pytest.raises(UserError):
        read_edit(data, SIZES)


def test_a_shape_is_up_to_six_layers():
    assert read_shape({"hidden": []}) == ()
    assert read_shape({"hidden": [1, 64]}) == (1, 64)
    assert read_shape({"hidden": [32] * 6}, most_units=32) == (32,) * 6


@pytest.mark.parametrize(
    "hidden", [None, "8,8", [0], [65], [8.0], [True], [[8]], [8] * 7, {"0": 8}, [math.nan]]
)
def test_any_other_shape_is_refused(hidden):
    with pytest.raises(UserError):
        read_shape({"hidden": hidden})


def test_a_scatter_keeps_places_classes_and_rows():
    places = np.array([[-127, 0], [5, 127]], dtype=np.int8)
    value = scatter(
        "a",
        [scatter_frame(3, [places, -places])],
        labels=np.array([0, 1]),
        classes=["no", "yes"],
        held=np.array([False, True]),
        rows=np.array([70_000, 2]),
    )
    [sent] = value["frames"]
    assert [unpack(plane).tolist() for plane in sent["planes"]] == [
        places.tolist(), (-places).tolist()
    ]  # fmt: skip
    assert unpack(value["rows"]).tolist() == [70_000, 2] and unpack(value["held"]).tolist() == [
        0,
        1,
    ]
    assert value["titles"] is None


def test_a_scatter_says_what_does_not_fit():
    with pytest.raises(ValueError, match="3 rows for 2 labels"):
        scatter("a", labels=np.zeros(2), classes=["no"], rows=np.zeros(3))
    with pytest.raises(ValueError, match="must be"):
        scatter_frame(0, [np.zeros((4, 3))])
