"""Rows of results: one file per cell, one row per realization."""

import contextlib
import csv
import dataclasses
import io
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from spectral_repro.config.cell import Cell
from spectral_repro.config.written import described
from spectral_repro.errors import UserError
from spectral_repro.files import locked, set_aside, write_atomically
from spectral_repro.training.protocol import Protocol

Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
_missing = BeforeValidator(lambda value: None if value == "" else value)
#: Of columns that do not apply to every row.
OrNone = Annotated[float | None, _missing]
CountOrNone = Annotated[int | None, _missing]
TextOrNone = Annotated[Text | None, _missing]


class Row(BaseModel, Protocol):  # type: ignore[misc]  # a model has the fields of a dataclass that it inherits
    """One realization (SPEC 7) with its protocol; a new column stands last, with a default.

    Accuracies are fractions, ``seconds`` is wall time per realization, times are UTC. ``diverged`` says that the
    trained weights are not finite, ``products`` by which library and how exactly matrices were multiplied. ``masking``
    and ``allocation`` are those of a sparse network. ``hidden`` are the widths of all hidden layers, ``[500,200]``, of
    which ``n2`` is the first. ``rank`` and ``multiple`` are options of two of the controls. What does not apply is
    empty. No hash reads as a number: ``config_hash`` begins with ``c``, ``data_digest`` with ``d``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: Text
    method: Text
    hidden_layers: Count
    n1: Count
    n2: Count
    n_out: Count
    sparsity: Fraction
    p: OrNone
    core: TextOrNone
    seed: Count
    test_accuracy: Fraction
    validation_accuracy: Fraction
    epochs: Count
    trained_parameters: Count
    direct_parameters: Count
    rho: float
    seconds: float
    realizations_in_batch: Count
    device: Text
    precision: Text
    config_hash: Text
    code_version: Text
    torch_version: Text
    finished_at: Text
    data_digest: Text
    diverged: bool
    products: TextOrNone = None
    masking: TextOrNone = None
    allocation: TextOrNone = None
    hidden: Text
    rank: CountOrNone = None
    multiple: OrNone = None

    @property
    def widths(self) -> list[int]:
        """Of the hidden layers, from ``hidden``."""
        return json.loads(self.hidden)


def _columns() -> tuple[str, ...]:
    """In the order in which they came to be: those of the protocol stand at two places."""
    protocol = [field.name for field in dataclasses.fields(Protocol)]
    names = [name for name in Row.model_fields if name not in protocol]
    for following, some in (("diverged", protocol[:11]), ("hidden", protocol[11:])):
        at = names.index(following)
        names[at:at] = some
    return tuple(names)


COLUMNS = _columns()


def values_of(row: Row) -> tuple:
    """What stands in the columns."""
    return tuple(getattr(row, column) for column in COLUMNS)


def hidden_column(widths: Sequence[int]) -> str:
    """What stands in the column ``hidden``: ``[500,200]``, which no tool takes for a number or a date."""
    return json.dumps(list(widths), separators=(",", ":"))


def row_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/runs/<data>/<method>-…-<config hash>.csv``."""
    return results_dir / "runs" / cell.data["name"] / f"{cell.slug}.csv"


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
    try:
        lines = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:  # for instance a field of more than 128 KiB
        raise UserError(f"{path}: is not a readable file of rows ({error})") from error
    columns = lines[0] if lines else []
    if tuple(columns) != COLUMNS:
        raise UserError(f"{path}: line 1 is not the header of a file of rows")
    if not text.endswith("\n"):
        raise UserError(f"{path}: the last line is incomplete")
    rows = [_parse(path, number, columns, values) for number, values in enumerate(lines[1:], start=2)]
    if len({row.seed for row in rows}) != len(rows) or len({row.config_hash for row in rows}) != 1:
        raise UserError(f"{path}: rows of one seed twice, of different cells, or none")
    return rows


def _parse(path: Path, number: int, columns: list[str], values: list[str]) -> Row:
    if len(values) != len(columns):
        raise UserError(f"{path}: line {number} has {len(values)} values; {len(columns)} are needed")
    try:
        return Row.model_validate(dict(zip(columns, values, strict=True)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, value = first["loc"][0], first["input"]
        raise UserError(f"{path}: line {number}: {key}={value!r} is not a value of that column") from None


def own_rows(path: Path, config_hash: str) -> list[Row]:
    """Rows to go on from; a damaged file, or one with rows of another cell, is set aside, with a warning."""
    try:
        return _rows_of(path, config_hash)
    except UserError:
        with locked(path.parent):  # another process may have mended it meanwhile
            return _rows_or_set_aside(path, config_hash)


def _rows_of(path: Path, config_hash: str) -> list[Row]:
    rows = read_rows(path)
    if rows and rows[0].config_hash != config_hash:
        raise UserError(f"{path}: holds rows of another cell")
    return rows


def _rows_or_set_aside(path: Path, config_hash: str) -> list[Row]:
    """For who holds the folder's lock."""
    try:
        return _rows_of(path, config_hash)
    except UserError as damaged:
        with contextlib.suppress(FileNotFoundError):  # where there are no locks another process was first
            aside = set_aside(path).name
            warnings.warn(f"{damaged}; set aside as {aside}, its realizations are trained again", stacklevel=2)
        return []


def add_rows(path: Path, rows: Iterable[Row]) -> list[Row]:
    """Merges ``rows`` into ``path`` by seed, new ones first in line, and returns what it then holds.

    Another process may write the same file. A lock keeps it out meanwhile; where the file system has none, the
    merge is repeated until the file holds our rows.
    """
    new = {row.seed: row for row in rows}
    for _ in range(10):
        config_hash = next(iter(new.values())).config_hash
        with locked(path.parent):
            merged = {**{row.seed: row for row in _rows_or_set_aside(path, config_hash)}, **new}
            write_atomically(path, to_csv(merged[seed] for seed in sorted(merged)).encode())
            written = read_rows(path)
        if new.keys() <= {row.seed for row in written}:
            return written
    raise UserError(f"{path}: other processes keep overwriting it")


def keep_config(path: Path, cell: Cell) -> None:
    """Keeps the configuration of ``cell`` as YAML beside its rows in ``path``."""
    write_atomically(path.with_suffix(".yaml"), described(cell).encode(), sync=False)


def first_digest(folder: Path, besides: str) -> str | None:
    """Of the images that the rows in ``folder`` were made from, as a file other than ``besides`` says; or None."""
    for path in folder.glob("*.csv"):
        with contextlib.suppress(UserError):
            if path.name != besides and (rows := read_rows(path)):
                return rows[0].data_digest
    return None


def to_csv(rows: Iterable[Row], more: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """The rows as text with a header; numbers in full precision, missing values empty; ``more`` columns after them."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *more])
    for i, row in enumerate(rows):
        values = ["" if v is None else repr(float(v)) if isinstance(v, float) else v for v in values_of(row)]
        writer.writerow([*values, *(column[i] for column in more.values())])
    return buffer.getvalue()


def all_rows(results_dir: Path) -> list[Row]:
    """The rows of all cells below ``results_dir``.

    Raises:
        UserError: if there is no such folder, or if a file of rows is damaged.
    """
    if not results_dir.is_dir():
        raise UserError(f"results_dir={results_dir}: is not a folder")
    return [row for path in sorted((results_dir / "runs").glob("*/*.csv")) for row in read_rows(path)]
