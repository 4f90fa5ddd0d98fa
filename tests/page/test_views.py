"""The page in a browser: every view opens, for everybody, without an error or a network."""

import pytest

from tests.conftest import ROOT
from tests.page.browser import VIEWS, draw_all, go, opened, plain, table

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def test_every_view_opens_without_an_error_or_a_request(browser, page):
    with opened(browser, page) as tab:
        figures = tab.evaluate("PAGE.figures.map((figure) => [figure.name, figure.charts.length])")
        assert {f"fig{i:02}" for i in range(1, 11)} <= {name for name, _ in figures}
        for view in VIEWS:
            go(tab, view)
            assert tab.locator("main h2").count() == 1
            draw_all(tab)
        for name, charts in figures:
            go(tab, f"figures/{name}")
            assert draw_all(tab) == charts
        print(f"first paint after {tab.evaluate(FIRST_PAINT):.0f} ms, {page.stat().st_size / 1e6:.1f} MB")


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_letters_are_readable_on_both_grounds(browser, own_page, ground):
    with opened(browser, own_page, "leaderboard", color_scheme=ground) as tab:
        assert tab.evaluate("document.documentElement.dataset.theme") == ground
        assert _contrast(tab) > 7
        tab.locator("#theme").click()
        assert tab.evaluate("document.documentElement.dataset.theme") != ground
        assert _contrast(tab) > 7


def _contrast(tab) -> float:
    """Of letters on their ground (WCAG 2)."""
    colors = tab.evaluate("(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))")
    lights = []
    for color in colors:
        parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_a_phone_scrolls_down_only(browser, page):
    with opened(browser, page, viewport={"width": 390, "height": 844}) as tab:
        for view in (*VIEWS, "figures/fig06", "rows/" + tab.evaluate("CELLS[0].hash")):
            go(tab, view)
            draw_all(tab)
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390, view


def test_everything_has_a_name_for_who_cannot_see(browser, own_page):
    with opened(browser, own_page) as tab:
        for view in VIEWS:
            go(tab, view)
            draw_all(tab)
            nameless = """[...document.querySelectorAll('input, select, button, [role=img], [role=region]')]
                .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).length"""
            assert tab.evaluate(nameless) == 0, view
            assert tab.evaluate("[...document.querySelectorAll('table')].every((t) => t.caption && t.tHead)")
            assert tab.evaluate("[...document.querySelectorAll('thead th')].every((th) => th.scope === 'col')")
            beside = "[...document.querySelectorAll('figure')].every((figure) => figure.querySelector('table'))"
            assert tab.evaluate(beside), view  # a text table behind every chart


def test_a_keyboard_is_enough(browser, own_page):
    with opened(browser, own_page, "leaderboard") as tab:
        reached = []
        for _ in range(9):
            tab.keyboard.press("Tab")
            reached.append(tab.evaluate("document.activeElement.textContent"))
            assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert reached[:2] == ["Skip to the content", "Claims"]
        assert "Figures" in reached
        tab.locator("main input[type=checkbox][value]").first.focus()
        tab.keyboard.press("Space")
        assert "Choose a second line" in tab.locator(".compared").inner_text()
        tab.locator("header nav a", has_text="Rows").focus()
        tab.keyboard.press("Enter")
        tab.wait_for_function("document.querySelector('main').dataset.view === 'rows'")
        assert tab.evaluate("document.activeElement.id") == "main"


def test_print_shows_every_chart_and_no_buttons(browser, own_page):
    with opened(browser, own_page, "figures/all", viewport={"width": 800, "height": 300}) as tab:
        tab.emulate_media(media="print")
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        tab.locator(".chart svg").first.wait_for()
        assert tab.locator(".chart svg").count() == tab.locator(".chart").count()
        assert not tab.locator("header nav").is_visible()


