"""Every figure of the catalogue as charts: which point lies where, and what it is the mean of."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import yaml

from spectral_repro.claims import thresholds
from spectral_repro.config.compose import config_folder
from spectral_repro.figures import catalogue, curves
from spectral_repro.figures.catalogue import ALL, FigureSpec
from spectral_repro.figures.controls import ALLOCATIONS, way_of
from spectral_repro.figures.select import Panel, choose_panels
from spectral_repro.figures.style import BUDGET_STYLES, SPARSE_STYLES, Style, label_of, style_of
from spectral_repro.page.columns import columns
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.rates import without_tuning
from spectral_repro.results.statistics import mean, ratio

#: Decimals of what is drawn; the browser needs no more.
_DIGITS = {"value": 6, "low": 6, "high": 6, "base": 12, "x": 6}
#: Networks that a picture of all cells draws one by one.
_MOST_DOTS = 1000
_RATIO, _ACCURACY = "accuracy / mean accuracy of direct", "accuracy on the test images"
_SPARSITY, _SHARE = (
    "sparsity, in equal steps of log(1 − s)",
    "p, share of the off-diagonal entries of R that are trained",
)
_DIRECT = 1.0, "direct"
_TRAINED, _RHO = "trained parameters", "ρ, trained parameters over those of direct"


@dataclasses.dataclass
class Point:
    """One cell at ``x``: the mean of its networks, over that of ``below`` if there is one, with its 95 % interval.

    ``found`` and ``below`` have accuracies (or ρ) by seed. Each network is drawn at its own over the mean of ``below``.
    """

    series: str
    style: Style
    x: float
    cell: str
    rates: str
    found: Mapping[int, float]
    below: Mapping[int, float] | None = None

    @property
    def line(self) -> dict[str, Any]:
        estimate = mean(self.found) if self.below is None else ratio(self.found, self.below)
        low, high = estimate.interval()
        named = {"series": self.series, "x": self.x, "cell": self.cell, "rates": self.rates, "n": estimate.n}
        base = 1 if self.below is None else mean(self.below).value
        seeds = {"first": min(self.found), "last": max(self.found)}
        return {**named, "value": estimate.value, "low": low, "high": high, "base": base, **seeds}


@dataclasses.dataclass
class Chart:
    """One picture: its points, its axes and the sentence that says what it shows."""

    title: str
    sentence: str
    x: str
    y: str
    scale: str
    points: list[Point]
    dots: bool = True
    rules: Sequence[tuple[float, str]] = ()

    def as_json(self) -> dict[str, Any]:
        """With the points as columns, and each series once with its style."""
        styles = {point.series: point.style for point in self.points}
        series = [{"label": label, **style._asdict()} for label, style in styles.items()]
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**named, "series": series, "points": columns(pd.DataFrame([p.line for p in self.points]), _DIGITS)}


def figures(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The figures that have rows, each with its charts; published and tuned rates in one chart."""
    found = []
    for spec in ALL.values():
        if spec.rates == "tuned" or spec.kind == catalogue.DEGREES:
            continue
        panels = [("published", panel) for panel in choose_panels(frame, spec) if panel.found]
        if again := ALL.get(f"{spec.name}_tuned"):
            panels += [("tuned", panel) for panel in choose_panels(frame, again) if panel.found]
        if charts := list(_charts(spec, panels)):
            captions = [f"{panel.caption}; {rates} rates" for rates, panel in panels]
            commands = [panel.command for _, panel in panels]
            shown = {"name": spec.name, "title": spec.title, "network": spec.network}
            shown |= {"captions": captions, "commands": commands, "profiles": [p.profile for _, p in panels]}
            found.append({**shown, "charts": [chart.as_json() for chart in charts if chart.points]})
    return [*found, _every_cell(frame)]


def _every_cell(frame: pd.DataFrame) -> dict[str, Any]:
    """All rows, whichever sweep they are of: what a sweep of one's own shows."""
    charts = []
    for data, mine in without_tuning(frame).groupby("data", sort=False):
        points = [
            Point(
                *(label_of(rows["method"].iloc[0]), style_of(rows["method"].iloc[0])),
                *(rows["trained_parameters"].iloc[0], key, rows["rates"].iloc[0], curves.accuracies(rows)),
            )
            for key, rows in mine.groupby("config_hash", sort=False)
        ]
        sentence = "Every cell of this data set, dense and sparse, of any length of training."
        title = f"{data_label(str(data))}: accuracy by the number of trained parameters"
        charts.append(Chart(title, sentence, _TRAINED, _ACCURACY, "log near one", points, len(mine) <= _MOST_DOTS))
    shown = {"name": "all", "title": "Every cell", "network": "", "captions": [], "commands": [], "profiles": []}
    return {**shown, "charts": [chart.as_json() for chart in charts]}


def data_label(name: str) -> str:
    """The printed label of a data set, from ``conf/data``; of one of the user's own its name."""
    path = config_folder() / "data" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["label"] or name if path.exists() else name


