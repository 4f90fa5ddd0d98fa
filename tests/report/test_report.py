"""The report: written from rows alone, short, and with the way back to them."""

import json
import re

import pandas as pd
import pytest

from spectral_repro.claims import CLAIMS
from spectral_repro.config.compose import parse_override, plain_composer
from spectral_repro.config.jobs import figure_jobs
from spectral_repro.config.read import read_config
from spectral_repro.figures.catalogue import ALL, CONTROLS, FIGURES
from spectral_repro.figures.select import load_frame, select_panel
from spectral_repro.report import command, page, stopping, tables, trace
from spectral_repro.report.formats import accuracy_interval, signed
from spectral_repro.report.panels import FINDINGS, Rows, spec_of
from spectral_repro.report.story import tell
from spectral_repro.results import rows as results
from spectral_repro.results.frame import to_frame
from spectral_repro.results.statistics import mean
from tests.conftest import ROOT
from tests.synthetic import frame_of, synthetic_rows


@pytest.fixture(scope="module")
def committed() -> Rows:
    return Rows(load_frame(ROOT / "results"))


def products(rows: Rows) -> dict[str, str]:
    return {path.as_posix(): content.decode() for path, content in command.products(rows)}


def test_the_report_changes_with_the_rows(whole, tmp_path):
    for key, rows in whole.groupby("config_hash"):
        made = [results.Row(**{k: None if pd.isna(v) else v for k, v in r.items()}) for r in rows.to_dict("records")]
        results.add_rows(tmp_path / f"runs/{made[0].data}/{key}.csv", made)
    first = products(Rows(load_frame(tmp_path)))
    text = first["REPORT.md"]
    assert first == products(Rows(load_frame(tmp_path)))
    for name in (*FIGURES, *CONTROLS):
        assert f"(figures/{name}.png)" in text
    assert "stopped after 5 epochs" in text
    assert "- Fig. 4, Fashion-MNIST: 320 of 320 networks" in text
    assert "experiment=fig05 profile=quick data=cifar10_jpeg" in text
    claims = json.loads(first["claims.json"])
    assert [c["number"] for c in claims] == list(CLAIMS)
    assert set(claims[0]) == {"number", "said", "where", "measures", "rule", "caveat", "verdicts"}
    assert set(claims[0]["verdicts"][0]) == {"figure", "data", "rates", "verdict", "measured", "n"}
    extra = synthetic_rows("fig03")[0].model_copy(update={"test_accuracy": 0.2})
    path = next(tmp_path.glob(f"runs/fashion_mnist/{extra.config_hash}.csv"))
    results.add_rows(path, [extra])
    changed = products(Rows(load_frame(tmp_path)))
    assert {name for name in first if changed[name] != first[name]} >= {"claims.json", "tables/fig03.csv"}


def test_what_is_committed_is_short_and_has_the_story(committed):
    report = (ROOT / "results/REPORT.md").read_text()
    assert len(report.encode()) <= 30_000
    assert (ROOT / "results/LEADERBOARD.md").stat().st_size <= 20_000
    assert tell(committed).strip() in report
    for claim in CLAIMS.values():
        assert f"“{claim.said}”" in report


def of_command(text: str) -> set[tuple[str, int]]:
    """Hash and seed of every network that a command makes."""
    words = text.split()[1:]
    assert all(parse_override(word) for word in words)
    jobs = figure_jobs(plain_composer().whole, [*words, f'results_dir="{ROOT / "results"}"'])
    read = (read_config(plain_composer()(job)) for job in jobs)
    return {(cell.config_hash, seed) for cell, options in read for seed in options.seeds}


@pytest.mark.parametrize("name", [*ALL, "findings"])
def test_a_figures_command_makes_exactly_its_rows(committed, name):
    spec = FINDINGS if name == "findings" else spec_of(name)
    panels = committed.panels(name)
    shown = {pair for p in panels for pair in zip(p.frame["config_hash"], p.frame["seed"], strict=True)}
    made = set().union(*map(of_command, trace.commands(spec, panels)))
    missing = sum(p.wanted - p.found for p in panels)
    assert shown <= made
    assert len(made - shown) == missing


def test_short_hashes_tell_cells_apart():
    frame = pd.DataFrame({"config_hash": ["c12345678", "c12345679", "c99999999"]})
    assert trace.length(frame) == 9
    assert trace.length(frame[1:]) == 6


def test_tables_have_one_line_a_cell(trained):
    frame = trained.copy()
    hit = (frame["method"] == "direct") & (frame["n2"] == 20) & (frame["data"] == "mnist") & (frame["seed"] == 1)
    frame.loc[hit, "test_accuracy"] = 0.1
    panel = select_panel(frame, "fig01", "mnist", "paper")
    table = tables.cells_table([panel])
    assert len(table) == len(panel.cells)
    line = table[(table["method"] == "direct") & (table["n2"] == 20)].iloc[0]
    rows = panel.frame[panel.frame["config_hash"] == line["config_hash"]]
    assert line["accuracy"] == pytest.approx(rows["test_accuracy"].mean())
    assert line["sd"] == pytest.approx(rows["test_accuracy"].std())
    assert (line["n"], line["at_chance"]) == (3, 1)
    assert "sparsity" in table
    assert "rank" not in table
    assert tables.to_csv(table) == tables.to_csv(tables.cells_table([panel]))


def test_networks_that_pull_their_cell_down_are_counted():
    frame = frame_of(synthetic_rows("fig02", "paper", "mnist"))
    here = (frame["method"] == "sqr") & (frame["sparsity"] == 0.99)
    frame.loc[here & (frame["seed"] == 4), "test_accuracy"] = 0.4
    frame.loc[here & (frame["seed"] == 5), "test_accuracy"] = 0.1  # at chance, which is said elsewhere
    assert page._far_below(Rows(frame, "paper")) == 1
    table = tables.cells_table([select_panel(frame, "fig02", "mnist", "paper")])
    line = table[(table["method"] == "sqr") & (table["sparsity"] == 0.99)].iloc[0]
    assert (line["far_below"], line["at_chance"]) == (1, 1)


def test_a_folder_without_rows_has_a_report():
    text = products(Rows(to_frame([])))["REPORT.md"]
    assert "**not run**" in text
    assert re.search(r"- Fig\. 1, MNIST: 360 of 360 networks", text)


def test_numbers_are_written_alike():
    assert signed("-0.5") == "−0.5"
    text = accuracy_interval(mean({0: 0.5, 1: 0.99, 2: 0.9}))
    assert re.fullmatch(r"0\.7967 \[0\.\d{4}, 1\.0000\]", text)


def test_stops_are_those_of_plain_pandas(committed):
    """Mean epochs under the paper's rule, and what all epochs add, paired by seed."""
    frame = pd.read_csv(ROOT / "results/results.csv", low_memory=False)
    mine = frame[(frame["data"] == "mnist") & (frame["method"] == "spectral") & (frame["n2"] == 500)]
    mine = mine[(mine["hidden_layers"] == 1) & (mine["lr"] == 0.015) & (mine["max_epochs"] == 90)]
    whole, early = (mine[mine["patience"] == patience].set_index("seed") for patience in (90, 8))
    gain = (whole["test_accuracy"] - early["test_accuracy"]).dropna()
    (found,) = [
        s for s in stopping.stops(committed.frame, committed.panels("curves")) if s[:2] == ("MNIST", "Spectral")
    ]
    assert found.gain.value == pytest.approx(gain.mean())
    assert found.gain.n == len(gain) >= 3
    assert found.epochs == pytest.approx(early.loc[gain.index, "epochs"].mean())
