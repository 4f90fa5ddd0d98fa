"""Tables of the report: the accuracies behind a figure."""

import math
from collections.abc import Sequence

from spectral_repro.figures import curves
from spectral_repro.figures.controls import way_of
from spectral_repro.figures.select import AXES, Panel, value_on, written
from spectral_repro.results.frame import collapsed
from spectral_repro.results.statistics import Estimate, Measured, mean


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def accuracy(e: Estimate) -> str:
    """Mean ± standard deviation of one realization."""
    if not e.n:
        return "not yet run"
    return f"{e.value:.4f}" + (f" ± {e.spread:.4f}" if math.isfinite(e.spread) else "")


def interval(
    e: Estimate | Measured,
    form: str = ".3f",
    confidence: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """The value and its interval, for instance ``0.981 [0.980, 0.982]``; without it where there is none.

    ``limits`` are those of the number itself, beyond which no interval reaches.
    """
    low, high = e.interval(confidence)
    if math.isfinite(low):
        low, high = max(low, limits[0]), min(high, limits[1])
    return f"{e.value:{form}}" + (f" [{low:{form}}, {high:{form}}]" if math.isfinite(low) else "")


def accuracy_interval(e: Estimate | Measured) -> str:
    """As :func:`interval`, of an accuracy, which is between 0 and 1."""
    return interval(e, ".4f", limits=(0.0, 1.0))


def protocol(panel: Panel) -> str:
    """How the networks of a panel were trained, and each method's learning rate."""
    cells: dict[str, dict[str, list[str]]] = {}
    several = len({cell.masking_names[0] for cell in panel.cells} - {None}) > 1
    for cell in panel.cells:
        t = cell.trainer
        held, wait = f"{t['validation_fraction']:.0%} of the images held out", f"patience {t['patience']}"
        patient = "no early stopping" if t["patience"] >= t["max_epochs"] else f"{wait}, least gain {t['min_delta']:g}"
        said = f"{t['optimizer'].capitalize()}, {t['activation']}, batches of {t['batch_size']}, {held}, {patient}"
        rates = cells.setdefault(said, {}).setdefault(f"{t['lr']:g}", [])
        masking = cell.masking_names[0]
        label = way_of(cell.method, masking)[0] if several and masking else cell.method_label
        rates += [label] * (label not in rates)
    each = []
    for said, by_rate in cells.items():
        each.append(f"{said}; learning rate " + ", ".join(f"{lr} ({', '.join(who)})" for lr, who in by_rate.items()))
    return "Trained with " + ". ".join(each) + "."


def accuracies(panel: Panel) -> str:
    """One line per cell of a panel: accuracy, n, ρ, epochs; medians too where networks have collapsed."""
    axes = [a for a in AXES if len({value_on(cell, a) for cell in panel.cells} - {None}) > 1]
    lines, guessing = [], collapsed(panel.frame) > 0
    for cell in panel.cells:
        rows = panel.frame[panel.frame["config_hash"] == cell.config_hash]
        values = [value_on(cell, a) for a in axes]
        line = [cell.method_label, *("" if v is None else written(v) for v in values)]
        line += [accuracy(mean(curves.accuracies(rows))), str(len(rows))]
        if guessing:
            line += [f"{rows['test_accuracy'].median():.4f}" if len(rows) else "", f"{collapsed(rows) or ''}"]
        if len(rows):
            epochs = f"{rows['epochs'].mean():.1f} ({rows['epochs'].min()}–{rows['epochs'].max()})"
            line += [f"{rows['trained_parameters'].iloc[0]:,}", f"{rows['rho'].iloc[0]:.4f}", epochs]
        else:
            line += [""] * 3
        lines.append(line)
    header = ["method", *(AXES[a] for a in axes), "test accuracy", "n", *["median", "at chance"] * guessing]
    return markdown([*header, "trained", "ρ", "epochs"], lines)
