"""What the MLP tab remembers of a session, and what may be asked of it."""

import base64
import dataclasses
import io
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.kit.run import Run
from dlcore import mlp
from dlcore.data import tables
from dlcore.data.tables import Table
from dlcore.judgement import Baseline, logistic
from dlcore.portrait import look
from dlcore.updates import Batches

# A change of one of these makes another network, or the same one on other data. Everything else
# may be changed in the middle of a training.
DATA = ("dataset", "samples", "noise", "stretch", "train_share", "data_seed")
SHAPE = (*DATA, "hidden", "activation", "standardize", "init", "seed")
# Small enough to be read at a glance; the defaults are for harder data, too.
OPENING = mlp.Config(hidden="8,8", activation="tanh", init="xavier", dropout=0.0)
Arguments = tuple[Any, ...]
_building = Lock()  # the first weights come from torch's one generator


def read_table(config: mlp.Config, csv: Any, target: Any) -> Table:
    """The rows that these settings speak of. Raises UserError."""
    used, column = csv_of(config, csv, target)
    try:
        return _table(_data_of(config), used, column)
    except tables.TableError as error:
        raise UserError(error.key, **error.values) from error


def csv_of(config: mlp.Config, csv: Any, target: Any) -> tuple[str, str]:
    """The CSV text and its target as the job wants them: empty for made data. Raises UserError."""
    if config.dataset != "csv":
        return "", ""
    if not isinstance(csv, str) or not csv.strip():
        raise UserError("mlp.errors.no_csv")
    return csv, target if isinstance(target, str) and target else columns(csv)[-1]


def baseline_of(run: Run) -> Baseline:
    """Logistic regression on the run's table: fitted once a table."""
    return _baseline(_data_of(run.config), *run.arguments[1:3])


@lru_cache(maxsize=24)
def _baseline(config: mlp.Config, csv: str, target: str) -> Baseline:
    return logistic(_table(config, csv, target))


def _data_of(config: mlp.Config) -> mlp.Config:
    """Only what decides about the table, so that a table is read once."""
    return dataclasses.replace(mlp.Config(), **{name: getattr(config, name) for name in DATA})


@lru_cache(maxsize=12)  # a table of 50,000 rows may have 40 MB
def _table(config: mlp.Config, csv: str, target: str) -> Table:
    return mlp.load(config, csv, target)


@lru_cache(maxsize=12)
def columns(csv: str) -> list[str]:
    """The columns of a table, of which the last one is what to predict unless told otherwise."""
    try:
        return tables.columns(csv)
    except tables.TableError as error:
        raise UserError(error.key, **error.values) from error


def read_file(path: Any) -> str:
    """An uploaded file's text. Raises UserError."""
    try:
        return tables.decode(Path(path).read_bytes())
    except (OSError, TypeError, ValueError) as error:
        raise UserError("mlp.errors.file") from error


# --- What the training panel's buttons ask of a worker -------------------------------------------


def anew(config: mlp.Config, csv: Any, target: Any) -> Arguments:
    """A training from the seed's first weights."""
    read_table(config, csv, target)  # a table that cannot be learnt from is told at once
    return config, *csv_of(config, csv, target), None, None


def more(updates: Callable[[mlp.Config, Table], int | None]) -> Callable[..., Arguments]:
    """A button's way to go on: from the network in the picture, with the settings of now."""

    def prepare(config: mlp.Config, run: Run | None, csv: Any, target: Any) -> Arguments:
        table = read_table(config, csv, target)
        given = csv_of(config, csv, target)
        start = run.snapshot if run is not None and fits(run, config, given) else None
        return config, *given, start, updates(config, table)

    return prepare


def one_update(config: mlp.Config, table: Table) -> int:
    return 1


def one_epoch(config: mlp.Config, table: Table) -> int:
    return Batches(len(table.train), config.batch_size, config.seed).per_epoch


