"""Invented rows, to test drawing and judging alone; none of them is a result."""

import numpy as np
import pandas as pd
import pytest

from spectral_repro.config.jobs import cells_of
from spectral_repro.figures.catalogue import CONTROLS, FIGURES, TUNED
from spectral_repro.figures.select import choose_panels
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rows import Row, hidden_column
from tests.results.test_rows import ROW

#: Accuracy of each method in the synthetic frames, before the seed's own deviation.
LEVEL = {"direct": 0.96, "sqr": 0.955, "ssvd": 0.91, "spectral": 0.88, "spectral_original": 0.84}


def accuracy(cell, seed: int) -> float:
    """Invented, to test the drawing alone: falls with sparsity (less for S-QR) and rises with p."""
    loss = 0.4 * cell.sparsity**8 * (0.5 if cell.method == "sqr" else 1)
    partial = 0.05 * (1 - cell.method_options.get("p", 1)) ** 4
    deviation = 0.002 * np.sin(7 * seed + len(cell.method) + cell.n2)
    return LEVEL[cell.method] - loss - partial - 0.2 / cell.n2 + deviation


def synthetic_rows(
    name: str, profile: str = "quick", data: str | None = None, others: tuple[str, ...] = ()
) -> list[Row]:
    rows = []
    for cell, seeds in cells_of(name, profile, data, others):
        for seed in seeds:
            rows.append(
                Row(
                    **{
                        **dict(ROW),
                        "data": cell.data["name"],
                        "method": cell.method,
                        "hidden_layers": cell.hidden_layers,
                        "hidden": hidden_column(cell.widths),
                        "n2": cell.n2,
                        "sparsity": cell.sparsity,
                        "p": float(cell.method_options["p"]) if "p" in cell.method_options else None,
                        "core": cell.method_options.get("core"),
                        "seed": seed,
                        "test_accuracy": accuracy(cell, seed),
                        "rho": 0.5 if cell.method == "sqr" else 1.0 if cell.method == "direct" else 2 / cell.n2 / 10,
                        "config_hash": cell.config_hash,
                    }
                )
            )
    return rows


def frame_of(rows) -> pd.DataFrame:
    return to_frame(rows)


@pytest.fixture(scope="session")
def whole() -> pd.DataFrame:
    """Rows of all figures at the quick profile, CIFAR-10 as JPEG copies."""
    rows = {}
    for name, spec in FIGURES.items():
        for data in [None] if "cifar10" not in spec.datasets else [None, "cifar10_jpeg"]:
            for row in synthetic_rows(name, data=data):
                if row.data != "cifar10":
                    rows[row.config_hash, row.seed] = row
    return frame_of(rows.values())


@pytest.fixture(scope="session")
def trained() -> pd.DataFrame:
    """Three realizations of every cell of all figures at full length, CIFAR-10 as JPEG copies."""
    rows = {}
    for name, spec in FIGURES.items():
        for data in [None] if "cifar10" not in spec.datasets else [None, "cifar10_jpeg"]:
            for row in synthetic_rows(name, "paper", data):
                if row.data != "cifar10" and row.seed < 3:
                    rows[row.config_hash, row.seed] = row
    return frame_of(rows.values())


#: Invented, to test the arithmetic alone.
WAY = {"cutoff": 0.90, "straight_through": 0.93, "gradual": 0.91, "rigl": 0.92}


def rows_of(name: str, profile: str = "paper", seeds=range(3)) -> list[Row]:
    rows = []
    for cell, _ in cells_of(name, profile):
        masking, allocation = cell.masking_names
        base = WAY[masking] + 0.05 * (cell.method == "sqr") if masking else 0.8 + 0.0001 * min(cell.n2, 1000)
        for seed in seeds:
            accuracy = base - 0.1 * cell.sparsity + 0.001 * np.sin(7 * seed + len(cell.method))
            changes = {
                "data": cell.data["name"],
                "method": cell.method,
                "n2": cell.n2,
                "sparsity": cell.sparsity,
                "p": cell.method_options.get("p"),
                "seed": seed,
                "test_accuracy": accuracy,
                "validation_accuracy": accuracy,
                "trained_parameters": 100 * cell.n2 + 7 * len(cell.method),
                "max_epochs": cell.trainer["max_epochs"],
                "lr": cell.trainer["lr"],
                "masking": masking,
                "allocation": allocation,
                "config_hash": cell.config_hash,
                "patience": cell.trainer["patience"],
                "hidden_layers": cell.hidden_layers,
                "hidden": hidden_column(cell.widths),
            }
            rows.append(Row(**{**dict(ROW), **changes}))
    return rows


@pytest.fixture(scope="session")
def controls() -> pd.DataFrame:
    rows = {(r.config_hash, r.seed): r for name in CONTROLS for r in rows_of(name)}
    return to_frame(rows.values())


def tuning_rows(profile: str, seeds, best: float) -> list[Row]:
    """Rows of ``experiment=rates`` whose validation accuracy is highest at one rate, and test accuracy at another."""
    return [
        r.model_copy(update={"validation_accuracy": 0.9 - abs(r.lr - best), "test_accuracy": r.lr})
        for r in rows_of("rates", profile, seeds)
    ]


def all_panels(frame: pd.DataFrame) -> dict:
    specs = {**CONTROLS, **TUNED}
    return {name: panels for name, spec in specs.items() if (panels := choose_panels(frame, spec))}
