"""``spectral-repro-page``: ``<results_dir>/page/index.html``, one file that a browser shows without a network."""

import json
from importlib.resources import files
from string import Template
from typing import Any

from spectral_repro.errors import told_in_one_line
from spectral_repro.files import write_atomically
from spectral_repro.page.data import page_data
from spectral_repro.page.library import vega_script
from spectral_repro.terminal import parser_of

#: In the order in which they build on each other.
SCRIPTS = ["statistics", "store", "elements", "looks", "charts"]
SCRIPTS += ["claims", "figures", "leaderboard", "curves", "hubs", "rows", "main"]


def main(arguments: list[str] | None = None) -> None:
    """Writes the page; exits with 2 and one line if there are no rows, rows are damaged, or the extra is missing."""
    parser = parser_of("Write a page of all rows, for a browser: one file, no network needed.")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        library = vega_script()
        path = given.results_dir / "page" / "index.html"
        write_atomically(path, build(page_data(given.results_dir), library).encode())
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def build(data: dict[str, Any], library: str) -> str:
    """The page as HTML: template, style, scripts, data and the plotting library in one text."""
    assets = files("spectral_repro.page") / "assets"
    scripts = "\n".join((assets / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Template((assets / "index.html").read_text(encoding="utf-8")).substitute(
        style=(assets / "style.css").read_text(encoding="utf-8"),
        data=text.replace("<", "\\u003c"),  # nothing in it ends the script for HTML
        scripts=scripts,
        library=library.replace("</script", "<\\/script").replace("<!--", "<\\!--"),
    )
