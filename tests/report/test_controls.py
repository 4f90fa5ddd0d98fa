"""The comparisons beyond the paper, said as the rows have them."""

import pandas as pd
import pytest

from spectral_repro.figures.catalogue import CONTROLS
from spectral_repro.figures.select import choose_panels
from spectral_repro.report import budgets, caveats, cost, sections, sparse
from spectral_repro.report.entries import entries
from spectral_repro.report.panels import Rows


def places(rows) -> list[sparse.Place]:
    return sparse.places(choose_panels(rows, CONTROLS["control_sparse"]))


def test_s_qr_is_compared_with_three_ways_to_train_direct(controls):
    found = places(controls)
    assert len(found) == 16
    assert {way: c[:3] for way, c in sparse.counts(found).items()} == dict.fromkeys(sparse.RIVALS, (16, 0, 16))
    assert sparse.training_of_best(found) == {"direct (straight-through)": (16, 5.0)}
    worse = controls.copy()
    worse.loc[(worse["method"] == "sqr") & (worse["sparsity"] > 0), "test_accuracy"] -= 0.06
    count = sparse.counts(places(worse))[sparse.BEST]
    assert count == sparse.Count(0, 16, 16, (0, 16))
    said = sections.sparse_counts({"published": places(worse)})
    assert "| best of direct | published | 16 | 0 (0) | 16 (16) |" in said
    fewer = sparse.counts(places(controls[controls["masking"] != "gradual"]))
    assert set(fewer) == {sparse.CUTOFF, sparse.RETURNING}
    table = sections.sparse_table({"published": found, "tuned": []})
    assert "| MNIST | last layer dense | 0.99 | 8,920 | +0.0" in table  # 1 % of 392,000, and 5,000
    assert "0.95" not in table  # the lowest and the highest alone
    assert len(sparse.table({"published": found})) == 16 * len(sparse.RIVALS)


def test_how_much_of_claim_7_is_the_last_layers(controls):
    shifted = controls.copy()
    dense = (shifted["method"] == "sqr") & (shifted["allocation"] == "dense_output")
    shifted.loc[dense & (shifted["sparsity"] == 0.99), "test_accuracy"] -= 0.1
    before, after = (sparse.at_highest(places(frame)) for frame in (controls, shifted))
    assert set(before) == {"MNIST", "Fashion-MNIST"}
    for label, leads in before.items():
        assert after[label]["uniform"].value == leads["uniform"].value
        assert after[label]["dense_output"].value == pytest.approx(leads["dense_output"].value - 0.1)
    assert not sparse.at_highest(places(controls[controls["allocation"] != "dense_output"]))
    text = caveats.caveats(Rows(shifted, "paper"))["7"]
    assert "At published rates S-QR leads such direct training in" in text
    assert f"{after['MNIST']['dense_output'].value:+.4f} [".replace("-", "−") in text


def test_who_leads_at_a_budget(controls):
    panels = choose_panels(controls, CONTROLS["control_budget"])
    found = budgets.leads(entries(controls), panels)
    line = next(li for li in found if (li.panel.data, li.budget) == ("mnist", 6_209))
    mine = controls[(controls["data"] == "mnist") & (controls["sparsity"] == 0)]
    fitting = mine[mine["trained_parameters"] <= 6_209].groupby(["method", "config_hash"]).mean(numeric_only=True)
    best = fitting.loc[fitting.groupby("method")["validation_accuracy"].idxmax(), "test_accuracy"]
    assert line.first.config_hash == best.idxmax()[1]
    assert {e.config_hash for e in line.ordered} == {key for _, key in best.index}
    counted = budgets.first_and_near(found)
    assert sum(first for first, _ in counted.values()) == len(found)
    text = sections.budgets_table({"published": found})
    assert f"| MNIST | 6,209 | published | {line.first.way} {line.first.estimate.value:.4f} |" in text


@pytest.mark.parametrize(
    ("allocation", "wanted"),
    [("uniform", 400 + 5), (None, 400 + 5), ("dense_output", 400 + 50), ("global", 405)],
)
def test_links_that_are_left(allocation, wanted):
    row = pd.Series({"n1": 100, "hidden": "[40,10]", "n_out": 5, "sparsity": 0.9, "allocation": allocation})
    between = 40  # of 400 between the hidden layers
    assert cost.links(row) == (wanted + between if allocation != "global" else 445)


def test_multiply_adds_of_a_step():
    """Of direct by hand: two products in the first layer, three in the second."""
    row = {"method": "direct", "n1": 784, "hidden": "[500]", "n_out": 10, "batch_size": 200, "sparsity": 0.0}
    row |= {"core": None, "rank": None}
    assert cost.multiply_adds(pd.Series(row)) == 200 * (2 * 784 * 500 + 3 * 500 * 10)
    sparse_row = pd.Series({**row, "method": "sqr", "core": "triangular", "sparsity": 0.9})
    assert cost.multiply_adds(sparse_row) > cost.multiply_adds(sparse_row.copy().replace(0.9, 0.0))
    assert cost.multiply_adds(pd.Series({**row, "method": "mine"})) is None
