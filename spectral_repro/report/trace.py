"""The way back from a figure to its networks: the command that makes exactly its rows; and short hashes."""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.config.jobs import cells_of
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.select import Panel


def commands(spec: FigureSpec, panels: Sequence[Panel]) -> list[str]:
    """Of a figure: one for all panels that need the same words, whatever their data set."""
    experiment = spec.experiment or spec.name
    rates = ["rates=tuned"] if spec.rates == "tuned" else []
    by_words: dict[tuple[str, ...], list[str]] = {}
    for panel in panels:
        words = (f"experiment={experiment}", f"profile={panel.profile}", *rates, *_realizations(experiment, panel))
        by_words.setdefault(words, []).append(panel.data)
    found = []
    for words, data in by_words.items():
        own = {cell.data["name"] for cell, _ in cells_of(experiment, panels[0].profile)}
        of_data = [f"data={','.join(data)}"] if set(data) != own else []
        found.append(" ".join(["spectral-repro", *words, *of_data]))
    return found


def _realizations(experiment: str, panel: Panel) -> list[str]:
    """``realizations=10`` where a panel shows more than its experiment asks for."""
    shown = panel.wanted // len(panel.cells)
    asked = {len(seeds) for _, seeds in cells_of(experiment, panel.profile, panel.data)}
    return [f"realizations={shown}"] if asked != {shown} else []


def length(frame: pd.DataFrame) -> int:
    """How many characters of a hash tell all cells apart, at least six."""
    keys = set(frame["config_hash"])
    return next((n for n in range(6, 13) if len({key[:n] for key in keys}) == len(keys)), 13)