def _charts(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    draw = {
        catalogue.RELATIVE: _relative,
        catalogue.SPARSE: _sparse,
        catalogue.TRAINED_SHARE: _share,
        catalogue.WAYS: _ways,
        catalogue.BUDGET: _budget,
    }[spec.kind]
    for data in dict.fromkeys(panel.data for _, panel in panels):
        yield from draw(spec, [(rates, panel) for rates, panel in panels if panel.data == data])


def _cells(panel: Panel, method: str) -> Iterator[tuple[pd.Series, dict[int, float]]]:
    """Of each cell of a method its first row, and its accuracies by seed."""
    for _, rows in panel.frame[panel.frame["method"] == method].groupby("config_hash", sort=False):
        yield rows.iloc[0], curves.accuracies(rows)


def _relative(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    label, size = panels[0][1].label, "N2 = N3" if spec.network.count("N2") == 2 else "N2"
    relative, direct, rho, lost = [], [], [], {}
    for rates, panel in panels:
        lost |= collapsed_sizes(panel.frame)
        base = {row["n2"]: (row, found) for row, found in _cells(panel, "direct")}
        for row, found in base.values():
            direct.append(Point(label_of("direct"), style_of("direct"), row["n2"], row["config_hash"], rates, found))
        for method in spec.methods:
            for row, found in _cells(panel, method):
                place = label_of(method), style_of(method), row["n2"], row["config_hash"], rates
                rho.append(Point(*place, dict.fromkeys(found, row["rho"])))
                if row["n2"] in base and row["n2"] not in collapsed_sizes(panel.frame):
                    relative.append(Point(*place, found, base[row["n2"]][1]))
    left = "".join(f" At {size} = {n2}, {count} networks of direct only guess: left out." for n2, count in lost.items())
    x = f"{size}, neurons of each hidden layer" if size != "N2" else "N2, neurons of the hidden layer"
    yield Chart(
        f"{label}: accuracy relative to direct training",
        "Each small dot is one network: its accuracy over the mean accuracy of direct networks of the same size. "
        f"Thin lines: direct training, and from where on a claim counts as reproduced (our rules).{left}",
        *(x, _RATIO, "log", relative),
        rules=[_DIRECT, *thresholds(spec.name)],
    )
    yield Chart(
        f"{label}: accuracy of direct training",
        "Accuracy of the networks that all others are compared with, by the size of the hidden layer.",
        *(x, _ACCURACY, "log", direct),
    )
    yield Chart(
        f"{label}: share of the parameters that is trained",
        "ρ is the number of trained parameters over that of direct training; at 1 both train as many.",
        *(x, _RHO, "log log", rho),
        dots=False,
        rules=[_DIRECT],
    )


def _sparse(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    points = [
        Point(label_of(method), style_of(method, SPARSE_STYLES), row["sparsity"], row["config_hash"], rates, found)
        for rates, panel in panels
        for method in spec.methods
        for row, found in _cells(panel, method)
    ]
    yield Chart(
        f"{panels[0][1].label}: accuracy of sparse networks",
        "At sparsity s the weights of the smallest size, a share s of each layer, are set to zero at every step.",
        *(_SPARSITY, _ACCURACY, "towards one", points),
    )


def _share(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    points = []
    for rates, panel in panels:
        below = next((found for _, found in _cells(panel, "direct")), None)
        if below is None:
            continue
        for method in spec.methods:
            label = f"{label_of(method)}(p)" if method == "sqr" else label_of(method)
            for row, found in _cells(panel, method):
                for x in (row["p"],) if method == "sqr" else (0, 1):  # a method without p is a level
                    place = label, style_of(method), x, row["config_hash"], rates
                    points.append(Point(*place, found, below))
    yield Chart(
        f"{panels[0][1].label}: accuracy relative to direct training",
        "S-QR trains the diagonal of R and a share p of its other entries. S-SVD has no p: its level is drawn as a "
        "line across. Thin lines: direct training, and the rule of a claim (ours).",
        *(_SHARE, _RATIO, "share", points),
        rules=[_DIRECT, *thresholds(spec.name)],
    )


def _ways(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    for allocation, named in ALLOCATIONS.items():
        points = []
        for rates, panel in panels:
            mine = panel.frame[panel.frame["allocation"].fillna("uniform") == allocation]
            for (method, masking, _), rows in mine.groupby(
                ["method", mine["masking"].fillna("cutoff"), "sparsity"], sort=False
            ):
                place = rows["sparsity"].iloc[0], rows["config_hash"].iloc[0], rates
                points.append(Point(*way_of(method, masking), *place, curves.accuracies(rows)))
        yield Chart(
            f"{panels[0][1].label}, {named}",
            "Ways to choose the weights that are set to zero. Direct with cut-off is the paper's; the others let such "
            "weights return, or remove weights step by step.",
            *(_SPARSITY, _ACCURACY, "towards one", points),
        )


def _budget(spec: FigureSpec, panels: list[tuple[str, Panel]]) -> Iterator[Chart]:
    points = []
    for rates, panel in panels:
        for method in spec.methods:
            for row, found in _cells(panel, method):
                place = style_of(method, BUDGET_STYLES), row["trained_parameters"], row["config_hash"], rates
                points.append(Point(label_of(method), *place, found))
    yield Chart(
        f"{panels[0][1].label}: accuracy by the number of trained parameters",
        "The same number of trained parameters, spent in different ways. Higher is better; further left is cheaper to "
        "store, not faster to train.",
        *(_TRAINED, _ACCURACY, "log near one", points),
    )
