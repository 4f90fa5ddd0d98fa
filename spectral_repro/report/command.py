"""``scripts/report.py``: ``<results_dir>/REPORT.md`` from the rows alone."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.errors import told_in_one_line
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.command import load_degrees
from spectral_repro.figures.select import PROFILES, Panel, choose_panels, load_frame, select_panel
from spectral_repro.figures.style import label_of
from spectral_repro.files import write_atomically
from spectral_repro.report import claims
from spectral_repro.results.statistics import Estimate, mean


def main(arguments: list[str] | None = None) -> None:
    """Writes the report; exits with 2 and one line if rows are damaged."""
    parser = argparse.ArgumentParser(description="Judge the paper's claims from the collected rows.")
    parser.add_argument("--profile", choices=PROFILES, help="judge this profile's rows; else the paper's if complete")
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        path = given.results_dir / "REPORT.md"
        write_atomically(path, build_report(given.results_dir, given.profile).encode())
        print(path)


def build_report(results_dir: Path, profile: str | None = None) -> str:
    """The report as Markdown."""
    frame = load_frame(results_dir)
    panels = {name: choose_panels(frame, spec, profile) for name, spec in FIGURES.items()}
    verdicts = claims.judge(panels, load_degrees(results_dir, panels["hubs"][0]))
    parts = [_head(frame, verdicts), _claims_table(verdicts), _findings(frame, profile)]
    return "\n\n".join([*parts, _figures(panels), _not_run(panels), _provenance(frame)]) + "\n"


def _head(frame: pd.DataFrame, verdicts: Sequence[claims.Verdict]) -> str:
    return (
        "# The paper's claims against our runs\n\n"
        "Chicchi, Giambagli, Buffoni, Carletti, Ciavarella, Fanelli, Phys. Rev. E 104, 054312 (2021). "
        "Written by `make report` from the rows in `results/runs`; nothing here is edited by hand.\n\n"
        f"{len(frame)} trained networks. Claims, figure by figure: {claims.tally(verdicts)}. "
        "Brackets are 95 % Student intervals of the mean over realizations; a verdict needs at least "
        f"{claims.LEAST_N} realizations of every cell of its figure, trained to their end: networks of profile quick, "
        "which are stopped after a few epochs, are shown and not judged."
    )


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _claims_table(verdicts: Sequence[claims.Verdict]) -> str:
    lines = [(str(v.number), v.claim, v.figure, v.measured, f"**{v.verdict}**", v.runs) for v in verdicts]
    return "## Claims\n\n" + _table(("#", "the paper says", "figure", "measured", "verdict", "runs"), lines)


def _accuracy(e: Estimate) -> str:
    return f"{e.value:.4f} ± {e.spread:.4f} (n = {e.n})" if e.n else "not yet run"


def _findings(frame: pd.DataFrame, profile: str | None) -> str:
    """What the differences between the paper's text and the published code cost (``experiment=findings``)."""
    panel = _best_panel(frame, "findings", profile)
    cells = {}
    for cell in panel.cells:
        rows = panel.frame[panel.frame["config_hash"] == cell.config_hash]
        variant = cell.method_options.get("core") or cell.method_options.get("basis") or ""
        cells[cell.method, variant, cell.n2] = rows
    lines = []
    for (method, variant, n2), rows in sorted(cells.items()):
        count = f"{rows['trained_parameters'].iloc[0]:,}" if len(rows) else ""
        rho = f"{rows['rho'].iloc[0]:.4f}" if len(rows) else ""
        lines.append((label_of(method), variant, str(n2), count, rho, _accuracy(mean(curves.accuracies(rows)))))
    return (
        "## The paper's text and the published code\n\n"
        "The text, and the ρ of the figures, count the upper triangle of `R`; the published code trains all of it "
        "(`core=full`; for N2 > N1 a trapezoid). The text asks for orthogonal `U`, `V`; the code draws Gaussian "
        "entries. The text is our default. What the difference costs on MNIST, "
        f"{panel.caption.partition(': ')[2]}; `{panel.command}`:\n\n"
        + _table(("method", "variant", "N2", "trained", "ρ", "test accuracy"), lines)
    )


def _best_panel(frame: pd.DataFrame, experiment: str, profile: str | None) -> Panel:
    """On MNIST, at the first profile of which every cell has enough runs for a verdict, or else the fullest."""
    panels = [select_panel(frame, experiment, "mnist", p) for p in ([profile] if profile else PROFILES)]
    enough = [p for p in panels if p.least >= claims.LEAST_N]
    return enough[0] if enough else max(panels, key=lambda p: p.found / p.wanted)


def _figures(panels: dict[str, list[Panel]]) -> str:
    parts = ["## Figures"]
    for name, spec in FIGURES.items():
        captions = "; ".join(panel.caption for panel in panels[name])
        parts.append(f"### {spec.title}\n\n{captions}.\n\n![{spec.title}](figures/{name}.png)")
    return "\n\n".join(parts)


def _not_run(panels: dict[str, list[Panel]]) -> str:
    lines = [
        f"- {name}, {panel.label}, profile {panel.profile}: {panel.wanted - panel.found} of {panel.wanted} networks "
        f"missing (`{panel.command}`)"
        for name, group in panels.items()
        for panel in group
        if panel.found < panel.wanted
    ]
    quick = sorted({name for name, group in panels.items() for panel in group if panel.profile == "quick"})
    if quick:
        lines.append(f"- shown at profile quick only, not at the paper's full scale: {', '.join(quick)}")
    return "## What was not run\n\n" + ("\n".join(lines) if lines else "Nothing is missing.")


def _provenance(frame: pd.DataFrame) -> str:
    if not len(frame):
        return "## Provenance\n\nNo rows."
    columns = ["device", "precision", "torch_version", "code_version"]
    groups = frame.groupby(columns).agg(networks=("seed", "size"), hours=("seconds", lambda s: s.sum() / 3600))
    lines = [(*map(str, key), str(row.networks), f"{row.hours:.2f}") for key, row in groups.iterrows()]
    return "## Provenance\n\n" + _table((*columns, "networks", "hours of training"), lines)
