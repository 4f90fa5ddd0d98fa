"""What came of a batch: its rows, and a warning of networks that failed."""

import datetime
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from spectral_repro.config.cell import Cell
from spectral_repro.results import provenance
from spectral_repro.results.rows import Row, hidden_column
from spectral_repro.runner.batch import Trained
from spectral_repro.runner.task import Task
from spectral_repro.training.network import direct_parameters
from spectral_repro.training.products import find_products
from spectral_repro.training.protocol import Outcome


def make_rows(task: Task, trained: Trained) -> list[Row]:
    """One row per realization of a batch."""
    cell, sizes, n = task.cell, task.sizes, len(trained.outcomes)
    shared = {
        "data": cell.data["name"],
        "method": cell.method,
        "hidden_layers": cell.hidden_layers,
        "n1": sizes[0],
        "n2": cell.n2,
        "n_out": sizes[-1],
        "sparsity": cell.sparsity,
        "p": _option(cell, "p", int | float),
        "core": _option(cell, "core", str),
        "rank": _option(cell, "rank", int),
        "multiple": _option(cell, "multiple", int | float),
        "trained_parameters": trained.parameters,
        "direct_parameters": direct_parameters(sizes),
        "rho": trained.parameters / direct_parameters(sizes),
        "seconds": trained.seconds / n,
        "realizations_in_batch": n,
        "device": provenance.device_name(task.device),
        "precision": cell.precision,
        "config_hash": cell.config_hash,
        "code_version": provenance.code_version(),
        "torch_version": torch.__version__,
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data_digest": task.dataset.digest,
        "products": find_products(task.device, cell.precision).name,
        "masking": cell.masking_names[0],
        "allocation": cell.masking_names[1],
        "hidden": hidden_column(cell.widths),
        **cell.trainer,
    }
    own = ("seed", "test_accuracy", "validation_accuracy", "epochs", "diverged")
    return [Row(**shared, **{key: getattr(outcome, key) for key in own}) for outcome in trained.outcomes]


def _option(cell: Cell, key: str, kind: Any) -> Any:
    """An option of the method that has a column; a class of one's own may have others under the same name."""
    value = cell.method_options.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def say_what_failed(task: Task, outcomes: Sequence[Outcome]) -> None:
    """Warns of networks whose weights are not finite, and of others that answer no better than by chance."""
    y = task.dataset.images.test_y
    often = y.bincount().max().item() / len(y)  # right answers of one that always gives the most frequent label
    chance = often + 3 * (often * (1 - often) / len(y)) ** 0.5
    diverged = [o.seed for o in outcomes if o.diverged]
    guessing = [o.seed for o in outcomes if o.test_accuracy <= chance and not o.diverged]
    for seeds, what in ((diverged, "have weights that are not finite"), (guessing, "are no better than chance")):
        if seeds:
            cause = f"trainer.lr={task.cell.trainer['lr']:g} may be too high"
            who = f"{len(seeds)} of {len(outcomes)} networks {what} (seeds {', '.join(map(str, seeds))})"
            warnings.warn(f"{task.cell.slug}: {who}; {cause}", stacklevel=2)
