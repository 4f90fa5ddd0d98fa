"""What the page is made of, without a browser."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from spectral_repro.errors import UserError
from spectral_repro.page import command
from spectral_repro.page.columns import by_words, column, columns
from spectral_repro.page.data import page_data


def test_columns_say_all_that_the_table_said():
    table = pd.DataFrame({"name": ["a", "b", "a"], "x": [0.12345, np.nan, 2.0], "n": [1, 2, 3]})
    assert columns(table, {"x": 2}) == {
        "name": {"of": ["a", "b"], "at": [0, 1, 0]},
        "x": [0.12, None, 2],
        "n": [1, 2, 3],
    }
    assert column([float("inf"), 0.1]) == [None, 0.1]
    assert column([None, "a"]) == {"of": [None, "a"], "at": [0, 1]}


def test_commands_are_kept_word_by_word():
    commands = ["run a=1 b=2", None, "run b=2 a=1"]
    kept = by_words(commands)
    assert [at and " ".join(kept["words"][i] for i in at) for at in kept["at"]] == commands


def test_quantiles_are_students(own):
    quantiles = page_data(own)["quantiles"]
    assert quantiles[-1] == t.ppf(0.975, 1)
    assert quantiles[64] == t.ppf(0.975, 4)
    assert quantiles[0] == pytest.approx(1.959964, abs=1e-6)


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    pytest.importorskip("vl_convert")
    with pytest.raises(SystemExit) as end:
        command.main(["--results-dir", str(tmp_path)])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"results_dir={tmp_path}: has no rows yet" in said
    assert not (tmp_path / "page").exists()


def test_a_missing_extra_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    command.vega_script.cache_clear()
    with pytest.raises(SystemExit) as end:
        command.main(["--results-dir", str(tmp_path)])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(": the page needs a package: pip install 'spectral-repro[page]'\n")


def test_damaged_claims_are_one_line(own, tmp_path):
    (tmp_path / "runs").symlink_to(own / "runs")
    (tmp_path / "claims.json").write_text("[{")
    with pytest.raises(UserError, match=r"claims\.json: is not a readable file of claims"):
        page_data(tmp_path)


def test_rows_without_the_file_of_their_command_are_shown(own, tmp_path):
    shutil.copytree(own / "runs", tmp_path / "runs")
    first = min((tmp_path / "runs").glob("*/*.csv"))
    first.with_suffix(".yaml").write_text("# spectral-repro n2=500\n")
    assert sorted(map(str, page_data(tmp_path)["commands"]["at"])) == ["None", "[0, 1]"]


def test_nothing_in_rows_or_library_ends_a_script(own):
    data = {**page_data(own), "claims": [{"said": "</script><!-- "}]}
    page = command.build(data, "const library = '</script>';")
    assert page.count("</script>") == 3  # data, ours, the library
    assert "<!-- " not in page
    kept = page.split('id="data">')[1].split("</script>")[0]
    assert json.loads(kept) == json.loads(json.dumps(data))


def test_the_page_is_one_small_file(page):
    assert page.stat().st_size < 6e6
    text = page.read_text(encoding="utf-8").split('<script type="application/json"')[0]
    assert not [word for word in ("http:", "https:", "@import", "url(") if word in text]
