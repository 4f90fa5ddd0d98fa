"""Every number of the story, computed again from results.csv by plain pandas."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spectral_repro.figures.select import load_frame
from spectral_repro.report.story import story
from spectral_repro.results.frame import to_frame
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def told() -> str:
    return story(load_frame(ROOT / "results"))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Full-length networks on seeds that are results."""
    frame = pd.read_csv(ROOT / "results/results.csv")
    return frame[(frame["max_epochs"] == 90) & (frame["patience"] < 90) & (frame["seed"] < 1000)]


def at(rows: pd.DataFrame, rates: str, **wanted) -> pd.DataFrame:
    """Rows of ours (no variant of the published code) with these values, at one kind of rates."""
    plain = ~rows["options"].fillna("").str.contains(r"gaussian|bias=false|bias=False") & (rows["core"] != "full")
    mine = rows[plain & rows["rates"].isin([rates, "both"])]
    for column, value in wanted.items():
        mine = mine[mine[column] == value]
    return mine


def dense(rows: pd.DataFrame, rates: str = "published", **wanted) -> pd.DataFrame:
    mine = at(rows, rates, sparsity=0, optimizer="adamax", **{"hidden_layers": 1, **wanted})
    return mine[mine["p"].fillna(1) == 1]


def relative(rows: pd.DataFrame, data: str, method: str, rates: str = "published") -> pd.Series:
    """By N2 the ratio of the means, without sizes at which a network of direct is at chance."""
    means = dense(rows, rates, data=data).groupby(["method", "n2"])["test_accuracy"]
    lost = means.min()["direct"] < 0.15
    ratio = (means.mean()[method] / means.mean()["direct"]).dropna()
    return ratio[~lost.reindex(ratio.index)]


def sparse(rows: pd.DataFrame, rates: str, data: str, s: float, allocation: str, method: str, masking: str):
    where = {"data": data, "sparsity": s, "allocation": allocation, "method": method, "masking": masking}
    return at(rows, rates, n2=500, hidden_layers=1, **where).set_index("seed")["test_accuracy"]


def behind_and_ahead(rows: pd.DataFrame, rates: str) -> tuple[int, int]:
    """Of S-QR against straight-through direct, paired by seed, by Student's interval."""
    signs = []
    for data in ("mnist", "fashion_mnist"):
        for s in (0.9, 0.95, 0.98, 0.99):
            for allocation in ("uniform", "dense_output"):
                place = rows, rates, data, s, allocation
                gap = sparse(*place, "sqr", "cutoff") - sparse(*place, "direct", "straight_through")
                assert len(gap) == 10
                low, high = stats.t.interval(0.95, 9, gap.mean(), gap.sem())
                signs.append(np.sign(low) if low * high > 0 else 0)
    return signs.count(-1), signs.count(1)


def hashed_and_sqr(rows: pd.DataFrame, rates: str) -> tuple[int, int]:
    """How often hashed weights are above S-QR, and S-QR above them, by Student's interval over the seeds.

    On four budgets of two data sets; of each method the cell of the best validation accuracy that fits.
    """
    signs = []
    for data in ("mnist", "fashion_mnist"):
        mine = at(rows, rates, sparsity=0, optimizer="adamax", hidden_layers=1, data=data)
        for budget in (2_304, 6_209, 30_000, 127_609):
            fitting = mine[(mine["trained_parameters"] <= budget) & (mine["n2"] <= 1000)]
            best = {}
            for method in ("hashed", "sqr"):
                cells = fitting[fitting["method"] == method].groupby("config_hash")
                key = cells["validation_accuracy"].mean().idxmax()
                best[method] = cells.get_group(key).set_index("seed")["test_accuracy"]
            gap = best["hashed"] - best["sqr"]
            assert len(gap) == 10
            low, high = stats.t.interval(0.95, 9, gap.mean(), gap.sem())
            signs.append(np.sign(low) if low * high > 0 else 0)
    return signs.count(1), signs.count(-1)


