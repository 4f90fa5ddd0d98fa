"""Which rows belong to a figure: those of exactly the cells that its experiment defines, at one profile."""

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.config.jobs import cells_of
from spectral_repro.errors import ConfigError
from spectral_repro.figures.catalogue import ALL, DEGREES, STAND_IN, FigureSpec
from spectral_repro.results.commands import commands_of, options_of
from spectral_repro.results.degrees import degree_file, read_degrees
from spectral_repro.results.frame import diverged, to_frame
from spectral_repro.results.rates import rates_of
from spectral_repro.results.rows import all_rows

PROFILES = ("paper", "quick")
#: Realizations of every cell from which on a figure shows the paper's profile.
ENOUGH = 3
#: Cells that a caption names; of more it says how many.
_NAMED = 8


#: What tells the cells of one method in a figure apart, and how it is written.
AXES = {
    **{"n2": "N2", "sparsity": "s", "masking": "masking", "allocation": "allocation", "p": "p"},
    **{"core": "core", "basis": "basis", "bias": "bias", "rank": "rank", "multiple": "multiple"},
    "activation": "activation",
}


def value_on(cell: Cell, axis: str):
    """Where a cell lies on one of :data:`AXES`; None where its method has no such option."""
    if axis in ("masking", "allocation"):
        return cell.masking_names[axis == "allocation"]
    if hasattr(cell, axis):
        return getattr(cell, axis)
    return {"bias": True, **cell.trainer, **cell.method_options}.get(axis)


