"""Tables: the agreed data sets row for row, and CSV as odd as people's files are."""

import dataclasses
import io
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.model_selection import train_test_split

from dlcore.data.sheet import decode
from dlcore.data.tables import (
    DATASETS,
    Table,
    TableError,
    columns,
    make_table,
    read_table,
    split,
)


def lines(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def table_of(rows: int = 40, **extra: Sequence[object]) -> str:
    """A CSV of two useful columns, a label, and any others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2)).round(3)
    y = ["yes" if a + b > 0 else "no" for a, b in x]
    header = ",".join(["a", "b", *extra, "label"])
    body = [
        ",".join(map(str, [*x[i], *(values[i] for values in extra.values()), y[i]]))
        for i in range(rows)
    ]
    return lines(header, *body)


def keys(table: Table) -> list[str]:
    return [note.key.removeprefix("mlp.notes.") for note in table.notes]


def error_of(csv: str, target: str = "label") -> TableError:
    with pytest.raises(TableError) as caught:
        read_table(csv, target=target)
    assert caught.value.key.startswith("mlp.errors.")
    return caught.value


# --- The sets that are made ----------------------------------------------------------------------


def test_the_tutorials_table_is_the_tutorials_row_for_row() -> None:
    x, y = make_classification(
        n_samples=1000, n_features=20, n_informative=10, n_redundant=5, random_state=42
    )
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    table = make_table("tutorial")
    assert np.array_equal(table.features[table.train], x_train.astype(np.float32))
    assert np.array_equal(table.features[table.held_out], x_test.astype(np.float32))
    assert np.array_equal(table.labels[table.train], y_train)
    assert np.array_equal(table.labels[table.held_out], y_test)


def test_circles_and_moons_are_scikit_learns() -> None:
    for name, (x, y) in {
        "circles": make_circles(300, noise=0.2, factor=0.5, random_state=7),
        "moons": make_moons(300, noise=0.2, random_state=7),
    }.items():
        table = make_table(name, samples=300, noise=0.2, seed=7)
        assert np.array_equal(table.features, x.astype(np.float32))
        assert np.array_equal(table.labels, y)


@pytest.mark.parametrize("name", DATASETS[:-1])
@pytest.mark.parametrize("share", [0.05, 0.8, 0.95])
def test_every_set_is_divided_whole_and_follows_its_seed(name: str, share: float) -> None:
    table = make_table(name, samples=200, noise=0.1, train_share=share, seed=3)
    assert table.features.dtype == np.float32 and table.labels.dtype == np.int64
    assert len(table.names) == table.features.shape[1]
    both = np.concatenate([table.train, table.held_out])
    assert sorted(both) == list(range(200))
    assert len(table.train) == round(200 * share)
    assert 0.4 < table.labels.mean() < 0.6
    again = make_table(name, samples=200, noise=0.1, train_share=share, seed=3)
    assert np.array_equal(again.features, table.features)
    assert np.array_equal(again.train, table.train)
    other = make_table(name, samples=200, noise=0.1, train_share=share, seed=4)
    assert not np.array_equal(other.features, table.features)


@pytest.mark.parametrize("name", ["circles", "moons", "xor", "gaussians", "spiral"])
def test_without_noise_the_nearest_neighbour_tells_the_class(name: str) -> None:
    table = make_table(name, samples=600, noise=0.0)
    x, y = table.features[table.train], table.labels[table.train]
    far = ((table.features[table.held_out][:, None] - x) ** 2).sum(axis=2)
    assert (y[far.argmin(axis=1)] == table.labels[table.held_out]).mean() > 0.97


def test_an_unknown_set_is_an_error() -> None:
    with pytest.raises(ValueError, match="no table 'csv'"):
        make_table("csv")


# --- Reading CSV ---------------------------------------------------------------------------------


def test_numbers_words_and_labels_come_through() -> None:
    csv = lines("size,colour,kind", *["1.5,red,b", "2,blue,a", "-3e-1,red,a"] * 4)
    table = read_table(csv, target="kind")
    assert table.names == ("size", "colour=blue", "colour=red")
    assert table.classes == ("a", "b")
    assert table.features[:3].tolist() == [
        [1.5, 0, 1],
        [2, 1, 0],
        [pytest.approx(-0.3), 0, 1],
    ]
    assert table.labels[:3].tolist() == [1, 0, 0]
    assert table.features.dtype == np.float32


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_any_usual_delimiter(mark: str) -> None:
    plain = read_table(table_of(), target="label")
    other = read_table(table_of().replace(",", mark), target="label")
    assert np.array_equal(plain.features, other.features)
    assert other.names == ("a", "b")


def test_german_and_vietnamese_excel() -> None:
    """Semicolons between cells, commas in numbers, a byte-order mark, Windows line ends."""
    csv = "\ufeffsep=;\r\n" + table_of().replace(",", ";").replace(".", ",").replace("\n", "\r\n")
    assert np.array_equal(
        read_table(csv, target="label").features, read_table(table_of(), target="label").features
    )


def test_quotes_hold_commas_quotes_and_line_breaks() -> None:
    csv = 'x,"what, ""kind""\nof"\n' + "".join(
        f'{i},"a, b"\n{i + 0.25},"say ""c""\nagain"\n' for i in range(8)
    )
    assert columns(csv) == ["x", 'what, "kind" of']
    table = read_table(csv, target='what, "kind" of')
    assert table.classes == ("a, b", 'say "c"\nagain')
    assert len(table.labels) == 16


def test_no_header_same_names_and_empty_names() -> None:
    rows = [f"{i},{i % 3},{i % 2}" for i in np.random.default_rng(0).permutation(30)]
    assert columns("\n".join(rows)) == ["x1", "x2", "x3"]
    table = read_table("\n".join(rows), target="x3")
    assert len(table.labels) == 30 and "no_header" in keys(table)
    assert columns("a,a,,a\n1,2,3,4") == ["a", "a (2)", "x3", "a (3)"]


def test_gaps_are_filled_from_the_training_part_alone() -> None:
    values: list[object] = [float(i * i) for i in range(60)]
    values[7] = values[31] = "NA"
    values[40] = ""
    colours = ["red", "", "blue"] * 20
    table = read_table(table_of(60, v=values, colour=colours), target="label")
    known = [row for row in table.train if isinstance(values[row], float)]
    median = np.median([float(str(values[row])) for row in known])
    column = table.features[:, table.names.index("v")]
    assert column[7] == column[31] == column[40] == np.float32(median)
    assert table.features[:, table.names.index("colour=?")].sum() == 20
    missing = {n.values["column"]: n.values["count"] for n in table.notes if "missing" in n.key}
    assert missing == {"v": 3, "colour": 20}


def test_rows_without_a_label_are_left_out() -> None:
    csv = table_of() + "1,2,\n3,4,?\n"
    table = read_table(csv, target="label")
    assert len(table.labels) == 40 and table.classes == ("no", "yes")
    assert {n.values.get("count") for n in table.notes if n.key == "mlp.notes.no_label"} == {2}


def test_columns_that_cannot_help_are_left_out_and_named() -> None:
    csv = table_of(
        40,
        same=[5] * 40,
        empty=[""] * 40,
        id=range(1, 41),
        name=[f"person {i}" for i in range(40)],
    )
    table = read_table(csv, target="label")
    assert table.names == ("a", "b")
    dropped = {(n.key.removeprefix("mlp.notes."), n.values.get("column")) for n in table.notes}
    assert {
        ("constant", "same"),
        ("constant", "empty"),
        ("counter", "id"),
        ("many_categories", "name"),
    } <= dropped


def test_warnings_of_leaks_scales_imbalance_and_copies() -> None:
    plain = read_table(table_of(200), target="label")
    assert keys(plain) == []
    answers = read_table(table_of(200), target="label").labels
    told = read_table(table_of(200, result=[f"r{y}" for y in answers]), target="label")
    score = read_table(table_of(200, score=[y * 2.0 + 0.1 for y in answers]), target="label")
    for table, column in ((told, "result"), (score, "score")):
        leaks = [n.values["column"] for n in table.notes if n.key == "mlp.notes.leak"]
        assert leaks == [column]
    wide = np.random.default_rng(1).normal(size=200) * 1e5
    scaled = read_table(table_of(200, income=wide.round(1).tolist()), target="label")
    (note,) = scaled.notes
    assert note.key == "mlp.notes.unscaled" and note.values["wide"] == "income"
    assert 5e4 < note.values["times"] < 2e5
    rare = lines("x,y", *(f"{i * 7919 % 1000},{'a' if i % 20 else 'b'}" for i in range(300)))
    assert "imbalance" in keys(read_table(rare, target="y"))
    double = lines("x,y", *(f"{i % 5},{'ab'[i % 2]}" for i in range(100)))
    assert "duplicates" in keys(read_table(double, target="y"))


def test_several_classes_in_their_order_each_in_both_parts() -> None:
    csv = lines("x,grade", *(f"{i * 37 % 101},{(2, 10, 1)[i % 3]}" for i in range(60)))
    table = read_table(csv, target="grade", train_share=0.95)
    assert table.classes == ("1", "2", "10")
    for part in (table.train, table.held_out):
        assert set(table.labels[part]) == {0, 1, 2}


def test_a_class_of_one_row_is_trained_on() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2])
    train, held_out = split(labels, 0.5, 0)
    assert 40 in train and sorted([*train, *held_out]) == list(range(41))
    assert np.bincount(labels[train]).tolist() == [10, 10, 1]


def test_the_seed_divides_and_the_share_counts() -> None:
    first, again, other = (read_table(table_of(), target="label", seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    half = read_table(table_of(), target="label", train_share=0.5)
    assert len(half.train) == 20


# --- What cannot be learnt from ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("csv", "key"),
    [
        ("", "empty"),
        ("\n\n  \n", "empty"),
        ("a,label\n1,x\n2,y\n", "too_few_rows"),
        (lines("a,label", *["1,x"] * 20), "one_class"),
        (lines("a,label", *(f"{i},{i}" for i in range(30))), "too_many_classes"),
        (lines("a,label", *(f"1,{'xy'[i % 2]}" for i in range(30))), "no_features"),
        (lines("a,b", *["1,2"] * 20), "unknown_target"),
        (lines("a,label", "1,x", "2,y,3,4"), "ragged"),
        (lines(",".join(f"c{i}" for i in range(501)), "1"), "too_many_columns"),
        (lines("a,label", *(f"{i},{('x', f'only{i}')[i < 9]}" for i in range(20))), "rare_classes"),
        ('a,label\n1,"' + "x" * 200_000, "unreadable"),
    ],
)
def test_what_cannot_be_used_is_said_by_name(csv: str, key: str) -> None:
    assert error_of(csv).key == f"mlp.errors.{key}"


def test_too_large_and_too_long() -> None:
    wide = "x" * 104
    row = f"{wide},1\n"
    assert error_of("a,label\n" + row * 50_000).key == "mlp.errors.too_large"
    assert error_of("ấ" * 2_000_000).key == "mlp.errors.too_large"  # bytes count, not letters
    rows = "".join(f"{i % 97},{i % 2}\n" for i in range(50_001))
    error = error_of("a,label\n" + rows)
    assert (error.key, error.values) == ("mlp.errors.too_many_rows", {"most": 50_000})
    assert len(
        read_table("a,label\n" + rows[: rows.rindex("\n", 0, -1) + 1], target="label").labels
    )


def test_too_many_features_after_words_became_columns() -> None:
    rng = np.random.default_rng(0)
    words = {f"w{i}": [f"k{k}" for k in rng.integers(0, 10, 60)] for i in range(25)}
    assert error_of(table_of(60, **words)).key == "mlp.errors.too_many_features"


@pytest.mark.parametrize("odd", ["\x00", "\ufffd", "\ud800", "\x1b[31m", "\u202e", "🎈", "\ufeff"])
def test_odd_characters_do_not_stop_a_table(odd: str) -> None:
    csv = table_of().replace("yes", f"yes{odd}").replace("a,b", f"a{odd},b", 1)
    assert len(columns(csv)) == 3
    table = read_table(csv, target="label")
    assert len(table.classes) == 2
    for text in (*table.names, *table.classes):
        text.encode("utf-8")  # can be sent


def test_binary_rubbish_is_refused_or_read_but_never_breaks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        text = rng.integers(0, 256, 3000).astype(np.uint8).tobytes().decode("latin-1")
        try:
            names = columns(text)
            read_table(text, target=names[0])
        except TableError as error:
            assert error.key


def test_infinite_and_huge_numbers_are_gaps() -> None:
    values: list[object] = [float(i % 17) for i in range(40)]
    values[3], values[5], values[8] = "inf", "1e999", "-1e38"
    table = read_table(table_of(40, v=values), target="label")
    assert np.isfinite(table.features).all() and table.features.max() < 20


def test_bytes_become_text_whatever_wrote_them() -> None:
    csv = "tên,nhãn\n1,tốt\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode(csv.encode(encoding)) == csv
    assert decode("é,ü".encode("cp1252")) == "é,ü"
    assert decode(b"\xff\xfe\x00") and decode(bytes(range(256)))


def test_an_error_survives_the_way_from_a_worker() -> None:
    error = error_of(lines("a,label", *["1,x"] * 20))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, TableError)
    assert (again.key, again.values, str(again)) == (error.key, error.values, str(error))


def test_a_table_is_made_of_plain_arrays() -> None:
    table = read_table(table_of(), target="label")
    buffer = io.BytesIO()
    pickle.dump(table, buffer)
    assert {f.name for f in dataclasses.fields(table)} >= {"features", "labels", "notes"}
    assert buffer.tell() < 5000
