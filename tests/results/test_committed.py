"""The committed rows: the same rows since the first of their kinds, and tables that other people's tools can read."""

import csv
import hashlib
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from spectral_repro.results.collect import collect
from spectral_repro.results.commands import commands_of
from spectral_repro.results.rows import COLUMNS, all_rows
from tests.conftest import ROOT

RESULTS = ROOT / "results"
#: What a row measured and what made it, the columns that the very first rows had.
FIRST = COLUMNS[: COLUMNS.index("data_digest") + 1]
#: Up to this time there were so many rows, whose first columns had this SHA-256 before any file was rewritten. That is
#: without the 48 of networks that were pruned, which are in results/pruning.csv now; with them, before they left, there
#: were 6418, of SHA-256 a072744348c20dd7cdc31b7342515ddb2895fee6166da77cbf0b4c82033544ea. And without ten of S-QR,
#: s = 0.97, MNIST, that were trained again for their degrees by node; with them, 6370 of SHA-256
#: 0578a334a27e3a9a131b5095df030333a6442661650348f676ae63c5d01d0229.
LAST, COUNT = "2026-11-30T12:00:00+00:00", 6360
SHA256 = "df655e21a271effa8a3fa26583254af3931f417f4e881abdc6b32508678ce6a7"


def test_rows_that_were_rewritten_are_the_same_rows():
    """Against the files as they were when hashes were bare and headers of two kinds."""
    lines = []
    for path in RESULTS.glob("runs/*/*.csv"):
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            if row["finished_at"] < LAST:
                bare = {**row, "config_hash": row["config_hash"][1:], "data_digest": row["data_digest"][1:]}
                lines.append("\t".join(bare[column] for column in FIRST))
    assert len(lines) == COUNT
    assert hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() == SHA256


def test_pruned_networks_are_of_cells_that_have_rows():
    """Their file has the accuracies that it had when it was made, and those of the networks before."""
    rows = {(row.config_hash, row.seed): row for row in all_rows(RESULTS)}
    lines = list(csv.DictReader(io.StringIO((RESULTS / "pruning.csv").read_text(encoding="utf-8"))))
    assert len(lines) == 2 * 4 * 2 * 3
    for line in lines:
        before = rows[line["config_hash"], int(line["seed"])]
        assert (line["data"], line["method"]) == (before.data, before.method)
        assert float(line["test_accuracy_before"]) == before.test_accuracy
        assert sum(json.loads(line["hidden"])) == round((1 - float(line["share"])) * sum(before.widths))


def test_every_file_has_the_one_header_and_the_name_of_its_cell():
    for path in RESULTS.glob("runs/*/*.csv"):
        header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        assert tuple(header) == COLUMNS
        assert {row[COLUMNS.index("config_hash")] for row in rows} == {path.stem.rpartition("-")[2]}


def test_every_file_says_the_command_that_makes_it():
    cells = {path.stem.rpartition("-")[2] for path in RESULTS.glob("runs/*/*.csv")}
    assert cells == set(commands_of(RESULTS))


def test_known_values_are_filled_in():
    for row in all_rows(RESULTS):
        assert (row.masking is None) == (row.allocation is None) == (row.sparsity == 0)
        assert len(row.widths) == row.hidden_layers
        assert row.config_hash[0] == "c"
        assert row.data_digest[0] == "d"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    (folder / "runs").symlink_to(RESULTS / "runs")
    (folder / "rates.yaml").symlink_to(RESULTS / "rates.yaml")
    return collect(folder)[0]


def test_the_committed_table_is_that_of_the_rows(table):
    assert table.read_bytes() == (RESULTS / "results.csv").read_bytes()


def test_a_plain_read_takes_no_hash_for_a_number(table):
    frame = pd.read_csv(table)
    for column in ("config_hash", "data_digest", "hidden", "code_version"):
        assert pd.api.types.is_string_dtype(frame[column]), column
    assert frame["config_hash"].str.fullmatch("c[0-9a-f]{12}").all()


def test_polars_reads_it(table):
    polars = pytest.importorskip("polars", reason="of the test extra")
    frame = polars.read_csv(table)
    assert frame.height == len(pd.read_csv(table))
    assert frame.schema["hidden"] == polars.String


def test_rates_tell_unlike_cells_apart(table):
    """Where a figure has one curve, one value of ``rates`` (and ``both``) leaves one cell on each of its points."""
    frame = pd.read_csv(table)
    fig04 = frame[(frame["data"] == "fashion_mnist") & (frame["optimizer"] == "adamax") & (frame["max_epochs"] == 90)]
    fig04 = fig04[(fig04["hidden_layers"] == 1) & fig04["method"].isin(["direct", "spectral", "ssvd", "sqr"])]
    fig04 = fig04[~(fig04["p"] < 1) & (fig04["core"] != "full") & fig04["options"].str.contains("bias").ne(True)]
    for kind in ("published", "tuned"):
        shown = fig04[fig04["rates"].isin([kind, "both"]) & (fig04["n2"] >= 20)]
        assert (shown.groupby(["method", "n2"])["lr"].nunique() == 1).all()
    assert (fig04.groupby(["method", "n2"])["lr"].nunique() > 1).any()
    tuned = frame[(frame["rates"] == "tuned") & (frame["method"] == "sqr") & (frame["data"] == "fashion_mnist")]
    assert set(tuned["lr"]) == {0.02}
