"""Pages to look at: that of the committed rows, made once for all processes of tests, and some of few rows."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from spectral_repro.figures.select import load_frame
from spectral_repro.results.rows import to_csv
from tests.conftest import ROOT
from tests.page.browser import browser  # noqa: F401 (a fixture)
from tests.synthetic import synthetic_rows


def write_page(results_dir: Path) -> Path:
    from spectral_repro.page.command import main

    main(["--results-dir", str(results_dir)])
    return results_dir / "page" / "index.html"


@pytest.fixture(scope="session")
def page(tmp_path_factory) -> Path:
    """The page of the committed rows."""
    pytest.importorskip("vl_convert", reason="the extra 'page' is not installed")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "page_of_results"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            shared.mkdir()
            for path in (ROOT / "results").iterdir():
                (shared / path.name).symlink_to(path) if path.name != "page" else None
            write_page(shared)
    return shared / "page" / "index.html"


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """The committed rows."""
    return load_frame(ROOT / "results")


@pytest.fixture(scope="session")
def own(tmp_path_factory) -> Path:
    """Results of a sweep of one's own: two cells with curves and degrees, and two verdicts that somebody wrote."""
    results = tmp_path_factory.mktemp("mine")
    rows = [row for row in synthetic_rows("fig02", data="mnist") if row.n2 == 500 and row.sparsity == 0.9]
    for config_hash in {row.config_hash for row in rows}:
        mine = [row for row in rows if row.config_hash == config_hash]
        name = f"mnist/{mine[0].method}-{config_hash}.csv"
        write(results / "runs" / name, to_csv(mine))
        curve = [
            f"{r.seed},{epoch},{0.9 + epoch / 100 + r.seed / 1000},{1 / epoch},0.01\n" for r in mine for epoch in (1, 2)
        ]
        write(results / "curves" / name, "seed,epoch,validation_accuracy,training_loss,lr\n" + "".join(curve))
        degrees = [
            f"{r.seed},1,{node},{d},{d}\n" for r in mine for node, d in enumerate([0] * 60 + [1] * 30 + [9] * 10)
        ]
        write(results / "degrees" / name, "seed,layer,node,in,out\n" + "".join(degrees))
    return results


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


CLAIM = {
    "number": "1",
    "said": "<b>about</b> 90%",
    "where": "Sec. III",
    "measures": "a ratio",
    "rule": "between 0.875 and 0.945",
    "caveat": "it grows",
    "verdicts": [
        {"figure": "fig01", "data": "MNIST", "rates": rates, "verdict": verdict, "measured": measured, "n": 10}
        for rates, verdict, measured in (("published", "reproduced", "0.938"), ("tuned", "not reproduced", "0.951"))
    ],
}


@pytest.fixture(scope="session")
def own_page(own) -> Path:
    pytest.importorskip("vl_convert", reason="the extra 'page' is not installed")
    return write_page(own)


@pytest.fixture(scope="session")
def judged_page(own, tmp_path_factory) -> Path:
    """The same rows with a claim."""
    pytest.importorskip("vl_convert", reason="the extra 'page' is not installed")
    results = tmp_path_factory.mktemp("judged")
    (results / "runs").symlink_to(own / "runs")
    (results / "claims.json").write_text(json.dumps([CLAIM]))
    return write_page(results)
