"""A headless Chromium that is installed on this machine; without one the tests that need it skip and say so."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
FLAGS += "--disable-sync --no-first-run"
VIEWS = ("claims", "figures", "leaderboard", "curves", "hubs", "rows")


@pytest.fixture(scope="session")
def browser():
    """The browser, until the tests end."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(
            f"none of {', '.join(NAMES)} is installed: the page is not looked at (Debian: apt install chromium)"
        )
    with sync_api.sync_playwright() as started:
        running = started.chromium.launch(executable_path=path, args=FLAGS.split())
        yield running
        running.close()


@contextlib.contextmanager
def opened(browser, file: Path, view: str = "", **options) -> Iterator:
    """A tab with a view of the page; at the end there was no error, no warning, and no request but for the file."""
    tab = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
    wrong: list[str] = []
    tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "request", lambda request: wrong.append(request.url) if request.url.partition("#")[0] != file.as_uri() else None
    )
    tab.goto(f"{file.as_uri()}#{view}")
    yield tab
    tab.close()
    assert [text for text in wrong if not text.startswith("data:")] == []


def go(tab, view: str) -> None:
    """Another view of the page that is open."""
    tab.evaluate("view => { location.hash = view; }", view)
    tab.wait_for_function("view => document.querySelector('main').dataset.view === view", arg=view)


def draw_all(tab) -> int:
    """Scrolls to every chart until it is drawn; how many there are."""
    charts = tab.locator(".chart")
    for i in range(charts.count()):
        charts.nth(i).scroll_into_view_if_needed()
        charts.nth(i).locator("svg").wait_for()
    return charts.count()


def table(tab, place: str) -> list[dict[str, str]]:
    """The lines of the table in ``place``, by the names of its columns."""
    read = """table => {
        const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
        return [...table.tBodies[0].rows].map((row) =>
            Object.fromEntries([...row.cells].map((cell, i) => [names[i], cell.textContent.trim()])));
    }"""
    lines = tab.locator(f"{place} table").first.evaluate(read)
    return [{name: plain(value) for name, value in line.items()} for line in lines]


def plain(text: str) -> str:
    """With spaces that may break."""
    return text.replace("\xa0", " ")
