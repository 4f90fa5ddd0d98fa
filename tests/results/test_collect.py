"""The commands that read rows: what they are called, and a folder that is not there."""

import pytest

from spectral_repro.figures import command as plot
from spectral_repro.report import command as report
from spectral_repro.results import collect


@pytest.mark.parametrize("main", [collect.main, plot.main, report.main])
def test_a_folder_that_does_not_exist_is_named_and_not_made(main, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/somewhere/spectral-repro-collect"])
    with pytest.raises(SystemExit) as ended:
        main(["--results-dir", str(tmp_path / "reslts")])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"spectral-repro-collect: results_dir={tmp_path}/reslts: is not a folder\n"
    assert not list(tmp_path.iterdir())
