"""The commands that read rows: what they are called, and a folder that is not there."""

import pandas as pd
import pytest

from spectral_repro.config.compose import plain_composer
from spectral_repro.config.read import read_config
from spectral_repro.config.written import find_config
from spectral_repro.errors import UserError
from spectral_repro.figures import command as plot
from spectral_repro.figures.select import load_frame
from spectral_repro.report import command as report
from spectral_repro.results import collect
from spectral_repro.results.rows import COLUMNS, Row, add_rows, keep_config
from tests.results.test_rows import ROW


@pytest.mark.parametrize("main", [collect.main, plot.main, report.main])
def test_a_folder_that_does_not_exist_is_named_and_not_made(main, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/somewhere/spectral-repro-collect"])
    with pytest.raises(SystemExit) as ended:
        main(["--results-dir", str(tmp_path / "reslts")])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"spectral-repro-collect: results_dir={tmp_path}/reslts: is not a folder\n"
    assert not list(tmp_path.iterdir())


def test_the_joined_table_has_what_tells_methods_apart(tmp_path):
    """Two cells that no column of a row tells apart."""
    jobs = [["method=ssvd"], ["method=ssvd", "method.basis=gaussian"], ["method=direct", "+method.bias=false"]]
    for job in jobs:
        (cell, *_) = read_config(plain_composer()(job))
        row = Row(**{**dict(ROW), "config_hash": cell.config_hash})
        keep_config(tmp_path / "runs/mnist5k" / f"{cell.slug}.csv", cell)
        add_rows(tmp_path / "runs/mnist5k" / f"{cell.slug}.csv", [row])
    path, rows = collect.collect(tmp_path)
    table = pd.read_csv(path)
    assert list(table.columns) == [*COLUMNS, "rates", "options"]
    assert len(rows) == 3
    found = table.set_index("config_hash")["options"]
    told = {read_config(plain_composer()(job))[0].config_hash: job for job in jobs}
    assert {" ".join(told[h]): "basis=gaussian" in o for h, o in found.items()} == {
        " ".join(job): "method.basis=gaussian" in job for job in jobs
    }
    assert "bias=false" in set(found)
    assert load_frame(tmp_path).set_index("config_hash")["options"].to_dict() == found.to_dict()


def test_a_damaged_configuration_costs_no_row(tmp_path):
    (cell, *_) = read_config(plain_composer()(["method=direct"]))
    path = tmp_path / "runs/mnist5k" / f"{cell.slug}.csv"
    add_rows(path, [Row(**{**dict(ROW), "config_hash": cell.config_hash})])
    path.with_suffix(".yaml").write_bytes(b"\xff\xfe\x00garbage\n")
    assert len(collect.collect(tmp_path)[1]) == 1
    report.main(["--results-dir", str(tmp_path)])
    assert (tmp_path / "LEADERBOARD.md").exists()
    with pytest.raises(UserError, match=r"\.yaml: is no readable configuration \(UnicodeDecodeError\)"):
        find_config(tmp_path, cell.config_hash)
