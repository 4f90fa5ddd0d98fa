"""What each figure shows (SPEC 4): its kind, its panels, its curves and the paper's own words about it."""

import dataclasses
from collections.abc import Sequence

#: Kinds of figure: accuracy relative to direct and ρ against N2; accuracy against sparsity; accuracy against p.
RELATIVE, SPARSE, TRAINED_SHARE, DEGREES = "relative", "sparse", "trained share", "degrees"
#: And beyond the paper: ways to silence weights against sparsity; accuracy against the number of trained parameters.
WAYS, BUDGET = "ways to silence", "budget"
#: Accuracy on validation images by epoch.
LEARNING = "learning curves"

#: What the titles of figures at tuned rates end with.
_TUNED = " (tuned rates)"


@dataclasses.dataclass(frozen=True)
class FigureSpec:
    """One figure. ``datasets`` are its panels, from top to bottom; ``methods`` its curves."""

    name: str
    kind: str
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    network: str
    title: str
    with_rho: bool = True
    #: Whose rows it shows, if not those of the experiment of its name; and at which learning rates.
    experiment: str = ""
    rates: str = "published"

    @property
    def short(self) -> str:
        """For instance ``Fig. 3``, or ``Fig. 6 (tuned rates)``."""
        short = self.title.partition(":")[0]
        return short if self.rates == "published" or short.endswith(_TUNED) else short + _TUNED

    def heading(self, labels: Sequence[str]) -> str:
        """The title, with the data set if there is only one panel."""
        return f"{self.title}{',' if ':' in self.title else ':'} {labels[0]}" if len(labels) == 1 else self.title


_THREE = ("spectral", "ssvd", "sqr")

FIGURES = {
    spec.name: spec
    for spec in (
        FigureSpec("fig01", RELATIVE, ("mnist",), _THREE, "784–N2–10", "Fig. 1"),
        FigureSpec(
            "fig02",
            SPARSE,
            ("mnist", "fashion_mnist", "cifar10"),
            ("direct", "sqr"),
            "N1–500–10",
            "Fig. 2: sparse networks",
        ),
        FigureSpec(
            "fig03",
            RELATIVE,
            ("fashion_mnist",),
            ("spectral", "spectral_original"),
            "784–N2–10",
            "Fig. 3: the modified spectral method",
            with_rho=False,
        ),
        FigureSpec("fig04", RELATIVE, ("fashion_mnist",), _THREE, "784–N2–10", "Fig. 4"),
        FigureSpec("fig05", RELATIVE, ("cifar10",), _THREE, "3072–N2–10", "Fig. 5"),
        FigureSpec("fig06", TRAINED_SHARE, ("mnist",), ("sqr", "ssvd"), "784–500–10", "Fig. 6: S-QR(p)"),
        FigureSpec("fig07", TRAINED_SHARE, ("fashion_mnist",), ("sqr", "ssvd"), "784–500–10", "Fig. 7: S-QR(p)"),
        FigureSpec("fig08", TRAINED_SHARE, ("cifar10",), ("sqr", "ssvd"), "3072–700–10", "Fig. 8: S-QR(p)"),
        FigureSpec("fig09", RELATIVE, ("fashion_mnist",), _THREE, "784–N2–N2–10", "Fig. 9: two hidden layers, N2 = N3"),
        FigureSpec(
            "fig10",
            SPARSE,
            ("fashion_mnist",),
            ("direct", "sqr"),
            "784–500–500–10",
            "Fig. 10: sparse networks, two hidden layers",
        ),
        FigureSpec("hubs", DEGREES, ("mnist",), ("direct", "sqr"), "784–500–10", "Hubs: degrees of the hidden nodes"),
    )
}

#: Beyond the paper (SPEC 9).
CONTROLS = {
    spec.name: spec
    for spec in (
        FigureSpec(
            "control_sparse",
            WAYS,
            ("mnist", "fashion_mnist"),
            ("direct", "sqr"),
            "784–500–10",
            "Ways to silence weights",
        ),
        FigureSpec(
            "control_budget",
            BUDGET,
            ("mnist", "fashion_mnist"),
            (
                *("direct", "spectral", "ssvd", "sqr", "lowrank", "hashed", "diagonal", "projection"),
                *("linear", "random_features"),
            ),
            "784–N2–10, of S-QR(p), low rank, hashed, diagonal and projection 784–500–10",
            "The same number of trained parameters, spent otherwise",
        ),
        FigureSpec(
            "curves",
            LEARNING,
            ("mnist", "fashion_mnist"),
            ("direct", "spectral", "ssvd", "sqr"),
            "784–500–10",
            "Learning curves without early stopping",
        ),
    )
}

#: The comparisons again, where the rates of all methods have been chosen alike: ours, and the paper's dense ones on
#: the same data.
TUNED = {
    f"{spec.name}_tuned": dataclasses.replace(
        spec, name=f"{spec.name}_tuned", title=f"{spec.title}{_TUNED}", experiment=spec.name, rates="tuned"
    )
    for spec in (
        *(CONTROLS[name] for name in ("control_sparse", "control_budget")),
        *(FIGURES[name] for name in ("fig01", "fig04", "fig06", "fig07", "fig09")),
    )
}

#: Every figure, by name.
ALL = {**FIGURES, **CONTROLS, **TUNED}

#: A data set that stands in for another where that one has no rows; it is always named as what it is.
STAND_IN = {"cifar10": "cifar10_jpeg"}
