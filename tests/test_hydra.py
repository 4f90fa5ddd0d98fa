"""Hydra is used, not fought: both of its versions, other people's sweepers and launchers, other programs."""

import re
import subprocess
import sys

import pytest
import yaml

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.runner import sweep
from spectral_repro.runner.plan import Planned
from tests.conftest import run_cli, start_cli
from tests.side import side_folder
from tests.test_cli import common, read

OPTUNA = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1")
OPTUNA += ("hydra.sweeper.direction=maximize",)


@pytest.fixture(params=["1.3", "1.4"])
def environment(request) -> dict[str, str]:
    """Of programs that run with this version of Hydra."""
    return {} if request.param == "1.3" else {"PYTHONPATH": side_folder("hydra-1.4")}


def run(*arguments: str, cwd, **environment: str) -> subprocess.CompletedProcess:
    process = start_cli(*arguments, cwd=cwd, **environment)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.mark.parametrize("launcher", ["basic", "processes"])
def test_a_sweep_on_both_versions_of_hydra(images, tmp_path, environment, launcher):
    version = run("--version", cwd=tmp_path, **environment).stdout
    assert ("hydra-core 1.4" in version) == bool(environment)
    done = run("-m", *common(images, method="direct,sqr"), f"hydra/launcher={launcher}", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(read(tmp_path)) == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["n3=4"], "n3=4: is no key; did you mean n2? (spectral-repro --help lists the keys)"),
        (["method=qr", "n2=5"], "method=qr: must be one of diagonal, direct"),
        (["n2=4,5"], "n2=4,5: several values need a sweep: spectral-repro -m n2=4,5"),
        (["n2=("], "n2=(: cannot be read; put quotes around the value"),
        (["+foo=1"], "+foo=1: no such key"),
        (["~method"], "~method: is needed, and cannot be removed"),
    ],
)
def test_bad_input_is_one_line_on_the_next_version(tmp_path, arguments, line):
    """On the first it is tested elsewhere."""
    done = run(*arguments, cwd=tmp_path, PYTHONPATH=side_folder("hydra-1.4"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"spectral-repro: {line}")
    assert done.stderr.count("\n") == 1


def test_optuna_is_told_the_validation_accuracy(images, tmp_path):
    """The real plugin: three trials, the best of which is the one with the best mean over the realizations."""
    fixed = [a for a in common(images, method="sqr") if not a.startswith("n2=")]
    done = run(*OPTUNA, *fixed, "n2=range(3,30)", cwd=tmp_path, PYTHONPATH=side_folder("optuna"))
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"validation accuracy [01]\.\d{4} -> ", done.stdout)) == 3
    told = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    found = {
        int(rows[0]["n2"]): sum(float(row["validation_accuracy"]) for row in rows) / len(rows)
        for rows in read(tmp_path).values()
    }
    assert 1 <= len(found) <= 3
    assert told["best_value"] == pytest.approx(max(found.values()))
    assert found[told["best_params"]["n2"]] == pytest.approx(max(found.values()))


