"""Who leads, of rows that are full-length results."""

import shlex

import pandas as pd
import pytest

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.config.written import find_config
from spectral_repro.report import leaderboard
from spectral_repro.report.entries import Entry, best_of_each, entries, full_length
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import TUNING_SEEDS
from spectral_repro.results.rows import Row, keep_config
from spectral_repro.results.statistics import difference
from tests.results.test_rows import ROW


def entry(way: str, values: list[float], validation: float = 0.5) -> Entry:
    costs = {"trained": 100, "adds": 1e6, "links": 100, "classes": 10, "config_hash": way}
    place = {"network": "10", "data": "mnist", "sparsity": 0.0, "rates": "published", "training": "Adamax, relu"}
    return Entry(way=way, options="", accuracies=dict(enumerate(values)), validation=validation, **place, **costs)


def published(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(rates="published")


def text_of(frame: pd.DataFrame) -> str:
    return leaderboard.build(entries(frame), frame)


def test_test_images_decide_nothing():
    lucky, solid = entry("a", [0.95] * 3, validation=0.80), entry("a", [0.90] * 3, validation=0.91)
    other = entry("b", [0.92] * 3)
    assert best_of_each([lucky, solid, other]) == [other, solid]


def test_others_have_their_difference_to_the_first(controls):
    frame = published(controls)
    found = [c for c in leaderboard.comparisons(entries(frame)) if c.data == "mnist" and c.what == "6,209"]
    first, second, *_ = found[0].ordered
    gap = difference(second.accuracies, first.accuracies)
    low, high = gap.interval()
    text = text_of(frame).partition("## mnist, dense networks, published rates")[2]
    lines = [line.split(" | ") for line in text.partition("**6,209**")[2].splitlines()]
    assert f"{first.estimate.value:.4f} [" in lines[0][3]
    assert lines[1][3].startswith(f"{gap.value:+z.3f} [{low:+z.3f}, {high:+z.3f}]".replace("-", "−"))
    table = leaderboard.whole_table(entries(frame))
    line = table[table["config_hash"] == second.config_hash].iloc[0]
    assert (line["rank"], line["difference"]) == (2, pytest.approx(gap.value))


def test_the_leaderboard_leaves_out_what_is_short_tuned_or_of_too_few(controls):
    text = text_of(published(controls))
    for title in ("## fashion_mnist, dense networks, published rates", "## mnist, sparse networks, published rates"):
        assert title in text
    assert "direct, straight-through, last layer dense" in text
    assert "(n = 3)" in text
    assert len(text.encode()) <= leaderboard.LARGEST
    for other in (
        controls.assign(max_epochs=5),
        controls.assign(seed=controls["seed"] + TUNING_SEEDS),
        controls[controls["seed"] < 2],
        to_frame([]),
    ):
        assert "##" not in text_of(published(other))


def test_what_was_trained_without_early_stopping_leads_no_board(controls):
    assert len(full_length(controls))
    assert not len(full_length(controls.assign(patience=controls["max_epochs"])))


def test_kinds_of_rates_never_compete(controls):
    sparse = controls[(controls["sparsity"] == 0.99) & (controls["data"] == "mnist")]
    sparse = sparse.assign(optimizer="adam", activation="tanh", rates="published")
    other = sparse[sparse["method"] == "sqr"]
    deep = other.assign(hidden="[500,500]", hidden_layers=2, config_hash="d" + other["config_hash"])
    tuned = other.assign(lr=0.5, rates="tuned", config_hash="t" + other["config_hash"])
    both = other.assign(lr=0.6, rates="both", config_hash="b" + other["config_hash"], validation_accuracy=0.0)
    found = entries(pd.concat([sparse, deep, tuned, both]))
    by_kind = {
        (c.rates, c.what): {e.config_hash[0] for e in c.ordered} for c in leaderboard.comparisons(found) if c.ordered
    }
    assert set(by_kind) == {("published", "500, 0.99"), ("published", "500–500, 0.99"), ("tuned", "500, 0.99")}
    assert by_kind["tuned", "500, 0.99"] == {"t"}
    assert by_kind["published", "500–500, 0.99"] == {"d"}


def test_networks_trained_otherwise_or_of_other_options_are_other_entries(controls):
    dense = controls[(controls["sparsity"] == 0) & (controls["data"] == "mnist")]
    mine = dense[(dense["method"] == "sqr") & (dense["n2"] == 100)]
    mine = mine[mine["config_hash"] == mine["config_hash"].iloc[0]].assign(optimizer="adamax", activation="relu")
    other = mine.assign(optimizer="adam", activation="tanh", config_hash="other", validation_accuracy=1.0)
    bare = mine.assign(config_hash="bare", options="bias=false")
    text = text_of(published(pd.concat([mine.assign(options=""), other.assign(options=""), bare])))
    names = {line.split(" | ")[1] for line in text.splitlines() if "S-QR" in line}
    assert names == {"S-QR", "S-QR (Adam, tanh)", "S-QR, no bias"}


def test_a_hash_leads_to_the_command(tmp_path):
    (cell, *_) = read_config(plain_composer()(["data=mnist", "method=sqr", "n2=50", "method.p=0.2"]))
    mine = {"data": "mnist", "method": "sqr", "n2": 50, "core": None, **dict(cell.trainer)}
    rows = [Row(**{**dict(ROW), **mine, "config_hash": cell.config_hash, "seed": seed}) for seed in range(3)]
    keep_config(tmp_path / "runs/mnist" / f"{cell.slug}.csv", cell)
    line = next(li for li in text_of(published(to_frame(rows))).splitlines() if "| S-QR |" in li)
    command = find_config(tmp_path, line.split(" | ")[-1].removesuffix(" |")).splitlines()[0]
    assert read_config(plain_composer()(shlex.split(command)[2:]))[0].config_hash == cell.config_hash
