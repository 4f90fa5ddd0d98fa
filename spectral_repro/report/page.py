"""``REPORT.md``: what the template's places are filled with."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from spectral_repro.figures.catalogue import ALL, CONTROLS, FIGURES
from spectral_repro.figures.select import ENOUGH, Panel, select_panel
from spectral_repro.figures.style import label_of
from spectral_repro.report import budgets, learning_rates, protocols, provenance, sections, sparse, stopping, trace
from spectral_repro.report.panels import FINDINGS, RATES, Rows, spec_of
from spectral_repro.report.render import render
from spectral_repro.report.story import tell
from spectral_repro.report.variants import VARIANTS, variant_gains
from spectral_repro.report.verdicts import Verdict
from spectral_repro.results.frame import collapsed, collapsed_sizes, far_below
from spectral_repro.results.rates import TUNING_SEEDS


def report(rows: Rows, verdicts: Sequence[Verdict], caveats: Mapping[str, str]) -> str:
    """The report as Markdown."""
    values = _values(rows, verdicts, caveats)
    return render("report.md.j2", **values, figures=list(_figures(rows, values["n"])))


def _values(rows: Rows, verdicts: Sequence[Verdict], caveats: Mapping[str, str]) -> dict[str, Any]:
    ways = {rates: sparse.places(rows.panels("control_sparse", rates)) for rates in RATES}
    spent = {rates: budgets.leads(rows.entries, rows.panels("control_budget", rates)) for rates in RATES}
    tuning = learning_rates.lines(rows.frame) or learning_rates.lines(rows.frame, "quick")
    stops = stopping.stops(rows.frame, rows.panels("curves"))
    ns = collections.Counter(v.n for v in verdicts if v.n)
    usual = max(ns, key=lambda n: (ns[n], n), default=0)
    return dict(
        story=tell(rows).strip(),
        claims=sections.claims(verdicts),
        caveats=caveats,
        enough=ENOUGH,
        n=usual,
        n_others=", ".join(
            f"{v.n} in claim {v.claim.number} ({v.figure}, {v.rates} rates)" for v in verdicts if v.n not in (0, usual)
        ),
        **protocols.protocols(),
        changes={m: variant_gains(rows.panels("findings")[0], m, *option) for m, *option in VARIANTS},
        findings_command=trace.commands(FINDINGS, rows.panels("findings"))[0],
        cifar=", ".join(sorted({p.data for p in rows.panels("fig05")})),
        leads=sections.sparse_table(ways),
        counts=sections.sparse_counts(ways),
        best_training=sections.best_training(ways["published"]),
        budgets=sections.budgets_table(spent),
        trivial=_trivial(rows.frame),
        stops=stopping.table(stops) if stops else "Not run yet.",
        stops_n=stopping.networks(stops) if stops else "n = 0",
        tuning_seeds=TUNING_SEEDS,
        grid=_grid(tuning),
        edges=_edges(tuning),
        rates=sections.rates_table(tuning),
        rates_n=sections.usual_n(tuning),
        collapsed=_collapsed(rows),
        far_below=_far_below(rows),
        missing=list(_missing(rows)),
        hours=_hours(rows.frame),
        devices=list(provenance.between_devices(rows.frame)),
    )


def _figures(rows: Rows, usual: int) -> Iterator[dict[str, object]]:
    """Of each figure at the published rates, and at tuned ones if there are such: title, captions, commands."""
    for name in (*FIGURES, *CONTROLS):
        panels = {rates: rows.panels(name, rates) for rates in RATES}
        captions = [_caption(p, rates, usual) for rates, shown in panels.items() for p in shown]
        yield {
            "name": name,
            "title": ALL[name].heading([p.label for p in panels["published"]]),
            "short": ALL[name].short,
            "picture": name in FIGURES,  # the controls have theirs above
            "network": ALL[name].network,
            "captions": list(filter(None, captions)),
            "rates": [
                {
                    "name": spec.name,
                    "rates": rates,
                    "commands": trace.commands(spec, shown),
                }
                for rates, shown in panels.items()
                if shown and (spec := spec_of(name, rates))
            ],
        }


def _caption(panel: Panel, rates: str, usual: int) -> str:
    """What differs from full length and the usual n."""
    said = [panel.realizations] * (panel.realizations != f"n = {usual}")
    said += [f"stopped after {panel.max_epochs} epochs"] * (panel.profile == "quick")
    said += [f"{panel.wanted - panel.found} of {panel.wanted} networks missing"] * (panel.found < panel.wanted)
    said += [f"{panel.diverged} networks diverged"] * bool(panel.diverged)
    return f"{panel.label}, {rates} rates: {', '.join(said)}." if said else ""


def _missing(rows: Rows) -> Iterator[str]:
    """What full-length panels lack."""
    wanted = [(spec, panel.data) for spec in (*ALL.values(), FINDINGS) for panel in rows.panels(spec.name)]
    for spec, data in wanted:
        panel = select_panel(rows.frame, spec.experiment or spec.name, data, "paper", spec.rates)
        if panel.found < panel.wanted:
            yield f"{spec.short}, {panel.label}: {panel.wanted - panel.found} of {panel.wanted} networks"


def _trivial(frame: pd.DataFrame) -> str:
    """Which of the trivial methods have no rows."""
    missing = [
        label_of(method).replace("_", " ") for method in budgets.TRIVIAL if not (frame["method"] == method).any()
    ]
    return f"Not run: {', '.join(missing)}." if missing else ""


def _grid(tuning: Sequence[learning_rates.Line]) -> str:
    tried = sorted({lr for line in tuning for lr in line.tuning.validation})
    return f"{len(tried)} rates from {tried[0]:g} to {tried[-1]:g}" if tried else "not yet run"


def _edges(tuning: Sequence[learning_rates.Line]) -> str:
    """How many best rates are the largest that was tried."""
    largest = [line for line in tuning if line.tuning.best == max(line.tuning.validation)]
    return f"{len(largest)} of {len(tuning)} are the largest" if largest else ""


def _collapsed(rows: Rows) -> str:
    """Networks of the paper's figures at chance."""
    said = []
    for name in FIGURES:
        for panel in rows.panels(name):
            sizes = collapsed_sizes(panel.frame)
            if collapsed(panel.frame) and sizes:
                said += [f"{count} at N2 = {n2} in {FIGURES[name].short}" for n2, count in sizes.items()]
    return ", ".join(said)


def _far_below(rows: Rows) -> int:
    """Networks far below the others of their cell, in all figures, each counted once."""
    found: set[tuple[str, int]] = set()
    for spec in ALL.values():
        for panel in rows.panels(spec.name):
            for key, cell in panel.frame.groupby("config_hash") if panel.profile == "paper" else ():
                found |= {(str(key), int(seed)) for seed in cell.loc[far_below(cell), "seed"]}
    return len(found)


def _hours(frame: pd.DataFrame) -> str:
    hours = frame["seconds"].groupby(provenance.kind_of(frame)).sum() / 3600
    return ", ".join(f"{h:.1f} hours on {kind}" for kind, h in hours.items()) or "No hours"
