"""CSV as people really have it: what Excel saves, what a database exports, what was typed by hand.

Commas, semicolons, tabs; quotes; decimal commas; a byte-order mark; empty cells; no header. Here it
becomes a header and columns of text; what the columns mean is `tables.py`'s business.
"""

import csv as csv_format
import io
import math
import re
import unicodedata
from dataclasses import dataclass

from dlcore.faults import Fault

MOST_BYTES = 5 * 2**20
MOST_ROWS = 50_000
MOST_COLUMNS = 500
LONGEST_NAME = 60
_MISSING = {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", "#n/a", "inf", "-inf"}
_LARGEST = 1e30  # float32 ends at 3e38, and squares of numbers must fit, too
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")


class TableError(Fault):
    """A table that cannot be learnt from."""


@dataclass(frozen=True)
class Sheet:
    """names: the columns' names, all different; cells: one list of text per column, "" = missing.

    named: whether the file had a header; decimal_comma: whether 1,5 may be a number.
    """

    names: tuple[str, ...]
    cells: tuple[list[str], ...]
    named: bool
    decimal_comma: bool

    def __len__(self) -> int:
        return len(self.cells[0])


def decode(data: bytes) -> str:
    """A file's bytes as text: UTF-8 or UTF-16 where they say so, else what old Windows wrote."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_sheet(csv: str) -> Sheet:
    """Read CSV text. Raises TableError: empty, too large, rows of the wrong length, unreadable."""
    text = _clean(csv)
    delimiter, text = _delimiter(text)
    rows: list[list[str]] = []
    header: list[str] = []
    reader = csv_format.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            row = [cell.strip() for cell in row]
            if not any(row):
                continue
            if not header:
                header = row
                _check_width(header)
                continue
            if len(row) > len(header) and any(row[len(header) :]):
                message = f"line {reader.line_num} has {len(row)} cells, the header {len(header)}"
                raise TableError("mlp.errors.ragged", message, line=reader.line_num,
                                 cells=len(row), header=len(header))  # fmt: skip
            rows.append((row + [""] * len(header))[: len(header)])
            if len(rows) > MOST_ROWS:
                message = f"more than {MOST_ROWS} rows"
                raise TableError("mlp.errors.too_many_rows", message, most=MOST_ROWS)
    except csv_format.Error as error:
        message = f"line {reader.line_num} cannot be read: {error}"
        raise TableError("mlp.errors.unreadable", message, line=reader.line_num) from error
    if not header:
        raise TableError("mlp.errors.empty", "the table is empty")
    decimal_comma = delimiter != ","
    named = not all(cell and _number(cell, decimal_comma) is not None for cell in header)
    if not named:
        rows.insert(0, header)
        header = [""] * len(header)
    cells = tuple([row[i] if not missing(row[i]) else "" for row in rows]
                  for i in range(len(header)))  # fmt: skip
    return Sheet(_distinct(header), cells, named, decimal_comma)


def columns(csv: str) -> list[str]:
    """The names of the columns, as `read_table` wants its target. Raises TableError."""
    return list(read_sheet(csv).names)


def missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def numbers(cells: list[str], decimal_comma: bool) -> list[float | None]:
    """Each cell as a number; None where it is missing or is none."""
    return [_number(cell, decimal_comma) if cell else None for cell in cells]


def _number(cell: str, decimal_comma: bool) -> float | None:
    if decimal_comma and cell.count(",") == 1:
        cell = cell.replace(",", ".")
    if not cell.isascii() or "_" in cell:  # Python would read 1_000 and ١ as numbers
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < _LARGEST else None


def _clean(csv: str) -> str:
    if not isinstance(csv, str):
        raise TableError("mlp.errors.unreadable", "the table is not text", line=0)
    if len(csv) > MOST_BYTES or len(csv.encode("utf-8", "replace")) > MOST_BYTES:
        megabytes = MOST_BYTES // 2**20
        message = f"more than {megabytes} MB"
        raise TableError("mlp.errors.too_large", message, most=megabytes)
    # Halves of broken characters become "?": they can neither be shown nor sent.
    text = csv.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", unicodedata.normalize("NFC", text))


def _delimiter(text: str) -> tuple[str, str]:
    """What separates the cells, judged by the first lines, and the text without Excel's "sep="."""
    told = re.match(r'\s*"?sep=(.)"?\s*[\r\n]+', text)
    if told:
        return told.group(1), text[told.end() :]
    # Outside of quotes only. The candidate wins that cuts most lines alike.
    lines = [re.sub(r'"[^"]*"', "", line) for line in text[:20_000].splitlines()[:20]]
    lines = [line for line in lines if line.strip()]

    def merit(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in lines]
        common = max(set(counts), key=counts.count, default=0)
        return (counts.count(common) if common else 0, common)

    best = max(",;\t|", key=merit)
    return (best if merit(best)[1] else ","), text


def _check_width(header: list[str]) -> None:
    if len(header) > MOST_COLUMNS:
        message = f"{len(header)} columns, at most {MOST_COLUMNS}"
        raise TableError("mlp.errors.too_many_columns", message,
                         count=len(header), most=MOST_COLUMNS)  # fmt: skip


def _distinct(header: list[str]) -> tuple[str, ...]:
    """Names for all columns: the empty ones get a number, the second "x" becomes "x (2)"."""
    names: list[str] = []
    for i, cell in enumerate(header, start=1):
        base = " ".join(cell.split())[:LONGEST_NAME] or f"x{i}"
        name, copies = base, 1
        while name in names:
            copies += 1
            name = f"{base} ({copies})"
        names.append(name)
    return tuple(names)
