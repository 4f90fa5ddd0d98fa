"""What some sweeps keep beside their rows: curves by epoch (``tracker=csv``) and degrees (``degrees=true``)."""

from pathlib import Path
from typing import Any

import pandas as pd

from spectral_repro.page.columns import columns
from spectral_repro.report.hubs import top_share
from spectral_repro.results.degrees import by_direction, read_degrees
from spectral_repro.results.epochs import CURVE_COLUMNS
from spectral_repro.results.frame import by_epoch
from spectral_repro.results.statistics import mean

#: Epochs of all networks together that the page holds; about 2 MB.
MOST_POINTS = 100_000


def curves(frame: pd.DataFrame, results_dir: Path) -> dict[str, Any]:
    """Points by ``cell``, ``seed`` and ``epoch``; ``left_out`` are cells beyond :data:`MOST_POINTS`, by their hash."""
    points = by_epoch(frame, results_dir)[["config_hash", *CURVE_COLUMNS]]
    ends = points.groupby("config_hash", sort=False).size().cumsum()
    left_out = ends.index[ends > MOST_POINTS].tolist()
    points = points[~points["config_hash"].isin(left_out)].rename(columns={"config_hash": "cell"})
    return {**columns(points, {"validation_accuracy": 4, "training_loss": 4}), "left_out": left_out}


def hubs(frame: pd.DataFrame, results_dir: Path) -> list[dict[str, Any]]:
    """Of each cell, hidden layer and direction of links: how many nodes of all networks together have which degree.

    ``top`` is the share of all links that the 5 % most connected nodes hold, the mean over networks, with its interval.
    """
    files = {path.stem.rpartition("-")[2]: path for path in (results_dir / "degrees").glob("*/*.csv")}
    found = []
    for cell in filter(files.__contains__, frame["config_hash"].unique()):
        for (layer, direction), mine in by_direction(read_degrees(files[cell])).groupby(["layer", "direction"]):
            counts = mine["degree"].value_counts().sort_index()
            top = mean({seed: top_share(rows["degree"]) for seed, rows in mine.groupby("seed")})
            said = {"cell": cell, "layer": layer, "direction": direction, "networks": mine["seed"].nunique()}
            low, high = (round(end, 6) if top.n > 1 else None for end in top.interval())
            said |= {"degree": counts.index.tolist(), "count": counts.tolist()}
            found.append({**said, "top": round(top.value, 6), "low": low, "high": high})
    return found
