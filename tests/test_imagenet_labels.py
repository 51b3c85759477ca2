"""The names of ImageNet's 1,000 classes: English as in torchvision, and Vietnamese, row by row."""

import csv
import re
import unicodedata
from pathlib import Path

import pytest

import dlcore
from dlcore.torchvision_mend import import_torchvision

FILE = Path(dlcore.__file__).parent / "data" / "imagenet" / "labels.tsv"
COLUMNS = ["index", "en", "vi", "doubtful", "note"]
# Torchvision's names are single words out of WordNet. Where a reader would think of another thing
# (a crane that lifts, a boxer that fights), the table adds in brackets what is meant; these must
# be among them, for without the addition two classes would share a name or mislead at once.
DISAMBIGUATED = {
    21: "kite (bird)",
    134: "crane bird",
    242: "boxer (dog)",
    264: "Cardigan (corgi)",
    312: "cricket (insect)",
    474: "cardigan (sweater)",
    517: "crane (machine)",
    638: "maillot (leotard)",
    639: "maillot tank suit",
    673: "mouse (computer)",
    677: "nail (metal)",
    847: "tank (military)",
    998: "ear (of corn)",
}
# Vietnamese words carry their marks: these letters are in no English name.
VIETNAMESE = re.compile("[àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
# These few everyday names have none of them.
UNMARKED = {
    *("chim toucan", "cua Dungeness", "ong", "tatu", "tinh tinh", "chai bia", "xe taxi"),
    *("dao phay", "xe go-kart", "xe jeep", "xe limousine", "loa", "micro", "xe minivan"),
    *("xe Ford Model T", "xe tay ga", "ti vi", "khay", "len", "trang web", "kem", "kem que"),
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_thousand_rows_in_order(rows: list[dict[str, str]]) -> None:
    assert [list(row) for row in rows] == [COLUMNS] * 1000
    assert [row["index"] for row in rows] == [str(index) for index in range(1000)]


def test_bytes_are_clean_text() -> None:
    text = FILE.read_bytes().decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert text.endswith("\n") and "\r" not in text and '"' not in text
    for line in text.splitlines():
        assert line.count("\t") == len(COLUMNS) - 1
        assert all(cell == " ".join(cell.split()) for cell in line.split("\t")), line


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_no_two_classes_share_a_name(rows: list[dict[str, str]], lang: str) -> None:
    names = [row[lang].casefold() for row in rows]
    assert all(names)
    assert len(set(names)) == 1000


def test_english_is_torchvisions_with_at_most_an_addition_in_brackets(
    rows: list[dict[str, str]],
) -> None:
    import_torchvision()
    from torchvision.models import _meta

    categories = _meta._IMAGENET_CATEGORIES
    assert len(categories) == 1000
    added = 0
    for row, category in zip(rows, categories, strict=True):
        addition = row["en"].removeprefix(category)
        assert row["en"].startswith(category), row
        assert not addition or re.fullmatch(r" \([A-Za-z' -]+\)", addition), row
        added += bool(addition)
    assert added < 250  # most names need none
    assert {index: rows[index]["en"] for index in DISAMBIGUATED} == DISAMBIGUATED


def test_none_is_left_in_english(rows: list[dict[str, str]]) -> None:
    for row in rows:
        english = set(re.findall(r"\w+", row["en"].casefold()))
        assert set(re.findall(r"\w+", row["vi"].casefold())) - english or row["doubtful"], row
    bare = {row["vi"] for row in rows if not VIETNAMESE.search(row["vi"]) and not row["doubtful"]}
    assert bare == UNMARKED


def test_lower_case_except_proper_names(rows: list[dict[str, str]]) -> None:
    assert [row["vi"] for row in rows if row["vi"][0].isupper()] == []


def test_doubt_is_a_mark_and_says_why(rows: list[dict[str, str]]) -> None:
    assert {row["doubtful"] for row in rows} == {"", "1"}
    doubtful = [row for row in rows if row["doubtful"]]
    assert all(row["note"] for row in doubtful)
    assert not any(row["note"] for row in rows if not row["doubtful"])
    assert 20 < len(doubtful) < 150  # a thousand sure names would be boasting


@pytest.mark.parametrize(
    ("index", "vi"),
    [
        (2, "cá mập trắng lớn"),
        (29, "kỳ giông Mexico"),
        (91, "chim bìm bịp"),
        (235, "chó chăn cừu Đức"),
        (237, "chó phốc hươu"),
        (259, "chó phốc sóc"),
        (282, "mèo vằn"),
        (285, "mèo Ai Cập"),
        (297, "gấu lợn"),
        (389, "cá thu rắn"),
        (391, "cá hồi Coho"),
        (489, "hàng rào lưới B40"),
        (657, "tên lửa"),
        (954, "quả chuối"),
        (956, "quả na"),
        (996, "nấm maitake"),
        (999, "giấy vệ sinh"),
    ],
)
def test_names_stand_in_their_own_row(rows: list[dict[str, str]], index: int, vi: str) -> None:
    """One row slipped would be found here, wherever it began."""
    assert rows[index]["vi"] == vi
