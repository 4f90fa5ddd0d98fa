"""``scripts/plot.py``: every figure as PDF and PNG in ``<results_dir>/figures``."""

import argparse
import io
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spectral_repro.errors import UserError, told_in_one_line
from spectral_repro.figures.catalogue import ALL, BUDGET, DEGREES, WAYS
from spectral_repro.figures.controls import draw_control
from spectral_repro.figures.draw import draw_figure
from spectral_repro.figures.own import OwnFigure, draw_own
from spectral_repro.figures.select import PROFILES, Panel, choose_panels, load_frame
from spectral_repro.files import write_atomically
from spectral_repro.results.degrees import DEGREE_COLUMNS, degree_file, read_degrees
from spectral_repro.results.frame import by_epoch
from spectral_repro.results.rates import write_rates
from spectral_repro.terminal import parser_of


def main(arguments: list[str] | None = None) -> None:
    """Draws the figures named on the command line, or all; exits with 2 and one line if rows are damaged."""
    parser = parser_of("Draw the paper's figures from the collected rows.")
    parser.add_argument("figures", nargs="*", metavar="figNN", help=f"of {', '.join(ALL)}; none: all")
    parser.add_argument("--profile", choices=PROFILES, help="draw this profile's rows; else the paper's if complete")
    own = parser.add_argument_group("a figure of one's own, of any rows")
    own.add_argument("--x", metavar="COLUMN", help="for instance n2; asks for such a figure; epoch: of curves")
    own.add_argument("--y", metavar="COLUMN", default="test_accuracy", help="default: test_accuracy")
    own.add_argument("--by", metavar="COLUMN,…", default="method", help="a curve for each value; default: method")
    own.add_argument("--where", metavar="EXPRESSION", help="which rows, for instance 'data == \"mnist\" and p == 1'")
    own.add_argument("--relative-to", metavar="VALUE", help="of the first --by column: divide by its curve")
    own.add_argument("--name", help="of the files; default: <y>-by-<x>")
    given = parser.parse_args(arguments)
    for name in given.figures:
        if name not in ALL:
            parser.error(f"{name}: must be one of {', '.join(ALL)}")
    with told_in_one_line(parser.prog):
        frame = load_frame(given.results_dir)
        if given.x == "epoch":
            frame = by_epoch(frame, given.results_dir)
        if given.x:
            print(_draw_own(given, frame))
            return
        write_rates(frame, given.results_dir)
        for name in given.figures or ALL:
            if said := draw_one(name, frame, given.results_dir, given.profile):
                print(said)
            elif given.figures:
                raise UserError(
                    f"{name}: no rates have been chosen; first experiment=rates, then spectral-repro-report"
                )


def _draw_own(given: argparse.Namespace, frame: pd.DataFrame) -> str:
    wanted = OwnFigure(given.x, given.y, given.by.split(","), given.where, given.relative_to)
    base = given.results_dir / "figures" / (given.name or f"{given.y}-by-{given.x}")
    _write(draw_own(frame, wanted), base)
    return f"{base}.png, .pdf"


def _write(figure: Figure, base: Path) -> None:
    for kind in ("png", "pdf"):
        write_atomically(base.with_name(f"{base.name}.{kind}"), render(figure, kind))


def draw_one(name: str, frame: pd.DataFrame, results_dir: Path, profile: str | None = None) -> str | None:
    """Draws one figure into ``<results_dir>/figures``; the line that says what it shows, if there is any."""
    spec = ALL[name]
    panels = choose_panels(frame, spec, profile)
    if not panels:
        return None
    degrees = [load_degrees(results_dir, panel) for panel in panels] if spec.kind == DEGREES else []
    ours = spec.kind in (WAYS, BUDGET)
    figure = draw_control(spec, panels) if ours else draw_figure(spec, panels, degrees)
    base = results_dir / "figures" / name
    _write(figure, base)
    missing = "".join(f"\n  missing runs: {p.command}" for p in panels if p.found < p.wanted)
    return f"{base}.png, .pdf: {'; '.join(p.caption for p in panels)}{missing}"


def render(figure: Figure, kind: str) -> bytes:
    """The file's bytes, the same for the same figure."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"CreationDate": None, "Producer": None, "Creator": None}
    figure.savefig(buffer, format=kind, dpi=160, metadata=metadata)
    return buffer.getvalue()


def load_degrees(results_dir: Path, panel: Panel) -> pd.DataFrame:
    """Degree histograms of the cells of a panel: ``method, seed, layer, direction, degree, count``."""
    lines = []
    for cell in panel.cells:
        seeds = set(panel.frame.loc[panel.frame["config_hash"] == cell.config_hash, "seed"])
        found = read_degrees(degree_file(results_dir, cell))
        lines += [(cell.method, *line) for line in found if line[0] in seeds]
    return pd.DataFrame(lines, columns=["method", *DEGREE_COLUMNS])
