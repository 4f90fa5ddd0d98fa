"""The words and tables of the report follow the rows."""

import re

import pandas as pd

from spectral_repro.figures.catalogue import CONTROLS, FIGURES
from spectral_repro.figures.select import choose_panels, select_panel
from spectral_repro.report import command as report
from spectral_repro.report import tables
from spectral_repro.report.discussion import discuss
from spectral_repro.results import rows as results
from tests.report.test_claims import DEGREES, judged
from tests.synthetic import synthetic_rows


def test_report_changes_with_the_rows(whole, tmp_path):
    for key, rows in whole.groupby("config_hash"):
        made = [results.Row(**{k: None if pd.isna(v) else v for k, v in r.items()}) for r in rows.to_dict("records")]
        results.add_rows(tmp_path / f"runs/{made[0].data}/{key}.csv", made)
    first = report.build_report(tmp_path)
    assert first == report.build_report(tmp_path)
    assert first.count("![") == len(FIGURES) + len(CONTROLS)
    for name in (*FIGURES, *CONTROLS):
        assert f"figures/{name}.png" in first
    assert "profile quick (at most 5 epochs), n = 3" in first
    assert "CIFAR-10 (JPEG copies)" in first
    assert "- Fig. 4, Fashion-MNIST: 320 of 320 networks; shown at profile quick (`" in first
    assert "- findings, MNIST: " in first
    assert "- rates, MNIST: " in first
    extra = synthetic_rows("fig03")[0].model_copy(update={"test_accuracy": 0.2})
    path = next(tmp_path.glob(f"runs/fashion_mnist/{extra.config_hash}.csv"))
    results.add_rows(path, [extra])
    assert report.build_report(tmp_path) != first


def test_collapsed_networks_are_counted_and_medians_shown(trained):
    collapsed = trained.copy()
    hit = (collapsed["method"] == "direct") & (collapsed["n2"] == 20) & (collapsed["data"] == "cifar10_jpeg")
    collapsed.loc[hit & (collapsed["seed"] == 1), "test_accuracy"] = 0.1
    panels = {name: choose_panels(collapsed, spec) for name, spec in FIGURES.items()}
    (panel,) = panels["fig05"]
    lines = [line.split(" | ") for line in tables.accuracies(panel).splitlines()]
    assert lines[0] == ["| method", "N2", "test accuracy", "n", "median", "at chance", "trained", "ρ", "epochs |"]
    direct = next(line for line in lines if line[:2] == ["| direct", "20"])
    values = sorted(collapsed.loc[hit, "test_accuracy"])
    assert direct[4] == f"{values[1]:.4f}"
    assert direct[5] == "1"
    assert "median" not in tables.accuracies(panels["fig01"][0])
    text = discuss(panels, judged(collapsed), select_panel(collapsed, "findings", "mnist", "paper"))
    count = collapsed[(collapsed["data"] == "cifar10_jpeg") & (collapsed["method"] == "direct")]
    count = count[count["config_hash"].isin(c.config_hash for c in panel.cells)]
    assert f"Fig. 5, CIFAR-10 (JPEG copies): 1 of {len(count)} of direct (N2 = 20)" in text
    assert "at chance" not in tables.accuracies(panels["fig04"][0])


def test_the_discussion_follows_the_rows(trained):
    def said(frame) -> str:
        panels = {name: choose_panels(frame, spec) for name, spec in FIGURES.items()}
        return discuss(panels, judged(frame, DEGREES), select_panel(frame, "findings", "mnist", "paper"))

    assert "claim 4" not in said(trained)
    worse = trained.copy()
    worse.loc[worse["method"] == "sqr", "test_accuracy"] -= 0.1
    assert "\n- claim 4, Fig. 1: relative accuracy, mean over N2 ≥ 100: 0.8" in said(worse)
    assert "Not reproduced: the intervals exclude what was claimed.\n\n- " in said(worse)
    assert "\n- Fig. 1: 0.8" in said(worse)
    assert re.search(r"- Fig\. 1: .*; below S-SVD, S-QR − S-SVD -0\.\d+ \[.*\] at N2 = 20, ", said(worse))
    assert re.search(
        r"- MNIST, N2 = 500, hidden layers: 1: 0\.\d+ \[.*\] in Fig\. 1, [01]\.\d+ \[.*\] in Fig\. 2 at s = 0",
        said(worse),
    )
    assert "not above 0.98 at the largest N2" in said(worse)


def test_what_was_stopped_early_is_named(trained, whole):
    """Figures of CIFAR-10 alone, and the panel of one that has others, too."""

    def said(frame) -> str:
        panels = {name: choose_panels(frame, spec) for name, spec in FIGURES.items()}
        return discuss(panels, judged(frame, DEGREES), select_panel(frame, "findings", "mnist", "paper"))

    early = pd.concat([f[(f["data"] == "cifar10_jpeg") == quick] for f, quick in ((trained, False), (whole, True))])
    assert "from which nothing follows: Fig. 2 (CIFAR-10 (JPEG copies)), Fig. 5, Fig. 8; " in said(early)
    assert "from which nothing follows" not in said(trained)
