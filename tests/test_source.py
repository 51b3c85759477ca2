"""Code is shown whole, and coloured as Python itself reads it."""

import inspect

from demos.widgets.source import source
from dlcore import cnn

CODE = '''def area(r):  # of a disc
    """Pi r squared,
    roughly."""
    return 3.14 * r ** 2
'''


def test_nothing_of_the_code_is_lost_or_changed():
    for code in (CODE, CODE.rstrip(), inspect.getsource(cnn.CNN), inspect.getsource(cnn)):
        assert "".join(text for _, text in source("x", code)["pieces"]) == code


def test_tokens_are_coloured_by_what_they_are():
    pieces = source("area", CODE)["pieces"]
    assert ["keyword", "def"] in pieces and ["keyword", "return"] in pieces
    assert ["name", "area"] in pieces
    assert ["comment", "# of a disc"] in pieces
    assert ["number", "3.14"] in pieces
    assert ["string", '"""Pi r squared,\n    roughly."""'] in pieces
