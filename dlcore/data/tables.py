"""Rows with labels: the tutorial's table, five shapes on the plane, or somebody's own CSV file.

Every table is split once, at random but by a seed, into a part to train on and a part held out:
what a network scores on rows it has seen says little about rows that it has not. Look at
`read_table`: anything that is *measured* for preparing the data (a median to fill a gap with) is
measured on the training part alone, or the held-out part would no longer be unseen.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlcore.data.sheet import Sheet, TableError, columns, decode, numbers, read_sheet

__all__ = [
    "DATASETS",
    "Note",
    "Table",
    "TableError",
    "columns",
    "decode",
    "make_table",
    "read_table",
]

DATASETS = ("tutorial", "circles", "moons", "xor", "gaussians", "spiral", "csv")
FEWEST_ROWS = 10
MOST_CLASSES = 20
MOST_CATEGORIES = 12  # of a column of words; one with more is rather a name or a comment
MOST_FEATURES = 200
_LEAK = 0.995  # one column that says the class this often is suspicious
_SCALES_APART = 100.0  # standard deviations that differ by so much slow training down
_RARE = 0.2  # a class this much rarer than the most frequent one is easily overlooked


@dataclass(frozen=True)
class Note:
    """Something to know about a table. `key` names the words for people, `values` fill them."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """features: (N, D) float32, as given, not scaled; labels: (N,) int64, below C.

    names: D features' names ("colour=red" for a word turned into a number); classes: C names;
    train, held_out: positions of the rows in each part, int64, without overlap.
    """

    features: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    classes: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray
    notes: tuple[Note, ...] = ()


def make_table(
    name: str, *, samples: int = 1000, noise: float = 0.1, train_share: float = 0.8, seed: int = 42
) -> Table:
    """One of DATASETS but "csv". noise: 0 leaves the shapes clean, 1 makes them a cloud.

    "tutorial" knows no noise; with the other arguments left alone it is the tutorial's own split,
    row for row.
    """
    from sklearn.datasets import make_blobs, make_circles, make_classification, make_moons
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(seed)
    if name == "tutorial":
        features, labels = make_classification(
            n_samples=samples, n_features=20, n_informative=10, n_redundant=5, random_state=seed
        )
    elif name == "circles":
        features, labels = make_circles(samples, noise=noise, factor=0.5, random_state=seed)
    elif name == "moons":
        features, labels = make_moons(samples, noise=noise, random_state=seed)
    elif name == "xor":
        features = rng.uniform(0.05, 1, (samples, 2)) * rng.choice((-1.0, 1.0), (samples, 2))
        labels = (features[:, 0] * features[:, 1] > 0).astype(int)
        features = features + noise * rng.standard_normal((samples, 2))
    elif name == "gaussians":
        centers, width = [(-1.0, -1.0), (1.0, 1.0)], 0.3 + noise
        features, labels = make_blobs(
            samples, centers=centers, cluster_std=width, random_state=seed
        )
    elif name == "spiral":
        labels = np.arange(samples) % 2
        turn = np.sqrt(rng.uniform(0, 1, samples))  # evenly dense along the arms
        angle = 3.5 * np.pi * turn + np.pi * labels
        features = np.stack([turn * np.sin(angle), turn * np.cos(angle)], axis=1)  # (N, 2)
        features = features + 0.3 * noise * rng.standard_normal((samples, 2))
    else:
        raise ValueError(f"no table {name!r}; there are: {', '.join(DATASETS[:-1])}")
    train, held_out = train_test_split(
        np.arange(samples), test_size=round(1 - train_share, 6), random_state=seed
    )
    names = tuple(f"x{i}" for i in range(1, features.shape[1] + 1))
    return Table(features.astype(np.float32), labels.astype(np.int64), names, ("0", "1"),
                 train, held_out)  # fmt: skip


def read_table(csv: str, *, target: str, train_share: float = 0.8, seed: int = 42) -> Table:
    """The table in CSV text, its column `target` being what to predict.

    Numbers stay numbers; a column of words becomes a 0-or-1 feature for each word. Gaps are filled
    with the median of the training part, or are a word of their own. Columns that cannot help are
    left out, and said so in `notes`. Raises TableError.
    """
    sheet = read_sheet(csv)
    if target not in sheet.names:
        message = f"no column {target!r}; there are: {', '.join(sheet.names)}"
        raise TableError("mlp.errors.unknown_target", message, target=str(target)[:60])
    position = sheet.names.index(target)
    kept = [row for row, cell in enumerate(sheet.cells[position]) if cell]
    labels, classes = _labels([sheet.cells[position][row] for row in kept], target)
    notes = [] if sheet.named else [Note("mlp.notes.no_header")]
    if len(kept) < len(sheet):
        notes.append(Note("mlp.notes.no_label", {"count": len(sheet) - len(kept)}))
    train, held_out = split(labels, train_share, seed)

    features: list[np.ndarray] = []
    names: list[str] = []
    for i, name in enumerate(sheet.names):
        if i != position:
            cells = [sheet.cells[i][row] for row in kept]
            made = _column(name, cells, labels, train, sheet, notes)
            features += [values for _, values in made]
            names += [made_name for made_name, _ in made]
    if not features:
        message = "no column is left to predict from"
        raise TableError("mlp.errors.no_features", message)
    if len(features) > MOST_FEATURES:
        message = f"{len(features)} features, at most {MOST_FEATURES}"
        raise TableError("mlp.errors.too_many_features", message,
                         count=len(features), most=MOST_FEATURES)  # fmt: skip
    table = np.stack(features, axis=1).astype(np.float32)  # (N, D)
    notes += _notes_on_all(table, labels, classes, names, train, held_out)
    return Table(table, labels, tuple(names), classes, train, held_out, tuple(notes))


def split(labels: np.ndarray, train_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (train, held out): each class divided alike, one row of it at least in training.

    A class with two rows or more has one in each part.
    """
    rng = np.random.default_rng(seed)
    train: list[np.ndarray] = []
    held_out: list[np.ndarray] = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = min(max(1, round(train_share * len(rows))), max(1, len(rows) - 1))
        train.append(rows[:count])
        held_out.append(rows[count:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(held_out))


def _labels(cells: list[str], target: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if len(cells) < FEWEST_ROWS:
        message = f"{len(cells)} rows with a value in {target!r}, at least {FEWEST_ROWS} are needed"
        raise TableError("mlp.errors.too_few_rows", message,
                         count=len(cells), least=FEWEST_ROWS)  # fmt: skip
    found = Counter(cells)
    if len(found) == 1:
        message = f"{target!r} is always the same: there is nothing to tell apart"
        raise TableError("mlp.errors.one_class", message, target=target, value=cells[0][:60])
    if len(found) > MOST_CLASSES:
        message = f"{target!r} has {len(found)} different values, at most {MOST_CLASSES}"
        raise TableError("mlp.errors.too_many_classes", message,
                         target=target, count=len(found), most=MOST_CLASSES)  # fmt: skip
    if max(found.values()) == 1 or sum(n > 1 for n in found.values()) < 2:
        message = f"fewer than two values of {target!r} occur more than once"
        raise TableError("mlp.errors.rare_classes", message, target=target)
    values = numbers(list(found), decimal_comma=False)
    if all(value is not None for value in values):  # 2 before 10
        order = sorted(found, key=lambda cell: (float(cell), cell))
    else:
        order = sorted(found)
    index = {cell: i for i, cell in enumerate(order)}
    return np.array([index[cell] for cell in cells]), tuple(cell[:60] for cell in order)


def _column(
    name: str,
    cells: list[str],
    labels: np.ndarray,
    train: np.ndarray,
    sheet: Sheet,
    notes: list[Note],
) -> list[tuple[str, np.ndarray]]:
    """The features, name and values (N,), that a column gives; none if it cannot help."""
    present = [cell for cell in cells if cell]
    kinds = Counter(present)
    if not present or (len(kinds) == 1 and len(present) == len(cells)):
        notes.append(Note("mlp.notes.constant", {"column": name}))
        return []
    values = numbers(cells, sheet.decimal_comma)
    read = sum(value is not None for value in values)
    # A stray word among numbers is a gap; a stray number among words is a word.
    if read == len(present) or (read >= 0.9 * len(present) and len(kinds) > MOST_CATEGORIES):
        if read < len(cells):
            notes.append(Note("mlp.notes.missing", {"column": name, "count": len(cells) - read}))
        column = np.array([np.nan if value is None else value for value in values])
        known = column[train][~np.isnan(column[train])]
        if not len(known) or known.min() == known.max():
            notes.append(Note("mlp.notes.constant", {"column": name}))
            return []
        column = np.where(np.isnan(column), np.median(known), column)
        if read == len(cells) and len(column) > FEWEST_ROWS and (np.diff(column) == 1).all():
            notes.append(Note("mlp.notes.counter", {"column": name}))
            return []
        _warn_of_leak(name, _told_by_number(column, labels, train), notes)
        return [(name, column)]
    if len(kinds) > MOST_CATEGORIES:
        values_of = {"column": name, "count": len(kinds), "most": MOST_CATEGORIES}
        notes.append(Note("mlp.notes.many_categories", values_of))
        return []
    if len(present) < len(cells):
        missing = len(cells) - len(present)
        notes.append(Note("mlp.notes.missing", {"column": name, "count": missing}))
    words = np.array([cell or "?" for cell in cells])
    _warn_of_leak(name, _told_by_word(words, labels, train), notes)
    return [(f"{name}={word[:60]}", (words == word) * 1.0) for word in sorted(set(words.tolist()))]


def _told_by_number(column: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """How often the nearest class mean of this one column is the right class."""
    column, labels = column[train], labels[train]
    means = np.array([column[labels == label].mean() for label in np.unique(labels)])
    nearest = np.abs(column[:, None] - means).argmin(axis=1)  # (N, C) -> (N,)
    return float((np.unique(labels)[nearest] == labels).mean())


def _told_by_word(words: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """How often the most frequent class of a row's word is the right class."""
    words, labels = words[train], labels[train]
    right = sum(np.bincount(labels[words == word]).max() for word in np.unique(words))
    return float(right / len(words))


def _warn_of_leak(name: str, told: float, notes: list[Note]) -> None:
    if told >= _LEAK:
        notes.append(Note("mlp.notes.leak", {"column": name, "share": told}))


def _notes_on_all(
    features: np.ndarray,
    labels: np.ndarray,
    classes: tuple[str, ...],
    names: list[str],
    train: np.ndarray,
    held_out: np.ndarray,
) -> list[Note]:
    notes = []
    spread = features[train].astype(float).std(axis=0)  # (D,)
    spread = np.where(spread > 0, spread, np.nan)
    if np.nanmax(spread) > _SCALES_APART * np.nanmin(spread):
        wide, narrow = int(np.nanargmax(spread)), int(np.nanargmin(spread))
        times = float(spread[wide] / spread[narrow])
        values = {"wide": names[wide], "narrow": names[narrow], "times": times}
        notes.append(Note("mlp.notes.unscaled", values))
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < _RARE * counts.max():
        rare = int(counts.argmin())
        values = {"value": classes[rare], "count": int(counts[rare]), "rows": len(labels)}
        notes.append(Note("mlp.notes.imbalance", values))
    seen = {row.tobytes() for row in features[train]}
    twice = sum(row.tobytes() in seen for row in features[held_out])
    if twice:
        notes.append(Note("mlp.notes.duplicates", {"count": twice, "rows": len(held_out)}))
    return notes
