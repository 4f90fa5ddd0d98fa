"""``scripts/report.py``: ``REPORT.md`` and ``LEADERBOARD.md`` in ``results_dir``, from the rows alone."""

import collections
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from spectral_repro.errors import told_in_one_line
from spectral_repro.figures.catalogue import ALL, CONTROLS, FIGURES
from spectral_repro.figures.command import load_degrees
from spectral_repro.figures.select import ENOUGH, PROFILES, Panel, choose_panels, load_frame, select_panel
from spectral_repro.files import write_atomically
from spectral_repro.report import claims, leaderboard
from spectral_repro.report.beyond import beyond
from spectral_repro.report.discussion import discuss
from spectral_repro.report.findings import findings_table
from spectral_repro.report.provenance import provenance
from spectral_repro.report.tables import accuracies, markdown, protocol
from spectral_repro.results.rates import TUNING_SEEDS, write_rates
from spectral_repro.terminal import parser_of


def main(arguments: list[str] | None = None) -> None:
    """Writes the report; exits with 2 and one line if rows are damaged."""
    parser = parser_of("Judge the paper's claims from the collected rows.")
    parser.add_argument("--profile", choices=PROFILES, help="judge this profile's rows; else the paper's if complete")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        frame = load_frame(given.results_dir)
        write_rates(frame, given.results_dir)
        texts = {
            "REPORT.md": build_report(given.results_dir, given.profile, frame),
            "LEADERBOARD.md": leaderboard.build(frame, given.results_dir),
        }
        for name, text in texts.items():
            write_atomically(given.results_dir / name, text.encode())
            print(given.results_dir / name)


def build_report(results_dir: Path, profile: str | None = None, frame: pd.DataFrame | None = None) -> str:
    """The report as Markdown; ``frame`` are the rows of ``results_dir``, if they are read already."""
    frame = load_frame(results_dir) if frame is None else frame
    panels = {name: choose_panels(frame, spec, profile) for name, spec in FIGURES.items()}

    @functools.cache  # claims share figures
    def choose(name: str, methods: tuple[str, ...]) -> list[Panel]:
        return choose_panels(frame, ALL[name], profile, methods)

    verdicts, tuned = claims.judge(choose, load_degrees(results_dir, panels["hubs"][0])), claims.judge_tuned(choose)
    findings = _best_panel(frame, "findings", profile)
    controls = {name: choose_panels(frame, spec, profile) for name, spec in ALL.items() if name not in FIGURES}
    controls = {name: chosen for name, chosen in controls.items() if chosen}
    discussion = discuss(panels, verdicts, findings, controls, tuned)
    parts = [_head(frame, verdicts), _eight_claims(verdicts), discussion]
    parts += [_claims_table(verdicts), findings_table(findings), _figures(panels)]
    rates = {"rates": [select_panel(frame, "rates", data, "paper") for data in CONTROLS["control_budget"].datasets]}
    shown = {**panels, "findings": [findings], **controls, **rates}
    parts += [beyond(frame, controls, verdicts, tuned), _not_run(frame, shown, profile or "paper"), provenance(frame)]
    return "\n\n".join(parts) + "\n"


def _head(frame: pd.DataFrame, verdicts: Sequence[claims.Verdict]) -> str:
    return (
        "# The paper's claims against our runs\n\n"
        "Chicchi, Giambagli, Buffoni, Carletti, Ciavarella, Fanelli, Phys. Rev. E 104, 054312 (2021). "
        "Written by `make report` from the rows in `results/runs`; nothing here is edited by hand.\n\n"
        f"{_networks(frame)}. Claims, figure by figure: {claims.tally(verdicts)}. "
        "Brackets are 95 % intervals: Student's of means over realizations, and of differences and ratios of such "
        "means by the delta method, paired where they share seeds (of cells with unlike numbers of realizations, the "
        "means are of all, and the degrees of freedom averaged by their parts in the error). “±” is the standard "
        "deviation of one realization; in the tables “trained” counts parameters, ρ is their share of those of direct, "
        "and epochs are given as mean (least–most). A verdict needs at least "
        f"{ENOUGH} realizations of every cell of the figure that the claim is about, trained to their end: "
        "networks of profile quick, which are stopped after a few epochs, are shown and not judged."
    )


