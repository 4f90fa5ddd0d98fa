"""``scripts/plot.py``: every figure as PDF and PNG in ``<results_dir>/figures``."""

import argparse
import io
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spectral_repro.errors import told_in_one_line
from spectral_repro.figures.catalogue import CONTROLS, DEGREES, FIGURES, LEARNING, TUNED
from spectral_repro.figures.draw import draw_figure
from spectral_repro.figures.hubs import degrees_of
from spectral_repro.figures.learning import followed
from spectral_repro.figures.own import OwnFigure, draw_own
from spectral_repro.figures.select import PROFILES, choose_panels, load_frame
from spectral_repro.files import write_atomically
from spectral_repro.results.frame import by_epoch
from spectral_repro.results.rates import write_rates
from spectral_repro.terminal import parser_of

#: The figures that are files; tuned rates are in the picture of the published ones.
DRAWN = {**FIGURES, **CONTROLS}


def main(arguments: list[str] | None = None) -> None:
    """Draws the figures named on the command line, or all; exits with 2 and one line if rows are damaged."""
    parser = parser_of("Draw the paper's figures from the collected rows.")
    parser.add_argument("figures", nargs="*", metavar="figNN", help=f"of {', '.join(DRAWN)}; none: all")
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
        if name not in DRAWN:
            parser.error(f"{name}: must be one of {', '.join(DRAWN)}")
    with told_in_one_line(parser.prog):
        frame = load_frame(given.results_dir)
        if given.x == "epoch":
            frame = by_epoch(frame, given.results_dir)
        if given.x:
            print(_draw_own(given, frame))
            return
        write_rates(frame, given.results_dir)
        for name in given.figures or DRAWN:
            print(draw_one(name, frame, given.results_dir, given.profile))


def _draw_own(given: argparse.Namespace, frame: pd.DataFrame) -> str:
    wanted = OwnFigure(given.x, given.y, given.by.split(","), given.where, given.relative_to)
    base = given.results_dir / "figures" / (given.name or f"{given.y}-by-{given.x}")
    _write(draw_own(frame, wanted), base)
    return f"{base}.png, .pdf"


def _write(figure: Figure, base: Path) -> None:
    for kind in ("png", "pdf"):
        write_atomically(base.with_name(f"{base.name}.{kind}"), render(figure, kind))


def draw_one(name: str, frame: pd.DataFrame, results_dir: Path, profile: str | None = None) -> str:
    """Draws one figure into ``<results_dir>/figures``, at tuned rates too if they are known; what it shows."""
    spec = DRAWN[name]
    panels = choose_panels(frame, spec, profile)
    again = TUNED.get(f"{name}_tuned")
    tuned = [panel for panel in choose_panels(frame, again, profile) if panel.found] if again else []
    beside = None
    if spec.kind == DEGREES:
        beside = degrees_of(results_dir, panels)
    elif spec.kind == LEARNING:
        beside = followed(frame, panels, results_dir)
    base = results_dir / "figures" / name
    _write(draw_figure(spec, panels, tuned, beside), base)
    said = [*(p.caption for p in panels), *(f"tuned rates, {p.caption}" for p in tuned)]
    missing = "".join(f"\n  missing runs: {p.command}" for p in (*panels, *tuned) if p.found < p.wanted)
    return f"{base}.png, .pdf: {'; '.join(said)}{missing}"


def render(figure: Figure, kind: str) -> bytes:
    """The file's bytes, the same for the same figure."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"CreationDate": None, "Producer": None, "Creator": None}
    figure.savefig(buffer, format=kind, dpi=240, metadata=metadata)
    return buffer.getvalue()