def test_optuna_hears_of_bad_input_in_our_words(tmp_path):
    done = run(*OPTUNA, "n2=choice(0)", cwd=tmp_path, PYTHONPATH=side_folder("optuna"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "spectral-repro: n2=0: must be a whole number, at least 1"


@pytest.mark.parametrize("sweeper", ["basic", "optuna"])
def test_an_experiment_of_cells_is_no_job_of_another_sweeper(tmp_path, sweeper):
    environment = {"PYTHONPATH": side_folder("optuna")} if sweeper == "optuna" else {}
    done = run("experiment=fig04", f"hydra/sweeper={sweeper}", cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert done.stderr == (
        "spectral-repro: experiment=fig04: lists cells, which hydra/sweeper=resuming (the default) alone trains\n"
    )
    assert not list(tmp_path.iterdir())


def test_the_table_is_full_with_joblibs_launcher(images, tmp_path):
    arguments = ("-m", *common(images, method="direct,sqr"), "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = run(*arguments, cwd=tmp_path, PYTHONPATH=side_folder("joblib"))
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[-3:-1]] == ["direct", "S-QR"]
    assert f"rows: {tmp_path}/results/runs/" in done.stdout
    assert len(read(tmp_path)) == 2


def test_a_launcher_that_runs_jobs_elsewhere_is_given_absolute_folders(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    overrides = [*common(images), "results_dir=mine", 'data_dir="my images"']
    cell, options = read_config(plain_compose()([f"data.root={images.name}" if "root" in o else o for o in overrides]))
    job = Planned((), cell, options, 1)
    assert sweep._absolute(job) == [
        f'results_dir="{tmp_path}/mine"',
        f'data_dir="{tmp_path}/my images"',
        f'data.root="{tmp_path}/{images.name}"',
    ]
    again, there = read_config(plain_compose()([*overrides, *sweep._absolute(job)]))
    assert (again.config_hash, there.results_dir) == (cell.config_hash, tmp_path / "mine")


PROGRAM = """
import hydra

@hydra.main(config_path="{path}", config_name="{name}", version_base="1.3")
def main(config):
    print("n2 is", config.n2, "method is", config.method.name)

main()
"""


@pytest.mark.parametrize("form", ["package", "search path"])
def test_another_program_composes_our_configuration(images, tmp_path, form):
    """And finds our sweeper without a call."""
    (tmp_path / "conf").mkdir()
    own = {"defaults": ["config", "_self_"], "n2": 77, "hydra": {"searchpath": ["pkg://spectral_repro.conf"]}}
    (tmp_path / "conf/mine.yaml").write_text(yaml.safe_dump(own))
    path, name = ("pkg://spectral_repro.conf", "config") if form == "package" else ("conf", "mine")
    (tmp_path / "program.py").write_text(PROGRAM.format(path=path, name=name))

    def program(*arguments: str) -> str:
        command = [sys.executable, "program.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert program("method=sqr") == f"n2 is {100 if form == 'package' else 77} method is sqr\n"
    assert "2 cells: 0 done, 2 to train" in program("-m", *common(images, n2="5,6"))
    assert len(read(tmp_path)) == 2


def test_an_experiment_of_ones_own_means_what_it_says(images, tmp_path):
    """Hydra's usual form, one with sweeps for a sweeper, and one of cells: what stands beside the cells holds, too."""
    folder = tmp_path / "my/experiment"
    folder.mkdir(parents=True)
    shared = {
        "defaults": [{"override /method": "sqr"}],
        **{"n2": 7, "realizations": 3, "trainer": {"max_epochs": 2, "batch_size": 12}},
    }
    texts = {
        "usual": shared,
        "params": {**shared, "hydra": {"sweeper": {"params": {"n2": "4,5", "method.p": "0.5"}}}},
        "cells": {**shared, "sweep": {"name": "cells", "cells": [{"sparsity": [0, 0.5]}, {"method": "direct"}]}},
    }
    for name, content in texts.items():
        (folder / f"{name}.yaml").write_text("# @package _global_\n" + yaml.safe_dump(content))
    (tmp_path / "results").mkdir()
    where = ["--config-dir", "my", "data=folder", f"data.root={images}", "device=cpu"]

    def rows(experiment: str, *more: str) -> list[dict]:
        (tmp_path / "results").rename(tmp_path / f"before_{len(list(tmp_path.iterdir()))}")
        done = run_cli(*where, f"experiment={experiment}", *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return [row for cell in read(tmp_path).values() for row in cell]

    for name, cells in (("usual", {("sqr", "7", "0.0")}), ("params", {("sqr", "4", "0.0"), ("sqr", "5", "0.0")})):
        found = rows(name)
        assert {(r["method"], r["n2"], r["sparsity"]) for r in found} == cells
        assert {(r["max_epochs"], r["seed"]) for r in found} == {("2", s) for s in "012"}
        assert {r["p"] for r in found} == {"0.5" if name == "params" else "1.0"}
    found = rows("cells")
    expected = {("sqr", "7", "0.0"), ("sqr", "7", "0.5"), ("direct", "7", "0.0")}
    assert {(r["method"], r["n2"], r["sparsity"]) for r in found} == expected
    assert {(r["max_epochs"], r["seed"]) for r in found} == {("2", s) for s in "012"}
    assert {r["n2"] for r in rows("usual", "n2=3")} == {"3"}  # the command line wins
    assert {(r["method"], r["max_epochs"]) for r in rows("params,cells", "trainer.max_epochs=1")} == {
        *{("sqr", "1"), ("direct", "1")}
    }
    launched = rows("cells", "hydra/launcher=processes", "hydra.launcher.processes=2")
    assert [{**r, "device": ""} for r in launched] == [{**r, "device": ""} for r in found]


def refused(tmp_path, text: str) -> str:
    """The one line that an experiment file with this text ends in."""
    (tmp_path / "my/experiment").mkdir(parents=True)
    (tmp_path / "my/experiment/odd.yaml").write_text(text)
    done = run_cli("--config-dir", "my", "experiment=odd", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("n2: 7\n", "its file must begin with the line '# @package _global_'"),
        ("# @package _global_\nsweep: {cell: [{n2: 3}]}\n", "sweep may have name and cells, and no other key"),
        ("# @package _global_\nsweep: {cells: {n2: 3}}\n", "sweep.cells must be a list of groups of keys"),
    ],
)
def test_an_experiment_that_says_nothing_is_refused(tmp_path, text, line):
    assert refused(tmp_path, text).startswith(f"spectral-repro: experiment=odd: {line}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("defaults:\n  - override /method: sqr\n", "must begin with the line '# @package _global_'"),
        ("# @package _global_\ntrainer.max_epochs: 20\n", "write trainer: {max_epochs: 20}"),
        ("# @package _global_\nmethod: sqr\n", "by 'defaults: [override /method: sqr]'"),
        ("# @package _global_\nsweep: {cells: [{methd: sqr}]}\n", "did you mean method?"),
    ],
)
def test_the_commonest_mistakes_in_an_experiment_are_told(tmp_path, text, line):
    assert line in refused(tmp_path, text)


def test_lists_and_groups_in_an_experiment_are_sweeps(images, tmp_path):
    (tmp_path / "my/experiment").mkdir(parents=True)
    texts = {
        "nested": {"sweep": {"cells": [{"n2": 3, "trainer": {"max_epochs": [1, 2]}}]}},
        "listed": {"hydra": {"sweeper": {"params": {"n2": [3, 4]}}}},
        "widths": {"hydra": {"sweeper": {"params": {"hidden": [6, 4], "method": ["direct", "sqr"]}}}},
    }
    for name, content in texts.items():
        (tmp_path / f"my/experiment/{name}.yaml").write_text("# @package _global_\n" + yaml.safe_dump(content))
        fixed = [a for a in common(images) if not a.startswith(("n2=", "trainer.max_epochs="))]
        done = run_cli("--config-dir", "my", f"experiment={name}", *fixed, "plan=true", cwd=tmp_path)
        assert done.stdout.startswith("2 cells: 0 done, 2 to train"), done.stderr


def test_keys_that_an_experiment_invents_are_refused(tmp_path):
    (tmp_path / "my/experiment").mkdir(parents=True)
    (tmp_path / "my/experiment/odd.yaml").write_text("# @package _global_\nn3: 7\ntrainer: {epochs: 3}\n")
    done = run_cli("--config-dir", "my", "experiment=odd", cwd=tmp_path)
    assert done.returncode == 2
    assert "no such key; did you mean" in done.stderr