def rest(config: mlp.Config, table: Table) -> None:
    """To the end of the epochs; past it, as many once more."""
    return None


def fits(run: Any, config: mlp.Config, given: Sequence[str]) -> bool:
    """Whether a run's network and data are those of the settings."""
    if not isinstance(run, Run) or run.snapshot is None:
        return False
    same = all(getattr(run.config, name) == getattr(config, name) for name in SHAPE)
    return same and tuple(run.arguments[1:3]) == tuple(given)


def untrained(config: mlp.Config, csv: Any, target: Any) -> Run:
    """A run that has not begun: the network of the first moment, to look at and to edit."""
    run = Run(config, anew(config, csv, target))
    run.snapshot = before_training(run)
    return run


def before_training(run: Run) -> mlp.Snapshot:
    """The network that the run's seed begins with."""
    table = table_of(run)
    with _building:
        model = mlp.build(run.config, table)
    still = [0.0] * len(model.layers)
    return look(model, table, step=0, optimizer={}, gradients=still)


def table_of(run: Run) -> Table:
    return read_table(run.config, *run.arguments[1:3])


def edited(run: Run, change: Any) -> Run:
    """The run with one number of its network set by hand; itself stays as it is."""
    table = table_of(run)
    return run.changed(mlp.edit(run.snapshot, table, run.config, **change._asdict()))


def sizes(run: Run) -> list[int]:
    """Units of all columns, inputs first."""
    weights = run.snapshot.picture.weights
    return [weights[0].shape[1], *(len(weight) for weight in weights)]


@cache
def sample_csv() -> str:
    """Fisher's 150 irises (1936), which scikit-learn carries, as a CSV file would have them."""
    from sklearn.datasets import load_iris

    data = load_iris()
    header = [name.removesuffix(" (cm)") for name in data.feature_names]
    rows = [
        [*(f"{value:g}" for value in row), str(data.target_names[label])]
        for row, label in zip(data.data, data.target, strict=True)
    ]
    return "\n".join(",".join(row) for row in [[*header, "species"], *rows]) + "\n"


# --- What *Download script* needs to repeat a run ------------------------------------------------

_GO_ON = """\
import base64, io  # the network that the page went on from, changed by hand perhaps
packed = dict(np.load(io.BytesIO(base64.b64decode({packed!r}))))
memory = {{name[2:]: packed.pop(name) for name in list(packed) if name.startswith("o ")}}
start = look(restore(packed, config), load(config, csv, target), step={step},
             optimizer={{**memory, **{plain!r}}}, gradients={gradients!r})
"""


def script_call(run: Run | None) -> tuple[str, str]:
    """What the script has to do before the training, and the training itself."""
    if run is None:
        return "", "job(config)"
    _, csv, target, start, updates = run.arguments
    if not csv and start is None:
        return "", "job(config)" if updates is None else f"job(config, updates={updates})"
    setup = f"csv, target = {csv!r}, {target!r}\n"
    if start is None:
        return setup, f"job(config, csv, target, updates={updates})"
    kept = {f"o {name}": value for name, value in start.optimizer.items() if is_array(value)}
    plain = {name: value for name, value in start.optimizer.items() if not is_array(value)}
    file = io.BytesIO()
    np.savez_compressed(file, **start.state, **kept)
    setup += _GO_ON.format(
        packed=base64.b64encode(file.getvalue()).decode(),
        step=start.step,
        plain=plain,
        gradients=tuple(start.health.gradients),
    )
    return setup, f"job(config, csv, target, start=start, updates={updates})"


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


# --- What a browser may ask: checked here, because any client can send anything ------------------


def threshold_of(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise UserError("mlp.errors.threshold")
    return float(value)


def shown_run(record: Any) -> Run:
    """The run in the picture. Raises UserError."""
    if not isinstance(record, Run) or record.snapshot is None:
        raise UserError("mlp.errors.no_network")
    return record
