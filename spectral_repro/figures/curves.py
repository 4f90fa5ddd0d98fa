"""The numbers that a figure draws, from a frame of rows; the claims are judged from the same ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd
import torch

from spectral_repro.config.cell import Cell, import_layer
from spectral_repro.results.statistics import Estimate, Measured, mean, ratio

COLUMNS = ("x", "value", "spread", "n")


def accuracies(frame: pd.DataFrame) -> dict[int, float]:
    """Test accuracy by seed, of the rows of one cell."""
    return dict(zip(frame["seed"], frame["test_accuracy"], strict=True))


def measured(frame: pd.DataFrame) -> Measured:
    """Mean test accuracy of one cell, for numbers that are made of several of them."""
    return Measured.of(frame["config_hash"].iloc[0], accuracies(frame))


def table(points: Mapping[float, Estimate]) -> pd.DataFrame:
    """A curve: columns ``x, value, spread, n``, ascending."""
    lines = [(x, e.value, e.spread, e.n) for x, e in sorted(points.items()) if e.n]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(float)


def accuracy_curve(frame: pd.DataFrame, method: str, x: str) -> pd.DataFrame:
    """Mean accuracy of ``method`` against column ``x``: columns ``x, value, spread, n``."""
    mine = frame[frame["method"] == method]
    return table({at: mean(accuracies(rows)) for at, rows in mine.groupby(x)})


def relative_curve(frame: pd.DataFrame, method: str, x: str) -> pd.DataFrame:
    """Accuracy of ``method`` over that of direct at the same ``n2``, against ``x`` (``n2`` or ``p``)."""
    direct = {n2: accuracies(rows) for n2, rows in frame[frame["method"] == "direct"].groupby("n2")}
    mine = frame[frame["method"] == method]
    points = {}
    for at, rows in mine.groupby(x):
        reference = direct.get(rows["n2"].iloc[0])
        if reference:
            points[at] = ratio(accuracies(rows), reference)
    return table(points)


def networks(frame: pd.DataFrame, method: str, x: str, relative: bool = False) -> pd.DataFrame:
    """The networks that a curve is made of: columns ``x, seed, value``.

    Args:
        relative: divide each by direct of the same ``n2`` and seed; by the mean of direct where that seed is not there.
    """
    mine = frame[frame["method"] == method]
    value = mine["test_accuracy"]
    if relative:
        direct = frame[frame["method"] == "direct"].set_index(["n2", "seed"])["test_accuracy"]
        same = direct.reindex(pd.MultiIndex.from_frame(mine[["n2", "seed"]])).set_axis(mine.index)
        value = value / same.fillna(mine["n2"].map(direct.groupby("n2").mean()))
    return pd.DataFrame({"x": mine[x], "seed": mine["seed"], "value": value}).dropna().reset_index(drop=True)


def gain_curve(frame: pd.DataFrame, method: str, other: str) -> dict[int, Measured]:
    """Relative accuracy of ``method`` less that of ``other`` by N2, where both and direct have rows."""
    by = {name: dict(list(frame[frame["method"] == name].groupby("n2"))) for name in (method, other, "direct")}
    shared = sorted(set.intersection(*(set(sizes) for sizes in by.values())))
    cells = {n2: [measured(by[name][n2]) for name in (method, other, "direct")] for n2 in shared}
    return {n2: new / direct - old / direct for n2, (new, old, direct) in cells.items()}


def rho_curve(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    """Mean ρ against N2, of the networks that were trained."""
    mine = frame[frame["method"] == method]
    return table({at: mean(dict(zip(rows["seed"], rows["rho"], strict=True))) for at, rows in mine.groupby("n2")})


def rho_line(cell: Cell, sizes: Sequence[int]) -> list[float]:
    """ρ of the method of ``cell`` for each N2 of ``sizes``, counted from layers that hold no numbers."""
    n1, classes = cell.data["shape"]["n1"], cell.data["shape"]["classes"]
    layer, first = import_layer(cell.layer), {**cell.method_options, **cell.first_layer}
    found = []
    for n2 in sizes:
        trained = direct = 0
        for k, (n_in, n_out) in enumerate(pairwise((n1, *[n2] * cell.hidden_layers, classes))):
            with torch.device("meta"):
                made = layer(n_in, n_out, **(cell.method_options if k else first))
            trained += sum(p.numel() for p in made.parameters())
            direct += (n_in + 1) * n_out
        found.append(trained / direct)
    return found


def reference_line(frame: pd.DataFrame, method: str) -> Estimate:
    """Relative accuracy of ``method`` where it has one cell only (S-SVD in Figs. 6–8)."""
    direct = accuracies(frame[frame["method"] == "direct"])
    mine = accuracies(frame[frame["method"] == method])
    return ratio(mine, direct)