def _networks(frame: pd.DataFrame) -> str:
    tuning = int((frame["seed"] >= TUNING_SEEDS).sum())
    whole = len(leaderboard.full_length(frame)) if len(frame) else 0
    other = len(frame) - tuning - whole
    kinds = ((whole, "at full length"), (tuning, "that learning rates are chosen on"), (other, "stopped earlier"))
    each = ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    return f"{len(frame):,} trained networks" + f" ({each})" * bool(each)


def _eight_claims(verdicts: Sequence[claims.Verdict]) -> str:
    """One line and one verdict per claim, over all its figures."""
    lines = []
    for number, claim in claims.CLAIMS.items():
        mine = [v for v in verdicts if v.number == number]
        figures = collections.defaultdict(list)
        for v in mine:
            spec = FIGURES[v.figure]
            panel = f" ({v.runs.partition(':')[0]})" * (len(spec.datasets) > 1)
            figures[v.verdict].append(f"{spec.short}{panel}")
        where = "; ".join(f"{verdict}: {', '.join(dict.fromkeys(names))}" for verdict, names in figures.items())
        lines.append((str(number), claim.said, f"**{claims.overall(mine)}**", where))
    return "## The eight claims\n\n" + markdown(("#", "the paper says", "verdict", "figure by figure"), lines)


def _claims_table(verdicts: Sequence[claims.Verdict]) -> str:
    lines = [(str(v.number), v.figure, v.measured, f"**{v.verdict}**", v.runs) for v in verdicts]
    rules = [(str(claim.number), claim.said, claim.rule) for claim in claims.CLAIMS.values()]
    return (
        "## The claims, figure by figure\n\n"
        "The paper names no margins. What counts as reproduced here is ours:\n\n"
        + markdown(("#", "the paper says", "reproduced if"), rules)
        + "\n\nA claim is reproduced in a figure if the 95 % intervals lie where it says, not reproduced if they "
        "lie elsewhere, and undecided if they reach across; where one of several sizes or shares would decide, they "
        "are wider (Bonferroni). It is judged from the networks of its own methods, which may be at full length where "
        "the figure still waits for others.\n\n" + markdown(("#", "figure", "measured", "verdict", "runs"), lines)
    )


def _best_panel(frame: pd.DataFrame, experiment: str, profile: str | None) -> Panel:
    """On MNIST, at the first profile of which every cell has enough runs for a verdict, or else the fullest."""
    panels = [select_panel(frame, experiment, "mnist", p) for p in ([profile] if profile else PROFILES)]
    enough = [p for p in panels if p.ready == 1]
    return enough[0] if enough else max(panels, key=lambda p: p.found / p.wanted)


def _figures(panels: dict[str, list[Panel]]) -> str:
    parts = ["## Figures"]
    for name, spec in FIGURES.items():
        title = spec.heading([p.label for p in panels[name]])
        parts.append(f"### {title}\n\n![{title}](figures/{name}.png)\n\nNetwork {spec.network}.")
        for p in panels[name]:
            parts += [f"{p.caption}. {protocol(p)}", *([accuracies(p)] if p.found else [])]
    return "\n\n".join(parts)


def _not_run(frame: pd.DataFrame, panels: Mapping[str, list[Panel]], profile: str) -> str:
    """What the panels lack at a profile, and which command trains it."""
    lines = []
    for name, group in panels.items():
        spec = ALL.get(name)
        for shown in group:
            rates = spec.rates if spec else "published"
            panel = select_panel(frame, (spec and spec.experiment) or name, shown.data, profile, rates)
            if panel.found < panel.wanted:
                quick = f"; shown at profile {shown.profile}" * (shown.profile != profile)
                title = spec.short if spec else name
                lines.append(
                    f"- {title}, {panel.label}: {panel.wanted - panel.found} of {panel.wanted} networks{quick} "
                    f"(`{panel.command}`)"
                )
    text = f"## What was not run\n\nNetworks that profile {profile} asks for and that have no rows:\n\n"
    return text + ("\n".join(lines) if lines else "none.")
