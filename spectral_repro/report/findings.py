"""What the differences between the paper's text and the published code cost (``experiment=findings``)."""

from collections.abc import Mapping

from spectral_repro.figures import curves
from spectral_repro.figures.select import ENOUGH, Panel, value_on
from spectral_repro.figures.style import label_of
from spectral_repro.report import judges
from spectral_repro.report.conditions import within
from spectral_repro.report.tables import accuracies, interval
from spectral_repro.results.statistics import Measured, average, difference


def findings_table(panel: Panel) -> str:
    """The accuracies of both variants."""
    return (
        "## The paper's text and the published code\n\n"
        "The text, and the ρ of the figures, count the upper triangle of `R`; the published code trains all of it "
        "(`core=full`; for N2 > N1 a trapezoid). The text asks for orthogonal `U`, `V`, the captions of Figs. 1 and 4 "
        "for uniform entries, and the code draws Gaussian ones; its sparse networks of direct have no bias, and ours "
        "do, as S-QR does in both. The text is our default. What the difference costs on "
        f"MNIST, profile {panel.profile} (at most {panel.max_epochs} epochs); `{panel.command}`:\n\n"
        + accuracies(panel)
    )


def variants(panel: Panel) -> str:
    """What the published code's variants, where the text says otherwise, change at full length."""
    if panel.profile != "paper":
        return ""
    said = []
    for method, option, theirs, what in (
        ("sqr", "core", "full", "training all of R instead of its upper triangle"),
        ("ssvd", "basis", "gaussian", "Gaussian U and V instead of orthogonal ones"),
        ("direct", "bias", False, "no bias, as in its sparse comparison,"),
    ):
        if gains := variant_gains(panel, method, option, theirs):
            said.append(f"- {what} changes {label_of(method)} by {_at_places(gains, '+.4f')}")
    head = "Where the published code differs from the text, accuracy on MNIST (each interval is of one comparison):"
    return "\n".join([head, "", *said]) if said else ""


def variant_gains(panel: Panel, method: str, option: str, theirs: object) -> dict[str, Measured]:
    """What an option of the published code adds to the accuracy of ours, by place, from the rows of the findings."""
    gains = {}
    for cell in panel.cells:
        if cell.method == method and value_on(cell, option) == theirs:
            place = cell.n2, cell.sparsity
            others = [c for c in panel.cells if c.method == method and (c.n2, c.sparsity) == place and c != cell]
            rows = [panel.frame[panel.frame["config_hash"] == c.config_hash] for c in (cell, *others)]
            gain = difference(*map(curves.accuracies, rows))
            if gain.n >= ENOUGH:
                gains[f"N2 = {cell.n2}" + f", s = {cell.sparsity:g}" * bool(cell.sparsity)] = gain
    return gains


def original(panel: Panel) -> str:
    """Claim 2 on MNIST, of which the paper's text says it; its figure, by which it is judged, is of Fashion-MNIST."""
    dense = panel.frame[panel.frame["sparsity"] == 0]
    new, old = (judges.relative_by_size(dense, method) for method in ("spectral", "spectral_original"))
    gains = {n2: e - old[n2] for n2, e in new.items() if n2 in old and old[n2].n >= ENOUGH}
    if panel.profile != "paper" or not gains:
        return ""
    places = {f"N2 = {n2}": gain for n2, gain in gains.items()}
    text = (
        "Claim 2 is judged by Fig. 3, of Fashion-MNIST; the text says a few per cent of MNIST. There the modified "
        f"Spectral is above the original, relative to direct, by {_at_places(places, '+.4f')}"
    )
    if gains.keys() != new.keys():
        return f"{text}."
    mean = average(list(gains.values()))
    few = {True: "which would count as reproduced", False: "which would not count as reproduced", None: "undecided"}
    return f"{text}; mean over N2 {interval(mean, '+.4f')}, {few[within(mean, *judges.A_FEW_PER_CENT)]}."


def _at_places(gains: Mapping[str, Measured], form: str) -> str:
    return ", ".join(f"{interval(gain, form)} at {where}" for where, gain in gains.items())
