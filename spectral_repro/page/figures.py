"""Every figure of the catalogue as charts: which point lies where, and what it is the mean of."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from spectral_repro.claims import thresholds
from spectral_repro.config.files import conf_file
from spectral_repro.figures import catalogue
from spectral_repro.figures.catalogue import ALL, FigureSpec
from spectral_repro.figures.controls import ALLOCATIONS
from spectral_repro.figures.curves import accuracies, rho_line
from spectral_repro.figures.select import Panel, choose_panels
from spectral_repro.figures.style import PARTIAL, label_of, way_of
from spectral_repro.page.chart import Chart, Point, look_of
from spectral_repro.report.cost import links
from spectral_repro.results.frame import collapsed_sizes
from spectral_repro.results.rates import TUNING_SEEDS

#: Panels of a figure, each with the kind of its learning rates.
Panels = list[tuple[str, Panel]]

#: Networks that a picture of all cells draws one by one.
_MOST_DOTS = 1000
_RATIO, _ACCURACY = "accuracy / mean accuracy of direct", "accuracy on the test images"
_SPARSITY, _SHARE = (
    "sparsity, in equal steps of log(1 − s)",
    "p, share of the off-diagonal entries of R that are trained",
)
_LINKS = "links, weights that are not set to zero"
_TRAINED, _RHO = "trained parameters", "ρ, trained parameters over those of direct"
_DIRECT = 1.0, "direct"
_FRONT = "Grey steps: the Pareto front; no cell that trains at most as many parameters has a higher mean."
#: Sizes at which ρ is counted: every 12 % one more.
_SIZES = sorted({round(10 * 1.12**k) for k in range(48)})


def figures(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The figures that have rows, each with its charts; published and tuned rates in one chart."""
    found = []
    for spec in ALL.values():
        if spec.rates == "tuned" or spec.kind in (catalogue.DEGREES, catalogue.LEARNING):  # which have their own views
            continue
        panels = [("published", panel) for panel in choose_panels(frame, spec) if panel.found]
        if again := ALL.get(f"{spec.name}_tuned"):
            panels += [("tuned", panel) for panel in choose_panels(frame, again) if panel.found]
        if charts := [chart for chart in _charts(spec, panels) if chart.points]:
            captions = [f"{panel.caption}; {rates} rates" for rates, panel in panels]
            found.append(
                {
                    "name": spec.name,
                    "title": spec.title,
                    "network": spec.network,
                    "captions": captions,
                    "commands": [panel.command for _, panel in panels],
                    "preliminary": any(panel.profile == "quick" for _, panel in panels),
                    "charts": [chart.as_json() for chart in charts],
                }
            )
    return [*found, _every_cell(frame)]


def data_label(name: str) -> str:
    """The printed label of a data set, from ``conf/data``; of one of the user's own its name."""
    return conf_file("data", name).get("label") or name


def _every_cell(frame: pd.DataFrame) -> dict[str, Any]:
    """All rows but those that chose a rate, whichever sweep they are of: what a sweep of one's own shows."""
    charts = []
    for data, mine in frame[frame["seed"] < TUNING_SEEDS].groupby("data", sort=False):
        cells = [rows for _, rows in mine.groupby("config_hash", sort=False)]
        points = [Point.of(rows, rows["trained_parameters"].iloc[0], rows["rates"].iloc[0]) for rows in cells]
        title = f"{data_label(str(data))}: accuracy by the number of trained parameters"
        sentence = f"Every cell of this data set, dense and sparse, of any length of training. {_FRONT}"
        charts.append(Chart(title, sentence, _TRAINED, _ACCURACY, "log near one", points, len(mine) <= _MOST_DOTS))
    shown = {"name": "all", "title": "Every cell", "network": "", "captions": [], "commands": [], "preliminary": False}
    return {**shown, "charts": [chart.as_json() for chart in charts]}


def _charts(spec: FigureSpec, panels: Panels) -> Iterator[Chart]:
    draw = {
        catalogue.RELATIVE: _relative,
        catalogue.SPARSE: _sparse,
        catalogue.TRAINED_SHARE: _share,
        catalogue.WAYS: _ways,
        catalogue.BUDGET: _budget,
    }[spec.kind]
    for data in dict.fromkeys(panel.data for _, panel in panels):
        mine = [(rates, panel) for rates, panel in panels if panel.data == data]
        yield from draw(spec, mine, mine[0][1].label)


def _cells(panel: Panel, method: str) -> list[pd.DataFrame]:
    """The rows of each cell of a method."""
    return [rows for _, rows in panel.frame[panel.frame["method"] == method].groupby("config_hash", sort=False)]


