"""Rates chosen by validation, and the claims at them: other rows, the same rules."""

import dataclasses

import pandas as pd
import pytest

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.config.tuned import read_rates
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.figures.catalogue import TUNED
from spectral_repro.figures.select import load_frame
from spectral_repro.report import learning_rates, sections, verdicts
from spectral_repro.report.panels import Rows
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import tunings, write_rates
from tests.conftest import ROOT
from tests.synthetic import WAY, all_panels, frame_of, synthetic_rows, tuning_rows

PAPER = [name for name, spec in TUNED.items() if spec.name.startswith("fig")]


@pytest.fixture
def both(trained, tmp_path):
    """Rows at the published rates and at those chosen, of three realizations each."""
    write_rates(to_frame(tuning_rows("paper", range(1000, 1003), 0.002)), tmp_path)
    others = "rates=tuned", f'results_dir="{tmp_path}"'
    again = [row for name in PAPER for row in synthetic_rows(TUNED[name].experiment, "paper", None, others)]
    tuned = frame_of({(r.config_hash, r.seed): r for r in again if r.seed < 3}.values())
    tuned["lr"] = 0.002
    frame = pd.concat([trained, tuned], ignore_index=True)
    frame.attrs["results_dir"] = str(tmp_path)
    return frame


def verdicts_of(frame, rates: str) -> dict[tuple[str, str], str]:
    found = [v for v in verdicts.judge(Rows(frame, "paper")) if v.rates == rates and v.figure.startswith("fig")]
    return {(v.claim.number, v.figure): v.verdict for v in found if v.claim.number != "9"}


def test_the_verdicts_at_tuned_rates_are_from_rows_at_tuned_rates(both):
    published, tuned = verdicts_of(both, "published"), verdicts_of(both, "tuned")
    assert set(tuned) == {
        ("1", "fig01"),
        *((number, name) for number in ("3", "4") for name in ("fig01", "fig04", "fig09")),
        *(("5", name) for name in ("fig01", "fig04")),
        *(("6", name) for name in ("fig06", "fig07")),
    }
    assert all(tuned[place] == published[place] for place in tuned)
    hit = (both["lr"] == 0.002) & (both["method"] == "sqr") & (both["p"] == 1) & (both["data"] == "fashion_mnist")
    both.loc[hit & (both["hidden_layers"] == 1), "test_accuracy"] -= 0.1
    assert verdicts_of(both, "published") == published
    changed = {place for place, verdict in verdicts_of(both, "tuned").items() if verdict != tuned[place]}
    assert changed == {("4", "fig04")}
    line = next(
        li for li in sections.claims(verdicts.judge(Rows(both, "paper"))).splitlines() if li.startswith("| 4 |")
    )
    *_, at_published, at_tuned, _ = line.split(" |")
    assert at_published.startswith(" **reproduced")
    assert at_tuned.startswith(" **in part**")
    assert "not reproduced" in at_tuned.partition("Fig. 4:")[2].partition("<br>")[0]


def test_the_best_rate_is_that_of_validation():
    found = learning_rates.lines(to_frame(tuning_rows("quick", range(1000, 1002), 0.002)), "quick")
    by_place = {(line.data, line.label, line.tuning.sparsity): line for line in found}
    for place, published in {
        ("MNIST", "S-QR", 0): 0.005,
        ("MNIST", "low rank", 0): None,
        ("MNIST", "direct (RigL)", 0.95): None,
    }.items():
        line = by_place[place]
        assert (line.tuning.best, line.edge, line.near, line.published) == (0.001, True, [], published)
    text = sections.rates_table(found)
    assert "| S-QR | **0.001**< (0.005) |" in text
    assert sections.usual_n(found) == "2"
    (line,) = [line for line in found if (line.data, line.label, line.tuning.sparsity) == ("MNIST", "S-QR", 0)]
    more = line._replace(tuning=dataclasses.replace(line.tuning, validation={0.001: {i: 0.9 for i in range(5)}}))
    assert "| S-QR | **0.001**< (0.005); n = 5 |" in sections.rates_table([more, *found[:3]])
    table = learning_rates.table(found)
    assert set(table["n"]) == {2}
    assert set(table.loc[table["best"], "lr"]) == {0.001}


