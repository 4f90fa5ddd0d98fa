"""What training costs, relative to direct at equal N2: multiply-adds of one step, seconds to the end of training."""

import functools
from itertools import pairwise
from pathlib import Path

import pandas as pd

from spectral_repro.config.cell import import_layer
from spectral_repro.config.files import conf_file
from spectral_repro.figures.select import Panel
from spectral_repro.results.frame import links_left, widths_of
from spectral_repro.training.kernels.cost import Step, step_cost

#: Columns of a row that are options of its layers.
_OPTIONS = ("core", "rank")


def multiply_adds(row: pd.Series) -> float | None:
    """Of one step, forward and backward, of the network of a row, as the trainer computes it; None of a user's method.

    An elementwise pass counts as the trainer's cost model has it. The first layer's product with what is frozen is
    known from the first epoch on. Silenced weights are multiplied as zeros: they save nothing.
    """
    found = conf_file("method", row["method"])
    if not found:
        return None
    layer, first = import_layer(found["layer"]), found.get("first_layer") or {}
    options = {name: row[name] for name in _OPTIONS if pd.notna(row[name])}
    options = {name: int(value) if name == "rank" else value for name, value in options.items()}
    total = 0.0
    for k, (n_in, n_out) in enumerate(pairwise(widths_of(row))):
        step = Step(n_in, n_out, int(row["batch_size"]), input_grad=k > 0, product=k == 0)
        cost = step_cost(layer, step, **({**options, **first} if k == 0 else options))
        total += cost.explicit if row["sparsity"] else min(cost)
    return total


@functools.cache
def _epochs(results_dir: Path) -> pd.DataFrame:
    """Seconds of an epoch of one of ten networks that train together, by ``device, method, n2``: ``make bench``.

    All of a device were measured in one run, of dense networks with one hidden layer and images as MNIST has them.
    """
    parts = [pd.read_csv(path) for path in sorted((results_dir / "bench").glob("*.csv"))]
    columns = ["device", "method", "n2", "seconds"]
    if not parts:
        return pd.DataFrame(columns=columns)
    found = pd.concat(parts)
    quiet = (found["program"] == "ours") & (found["neighbours"] == 0)
    return found.loc[quiet & (found["sparsity"] == 0), columns]


def epoch_seconds(results_dir: Path, method: str) -> dict[tuple[str, int], float]:
    """By device and N2 the seconds of an epoch relative to one of direct."""
    found = _epochs(results_dir).set_index(["method", "device", "n2"])["seconds"]
    return {at: found[method, *at] / found["direct", *at] for at in found[method].index} if method in found else {}


def relative_seconds(panel: Panel, method: str, results_dir: Path) -> dict[tuple[str, int], float]:
    """By device and N2 the seconds to the end of training relative to direct: those of an epoch, times epochs."""
    epochs = panel.frame.groupby(["method", "n2"])["epochs"].mean()
    return {
        (device, n2): ratio * epochs[method, n2] / epochs["direct", n2]
        for (device, n2), ratio in epoch_seconds(results_dir, method).items()
        if (method, n2) in epochs
    }


def relative_multiply_adds(panel: Panel, method: str) -> dict[int, float]:
    """By N2 the multiply-adds of a step relative to those of direct."""
    rows = {(row["method"], row["n2"]): row for _, row in panel.frame.iterrows()}
    sizes = [n2 for m, n2 in rows if m == method and ("direct", n2) in rows]
    pairs = {n2: [multiply_adds(rows[m, n2]) for m in (method, "direct")] for n2 in sizes}
    return {n2: mine / direct for n2, (mine, direct) in pairs.items() if mine and direct}


def links(row: pd.Series) -> int:
    """How many weights of the network of a row are not silenced."""
    return links_left(widths_of(row), row["sparsity"], row["allocation"])
