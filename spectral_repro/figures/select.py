"""Which rows belong to a figure: those of exactly the cells that its experiment defines, at one profile."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.config.jobs import cells_of
from spectral_repro.errors import ConfigError
from spectral_repro.figures.catalogue import ALL, DEGREES, STAND_IN, FigureSpec
from spectral_repro.figures.panel import AXES, ENOUGH, Panel, value_on, written
from spectral_repro.results.commands import commands_of, options_of
from spectral_repro.results.degrees import degree_file, read_degrees
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import rates_of
from spectral_repro.results.rows import all_rows

__all__ = ["AXES", "ENOUGH", "PROFILES", "Panel", "choose_panels", "load_frame", "select_panel", "value_on", "written"]

PROFILES = ("paper", "quick")


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
