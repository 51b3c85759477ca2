"""A fault that a worker raised is the same fault in the app."""

import pickle

import pytest

from dlcore.data.opinions import OpinionError
from dlcore.data.sheet import TableError
from dlcore.faults import Fault
from dlcore.text import TextError


@pytest.mark.parametrize(
    "fault",
    [
        TableError("mlp.errors.ragged", "line 3 has 4 cells", line=3),
        TextError("long", most=200),
        TextError("empty"),
        OpinionError("few", found=3, least=10),
    ],
)
def test_a_fault_survives_the_way_from_a_worker(fault: Fault) -> None:
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is type(fault) and isinstance(again, ValueError)
    assert (again.key, again.values, str(again)) == (fault.key, fault.values, str(fault))
    assert len(str(fault).split()) >= 3, "a terminal gets a sentence"
