"""Who leads, of rows that are full-length results."""

import re

import pandas as pd
import pytest

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.report import leaderboard
from spectral_repro.report.tables import accuracy_interval
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rows import Row, keep_config
from tests.results.test_rows import ROW


def entry(way: str, values: list[float], trained: int = 100, validation: float = 0.5) -> leaderboard.Entry:
    return leaderboard.Entry(way, dict(enumerate(values)), validation, trained, 0.1, way, "mnist", "", 10)


def test_groups_are_what_the_intervals_separate():
    a, b = entry("a", [0.90, 0.91, 0.92]), entry("b", [0.899, 0.909, 0.923])
    c, d = entry("c", [0.80, 0.81, 0.82]), entry("d", [0.70, 0.72, 0.71])
    assert leaderboard.grouped([a, b, c, d]) == [1, 1, 2, 3]
    assert leaderboard.grouped([]) == []


def test_test_images_decide_nothing():
    lucky, solid = entry("a", [0.95] * 3, validation=0.80), entry("a", [0.90] * 3, validation=0.91)
    other = entry("b", [0.92] * 3)
    assert leaderboard.best_of_each([lucky, solid, other]) == [other, solid]


def test_the_leaderboard_leaves_out_what_is_short_tuned_or_of_too_few(controls, tmp_path):
    text = leaderboard.build(controls, tmp_path)
    assert text == leaderboard.build(controls, tmp_path)
    for title in ("## fashion_mnist", "### At most 6,209 trained parameters, dense", "### Sparsity 0.99"):
        assert title in text
    assert "direct, straight-through, last layer dense" in text
    for other in (
        controls.assign(max_epochs=5),
        controls.assign(seed=controls["seed"] + leaderboard.TUNING_SEEDS),
        controls[controls["seed"] < 2],
        to_frame([]),
    ):
        assert "###" not in leaderboard.build(other, tmp_path)


def test_what_was_trained_without_early_stopping_leads_no_board(controls):
    assert len(leaderboard.full_length(controls))
    assert not len(leaderboard.full_length(controls.assign(patience=controls["max_epochs"])))


def test_commands_are_short_where_the_defaults_make_the_same_cell(tmp_path):
    jobs = (
        ["data=mnist", "method=sqr", "n2=50", "method.p=0.2"],
        ["data=mnist", "method=direct", "n2=50", "protocol=sparse"],
        ["data=fashion_mnist", "method=ssvd", "n2=50", "method.basis=gaussian", "trainer.lr=0.1"],
        ["data=mnist", "method=direct", "n2=50", "sparsity=0.9", "masking=rigl", "masking.allocation=dense_output"],
        ["data=mnist", "method=direct", "n2=50", "trainer.patience=3"],
    )
    cells = [read_config(plain_composer()(job))[0] for job in jobs]
    rows = []
    for cell in cells:
        masking, allocation = cell.masking_names
        mine = {"data": cell.data["name"], "method": cell.method, "n2": cell.n2, "sparsity": cell.sparsity}
        mine |= {"core": None, "masking": masking, "allocation": allocation, **dict(cell.trainer)}
        rows += [Row(**{**dict(ROW), **mine, "config_hash": cell.config_hash, "seed": seed}) for seed in range(3)]
        keep_config(tmp_path / "runs" / cell.data["name"] / f"{cell.slug}.csv", cell)
    text = leaderboard.build(to_frame(rows), tmp_path)
    for cell, job in zip(cells[:4], jobs, strict=False):
        line = next(li for li in text.splitlines() if cell.config_hash in li)
        command = line.split("`")[1].split()
        assert set(command) == {"spectral-repro", *job}
        assert read_config(plain_composer()(command[1:]))[0].config_hash == cell.config_hash
    (whole,) = {li.split("`")[1] for li in text.splitlines() if cells[4].config_hash in li}
    assert "trainer.patience=3 " in whole
    assert read_config(plain_composer()(whole.replace("'", "").split()[1:]))[0].config_hash == cells[4].config_hash


def test_networks_of_other_sizes_and_rates_are_other_entries(controls, tmp_path):
    """A larger network has more links at the same sparsity, and a tuned rate is no published one."""
    sparse = controls[(controls["sparsity"] == 0.99) & (controls["data"] == "mnist")]
    sparse = sparse.assign(optimizer="adam", activation="tanh")
    other = sparse[sparse["method"] == "sqr"]
    deep = other.assign(hidden="[500,500]", hidden_layers=2, config_hash="d" + other["config_hash"])
    tuned = other.assign(lr=0.5, config_hash="t" + other["config_hash"])
    text = leaderboard.build(pd.concat([sparse, deep, tuned]), tmp_path)
    shallow, deeper = text.split("### Sparsity 0.99, ")[1:]
    assert deeper.startswith(f"{sparse['n1'].iloc[0]}–500–500–")
    rates = {line.split(" | ")[3] for line in shallow.splitlines() if "| S-QR |" in line}
    assert rates == {"adam 0.5, tanh", f"adam {other['lr'].iloc[0]:g}, tanh"}


def test_networks_trained_otherwise_or_of_other_options_are_other_entries(controls, tmp_path):
    """S-QR without sparsity is in the sparse figures, too; what has no column is in the command beside the rows."""
    dense = controls[(controls["sparsity"] == 0) & (controls["data"] == "mnist")]
    mine = dense[(dense["method"] == "sqr") & (dense["n2"] == 100)]
    mine = mine[mine["config_hash"] == mine["config_hash"].iloc[0]].assign(optimizer="adamax", activation="relu")
    other = mine.assign(optimizer="adam", activation="tanh", config_hash="other", validation_accuracy=1.0)
    bare = mine.assign(config_hash="bare")
    (tmp_path / "runs/mnist").mkdir(parents=True)
    (tmp_path / "runs/mnist/sqr-bare.yaml").write_text("# spectral-repro method=sqr +method.bias=false n2=100\n")
    text = leaderboard.build(pd.concat([mine, other, bare]), tmp_path)
    lines = [line.split(" | ") for line in text.partition("### At most 127,609")[2].splitlines() if "S-QR" in line]
    rate = f"{mine['lr'].iloc[0]:g}"
    assert {(line[1], line[3]) for line in lines} == {
        ("S-QR", f"adamax {rate}, relu"),
        ("S-QR", f"adam {rate}, tanh"),
        ("S-QR, no bias", f"adamax {rate}, relu"),
    }


@pytest.mark.parametrize(
    ("allocation", "wanted"),
    [("uniform", 400 + 5), (None, 400 + 5), ("dense_output", 400 + 50), ("global", 405)],
)
def test_links_that_are_left(allocation, wanted):
    row = pd.Series({"n1": 100, "hidden": "[40,10]", "n_out": 5, "sparsity": 0.9, "allocation": allocation})
    between = 40  # of 400 between the hidden layers
    assert leaderboard.links(row) == (wanted + between if allocation != "global" else 445)


def test_an_interval_of_accuracies_ends_at_one():
    text = accuracy_interval(entry("a", [0.5, 0.99, 0.9]).estimate)
    assert re.fullmatch(r"0\.7967 \[0\.\d{4}, 1\.0000\]", text)
