"""What made the rows, and whether it can be seen in the accuracies."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from spectral_repro.figures.select import ENOUGH
from spectral_repro.report.tables import interval, markdown
from spectral_repro.results.statistics import mean

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
    """Whether networks of the same cells differ by the kind of device: Student's test in each cell, and over all."""
    kinds = frame["device"].str.partition(" ")[0]
    said = ""
    for first, second in combinations(sorted(set(kinds)), 2):
        sizes, values = [], []
        for _, cell in frame.groupby("config_hash"):
            a, b = (cell.loc[kinds[cell.index] == kind, "test_accuracy"] for kind in (first, second))
            if min(len(a), len(b)) < ENOUGH or not a.var() + b.var():
                continue
            test = stats.ttest_ind(b, a)
            values.append(test.pvalue)
            sizes.append(test.statistic * np.sqrt(1 / len(a) + 1 / len(b)))
        if len(sizes) > 1:
            differ, chance = sum(p < 0.05 for p in values), 0.05 * len(sizes)
            said += (
                f"\n\nOf {len(sizes)} cells {ENOUGH} or more networks were trained on {first} and on {second}, each "
                f"with seeds of its own. Their mean accuracies differ in {differ} cells (Student's test at 5 %; by "
                f"chance {chance:.0f}); on average over the cells {second} is above {first} by "
                f"{interval(mean(dict(enumerate(sizes))), '.2f')} standard deviations of one network."
            )
    return said
