"""Hidden nodes removed by their eigenvalues, beside other ways to a narrow network."""

import collections
from collections.abc import Sequence

from spectral_repro.figures.pruning import WAYS, by_place
from spectral_repro.figures.select import Panel
from spectral_repro.report.comparisons import counted, gap_text, headed
from spectral_repro.report.tables import accuracy, markdown
from spectral_repro.results.statistics import difference, mean


def pruned(panels: Sequence[Panel]) -> str:
    """Hidden nodes removed by eigenvalue and by connectivity, and networks that were narrow from the start."""
    lines, gaps = [], collections.defaultdict(list)
    shown = [way for way in WAYS if any(way in found for p in panels for found in by_place(p).values())]
    for panel in panels:
        for (layers, activation), found in by_place(panel).items():
            for share in sorted({share for points in found.values() for share in points}):
                at = {way: points[share] for way, points in found.items() if share in points}
                lead = {}
                for pair in (("post", "connectivity"), ("pre", "connectivity retrained"), ("pre", "narrow")):
                    lead[pair] = difference({}, {})
                    if share and at.keys() >= set(pair):
                        lead[pair] = difference(*(at[way] for way in pair))
                        if panel.profile == "paper":
                            gaps[layers > 1, pair].append(lead[pair])
                values = [accuracy(mean(at[way])) if way in at else "" for way in shown]
                leads = map(gap_text, lead.values())
                lines.append((panel.label, str(layers), activation, f"{share:g}", *values, *leads))
    text = headed("pruning", panels)
    if not lines:
        return text
    header = ("data", "hidden layers", "activation", "removed", *(WAYS[way][0] for way in shown))
    header += ("by |λ| − by Σ|w|", "by |λ| − by Σ|w|, both retrained", "by |λ|, retrained − narrow")
    text += (
        "\n\nA node is ranked by the size of its eigenvalue (`W = −diag(λ) φ`, no bias) or by the sum of its weights' "
        "sizes. “after λ and φ”: both were trained before nodes were removed, and what is left is tested as it is. "
        "“before φ”: λ alone was trained, nodes were removed, then λ and φ were trained. “retrained”: trained on after "
        "nodes were removed. “narrow from the start”: trained at that size, for "
        "as many epochs as a whole network before its nodes are removed. Brackets are 95 % intervals, paired by "
        "seed.\n\n" + markdown(header, lines)
    )
    said = {key: " against ".join(f"“{WAYS[way][0]}”" for way in key[1]) for key in sorted(gaps)}
    depth = {True: "several hidden layers", False: "one hidden layer"}
    text += counted([(f"{what}, {depth[deep]}", gaps[deep, pair]) for (deep, pair), what in said.items()])
    if any(line[1] != "1" for line in lines):
        text += (
            "\n\nOver several hidden layers one percentile of Σ|w|, as in the published code, compares sums over 784 "
            "inputs with sums over 500: the deeper layers are emptied first. Eigenvalues have one scale in all layers."
        )
    return text
