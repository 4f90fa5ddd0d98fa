"""``spectral_repro.run``: the checks and rows of the command, from Python and in a notebook."""

import sys
import types

import pytest
import torch

import spectral_repro
from spectral_repro.errors import UserError
from spectral_repro.runner import progress
from tests.conftest import run_cli
from tests.test_cli import common, read


def keys_of(images, **changes) -> dict:
    shared = {"data": "folder", "n2": 5, "realizations": 2, "device": "cpu"}
    return {**shared, "trainer": {"batch_size": 12, "max_epochs": 3}, **changes}


@pytest.mark.filterwarnings("ignore:.*no better than chance")
def test_rows_are_those_of_the_command(images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    rows = spectral_repro.run(f"data.root={images}", "method.p=0.5", method="sqr", threads=1, **keys_of(images))
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before
    assert capsys.readouterr().out == ""
    (mine,) = read(tmp_path).values()
    (tmp_path / "results").rename("mine")
    done = run_cli(*common(images, method="sqr", **{"method.p": 0.5}), "threads=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (theirs,) = read(tmp_path).values()
    assert mine == theirs
    assert [str(value) for value in rows["test_accuracy"]] == [row["test_accuracy"] for row in theirs]
    again = spectral_repro.run(f"data.root={images}", "method.p=0.5", method="sqr", **keys_of(images, realizations=1))
    assert list(again["seed"]) == [0]
    assert again["finished_at"][0] == rows["finished_at"][0] or again["seconds"][0] != rows["seconds"][0]


@pytest.mark.parametrize(
    ("overrides", "keys", "message"),
    [
        ([], {"n2": 0}, "n2=0: must be a whole number, at least 1"),
        ([], {"n3": 5}, "n3=5: is no key; did you mean n2? (spectral-repro --help lists the keys)"),
        ([], {"method": None}, "method=null: must be one of diagonal, direct"),
        ([], {"experiment": "fig04"}, "experiment=fig04: is a sweep; run trains one cell"),
        ([], {"trainer": {"lr": "fast"}}, "trainer.lr=fast: must be above 0"),
        ([], {"hidden": [5, "a"]}, "hidden=[5,a]: must be a list of whole numbers"),
        (["+foo=1"], {}, "+foo=1: no such key"),
        (["hydra/launcher=slurm"], {}, "hydra/launcher=slurm: run trains one cell in this process"),
        (["n2=5,6"], {}, "n2=5,6: several values need a sweep"),
        ([20], {}, "run(20): must be text such as 'method.p=0.2'"),
        ([], {"config_dir": "nope"}, "config_dir=nope: is not a folder"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, overrides, keys, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        spectral_repro.run(*overrides, **keys)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*no better than chance")
def test_a_notebook_shows_a_bar(images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    spectral_repro.run(f"data.root={images}", **keys_of(images))
    assert "ep" not in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert progress._shown()
    spectral_repro.run(f"data.root={images}", overwrite=True, **keys_of(images))
    assert "direct shapes N2=5" in capsys.readouterr().err
