"""``scripts/collect.py`` and ``spectral-repro-collect``: one table of all rows."""

import argparse
import sys
from pathlib import Path

from spectral_repro.errors import UserError
from spectral_repro.results import collect


def main(arguments: list[str] | None = None) -> None:
    """Writes ``<results_dir>/results.csv``; exits with 2 and one line, and writes nothing, if a file is damaged."""
    parser = argparse.ArgumentParser(prog="collect.py", description="Join the rows of all cells into one table.")
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    given = parser.parse_args(arguments)
    try:
        path, rows = collect(given.results_dir)
    except UserError as error:
        print(f"collect.py: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{len(rows)} rows: {path}")
