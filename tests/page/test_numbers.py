"""The numbers of the page are those of the rows: ten of each kind, drawn at random, against pandas."""

import random

import pandas as pd
import pytest
from scipy.stats import t

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import choose_panels
from spectral_repro.results.rates import TUNING_SEEDS
from spectral_repro.results.statistics import difference, mean, ratio
from tests.page.browser import draw_all, go, opened, table

TIMES = 10


@pytest.fixture
def chance():
    seed = random.randrange(10**6)
    print(f"drawn with seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def results(frame) -> pd.DataFrame:
    """Without networks that a rate was tuned on."""
    return frame[frame["seed"] < TUNING_SEEDS]


def accuracies(results: pd.DataFrame, cell: str) -> dict[int, float]:
    rows = results[results["config_hash"] == cell]
    return dict(zip(rows["seed"], rows["test_accuracy"], strict=True))


def test_hover_tells_the_numbers_of_the_rows(browser, page, results, chance):
    names = [name for name, spec in ALL.items() if spec.kind in ("sparse", "ways to silence", "budget")]
    with opened(browser, page, viewport={"width": 1200, "height": 1400}) as tab:
        for name in chance.choices([n for n in names if not n.endswith("_tuned")], k=TIMES):
            go(tab, f"figures/{name}")
            chart = chance.randrange(draw_all(tab))
            told = hovered(tab, chart, chance)
            rows = results[results["config_hash"] == told["cell (hash)"]]
            n, centre, error = len(rows), rows["test_accuracy"].mean(), rows["test_accuracy"].sem()
            half = t.ppf(0.975, n - 1) * error
            assert told["mean"] == f"{centre:.4f}"
            assert told["95 % interval"] == f"{centre - half:.4f} to {centre + half:.4f}"
            assert told["networks (n)"] == str(n)
            assert float(told["epochs, mean"]) == pytest.approx(rows["epochs"].mean(), abs=0.051)
            assert told["trained parameters"] == f"{rows['trained_parameters'].iloc[0]:,}"
            assert float(told["ρ"]) == pytest.approx(rows["rho"].iloc[0], rel=0.05)
            assert f"n2={rows['n2'].iloc[0]} " in told["command"]


def hovered(tab, chart: int, chance) -> dict[str, str]:
    """What the page says where the mouse is over some mean of a chart."""
    place = tab.locator(".chart").nth(chart)
    marks = place.locator("g.means_marks path")
    marks.nth(chance.randrange(marks.count())).hover(force=True)
    tooltip = tab.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    read = "rows => Object.fromEntries(rows.map((row) => [...row.cells].map((cell) => cell.textContent)))"
    return tooltip.locator("tr").evaluate_all(read)


def test_relative_accuracies_are_those_of_the_rows(browser, page, frame, chance):
    with opened(browser, page) as tab:
        for name in chance.choices(
            [n for n, spec in ALL.items() if spec.kind in ("relative", "trained share")], k=TIMES
        ):
            panel = choose_panels(frame, ALL[name])[0].frame
            go(tab, f"figures/{name.removesuffix('_tuned')}")
            lines = [line for line in table(tab, "figure") if line["cell"] in set(panel["config_hash"])]
            line = chance.choice(lines)
            row = panel[panel["config_hash"] == line["cell"]].iloc[0]
            direct = panel[(panel["method"] == "direct") & (panel["n2"] == row["n2"])]
            expected = ratio(accuracies(panel, line["cell"]), accuracies(panel, direct["config_hash"].iloc[0]))
            low, high = expected.interval()
            assert line["mean"] == f"{expected.value:.4f}"
            assert line["95 % interval"] == f"{low:.4f} to {high:.4f}"
            assert line["n"] == str(expected.n)


def test_dots_are_networks(browser, page, results, chance):
    """Ten at most stand at each mean; together they have its mean."""
    with opened(browser, page, "figures/fig02") as tab:
        points = tab.evaluate(
            "PAGE.figures.flatMap((f) => f.charts.filter((c) => c.dots).flatMap((c) => pointsOf(c, 'any')))"
        )
        for point in chance.choices(points, k=TIMES):
            dots = {network["seed"]: network["y"] for network in point["networks"]}
            assert mean(dots).value == pytest.approx(point["value"], abs=2e-6)
            rows = accuracies(results, point["cell"])
            assert dots == pytest.approx({seed: rows[seed] / point["base"] for seed in dots})
        drawn = tab.locator(".chart").first.locator("g.dots_marks path")
        drawn.first.wait_for()
        assert drawn.count() == tab.evaluate(
            "pointsOf(PAGE.figures[1].charts[0], 'any').flatMap((p) => p.networks).length"
        )


def test_filters_leave_the_cells_that_pass(browser, page, results, chance):
    cells = results.groupby("config_hash").agg(
        accuracy=("test_accuracy", "mean"),
        **{c: (c, "first") for c in ("data", "rates", "hidden_layers", "sparsity", "trained_parameters")},
    )
    with opened(browser, page, "leaderboard") as tab:
        for box in ("best", "full"):
            tab.locator(f"input[name={box}]").uncheck()
        for _ in range(TIMES):
            data, rates = (
                chance.choice(sorted(set(cells["data"]))),
                chance.choice(["published", "tuned", "other", "any"]),
            )
            depth, sparsity = chance.choice(["any", "1", "2"]), chance.choice(["any", "0", "0.95"])
            budget, links = chance.choice([None, 2304, 30000, 127609]), chance.choice([None, 4000, 20000, 400000])
            for name, value in (("data", data), ("rates", rates), ("depth", depth), ("sparsity", sparsity)):
                tab.locator(f"select[name={name}]").select_option(value)
            for name, value in (("budget", budget), ("links", links)):
                tab.locator(f"input[name={name}]").fill("" if value is None else str(value))
            left = cells[cells["data"] == data]
            left = left[
                left["rates"].isin(
                    {"any": set(left["rates"])}.get(rates, {rates, "both"} - ({"both"} if rates == "other" else set()))
                )
            ]
            left = left if depth == "any" else left[left["hidden_layers"] == int(depth)]
            left = left if sparsity == "any" else left[left["sparsity"] == float(sparsity)]
            left = left if budget is None else left[left["trained_parameters"] <= budget]
            shown = table(tab, "main") if len(left) and tab.locator("main table").count() else []
            found = {line["cell"]: line["accuracy"] for line in shown}
            few = [int(line["links"].replace(",", "")) for line in shown]
            assert links is None or all(count <= links for count in few)
            if links is None:
                assert set(found) == set(left.index)
            assert set(found) <= set(left.index)
            assert found == {cell: f"{left.loc[cell, 'accuracy']:.4f}" for cell in found}
            assert [float(a) for a in found.values()] == sorted(map(float, found.values()), reverse=True)


def test_paired_differences_are_pythons(browser, page, results, chance):
    by_data = dict(list(results[results["rates"] != "x"].groupby("data")["config_hash"]))
    with opened(browser, page, "leaderboard") as tab:
        for name, value in (("rates", "any"),):
            tab.locator(f"select[name={name}]").select_option(value)
        for box in ("best", "full"):
            tab.locator(f"input[name={box}]").uncheck()
        for _ in range(TIMES):
            data = chance.choice(sorted(by_data))
            first, second = chance.sample(sorted(set(by_data[data])), 2)
            tab.locator("select[name=data]").select_option(data)
            for box in tab.locator("main td input:checked, main th input:checked").all():
                box.uncheck()
            for cell in (first, second):
                tab.locator(f"input[value={cell}]").check()
            expected = difference(accuracies(results, first), accuracies(results, second))
            low, high = expected.interval()
            said = tab.locator("output[name=difference]").inner_text()
            assert said == f"{expected.value:.5f}, 95 % interval {low:.5f} to {high:.5f}"


def test_differences_of_unlike_numbers_of_networks_are_pythons(browser, own_page, chance):
    """Where degrees of freedom are no whole numbers, and where there are none."""
    with opened(browser, own_page) as tab:
        for _ in range(TIMES):
            a, b = ({s: chance.random() for s in chance.sample(range(12), chance.randint(2, 10))} for _ in range(2))
            expected = difference(a, b)
            mine = tab.evaluate("([a, b]) => difference(new Map(a), new Map(b))", [list(a.items()), list(b.items())])
            assert [mine["low"], mine["high"]] == pytest.approx(expected.interval(), rel=1e-8)
            assert mine["value"] == pytest.approx(expected.value, rel=1e-12)
        alone = tab.evaluate("difference(new Map([[0, 0.9]]), new Map([[0, 0.8], [1, 0.7]])).low === -Infinity")
        assert alone
