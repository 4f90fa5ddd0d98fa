"""One picture of the page: points, axes, and the sentence that says what it shows."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from spectral_repro.figures.curves import accuracies
from spectral_repro.figures.style import Style, label_of, style_of
from spectral_repro.page.columns import columns
from spectral_repro.results.statistics import mean, ratio

#: Decimals: enough that four of them, rounded once more, are right.
_DIGITS = {"value": 9, "low": 9, "high": 9}

#: Label of a method in the legend, and how it is drawn.
Look = tuple[str, Style]


def look_of(method: str) -> Look:
    """As everywhere."""
    return label_of(method), style_of(method)


@dataclasses.dataclass
class Point:
    """One cell at ``x``: the mean of its networks, over that of ``below`` if there is one, with its 95 % interval.

    ``found`` and ``below`` have accuracies (or ρ) by seed. Each network is drawn at its own over the mean of ``below``.
    """

    look: Look
    x: float
    cell: str
    rates: str
    found: Mapping[int, float]
    below: Mapping[int, float] | None = None

    @classmethod
    def of(cls, rows: pd.DataFrame, x: float, rates: str, look: Look | None = None, below=None) -> "Point":
        """Of the rows of one cell, which is drawn as its method is, unless ``look`` says otherwise."""
        first = rows.iloc[0]
        look = look or look_of(first["method"])
        return cls(look, x, first["config_hash"], rates, accuracies(rows), below)

    @property
    def line(self) -> dict[str, Any]:
        """What the browser is told."""
        estimate = mean(self.found) if self.below is None else ratio(self.found, self.below)
        low, high = estimate.interval()
        named = {"series": self.look[0], "x": self.x, "cell": self.cell, "rates": self.rates, "n": estimate.n}
        base = 1 if self.below is None else mean(self.below).value
        seeds = {"first": min(self.found), "last": max(self.found)}
        return {**named, "value": estimate.value, "low": low, "high": high, "base": base, **seeds}


@dataclasses.dataclass
class Chart:
    """``scale`` names a pair of axes of ``looks.js``; ``rules`` are lines across, each with its name.

    ``counted`` are smooth lines, by label: what is known without training; they take the place of lines between means.
    """

    title: str
    sentence: str
    x: str
    y: str
    scale: str
    points: list[Point]
    dots: bool = True
    rules: Sequence[tuple[float, str]] = ()
    counted: Mapping[str, Sequence[tuple[float, float]]] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """With the points as columns, and each series once with its style."""
        looks = dict(point.look for point in self.points)
        series = [{"label": label, **style._asdict()} for label, style in looks.items()]
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**named, "series": series, "points": columns(pd.DataFrame([p.line for p in self.points]), _DIGITS)}
