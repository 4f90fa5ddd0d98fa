"""The numbers of the page are those of the rows: ten of each kind, drawn at random, against pandas."""

import random

import pandas as pd
import pytest
from scipy.stats import t

from spectral_repro.figures.catalogue import ALL
from spectral_repro.figures.select import choose_panels
from spectral_repro.results.rates import TUNING_SEEDS
from spectral_repro.results.statistics import difference, mean, ratio
from tests.page.browser import draw_all, go, opened, plain, table

TIMES = 10
#: Which rates of a cell a choice of the leaderboard shows.
RATES = {"published": ["published", "both"], "tuned": ["tuned", "both"], "other": ["other"]}
RATES["any"] = ["published", "tuned", "both", "other"]


@pytest.fixture
def chance():
    seed = random.randrange(10**6)
    print(f"drawn with seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def results(frame) -> pd.DataFrame:
    """Without networks that a rate was tuned on."""
    return frame[frame["seed"] < TUNING_SEEDS]


def accuracies(rows: pd.DataFrame, cell: str) -> dict[int, float]:
    rows = rows[rows["config_hash"] == cell]
    return dict(zip(rows["seed"], rows["test_accuracy"], strict=True))


def rounded(*numbers: float, digits: int = 4):
    """Equal to what is written with so many digits; of 0.00005 both neighbours will do."""
    return pytest.approx(list(numbers), abs=0.501 * 10**-digits)


def numbers(text: str) -> list[float]:
    """Those of ``0.9 to 1.0`` and the like."""
    return [float(number) for number in text.replace(",", "").split(" to ")]


def test_hover_tells_the_numbers_of_the_rows(browser, page, results, chance):
    names = [name for name, spec in ALL.items() if spec.kind in ("sparse", "ways to silence", "budget")]
    with opened(browser, page, viewport={"width": 1200, "height": 1400}) as tab:
        for name in chance.choices([n for n in names if not n.endswith("_tuned")], k=TIMES):
            go(tab, f"figures/{name}")
            told = hovered(tab, chance.randrange(draw_all(tab)), chance)
            rows = results[results["config_hash"] == told["cell (hash)"]]
            first, n, centre = rows.iloc[0], len(rows), rows["test_accuracy"].mean()
            half = t.ppf(0.975, n - 1) * rows["test_accuracy"].sem()
            assert numbers(told["mean"]) == rounded(centre)
            assert numbers(told["95 % interval"]) == rounded(centre - half, centre + half)
            assert told["networks (n)"] == str(n)
            assert numbers(told["epochs, mean"]) == rounded(rows["epochs"].mean(), digits=1)
            assert numbers(told["trained parameters"]) == [first["trained_parameters"]]
            assert numbers(told["ρ"]) == rounded(first["rho"])
            assert f"n2={first['n2']} " in told["command"]


def hovered(tab, chart: int, chance) -> dict[str, str]:
    """What the page says where the mouse is over some mean of a chart."""
    marks = tab.locator(".chart").nth(chart).locator("g.means_marks path")
    marks.first.wait_for()
    tab.mouse.move(0, 0)
    tooltip = tab.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(state="hidden")
    marks.nth(chance.randrange(marks.count())).hover(force=True)
    tooltip.wait_for()
    lines = tooltip.locator("tr").evaluate_all("rows => rows.map((row) => [...row.cells].map((c) => c.textContent))")
    return {name: plain(value) for name, value in lines}


def test_relative_accuracies_are_those_of_the_rows(browser, page, frame, chance):
    names = [name for name, spec in ALL.items() if spec.kind in ("relative", "trained share")]
    with opened(browser, page) as tab:
        for name in chance.choices(names, k=TIMES):
            panel = choose_panels(frame, ALL[name])[0].frame
            go(tab, f"figures/{name.removesuffix('_tuned')}")
            line = chance.choice([line for line in table(tab, "figure") if line["cell"] in set(panel["config_hash"])])
            n2 = panel.loc[panel["config_hash"] == line["cell"], "n2"].iloc[0]
            direct = panel[(panel["method"] == "direct") & (panel["n2"] == n2)]
            expected = ratio(accuracies(panel, line["cell"]), accuracies(panel, direct["config_hash"].iloc[0]))
            assert numbers(line["mean"]) == rounded(expected.value)
            assert numbers(line["95 % interval"]) == rounded(*expected.interval())
            assert line["n"] == str(expected.n)


def test_dots_are_networks(browser, page, results, chance):
    """Together the dots at a mean have that mean, and all of them are drawn."""
    with opened(browser, page, "figures/fig02") as tab:
        drawable = "PAGE.figures.flatMap((f) => f.charts.filter((c) => c.dots).flatMap((c) => pointsOf(c, 'any')))"
        for point in chance.choices(tab.evaluate(drawable), k=TIMES):
            dots = {network["seed"]: network["y"] for network in point["networks"]}
            rows = accuracies(results, point["cell"])
            assert mean(dots).value == pytest.approx(point["value"], abs=2e-6)
            assert dots == pytest.approx({seed: rows[seed] / point["base"] for seed in dots})
        drawn = tab.locator(".chart").first.locator("g.dots_marks path")
        drawn.first.wait_for()
        networks = "pointsOf(PAGE.figures.find((f) => f.name === 'fig02').charts[0], 'any').flatMap((p) => p.networks)"
        assert drawn.count() == len(tab.evaluate(networks)) > 100


def test_the_front_is_what_no_smaller_budget_exceeds(browser, page, results):
    with opened(browser, page) as tab:
        chart = "PAGE.figures.find((f) => f.name === 'control_budget').charts[0]"
        points = tab.evaluate(f"pointsOf({chart}, 'published').map((p) => [p.cell, p.trained, p.value])")
        steps = tab.evaluate(f"paretoFront(pointsOf({chart}, 'published').map((p) => ({{ ...p, y: p.value }})))")
        expected = [
            cell for cell, x, y in points if not any(a <= x and b >= y and (a, b) != (x, y) for _, a, b in points)
        ]
        assert len(expected) > 3
        assert {step["cell"] for step in steps} == set(expected)
        mine = results[results["config_hash"] == expected[0]]
        assert steps[[s["cell"] for s in steps].index(expected[0])]["y"] == pytest.approx(mine["test_accuracy"].mean())


def test_counted_lines_are_the_papers_counts(browser, page):
    """The spectral method trains one number a node at either end of a layer, and the biases (SPEC 1)."""
    with opened(browser, page) as tab:
        counted = tab.evaluate("PAGE.figures.find((f) => f.name === 'fig01').charts[2].counted")
        assert set(counted) == {"Spectral", "S-SVD", "S-QR"}
        for n2, rho in counted["Spectral"]:
            assert rho == pytest.approx((784 + 3 * n2 + 20) / (785 * n2 + 10 * (n2 + 1)), abs=1e-6)


def test_ways_to_silence_are_drawn_by_their_links(browser, page, results):
    with opened(browser, page) as tab:
        chart = "PAGE.figures.find((f) => f.name === 'control_sparse').charts[0]"
        for cell, x in tab.evaluate(f"pointsOf({chart}, 'any').map((p) => [p.cell, p.x])"):
            s = results.loc[results["config_hash"] == cell, "sparsity"].iloc[0]
            assert x == sum(round(n * (1 - s)) for n in (784 * 500, 500 * 10))


def open_all(tab) -> None:
    """The leaderboard without its first choices."""
    for box in ("best", "full"):
        tab.locator(f"input[name={box}]").uncheck()
    tab.locator("select[name=rates]").select_option("any")


def test_filters_leave_the_cells_that_pass(browser, page, results, chance):
    kept = ("data", "rates", "hidden_layers", "sparsity", "trained_parameters")
    cells = results.groupby("config_hash").agg(a=("test_accuracy", "mean"), **{c: (c, "first") for c in kept})
    with opened(browser, page, "leaderboard") as tab:
        open_all(tab)
        links = dict(tab.evaluate("CELLS.map((cell) => [cell.hash, cell.links])"))
        for _ in range(TIMES):
            data, rates = chance.choice(sorted(set(cells["data"]))), chance.choice(list(RATES))
            depth, sparsity = chance.choice(["any", "1", "2"]), chance.choice(["any", "0", "0.95"])
            budget, most = chance.choice(["", "2304", "30000", "127609"]), chance.choice(["", "20000", "400000"])
            for name, value in (("data", data), ("rates", rates), ("depth", depth), ("sparsity", sparsity)):
                tab.locator(f"select[name={name}]").select_option(value)
            for name, value in (("budget", budget), ("links", most)):
                tab.locator(f"input[name={name}]").fill(value)
            left = cells[(cells["data"] == data) & cells["rates"].isin(RATES[rates])]
            left = left if depth == "any" else left[left["hidden_layers"] == int(depth)]
            left = left if sparsity == "any" else left[left["sparsity"] == float(sparsity)]
            left = left[(left["trained_parameters"] <= float(budget or "inf"))]
            left = left[[links[key] <= float(most or "inf") for key in left.index]]
            shown = table(tab, "main") if tab.locator("main table").count() else []
            assert {line["cell"] for line in shown} == set(left.index)
            means = [float(line["accuracy"]) for line in shown]
            assert means == rounded(*(left.loc[line["cell"], "a"] for line in shown))
            assert means == sorted(means, reverse=True)


def test_paired_differences_are_pythons(browser, page, results, chance):
    by_data = {data: sorted(set(rows["config_hash"])) for data, rows in results.groupby("data")}
    with opened(browser, page, "leaderboard") as tab:
        open_all(tab)
        for data in chance.choices(sorted(by_data), k=TIMES):
            first, second = chance.sample(by_data[data], 2)
            tab.locator("select[name=data]").select_option(data)
            while (chosen := tab.locator("main table input:checked")).count():
                chosen.first.uncheck()
            for cell in (first, second):
                tab.locator(f"input[value={cell}]").check()
            expected = difference(accuracies(results, first), accuracies(results, second))
            said = plain(tab.locator("output[name=difference]").inner_text())
            value, interval = said.split(", 95 % interval ")
            assert numbers(value) == rounded(expected.value, digits=5)
            assert numbers(interval) == rounded(*expected.interval(), digits=5)


def test_differences_of_unlike_numbers_of_networks_are_pythons(browser, own_page, chance):
    """Where degrees of freedom are no whole numbers, and where there are none."""
    with opened(browser, own_page) as tab:
        for _ in range(TIMES):
            a, b = ({s: chance.random() for s in chance.sample(range(12), chance.randint(2, 10))} for _ in range(2))
            expected = difference(a, b)
            asked = "([a, b]) => difference(new Map(a), new Map(b))"
            told = tab.evaluate(asked, [list(a.items()), list(b.items())])
            assert [told["low"], told["high"]] == pytest.approx(expected.interval(), rel=1e-8)
            assert told["value"] == pytest.approx(expected.value, rel=1e-12)
        assert tab.evaluate("difference(new Map([[0, 0.9]]), new Map([[0, 0.8], [1, 0.7]])).low === -Infinity")