def test_the_switch_shows_the_verdicts_of_either_rates(browser, judged_page):
    with opened(browser, judged_page, "claims") as tab:
        line = tab.locator(".verdicts li")
        assert line.inner_text() == "reproduced (fig01, MNIST, n = 10): 0.938"
        tab.get_by_role("button", name="tuned").click()
        assert line.inner_text() == "not reproduced (fig01, MNIST, n = 10): 0.951"
        assert [cell for cell in table(tab, "main")[0].values()] == [
            "1",
            "“<b>about</b> 90%”",
            "reproduced",
            "not reproduced",
        ]
        assert tab.locator("blockquote").inner_text().startswith("“<b>about</b> 90%”")  # no HTML of a file is read


def test_the_first_view_begins_with_the_story(browser, page):
    with opened(browser, page) as tab:
        told = " ".join(plain(tab.locator("main .story").inner_text()).split())
        story = (ROOT / "README.md").read_text().split("<!-- story -->")[1].split("<!-- /story -->")[0]
        assert told == " ".join(story.replace("**", "").split())
        assert tab.locator("main .story strong").first.inner_text() == "What holds."


def test_a_claim_of_the_table_is_shown(browser, page):
    with opened(browser, page, "claims") as tab:
        tab.locator("main table a[href='#claims/7']").click()
        tab.wait_for_function("document.getElementById('claim-7').getBoundingClientRect().top < 200")


def test_a_finger_is_enough(browser, page):
    with opened(browser, page, "figures/fig02", viewport={"width": 390, "height": 844}, has_touch=True) as tab:
        draw_all(tab)
        mark = tab.locator(".chart").first.locator("g.means_marks path").nth(3)
        mark.scroll_into_view_if_needed()
        mark.tap(force=True)
        told = tab.locator(".chosen").first
        told.locator("dt").first.wait_for()
        assert "95 % interval" in told.inner_text()


def test_intervals_are_drawn_to_both_sides(browser, page):
    with opened(browser, page, "figures/fig02") as tab:
        draw_all(tab)
        chart, y_of = tab.locator(".chart").first, "Number(mark.getAttribute('transform').match(/,([-0-9.]+)/)[1])"
        means = chart.locator("g.means_marks path").evaluate_all(f"marks => marks.map((mark) => {y_of})")
        ends = f"marks => marks.map((mark) => [{y_of}, {y_of} + Number(mark.getAttribute('y2'))])"
        bars = chart.locator("g.bars_marks line").evaluate_all(ends)
        assert len(means) == len(bars) > 10
        assert all(min(bar) < mean < max(bar) for mean, bar in zip(means, bars, strict=True))


def test_a_limit_stays_when_one_comes_back(browser, own_page):
    with opened(browser, own_page, "leaderboard") as tab:
        tab.locator("input[name=budget]").fill("30000")
        go(tab, "rows")
        go(tab, "leaderboard")
        assert tab.locator("input[name=budget]").input_value() == "30000"


def test_ones_own_sweep_shows_what_there_is(browser, own, own_page):
    with opened(browser, own_page, "claims") as tab:
        assert tab.locator(".story").count() == 0
        assert "No claim has been judged" in tab.locator("main").inner_text()
        go(tab, "figures/all")
        assert draw_all(tab) == 1
        assert {line["method"] for line in table(tab, "figure")} == {"direct", "S-QR"}
        go(tab, "curves")
        assert draw_all(tab) == 2
        assert table(tab, "figure")[1] | {"epoch": "2"} == {
            "epoch": "2",
            "seed 0": "0.9200",
            "seed 1": "0.9210",
            "seed 2": "0.9220",
        }
        go(tab, "hubs")
        assert draw_all(tab) == 2
        first = table(tab, "figure")[0]
        assert first["nodes without any"] == "60.0 %"
        assert first["share of links held by the top 5 % of nodes"] == f"{5 * 9 / (30 + 90):.4f}"


def test_a_page_without_curves_says_how_to_keep_them(browser, judged_page):
    with opened(browser, judged_page, "curves") as tab:
        assert "tracker=csv" in tab.locator("main").inner_text()
        go(tab, "hubs")
        assert "degrees=true" in tab.locator("main").inner_text()
