"""``scripts/collect.py`` and ``spectral-repro-collect``: one table of all rows."""

from pathlib import Path

from spectral_repro.errors import told_in_one_line
from spectral_repro.files import write_atomically
from spectral_repro.results.commands import commands_of, options_of
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import rates_of, write_rates
from spectral_repro.results.rows import Row, all_rows, to_csv
from spectral_repro.terminal import parser_of


def main(arguments: list[str] | None = None) -> None:
    """Writes ``<results_dir>/results.csv``; exits with 2 and one line, and writes nothing, if a file is damaged."""
    parser = parser_of("Join the rows of all cells into one table.")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        path, rows = collect(given.results_dir)
    print(f"{len(rows)} rows: {path}")


def collect(results_dir: Path) -> tuple[Path, list[Row]]:
    """Joins the files of all cells into ``<results_dir>/results.csv``, sorted; the file and its rows.

    Two more columns: ``rates`` says which learning rate it is (:func:`spectral_repro.results.rates.rates_of`), and
    ``options`` has what tells methods apart and is no column of a row.

    Raises:
        UserError: if a file is damaged; nothing is written then.
    """
    rows = all_rows(results_dir)
    rows.sort(key=lambda r: (r.data, r.method, r.hidden_layers, r.n2, r.sparsity, r.p or 0, r.config_hash, r.seed))
    write_rates(to_frame(rows), results_dir)
    path = results_dir / "results.csv"
    rates, options = rates_of(rows, results_dir), options_of(commands_of(results_dir))
    more = {"rates": [rates[row.config_hash] for row in rows]}
    more["options"] = [options.get(row.config_hash, "") for row in rows]
    write_atomically(path, to_csv(rows, more).encode())
    return path, rows
