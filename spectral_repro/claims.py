"""What the paper claims, where, and what counts here as reproduced. Only words and thresholds: light to import.

``spectral_repro.report`` judges the claims from rows, the figures draw their thresholds, the page shows both.
"""

from __future__ import annotations

import dataclasses

#: What part of direct's accuracy counts as about 90 %, and from which on S-QR counts as equal to it.
ABOUT_NINETY, EQUAL = (0.875, 0.945), 0.98
#: Gain in relative accuracy that counts as a few per cent; and from which on it is substantial.
A_FEW_PER_CENT, SUBSTANTIAL = (0.01, 0.1), 0.01
#: Best accuracy of direct by figure, as the captions give it, and how far from it a best one may be.
BEST_DIRECT, NEAR_BEST = {"fig01": 0.98, "fig04": 0.90, "fig05": 0.52}, 0.01
#: The claims on relative accuracy are about networks with at least so many hidden nodes.
LEAST_N2 = 100
#: Up to which probability p is well below one, and from which sparsity on a network is very sparse.
LARGEST_P, SPARSE = 0.5, 0.9
#: The part of the hidden nodes that may be hubs.
TOP = 0.05


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    ``said`` is the paper's sentence, verbatim, and ``where`` its place. ``measures`` says what we measure, ``rule``
    what would count as reproduced, which is ours. ``caveat`` is what one has to know beside the verdict; the report
    adds what its controls found. ``figures`` and the networks of ``methods`` in them decide it. ``lines`` are the
    thresholds that these figures draw, on their axis of relative accuracy, each with its name.
    """

    number: str
    said: str
    where: str
    measures: str
    rule: str
    caveat: str
    figures: tuple[str, ...]
    methods: tuple[str, ...]
    lines: tuple[tuple[float, str], ...] = ()


_WITH_SSVD = ("fig01", "fig04", "fig05", "fig09")

CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            "1",
            "about 90% of that obtained with usual means",
            "Sec. III, MNIST",
            f"accuracy of Spectral relative to direct, mean over N2 ≥ {LEAST_N2}",
            f"between {ABOUT_NINETY[0]} and {ABOUT_NINETY[1]}",
            "The ratio grows with N2, and the mean depends on the sizes that are taken.",
            ("fig01",),
            ("direct", "spectral"),
            tuple((at, f"claim 1: {end} {at}") for at, end in zip(ABOUT_NINETY, ("from", "to"), strict=True)),
        ),
        Claim(
            "2a",
            "a few percent more than that obtained with the spectral method of original conception",
            "Sec. III, MNIST",
            "relative accuracy of Spectral less that of the original Spectral, mean over N2",
            f"between {A_FEW_PER_CENT[0]} and {A_FEW_PER_CENT[1]}",
            "The paper has no figure of it: Fig. 3 shows Fashion-MNIST.",
            ("findings",),
            ("direct", "spectral", "spectral_original"),
        ),
        Claim(
            "2b",
            "a substantial improvement of the classification scores",
            "App. A, Fig. 3: Fashion-MNIST",
            "relative accuracy of Spectral less that of the original Spectral, mean over N2",
            f"above {SUBSTANTIAL}",
            "The paper does not say what is substantial.",
            ("fig03",),
            ("direct", "spectral", "spectral_original"),
        ),
        Claim(
            "3",
            "yields an increase of the recorded classification score, as compared to the setting where the Spectral "
            "method is solely employed, which is, however, not sufficient to fill the gap with conventional schemes",
            "Sec. III; Figs. 1, 4, 5, 9",
            "relative accuracy of S-SVD, and the same less that of Spectral, mean over N2",
            "above Spectral and below direct on average, and at no N2 the contrary beyond chance (Bonferroni)",
            "S-SVD trains more parameters than Spectral: min(N_in, N_out) more in each layer.",
            _WITH_SSVD,
            ("direct", "spectral", "ssvd"),
        ),
        Claim(
            "4",
            "The achieved performance is practically equivalent to that obtained with a conventional approach to "
            "learning. Also in this case ρ < 1",
            "Sec. III; Figs. 1, 4, 5, 9",
            f"accuracy of S-QR relative to direct, mean over N2 ≥ {LEAST_N2}, and the largest ρ",
            f"above {EQUAL}, and ρ < 1 at every N2",
            "Small networks lie lower than the mean, and the mean depends on the learning rate.",
            _WITH_SSVD,
            ("direct", "sqr"),
            ((EQUAL, f"claim 4: above {EQUAL}"),),
        ),
        Claim(
            "5",
            "the best accuracy obtained over the explored range for the deep network trained with conventional means "
            "is 98% [Figs. 4, 5: 90%, 52%]",
            "captions of Figs. 1, 4, 5",
            "highest mean accuracy of direct over N2",
            f"within {NEAR_BEST} of what the caption says",
            "The interval is that of one size, chosen as the best.",
            tuple(BEST_DIRECT),
            ("direct",),
        ),
        Claim(
            "6",
            "for a chief improvement of the performance, over the SVD reference case, it is sufficient to train a "
            "portion of the off-diagonal elements of R. […] The value of the accuracy attained with conventional "
            "strategies to the training is already approached at values of p which are significantly different from "
            "unit",
            "Sec. III, App. D; Figs. 6 to 8",
            f"accuracy of S-QR(p) relative to direct, and the same less that of S-SVD, at 0 < p ≤ {LARGEST_P}",
            f"above S-SVD at some such p, and above {EQUAL} at some such p (Bonferroni); in part if only the first",
            "S-SVD itself lies near direct.",
            ("fig06", "fig07", "fig08"),
            ("direct", "sqr", "ssvd"),
            ((EQUAL, f"claim 6: above {EQUAL}"),),
        ),
        Claim(
            "7",
            "The drop in accuracy as exhibited by the sparse network trained with the S-QR modality is clearly less "
            "pronounced than that reported for an equivalent network optimized in direct space",
            "Sec. III, App. E; Figs. 2, 10",
            "accuracy lost from s = 0 to the largest s: that of direct less that of S-QR",
            "above 0",
            "The paper explains the lead by silenced weights that can return.",
            ("fig02", "fig10"),
            ("direct", "sqr"),
        ),
        Claim(
            "8",
            "a few hubs emerge in the intermediate layer, which collect and process the information delivered from "
            "the input stack",
            "Sec. III",
            f"share of the in-links that the {100 * TOP:.0f} % most connected hidden nodes hold: that of S-QR less "
            "that of direct, among all hidden nodes and among those with any input",
            "both above 0",
            "R is triangular, so that hidden node i sees i projections of the input only: the unevenness may be built "
            "in.",
            ("hubs",),
            ("direct", "sqr"),
        ),
        Claim(
            "9",
            "neural networks can be efficiently trained with substantially lower computational cost while maintaining "
            "comparable accuracy",
            "Sec. I",
            "seconds to the end of training (mean epochs of the rows times seconds of an epoch, measured in one run on "
            "each machine), then multiply-adds of a step, both relative to direct at equal N2",
            f"some method whose accuracy is above {EQUAL} of direct (claim 4) takes less of both at every N2",
            "The trained network is dense: its size and the cost of using it are those of direct.",
            ("fig01", "fig04"),
            ("direct", "spectral", "ssvd", "sqr"),
        ),
        Claim(
            "10",
            "accuracies which are superior to those attained with conventional methods restricted to operate with an "
            "identical number of tunable parameters",
            "Sec. I",
            "accuracy of Spectral less that of a narrower direct network which trains at most as many parameters",
            "above 0 at the number of parameters of Spectral with 500 hidden nodes",
            "A narrow network is one way of several to spend few parameters.",
            ("control_budget",),
            ("direct", "spectral"),
        ),
    )
}


def thresholds(figure: str) -> list[tuple[float, str]]:
    """The lines that a figure draws on its axis of relative accuracy; none of most. Tuned figures have the same."""
    paper = figure.removesuffix("_tuned")
    return [line for claim in CLAIMS.values() if paper in claim.figures for line in claim.lines]
