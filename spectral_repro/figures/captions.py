"""The sentences at the foot of a figure: what is shown, how many networks, what dots and symbols are, which rates."""

from collections.abc import Sequence

import pandas as pd

from spectral_repro.figures import catalogue
from spectral_repro.figures.catalogue import FigureSpec
from spectral_repro.figures.marks import DOTS
from spectral_repro.figures.select import Panel
from spectral_repro.figures.style import WAYS
from spectral_repro.results.frame import collapsed_sizes

#: What each kind of figure shows.
_SHOWN = {
    catalogue.RELATIVE: "Accuracy relative to direct training, that of direct, and the share ρ of the parameters that "
    "is trained, by the number N2 of hidden nodes.",
    catalogue.SPARSE: "Accuracy of networks of which a share s of the weights, the smallest, is zero.",
    catalogue.TRAINED_SHARE: "Accuracy relative to direct training, if a share p of the off-diagonal entries of R is "
    "trained. S-SVD has no p: the line is its level.",
    catalogue.DEGREES: "Share of the hidden nodes with at least d links. Thick lines are of all networks, thin ones of "
    "each. The lowest panel has the mean number of in-links by the index of the node.",
    catalogue.LEARNING: "Accuracy on validation images by epoch, none stopped early. Thick lines are means, thin ones "
    "single networks; symbols stand at the mean number of epochs after which the paper's rule stops.",
    catalogue.WAYS: "Accuracy by the number of links, which are the weights that are not zero. S-QR and "
    "direct training, of which the links are chosen in four ways.",
    catalogue.BUDGET: "Accuracy by the number of trained parameters. Symbols at the same number are moved apart.",
}
_GAIN = (
    "Accuracy relative to direct training, the gain of Spectral over its original form, and the accuracy of direct, by "
    "the number N2 of hidden nodes. Bars are 95 % intervals of the mean gain, and its dots are paired by seed."
)
_RATIOS = (catalogue.RELATIVE, catalogue.TRAINED_SHARE)
_RATES = (
    "Filled symbols: learning rates of the paper's code{ours}. Open symbols: those that are best on validation images."
)
_PUBLISHED = "Learning rates are those of the paper's code."


def caption(spec: FigureSpec, panels: Sequence[Panel], tuned: Sequence[Panel] = ()) -> str:
    """The foot of a figure; ``tuned`` are its panels at tuned rates."""
    everything = [*panels, *tuned]
    gain = spec.kind == catalogue.RELATIVE and not spec.with_rho
    parts = [_GAIN if gain else _SHOWN[spec.kind], f"{_data(everything)}; networks {spec.network}."]
    if spec.kind == catalogue.DEGREES:
        parts += [f"A share of {panels[0].cells[0].sparsity:g} of the weights is zero ({panels[0].realizations})."]
    elif spec.kind == catalogue.LEARNING:
        parts += [f"Each thick line is a mean ({_realizations(everything)})."]
    else:
        parts += [_symbols(spec, everything)]
    parts += [_missing(everything), _lost(panels[0]) if spec.kind == catalogue.RELATIVE else ""]
    ours = " (ours where it has none)" * (spec.kind in (catalogue.WAYS, catalogue.BUDGET))
    parts += [_RATES.format(ours=ours) if tuned else _PUBLISHED]
    if spec.kind in (catalogue.WAYS, catalogue.BUDGET):
        parts += ["Equal steps on the axis of accuracy are equal steps of log(1 − accuracy)."]
    if spec.kind == catalogue.WAYS:
        parts += [_epochs(panels)]
    return " ".join(filter(None, parts)).replace(" = ", "\u00a0=\u00a0")  # not broken between a name and its value


def _epochs(panels: Sequence[Panel]) -> str:
    """How long each way trains until it stops: what one is ahead of another is that, too."""
    frame = pd.concat([panel.frame for panel in panels])
    if frame.empty:
        return ""
    ways = frame["masking"].where(frame["method"] == "direct", "S-QR").fillna("cutoff")
    means = frame.groupby(ways.map(lambda way: WAYS[way][0] if way in WAYS else way), sort=False)["epochs"].mean()
    return f"Mean epochs: {', '.join(f'{way} {epochs:.0f}' for way, epochs in means.items())}."


def _data(panels: Sequence[Panel]) -> str:
    """The data sets and how long was trained."""
    lengths = {p.label: f"at most {p.max_epochs} epochs{' (profile quick)' * (p.profile == 'quick')}" for p in panels}
    if len(set(lengths.values())) == 1:
        return f"{', '.join(lengths)}, trained for {next(iter(lengths.values()))}"
    return "Trained " + ", ".join(f"on {label} for {length}" for label, length in lengths.items())


def _symbols(spec: FigureSpec, panels: Sequence[Panel]) -> str:
    """What markers are, with n, and what dots are."""
    few = all(p.frame.groupby("config_hash").size().max() <= DOTS for p in panels if p.found)
    ratio = ", its accuracy divided by that of direct at the same size and seed" * (spec.kind in _RATIOS)
    shown = f"each dot is one network{ratio}" if few else "bands are ± 1 standard deviation where n > 10, else dots"
    return f"Each symbol is a mean ({_realizations(panels)}); {shown}."


def _realizations(panels: Sequence[Panel]) -> str:
    """``n = 10``, or of each panel how many, where they differ."""
    counts = {f"{p.label}{' at tuned rates' * ('rates=tuned' in p.command)}": p.realizations for p in panels}
    same = set(counts.values())
    return same.pop() if len(same) == 1 else ", ".join(f"{where}: {count}" for where, count in counts.items())


def _missing(panels: Sequence[Panel]) -> str:
    said = []
    if missing := sum(p.wanted - p.found for p in panels):
        said.append(f"{missing} of {sum(p.wanted for p in panels)} networks are missing.")
    if diverged := sum(p.diverged for p in panels):
        said.append(f"{diverged} networks diverged.")
    return " ".join(said)


def _lost(panel: Panel) -> str:
    """Where networks of direct only guess."""
    lost = collapsed_sizes(panel.frame)
    where = ", ".join(f"{count} at N2 = {n2}" for n2, count in lost.items())
    return f"Where networks of direct are at chance ({where}) the ratios are written, not drawn." if lost else ""
