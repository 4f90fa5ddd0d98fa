"""Rows of results: one file per cell, one row per realization, collected into one table."""

import contextlib
import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from spectral_repro.cell import Cell
from spectral_repro.errors import UserError
from spectral_repro.files import locked, set_aside, write_atomically
from spectral_repro.protocol import Outcome


@dataclasses.dataclass(frozen=True)
class Row:
    """One realization (SPEC 7). Accuracies are fractions, ``seconds`` is wall time per realization, times are UTC."""

    data: str
    method: str
    hidden_layers: int
    n1: int
    n2: int
    n_out: int
    sparsity: float
    p: float | None
    core: str | None
    seed: int
    test_accuracy: float
    validation_accuracy: float
    epochs: int
    trained_parameters: int
    direct_parameters: int
    rho: float
    seconds: float
    realizations_in_batch: int
    device: str
    precision: str
    config_hash: str
    code_version: str
    torch_version: str
    finished_at: str
    data_digest: str


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
#: Columns that an undisturbed and a resumed run may differ in.
TIME_COLUMNS = ("seconds", "finished_at", "realizations_in_batch")
_WHOLE = {f.name for f in dataclasses.fields(Row) if f.type is int}
_REAL = {f.name for f in dataclasses.fields(Row) if f.type in (float, float | None)}
_OPTIONAL = {"p", "core"}


def row_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/runs/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "runs" / cell.data["name"] / f"{cell.slug}.csv"


def degree_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/degrees/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "degrees" / cell.data["name"] / f"{cell.slug}.csv"


#: Columns of a file of degrees: ``count`` nodes of hidden layer ``layer`` have ``degree`` links ``direction``.
DEGREE_COLUMNS = ("seed", "layer", "direction", "degree", "count")


def read_degrees(path: Path) -> list[tuple[int, int, str, int, int]]:
    """The rows of a file of degrees; none if there is no such file, or if it is damaged (it is written anew then)."""
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        if tuple(lines[0]) != DEGREE_COLUMNS:
            return []
        return [(int(a), int(b), c, int(d), int(e)) for a, b, c, d, e in lines[1:]]
    except (OSError, ValueError, IndexError):
        return []


def add_degrees(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Merges the degree histograms of ``outcomes`` into ``path``, by seed."""
    histogram = []
    for outcome in outcomes:
        for layer, pair in enumerate(outcome.degrees, start=1):
            for direction, degrees in zip(("in", "out"), pair, strict=True):
                values, counts = degrees.unique(return_counts=True)
                histogram += [
                    (outcome.seed, layer, direction, v, c)
                    for v, c in zip(values.tolist(), counts.tolist(), strict=True)
                ]
    seeds = {line[0] for line in histogram}
    with locked(path.parent):
        lines = sorted([line for line in read_degrees(path) if line[0] not in seeds] + histogram)
        text = "".join(",".join(map(str, line)) + "\n" for line in [DEGREE_COLUMNS, *lines])
        write_atomically(path, text.encode())


def read_rows(path: Path) -> list[Row]:
    """The rows of one file, by seed; none if there is no such file.

    Raises:
        UserError: if the file is damaged, naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not a readable file of rows ({type(error).__name__})") from error
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise UserError(f"{path}: line 1 is not the header of a file of rows")
    if not text.endswith("\n"):
        raise UserError(f"{path}: the last line is incomplete")
    rows = [_parse(path, number, values) for number, values in enumerate(lines[1:], start=2)]
    if len({row.seed for row in rows}) != len(rows) or len({row.config_hash for row in rows}) != 1:
        raise UserError(f"{path}: rows of one seed twice, of different cells, or none")
    return rows


def _parse(path: Path, number: int, values: Sequence[str]) -> Row:
    if len(values) != len(COLUMNS):
        raise UserError(f"{path}: line {number} has {len(values)} values; {len(COLUMNS)} are needed")
    parsed = {}
    for key, value in zip(COLUMNS, values, strict=True):
        try:
            if value == "" and key in _OPTIONAL:
                parsed[key] = None
            elif key in _WHOLE:
                parsed[key] = int(value)
            elif key in _REAL:
                parsed[key] = float(value)
                if not math.isfinite(parsed[key]):
                    raise ValueError
            elif not value or not value.isprintable():
                raise ValueError
            else:
                parsed[key] = value
        except ValueError:
            raise UserError(f"{path}: line {number}: {key}={value!r} is not a value of that column") from None
    for key in ("test_accuracy", "validation_accuracy"):
        if not 0 <= parsed[key] <= 1:
            raise UserError(f"{path}: line {number}: {key}={parsed[key]} is not a fraction")
    return Row(**parsed)


def read_own_rows(path: Path, config_hash: str) -> tuple[list[Row], str | None]:
    """Rows to go on from, and a warning if the file was damaged and therefore set aside."""
    try:
        rows = read_rows(path)
        if rows and rows[0].config_hash != config_hash:
            raise UserError(f"{path}: holds rows of another cell")
    except UserError as damaged:
        try:
            moved = set_aside(path)
        except FileNotFoundError:  # another process was first
            return [], None
        return [], f"{damaged}; set aside as {moved.name}, its realizations are trained again"
    return rows, None


def add_rows(path: Path, rows: Iterable[Row]) -> list[Row]:
    """Merges ``rows`` into ``path`` by seed, new ones first in line, and returns what it then holds.

    Another process may write the same file. A lock keeps it out meanwhile; where the file system has none, the
    merge is repeated until the file holds our rows.
    """
    new = {row.seed: row for row in rows}
    for _ in range(10):
        config_hash = next(iter(new.values())).config_hash
        with locked(path.parent):
            merged = {**{row.seed: row for row in read_own_rows(path, config_hash)[0]}, **new}
            write_atomically(path, to_csv(merged[seed] for seed in sorted(merged)).encode())
            written = read_rows(path)
        if new.keys() <= {row.seed for row in written}:
            return written
    raise UserError(f"{path}: other processes keep overwriting it")


def first_digest(folder: Path, besides: str) -> str | None:
    """Of the images that the rows in ``folder`` were made from, as a file other than ``besides`` says; or None."""
    for path in folder.glob("*.csv"):
        with contextlib.suppress(UserError):
            if path.name != besides and (rows := read_rows(path)):
                return rows[0].data_digest
    return None


def to_csv(rows: Iterable[Row]) -> str:
    """The rows as text with a header; numbers in full precision, missing values empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = dataclasses.astuple(row)
        writer.writerow("" if v is None else repr(float(v)) if isinstance(v, float) else v for v in values)
    return buffer.getvalue()


def collect(results_dir: Path) -> tuple[Path, list[Row]]:
    """Joins the files of all cells into ``<results_dir>/results.csv``, sorted; the file and its rows.

    Raises:
        UserError: if a file is damaged; nothing is written then.
    """
    if not results_dir.is_dir():
        raise UserError(f"results_dir={results_dir}: is not a folder")
    rows = [row for path in sorted((results_dir / "runs").glob("*/*.csv")) for row in read_rows(path)]
    rows.sort(key=lambda r: (r.data, r.method, r.hidden_layers, r.n2, r.sparsity, r.p or 0, r.config_hash, r.seed))
    path = results_dir / "results.csv"
    write_atomically(path, to_csv(rows).encode())
    return path, rows