def test_data_that_stands_for_other_data_is_tuned_as_that(tmp_path):
    """The committed rows of CIFAR-10 are of its JPEG copies: their rates are the copies' own."""
    frame = load_frame(ROOT / "results")
    mine = frame[(frame["data"] == "cifar10_jpeg") & (frame["seed"] >= 1000) & (frame["n2"] == 500)]
    dense = mine[(mine["method"] == "direct") & (mine["sparsity"] == 0)]
    (found,) = [t for t in tunings(frame) if (t.data, t.method, t.protocol) == ("cifar10_jpeg", "direct", "dense")]
    assert found.complete
    assert found.best == dense.groupby("lr")["validation_accuracy"].mean().idxmax()
    assert not [t for t in tunings(frame) if t.data == "cifar10"]
    write_rates(frame, tmp_path)
    job = ["method=direct", "data=cifar10_jpeg", "rates=tuned", f"results_dir={tmp_path}"]
    assert read_config(plain_compose()(job))[0].trainer["lr"] == found.best


def test_tuned_rates_are_kept_and_used(tmp_path):
    rows = tuning_rows("paper", range(1000, 1003), 0.002)
    incomplete = [r for r in rows if not (r.method == "hashed" and r.data == "fashion_mnist" and r.seed == 1002)]
    frame = to_frame(incomplete)
    write_rates(frame, tmp_path)
    rates = read_rates(tmp_path)
    assert rates["dense"]["mnist"] == dict.fromkeys(
        (
            *("direct", "spectral", "ssvd", "sqr", "lowrank", "hashed", "diagonal", "projection"),
            *("linear", "random_features"),
        ),
        0.002,
    )
    assert "hashed" not in rates["dense"]["fashion_mnist"]
    assert set(rates["sparse"]["mnist"]) == {*(f"direct/{way}" for way in WAY), "sqr/cutoff"}
    assert "**0.002**?" in sections.rates_table(learning_rates.lines(frame))

    def cell(*overrides: str):
        return read_config(plain_compose()([f"results_dir={tmp_path}", *overrides]))[0]

    tuned = cell("method=sqr", "data=mnist", "rates=tuned")
    assert tuned == cell("method=sqr", "data=mnist", "trainer.lr=0.002")
    assert cell("method=sqr", "data=mnist").trainer["lr"] == 0.005
    assert cell("method=sqr", "data=mnist5k", "rates=tuned").trainer["lr"] == 0.002  # as MNIST's
    assert cell("method=sqr", "data=mnist", "rates=tuned", "trainer.lr=0.1").trainer["lr"] == 0.1
    sparse = cell("data=mnist", "sparsity=0.9", "masking=rigl", "rates=tuned")
    assert sparse.trainer["lr"] == 0.002
    with pytest.raises(ConfigError, match=r"rates=tuned: .* has none for hashed on fashion_mnist, protocol dense"):
        cell("method=hashed", "data=fashion_mnist", "rates=tuned")
    frame.attrs["results_dir"] = str(tmp_path)
    panels = all_panels(frame)
    assert [p.data for p in panels["control_budget_tuned"]] == ["mnist"]
    assert {p.data for p in panels["control_sparse_tuned"]} == {"mnist", "fashion_mnist"}
    assert {c.trainer["lr"] for p in panels["control_budget_tuned"] for c in p.cells} == {0.002}
    (tmp_path / "rates.yaml").write_text("- 1")
    with pytest.raises(UserError, match="is no table of learning rates"):
        cell("method=sqr", "data=mnist", "rates=tuned")


def test_rates_that_the_seeds_do_not_separate_are_named():
    """0.002 is the best; 0.001 is close to it in a paired comparison, the others are not."""
    frame = to_frame(tuning_rows("paper", range(1000, 1003), 0.002))
    mine = (frame["data"] == "mnist") & (frame["method"] == "sqr") & (frame["sparsity"] == 0)
    for lr, gap in {0.0005: 0.2, 0.001: 0.0, 0.005: 0.1, 0.01: 0.2, 0.02: 0.3}.items():
        for seed, own in ((1000, -0.01), (1001, 0.0), (1002, 0.011)):
            here = mine & (frame["lr"] == lr) & (frame["seed"] == seed)
            assert here.sum() == 1
            frame.loc[here, "validation_accuracy"] = 0.9 - gap - own * (lr == 0.001)
            frame.loc[mine & (frame["lr"] == 0.002) & (frame["seed"] == seed), "validation_accuracy"] = 0.9 + 0.1 * own
    (line,) = (
        li for li in learning_rates.lines(frame) if (li.data, li.label, li.tuning.sparsity) == ("MNIST", "S-QR", 0)
    )
    assert (line.tuning.best, line.edge, line.near, line.published) == (0.002, False, [0.001], 0.005)
