"""What made the rows, and whether it can be seen in the accuracies."""

from itertools import combinations

import pandas as pd

from spectral_repro.figures.select import ENOUGH
from spectral_repro.report.tables import interval, markdown
from spectral_repro.results.statistics import difference

_COLUMNS = ("device", "precision", "products", "torch_version", "code_version")


def provenance(frame: pd.DataFrame) -> str:
    """A table of devices, products and versions, and a comparison of the kinds of device."""
    if not len(frame):
        return "## Provenance\n\nNo rows."
    known = frame.fillna({"products": "not noted"})
    groups = known.groupby(list(_COLUMNS)).agg(networks=("seed", "size"), hours=("seconds", lambda s: s.sum() / 3600))
    lines = [(*map(str, key), str(int(row.networks)), f"{row.hours:.2f}") for key, row in groups.iterrows()]
    old = "; `not noted`: rows of before products were noted" * bool(frame["products"].isna().any())
    hours = frame.groupby(frame["device"].str.partition(" ")[0])["seconds"].sum() / 3600
    text = f"## Provenance\n\nProducts: the library and precision of matrix products{old}. Hours of training in all: "
    text += ", ".join(f"{hours[kind]:.1f} on {kind}" for kind in hours.index)
    text += " (those of a batch shared evenly by its networks).\n\n"
    return text + markdown((*_COLUMNS, "networks", "hours of training"), lines) + _between_devices(frame)


def _between_devices(frame: pd.DataFrame) -> str:
    """Whether networks differ by the kind of device, in standard deviations of their cell, averaged by seed.

    Networks of one seed share split and order of batches in all cells, so that seeds are what varies by itself.
    Those of less than half of the cells are left out, as their averages vary more.
    """
    kinds, said = frame["device"].str.partition(" ")[0], ""
    for first, second in combinations(sorted(set(kinds)), 2):
        parts = []
        for _, cell in frame.groupby("config_hash"):
            mine = cell[kinds[cell.index].isin((first, second))]
            counts, spread = kinds[mine.index].value_counts(), mine["test_accuracy"].std()
            if len(counts) == 2 and counts.min() >= ENOUGH and spread:
                residual = (mine["test_accuracy"] - mine["test_accuracy"].mean()) / spread
                parts.append(pd.DataFrame({"kind": kinds[mine.index], "seed": mine["seed"], "residual": residual}))
        if not parts:
            continue
        by_seed = pd.concat(parts).groupby(["kind", "seed"])["residual"]
        means = by_seed.mean()[2 * by_seed.size() >= len(parts)]
        if set(means.index.get_level_values("kind")) != {first, second}:
            continue
        gap = difference(means[second].to_dict(), means[first].to_dict())
        seeds = f"{len(means[first])} seeds on {first}, {len(means[second])} on {second}"
        said += (
            f"\n\nOf {len(parts)} cells {ENOUGH} or more networks were trained on {first} and on {second}. Averaged "
            f"over the cells by seed ({seeds}, each in at least half of the cells), test accuracies on {second} are "
            f"above those on {first} by {interval(gap, '.2f')} standard deviations of one network; what the seeds "
            "themselves differ by is part of that."
        )
    return said
