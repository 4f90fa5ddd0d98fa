"""Figures of one's own sweeps: any column against any other, from any rows."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from spectral_repro.errors import UserError, did_you_mean
from spectral_repro.figures.curves import table
from spectral_repro.figures.layout import COLUMN, write_foot
from spectral_repro.figures.marks import Series, draw_levels, draw_series
from spectral_repro.figures.scales import end_with
from spectral_repro.figures.style import SETTINGS, STYLES, Style, label_of
from spectral_repro.results.rates import without_tuning
from spectral_repro.results.statistics import mean, ratio

#: Of curves that are not methods.
_COLORS = ("#000000", "#2b6fd6", "#c4122f", "#a3a321", "#8e4bc0", "#2fd0e6", "#5f3a1c", "#d650a0")
_MARKERS, _LINES = "sD^pvoX*P", ("-", "--", "-.", ":")


@dataclasses.dataclass(frozen=True)
class OwnFigure:
    """What to draw: ``y`` against ``x``, a curve for each value of the columns ``by``, of the rows that ``where`` says.

    ``relative_to`` is a value of the first column of ``by``: its curve divides the others, paired by seed.
    """

    x: str
    y: str = "test_accuracy"
    by: Sequence[str] = ("method",)
    where: str | None = None
    relative_to: str | None = None


def curves_of(frame: pd.DataFrame, wanted: OwnFigure) -> dict[tuple, pd.DataFrame]:
    """By the values of ``by``: columns ``x, value, spread, n``.

    ``attrs["networks"]`` has the triples ``x, seed, value`` of its networks, ``attrs["diverged"]`` counts those lost.

    Raises:
        UserError: if there is no such column or nothing to draw, or if rows of several cells fall on one point.
    """
    for column in (wanted.x, wanted.y, *wanted.by):
        if column not in frame.columns:
            raise UserError(f"{column}: no such column{did_you_mean(column, frame.columns)}")
    if wanted.where:
        try:
            chosen = frame.eval(wanted.where)
        except Exception as error:  # pandas has many
            raise UserError(f"--where {wanted.where!r}: {' '.join(str(error).split())}") from error
        if not isinstance(chosen, pd.Series) or chosen.dtype != bool:
            raise UserError(f"--where {wanted.where!r}: is no condition; for instance 'data == \"mnist\" and n2 > 50'")
        frame = frame[chosen]
    for column in (wanted.x, wanted.y):
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise UserError(f"{column}: has no numbers")
    frame = without_tuning(frame.dropna(subset=[wanted.x, wanted.y]))
    points: dict[tuple, dict[float, dict[int, float]]] = {}
    lost: dict[tuple, set] = {}
    for (*key, x), rows in frame.groupby([*wanted.by, wanted.x], dropna=False):
        _of_one_cell(rows, wanted)
        broken = rows[rows["diverged"] == True]  # noqa: E712 (None where it is not known)
        lost.setdefault(tuple(key), set()).update(zip(broken["config_hash"], broken["seed"], strict=True))
        points.setdefault(tuple(key), {})[x] = dict(zip(rows["seed"], rows[wanted.y], strict=True))
    if not points:
        raise UserError("no rows to draw" + f" with --where {wanted.where!r}" * bool(wanted.where))
    if wanted.relative_to is None:
        found = {key: _table(curve) for key, curve in points.items()}
    else:
        found = _relative(points, wanted)
    for key, curve in found.items():
        curve.attrs["diverged"] = len(lost[key])
    return found


def _table(
    curve: Mapping[float, Mapping[int, float]], below: Mapping[float, Mapping[int, float]] | None = None
) -> pd.DataFrame:
    """Means of ``curve``, or ratios to those of ``below``; each network over that of its seed, if it is there."""
    if below is None:
        found = table({x: mean(values) for x, values in curve.items()})
        base = dict.fromkeys(curve, 1.0)
    else:
        found = table({x: ratio(values, below[x]) for x, values in curve.items()})
        base = {x: mean(below[x]).value for x in curve}
    found.attrs["networks"] = [
        (x, seed, value / (below or {}).get(x, {}).get(seed, base[x]))
        for x, values in curve.items()
        for seed, value in values.items()
    ]
    return found


def _of_one_cell(rows: pd.DataFrame, wanted: OwnFigure) -> None:
    if rows["config_hash"].nunique() == 1:
        return
    told = {
        "seed",
        "epoch",
        "training_loss",
        "test_accuracy",
        "validation_accuracy",
        "epochs",
        "seconds",
        "realizations_in_batch",
        "device",
    }
    told |= {"config_hash", "code_version", "torch_version", "finished_at", "diverged", "products", "data_digest"}
    cells = rows.drop_duplicates("config_hash")
    columns = [c for c in cells.columns if c not in told]
    differ = [c for c in columns if cells[c].nunique() > 1]  # the first rows lack columns that came later
    differ = differ or [c for c in columns if cells[c].nunique(dropna=False) > 1]
    at = rows.iloc[0]
    where = ", ".join(f"{c}={at[c]}" for c in (*wanted.by, wanted.x))
    raise UserError(
        f"rows of {len(cells)} cells fall on one point ({where}); they differ in "
        f"{', '.join(differ) or 'options that are no column'}: name it in --by, or choose with --where"
    )


def _relative(points: dict[tuple, dict[float, dict[int, float]]], wanted: OwnFigure) -> dict[tuple, pd.DataFrame]:
    names = sorted({str(key[0]) for key in points})
    if wanted.relative_to not in names:
        raise UserError(f"--relative-to {wanted.relative_to}: must be one of {', '.join(names)}")
    base = {key[1:]: curve for key, curve in points.items() if str(key[0]) == wanted.relative_to}
    found = {}
    for key, curve in points.items():
        below = base.get(key[1:], {})
        if str(key[0]) != wanted.relative_to:
            found[key] = _table({x: values for x, values in curve.items() if x in below}, below)
    for key in [key for key, curve in found.items() if not len(curve)]:
        del found[key]
        said = ", ".join(f"{c} = {v}" for c, v in zip(wanted.by, key, strict=True))
        print(f"left out, without rows of {wanted.relative_to} to divide by: {said}", file=sys.stderr)
    if not found:
        raise UserError(f"--relative-to {wanted.relative_to}: has no rows where the others have")
    return found


def draw_own(frame: pd.DataFrame, wanted: OwnFigure) -> Figure:
    """One panel; each curve with its n, and its networks as dots or a band of ± one standard deviation."""
    found = curves_of(frame, wanted)
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(COLUMN, 3.0), layout="constrained")
        ax = figure.subplots()
        values = [x for curve in found.values() for x in curve["x"]]
        if wanted.x != "epoch" and min(values) > 0 and max(values) / min(values) > 20:
            ax.set_xscale("log")
        end_with(ax, values)
        for i, (key, curve) in enumerate(found.items()):
            least, most = int(curve["n"].min()), int(curve["n"].max())
            n = f"n = {least}" if least == most else f"n = {least} to {most}"
            if lost := curve.attrs["diverged"]:
                n += f", {lost} diverged"
            networks = pd.DataFrame(curve.attrs["networks"], columns=["x", "seed", "value"])
            label = f"{_label(wanted, key)} ({n})"
            draw_series(ax, Series(curve, networks, _style(wanted, key, i), label, "/".join(map(str, key))))
        of = f" / that of {wanted.relative_to}" if wanted.relative_to else ""
        ax.set(xlabel=wanted.x, ylabel=f"{wanted.y}{of}")
        if wanted.relative_to:
            draw_levels(ax, [(1.0, wanted.relative_to)])
        figure.legend(loc="outside upper center", ncols=2)
        foot = "Each dot is one network; bands are ± 1 standard deviation, where there are more than 10 or many points."
        foot += " Ratios are paired by seed." * bool(wanted.relative_to) + f" Rows: {wanted.where}." * bool(
            wanted.where
        )
        write_foot(figure, foot)
    return figure


def _label(wanted: OwnFigure, key: tuple) -> str:
    said = [label_of(v) if c == "method" else f"{c} = {v}" for c, v in zip(wanted.by, key, strict=True)]
    return ", ".join(said)


def _style(wanted: OwnFigure, key: tuple, i: int) -> Style:
    """The style of the method, if the curves are methods; else the next colour, marker and line."""
    if list(wanted.by) == ["method"] and key[0] in STYLES:
        return STYLES[key[0]]
    again = i // len(_COLORS)  # a colour that returns has another marker and line
    at = i + again
    return Style(_COLORS[i % len(_COLORS)], _MARKERS[at % len(_MARKERS)], _LINES[at % len(_LINES)])
