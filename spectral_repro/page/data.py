"""Rows → what the page needs: cells, networks, quantiles, claims, figures, curves and hubs, as plain JSON values."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import t

from spectral_repro.errors import UserError
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import load_frame
from spectral_repro.figures.style import style_of
from spectral_repro.page.columns import by_words, columns
from spectral_repro.page.figures import data_label, figures
from spectral_repro.page.followed import curves, hubs
from spectral_repro.report.cost import links, multiply_adds
from spectral_repro.report.entries import full_length, way_in_words
from spectral_repro.report.panels import Rows
from spectral_repro.report.story import tell
from spectral_repro.results.commands import commands_of
from spectral_repro.results.frame import widths_of
from spectral_repro.results.rates import TUNING_SEEDS

#: Decimals that are kept, enough for another rounding; accuracies on test images are exact.
_DIGITS = {"validation": 5, "seconds": 2, "rho": 9, "adds": 0}
#: Quantiles of Student's t are given at 0, 1/256, …, 1 for one over the degrees of freedom.
_STEPS = 256
#: Columns of a row that say who computed it.
_MAKER = ["code_version", "torch_version", "device", "precision", "products"]


def page_data(results_dir: Path) -> dict[str, Any]:
    """All numbers of the page.

    Raises:
        UserError: if there are no rows below ``results_dir``, or if a file is damaged.
    """
    frame = load_frame(results_dir)
    if frame.empty:
        raise UserError(
            f"results_dir={results_dir}: has no rows yet; spectral-repro -m results_dir={results_dir} … first"
        )
    makers = frame[_MAKER].drop_duplicates().reset_index(drop=True)
    cells = _cells(frame)
    commands = commands_of(results_dir)
    return {
        "results_dir": str(results_dir),
        "cells": columns(cells, _DIGITS),
        "commands": by_words([commands.get(cell) for cell in cells["hash"]]),
        "rows": columns(_rows(frame, makers), _DIGITS),
        "labels": {data: data_label(data) for data in frame["data"].unique()},
        "styles": {method: style_of(method)._asdict() for method in frame["method"].unique()},
        "makers": columns(makers, {}),
        "quantiles": [float(t.ppf(0.975, _STEPS / i if i else float("inf"))) for i in range(_STEPS + 1)],
        "tuning_seeds": TUNING_SEEDS,
        "story": _story(frame),
        "claims": _claims(results_dir / "claims.json"),
        "figures": figures(frame),
        "curves": curves(frame, results_dir),
        "hubs": hubs(frame, results_dir),
    }


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """One line per cell, in the order of its first row."""
    full = set(full_length(frame)["config_hash"])
    first = frame.drop_duplicates("config_hash")
    lines = []
    for _, row in first.iterrows():
        named = {"p": row["p"], "rank": row["rank"], "multiple": row["multiple"]}
        named = {key: value for key, value in named.items() if pd.notna(value) and (key, value) != ("p", 1)}
        lines.append(
            {
                "hash": row["config_hash"],
                "data": row["data"],
                "method": row["method"],
                "way": way_in_words(row),
                "size": "–".join(map(str, widths_of(row))),
                "depth": row["hidden_layers"],
                "sparsity": row["sparsity"],
                "named": ", ".join(f"{key} = {value:g}" for key, value in named.items()),
                "options": row["options"] or None,
                "training": f"{row['optimizer']} {row['lr']:g}, {row['activation']}",
                "most_epochs": row["max_epochs"],
                "full": row["config_hash"] in full,
                "rates": row["rates"],
                "trained": row["trained_parameters"],
                "rho": row["rho"],
                "links": links(row),
                "adds": multiply_adds(row),
            }
        )
    return pd.DataFrame(lines)


def _rows(frame: pd.DataFrame, makers: pd.DataFrame) -> pd.DataFrame:
    """One line per network; ``cell`` and ``maker`` are indices of their tables."""
    cell = {key: i for i, key in enumerate(frame["config_hash"].unique())}
    number = {key: i for i, key in enumerate(makers.astype(str).itertuples(index=False, name=None))}
    maker = [number[key] for key in frame[_MAKER].astype(str).itertuples(index=False, name=None)]
    return pd.DataFrame(
        {
            "cell": frame["config_hash"].map(cell),
            "seed": frame["seed"],
            "test": frame["test_accuracy"],
            "validation": frame["validation_accuracy"],
            "epochs": frame["epochs"],
            "seconds": frame["seconds"],
            "maker": maker,
            "finished": frame["finished_at"],
        }
    )


def _story(frame: pd.DataFrame) -> list[str]:
    """Its paragraphs, in Markdown; none of rows that are of no figure of the paper."""
    rows = Rows(frame)
    if not any(rows.whole(figure) for figure in FIGURES):
        return []
    return [" ".join(paragraph.split()) for paragraph in tell(rows).strip().split("\n\n")]


def _claims(path: Path) -> list[dict[str, Any]] | None:
    """What ``make report`` judged; None if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: is not a readable file of claims ({type(error).__name__})") from error