def written(value: object) -> str:
    """A value of one of :data:`AXES` in a caption or a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


@dataclasses.dataclass(frozen=True)
class Panel:
    """Rows of one panel of a figure: one data set, one profile.

    ``frame`` has the columns of :class:`spectral_repro.results.rows.Row`; ``wanted`` and ``found`` count networks;
    ``cells`` are the panel's cells, for whoever needs more than rows.
    """

    data: str
    label: str
    profile: str
    frame: pd.DataFrame
    wanted: int
    found: int
    max_epochs: int
    cells: tuple[Cell, ...]
    command: str

    @property
    def caption(self) -> str:
        """Data set, profile and n."""
        missing = "" if self.found >= self.wanted else f", {self.wanted - self.found} of {self.wanted} networks missing"
        diverged = f", {self.diverged} of them diverged" if self.diverged else ""
        profile = f"profile {self.profile} (at most {self.max_epochs} epochs)"
        return f"{self.label}: {profile}, {self.realizations}{missing}{diverged}"

    @property
    def realizations(self) -> str:
        """For instance ``n = 10``, or ``n = 10, but 3 of S-QR (N2 = 700, 1000)``."""
        counts = self._counts
        usual = max(set(counts), key=lambda n: (counts.count(n), n))
        others: dict[tuple[int, str], list[Cell]] = {}
        for cell, n in zip(self.cells, counts, strict=True):
            if n != usual:
                others.setdefault((n, cell.method_label), []).append(cell)
        said = [f"{n} of {label}{self._where(label, cells)}" for (n, label), cells in sorted(others.items())]
        if said and not usual:
            return f"few cells yet: n = {'; '.join(said)}"
        return f"n = {usual}" + (", but " + "; ".join(said) if said else "")

    def _where(self, label: str, cells: Sequence[Cell]) -> str:
        """Which cells of a method are meant, unless all are: `` (N2 = 20, 50)``."""
        alike = [cell for cell in self.cells if cell.method_label == label]
        if len(cells) == len(alike):
            return ""
        axes = [name for name in AXES if len({value_on(cell, name) for cell in alike}) > 1]
        own = [name for name in axes if len({value_on(cell, name) for cell in cells}) > 1]
        shared = [f"{AXES[a]} = {written(value_on(cells[0], a))}" for a in axes if a not in own]
        like = [c for c in alike if all(value_on(c, a) == value_on(cells[0], a) for a in axes if a not in own)]
        values = {a: list(dict.fromkeys(written(value_on(cell, a)) for cell in cells)) for a in own}
        points = [", ".join(f"{AXES[a]} = {written(value_on(cell, a))}" for a in own) for cell in cells]
        if len(like) == len(cells):
            points = []
        elif math.prod(map(len, values.values())) == len(cells):  # all combinations
            points = [f"{AXES[a]} = {', '.join(v)}" for a, v in values.items()]
        elif len(cells) > _NAMED:
            points = [f"{len(cells)} cells of {len(alike)}"]
        return f" ({'; '.join([*shared, *points])})"

    @property
    def _counts(self) -> list[int]:
        """Realizations of each cell."""
        sizes = self.frame.groupby("config_hash").size()
        return [int(sizes.get(cell.config_hash, 0)) for cell in self.cells]

    @property
    def ready(self) -> float:
        """Share of the cells that have :data:`ENOUGH` realizations; 1 of a whole panel."""
        return sum(n >= ENOUGH for n in self._counts) / len(self.cells)

    @property
    def diverged(self) -> int:
        """How many of the networks have weights that are not finite."""
        return diverged(self.frame)


def load_frame(results_dir: Path) -> pd.DataFrame:
    """All rows below ``results_dir``, with the columns of ``results.csv``: those of :class:`Row`, and two more.

    Raises:
        UserError: if a file of rows is damaged.
    """
    rows = all_rows(results_dir)
    frame = to_frame(rows)
    frame["rates"] = frame["config_hash"].map(rates_of(rows, results_dir))
    frame["options"] = frame["config_hash"].map(options_of(commands_of(results_dir)))
    frame.attrs["results_dir"] = str(results_dir)
    return frame


def select_panel(
    frame: pd.DataFrame,
    experiment: str,
    data: str,
    profile: str,
    rates: str = "published",
    methods: Collection[str] = (),
) -> Panel:
    """The rows of one panel at one profile; of ``methods`` only, if any are named.

    Of each cell those of the realizations that the profile wants, and further ones that every cell has.

    Raises:
        UserError: if the rates are to be tuned ones, and have not been chosen.
    """
    results_dir = frame.attrs.get("results_dir", "results")
    tuned = ("rates=tuned", f'results_dir="{results_dir}"') if rates == "tuned" else ()
    defined = cells_of(experiment, profile, data, tuned)
    cells = [(cell, seeds) for cell, seeds in defined if not methods or cell.method in methods]
    seeds = {cell.config_hash: seeds for cell, seeds in cells}
    mine = frame[frame["config_hash"].isin(seeds)]
    seeds = _with_further(seeds, set(zip(mine["config_hash"], mine["seed"], strict=True)))
    wanted = [seed in seeds[key] for key, seed in zip(mine["config_hash"], mine["seed"], strict=True)]
    mine = mine[pd.Series(wanted, index=mine.index, dtype=bool)]
    if experiment in ALL and ALL[experiment].kind == DEGREES and "results_dir" in frame.attrs:
        mine = _with_degrees(mine, cells, Path(results_dir))
    several = len({cell.data["name"] for cell, _ in cells_of(experiment, profile)}) > 1
    other = data in STAND_IN.values() or several
    return Panel(
        data=data,
        label=cells[0][0].data["label"],
        profile=profile,
        frame=mine.reset_index(drop=True),
        wanted=sum(map(len, seeds.values())),
        found=len(mine),
        max_epochs=max(c.trainer["max_epochs"] for c, _ in cells),
        cells=tuple(cell for cell, _ in cells),
        command=f"spectral-repro experiment={experiment} profile={profile}"
        + f" data={data}" * other
        + " rates=tuned" * bool(tuned)
        + f" results_dir={results_dir}" * (results_dir != "results"),
    )


def _with_further(seeds: Mapping[str, range], there: Collection[tuple[str, int]]) -> dict[str, range]:
    """The seeds of each cell by its hash, and the next ones as far as all cells have them."""
    more = 0
    while seeds and all((key, wanted.stop + more) in there for key, wanted in seeds.items()):
        more += 1
    return {key: range(wanted.start, wanted.stop + more) for key, wanted in seeds.items()}


def _with_degrees(rows: pd.DataFrame, cells: Iterable[tuple[Cell, range]], results_dir: Path) -> pd.DataFrame:
    """Those of networks whose degrees were kept: a cell may have more that were trained without ``degrees=true``."""
    kept = {(c.config_hash, line[0]) for c, _ in cells for line in read_degrees(degree_file(results_dir, c))}
    there = [pair in kept for pair in zip(rows["config_hash"], rows["seed"], strict=True)]
    return rows[pd.Series(there, index=rows.index, dtype=bool)]


def choose_panels(
    frame: pd.DataFrame, spec: FigureSpec, profile: str | None = None, methods: Collection[str] = ()
) -> list[Panel]:
    """The panels of a figure: each at the profile of which all cells, or else more of them, have enough realizations.

    A stand-in data set is used only where the real one has no rows at all. Of a figure at tuned rates there are panels
    of the data sets for which all of them have been chosen. With ``methods`` only their cells are shown and waited for.
    """
    panels = []
    profiles: Sequence[str] = PROFILES if profile is None else (profile,)
    experiment = spec.experiment or spec.name
    for data in spec.datasets:
        candidates = []
        try:
            for p in profiles:
                candidates.append(select_panel(frame, experiment, data, p, spec.rates, methods))
                if candidates[-1].ready == 1:
                    break  # the other could not be preferred
        except ConfigError:
            if spec.rates == "tuned":
                continue
            raise
        if data in STAND_IN and not any(c.found for c in candidates):
            stand_ins = [select_panel(frame, experiment, STAND_IN[data], p, methods=methods) for p in profiles]
            candidates = stand_ins if any(c.found for c in stand_ins) else candidates
        panels.append(max(candidates, key=lambda c: (c.ready, c.found > 0)))  # of equals the paper's comes first
    return panels
