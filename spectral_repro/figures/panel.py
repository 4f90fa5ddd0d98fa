"""One panel of a figure: its rows, its cells, and what a caption says of their number."""

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from spectral_repro.config.cell import Cell
from spectral_repro.results.frame import diverged

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