def _relative(spec: FigureSpec, panels: Panels, label: str) -> Iterator[Chart]:
    relative, direct, rho = [], [], []
    counted: dict[str, list[tuple[float, float]]] = {}
    lost: dict[int, str] = {}
    for rates, panel in panels:
        here = collapsed_sizes(panel.frame)
        lost |= here
        base = {rows["n2"].iloc[0]: rows for rows in _cells(panel, "direct")}
        direct += [Point.of(rows, n2, rates) for n2, rows in base.items()]
        for method in spec.methods:
            if cell := next((cell for cell in panel.cells if cell.method == method), None):
                sizes = sorted({*_SIZES, cell.data["shape"]["n1"], *(int(n2) for n2 in panel.frame["n2"].unique())})
                shares = [round(share, 6) for share in rho_line(cell, sizes)]
                counted[label_of(method)] = list(zip(sizes, shares, strict=True))
            for rows in _cells(panel, method):
                n2, key = rows["n2"].iloc[0], rows["config_hash"].iloc[0]
                by_seed = dict(zip(rows["seed"], rows["rho"], strict=True))
                rho.append(Point(look_of(method), n2, key, rates, by_seed))
                if n2 in base and n2 not in here:
                    relative.append(Point.of(rows, n2, rates, below=accuracies(base[n2])))
    size = "N2 = N3" if spec.network.count("N2") == 2 else "N2"
    x = f"{size}, neurons of {'each' if '=' in size else 'the'} hidden layer"
    left = "".join(f" At {size} = {n2}, {count} networks of direct only guess: left out." for n2, count in lost.items())
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
        "ρ is the number of trained parameters over that of direct training; at 1 both train as many. Symbols: "
        "networks that were trained. Lines: counted from the layers.",
        *(x, _RHO, "log log", rho),
        dots=False,
        rules=[_DIRECT],
        counted=counted,
    )


def _sparse(spec: FigureSpec, panels: Panels, label: str) -> Iterator[Chart]:
    cells = [(rates, rows) for rates, panel in panels for method in spec.methods for rows in _cells(panel, method)]
    yield Chart(
        f"{label}: accuracy of sparse networks",
        "At sparsity s the weights of the smallest size, a share s of each layer, are set to zero at every step.",
        *(_SPARSITY, _ACCURACY, "towards one"),
        [Point.of(rows, rows["sparsity"].iloc[0], rates) for rates, rows in cells],
    )


def _share(spec: FigureSpec, panels: Panels, label: str) -> Iterator[Chart]:
    points = []
    for rates, panel in panels:
        if not (direct := _cells(panel, "direct")):
            continue
        below, partial = accuracies(direct[0]), (f"{label_of('sqr')}(p)", PARTIAL)
        points += [Point.of(rows, rows["p"].iloc[0], rates, partial, below) for rows in _cells(panel, "sqr")]
        # S-SVD has no p: a level
        points += [Point.of(rows, x, rates, below=below) for rows in _cells(panel, "ssvd") for x in (0, 1)]
    yield Chart(
        f"{label}: accuracy relative to direct training",
        "S-QR trains the diagonal of R and a share p of its other entries. S-SVD has no p: its level is drawn as a "
        "line across. Thin lines: direct training, and the rule of a claim (ours).",
        *(_SHARE, _RATIO, "share", points),
        rules=[_DIRECT, *thresholds(spec.name)],
    )


def _ways(spec: FigureSpec, panels: Panels, label: str) -> Iterator[Chart]:
    for allocation, named in ALLOCATIONS.items():
        points = []
        for rates, panel in panels:
            mine = panel.frame[panel.frame["allocation"].fillna("uniform") == allocation]
            by = ["method", mine["masking"].fillna("cutoff"), "sparsity"]
            for (method, masking, _), rows in mine.groupby(by, sort=False):
                points.append(Point.of(rows, links(rows.iloc[0]), rates, way_of(method, masking)))
        yield Chart(
            f"{label}, {named}",
            "Ways to choose the weights that are set to zero. Direct with cut-off is the paper's; the others let such "
            "weights return, or remove weights step by step.",
            *(_LINKS, _ACCURACY, "links", points),
        )


def _budget(spec: FigureSpec, panels: Panels, label: str) -> Iterator[Chart]:
    partial = f"{label_of('sqr')}(p), p < 1", PARTIAL
    points = [
        Point.of(rows, rows["trained_parameters"].iloc[0], rates, partial if rows["p"].iloc[0] < 1 else None)
        for rates, panel in panels
        for method in spec.methods
        for rows in _cells(panel, method)
    ]
    yield Chart(
        f"{label}: accuracy by the number of trained parameters",
        "The same number of trained parameters, spent in different ways. Higher is better; further left is cheaper to "
        f"store, not faster to train. {_FRONT}",
        *(_TRAINED, _ACCURACY, "log near one", points),
    )