def narrow(rows: pd.DataFrame) -> float:
    """What the widest direct network on MNIST that trains at most as much is below Spectral of 500 nodes."""
    mine = dense(rows, data="mnist").groupby(["method", "n2"])[["trained_parameters", "test_accuracy"]].mean()
    budget, accuracy = mine.loc[("spectral", 500)]
    direct = mine.loc["direct"]
    return accuracy - direct[direct["trained_parameters"] <= budget]["test_accuracy"].iloc[-1]


def test_every_number_is_that_of_the_rows(told, rows):
    fashion = [relative(rows, "fashion_mnist", "sqr", rates)[500] for rates in ("published", "tuned")]
    gain = relative(rows, "fashion_mnist", "spectral") - relative(rows, "fashion_mnist", "spectral_original")
    lead, last, last_fashion = (
        sparse(rows, "published", data, 0.99, allocation, "sqr", "cutoff").mean()
        - sparse(rows, "published", data, 0.99, allocation, "direct", "cutoff").mean()
        for data, allocation in (("mnist", "uniform"), ("mnist", "dense_output"), ("fashion_mnist", "dense_output"))
    )
    hashed = {rates: hashed_and_sqr(rows, rates) for rates in ("published", "tuned")}
    counts = {rates: behind_and_ahead(rows, rates) for rates in ("published", "tuned")}
    bench = pd.concat(map(pd.read_csv, (ROOT / "results/bench").glob("*.csv")))
    bench = bench[
        (bench["program"] == "ours") & (bench["neighbours"] == 0) & (bench["sparsity"] == 0) & (bench["n2"] == 500)
    ]
    epoch = bench[bench["method"] == "sqr"].groupby("device")["seconds"].mean()
    epoch /= bench[bench["method"] == "direct"].groupby("device")["seconds"].mean()
    small, large = (dense(rows, data="mnist", method=m, n2=500)["rho"].iloc[0] for m in ("spectral", "sqr"))
    expected = [
        f"{len(rows):,} networks",
        f"({100 * small:.1f} % of the parameters) gives {100 * relative(rows, 'mnist', 'spectral')[500]:.0f} % of",
        "On MNIST (500 hidden nodes)",
        f"as few reaches {narrow(rows):.2f} less",
        f"which trains {100 * large:.0f} %, gives {100 * relative(rows, 'mnist', 'sqr')[500]:.1f} %",
        f"With 99 % zero weights S-QR is {lead:.2f} above direct",
        f"S-QR gives {100 * fashion[0]:.1f} % of direct's accuracy, tuned {100 * fashion[1]:.1f} %",
        f"it adds {gain.dropna().mean():.3f} to the ratio to direct",
        f"S-QR's lead over direct at 99 % zeros is {last:+.3f} on MNIST, {last_fashion:+.3f} on".replace("-0", "−0"),
        f"beats S-QR in {counts['published'][0]} of 16 comparisons (tuned: {counts['tuned'][0]}); S-QR wins none",
        f"beat S-QR {hashed['published'][0]} of 8 times",
        f"(tuned: {hashed['tuned'][0]}; S-QR wins {hashed['tuned'][1]})",
        f"takes {epoch.min():.1f} to {epoch.max():.1f} times as long as one of direct ({len(epoch)} machines)",
        f"S-QR gives {100 * relative(rows, 'cifar10_jpeg', 'sqr')[500]:.1f} % of direct's accuracy",
    ]
    text = " ".join(told.split())
    for phrase in expected:
        assert phrase in text
    names = r"MNIST|CIFAR-10"
    numbers = [re.findall(r"\d[\d.,]*\d|\d", re.sub(names, "", t)) for t in (text, " ".join(expected))]
    assert sorted(numbers[0]) == sorted(numbers[1])
    assert counts["published"][1] == 0


def test_it_is_short(told):
    assert len(told.split()) <= 250
    assert "CIFAR-10 is untuned, on JPEG copies" in told


def test_what_has_no_rows_is_not_told():
    text = story(to_frame([]))
    assert text.startswith("We trained 0 networks")
    assert "holds" not in text


def test_the_readme_tells_the_same_story(told):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.partition("<!-- story -->\n")[2].partition("<!-- /story -->")[0] == told
