"""``scripts/report.py``: report, leaderboard, claims and tables in ``results_dir``, from the rows alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from spectral_repro.errors import told_in_one_line
from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import PROFILES, load_frame
from spectral_repro.files import write_atomically
from spectral_repro.report import leaderboard, learning_rates, page, provenance, sparse, verdicts
from spectral_repro.report.caveats import caveats
from spectral_repro.report.panels import FINDINGS, RATES, Rows
from spectral_repro.report.tables import cells_table, to_csv
from spectral_repro.results.rates import write_rates
from spectral_repro.terminal import parser_of


def main(arguments: list[str] | None = None) -> None:
    """Writes all of it; exits with 2 and one line if rows are damaged."""
    parser = parser_of("Judge the paper's claims from the collected rows.")
    parser.add_argument("--profile", choices=PROFILES, help="judge this profile's rows; else the paper's if complete")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        frame = load_frame(given.results_dir)
        write_rates(frame, given.results_dir)
        for name, content in products(Rows(frame, given.profile)):
            write_atomically(given.results_dir / name, content)
        print(
            "\n".join(
                str(given.results_dir / name) for name in ("REPORT.md", "LEADERBOARD.md", "claims.json", "tables")
            )
        )


def products(rows: Rows) -> Iterator[tuple[Path, bytes]]:
    """The files that are made of rows, by their path in ``results_dir``."""
    judged, beside = verdicts.judge(rows), caveats(rows)
    yield Path("REPORT.md"), page.report(rows, judged, beside).encode()
    yield Path("LEADERBOARD.md"), leaderboard.build(rows.entries, rows.frame).encode()
    claims = json.dumps(verdicts.as_json(judged, beside), indent=1, ensure_ascii=False)
    yield Path("claims.json"), f"{claims}\n".encode()
    for name, table in _tables(rows):
        yield Path("tables") / f"{name}.csv", to_csv(table)


def _tables(rows: Rows) -> Iterator[tuple[str, pd.DataFrame]]:
    for spec in (*ALL.values(), FINDINGS):
        if len(table := cells_table(rows.panels(spec.name))):
            yield spec.name, table
    if len(leads := sparse.table({rates: sparse.places(rows.panels("control_sparse", rates)) for rates in RATES})):
        yield "control_sparse_leads", leads
    yield "leaderboard", leaderboard.whole_table(rows.entries)
    yield "rates", learning_rates.table(learning_rates.lines(rows.frame))
    yield "provenance", provenance.made_by(rows.frame)
