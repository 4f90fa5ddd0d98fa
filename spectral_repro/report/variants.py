"""What the differences between the paper's text and the published code cost (``experiment=findings``)."""

from spectral_repro.figures import curves
from spectral_repro.figures.select import ENOUGH, Panel, value_on
from spectral_repro.results.statistics import Measured, difference

#: Method, its option, and what the published code has there.
VARIANTS = (("sqr", "core", "full"), ("ssvd", "basis", "gaussian"), ("direct", "bias", False))


def variant_gains(panel: Panel, method: str, option: str, theirs: object) -> dict[str, Measured]:
    """What an option of the published code adds to the accuracy of ours, by place, of full-length rows."""
    gains = {}
    for cell in panel.cells if panel.profile == "paper" else ():
        if cell.method == method and value_on(cell, option) == theirs:
            place = cell.n2, cell.sparsity
            others = [c for c in panel.cells if c.method == method and (c.n2, c.sparsity) == place and c != cell]
            rows = [panel.frame[panel.frame["config_hash"] == c.config_hash] for c in (cell, *others)]
            gain = difference(*map(curves.accuracies, rows))
            if gain.n >= ENOUGH:
                gains[f"N2 = {cell.n2}" + f", s = {cell.sparsity:g}" * bool(cell.sparsity)] = gain
    return gains
