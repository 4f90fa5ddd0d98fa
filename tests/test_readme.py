"""The table of make run, the story, the scripts."""

import builtins
import importlib.util
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT, fork_cli

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_make_run_is_what_it_prints(tmp_path):
    """Accuracies and epochs within what another processor changes; seconds are a machine's own."""
    recipe = re.search(r"^run:.*\n\t\$\(BIN\)/spectral-repro (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    process = fork_cli(*recipe.split(), "device=cpu", cwd=tmp_path)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    shown = re.search(r"```text\n(method .*?)```", README, re.DOTALL)[1].splitlines()
    printed = out.splitlines()[-len(shown) :]
    assert printed[0].split() == shown[0].split()
    assert printed[-1].partition("  ")[2] == shown[-1].partition("  ")[2]
    for line, expected in zip(printed[1:-1], shown[1:-1], strict=True):
        (*names, mean, _, spread, n, rho, epochs, _), wanted = line.split(), expected.split()
        assert [*names, n, rho] == [*wanted[:3], *wanted[6:8]]
        assert float(mean) == pytest.approx(float(wanted[3]), abs=0.005)
        assert float(spread) == pytest.approx(float(wanted[5]), abs=0.003)
        assert float(epochs) == pytest.approx(float(wanted[8]), abs=3)


def test_the_fine_tuning_example_runs(capsys, tmp_path):
    """Its table in docs/adapters.md has as many parameters as it prints; its file has a row for each kind and seed."""
    spec = importlib.util.spec_from_file_location("finetune", ROOT / "scripts/finetune.py")
    finetune = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(finetune)
    finetune.RATES = (0.01,)
    path = tmp_path / "rows.csv"
    finetune.main(["--network", "linear", "conv", "--seeds", "1", "--epochs", "1", "--csv", str(path)])
    tables = capsys.readouterr().out.split("before: ")[1:]
    rows = pd.read_csv(path)
    assert list(rows) == [
        "network", "kind", "trained_parameters", "seed", "rate", "accuracy_upright_before", "accuracy_rotated_before",
        "accuracy_rotated", "images", "epochs", "torch_version", "device",
    ]  # fmt: skip
    for table, (network, own) in zip(tables, rows.groupby("network", sort=False), strict=True):
        lines = [line.split(" | ") for line in table.splitlines()[3:]]
        counts = {line[0].removeprefix("| "): int(line[1].replace(",", "")) for line in lines}
        assert counts == dict(zip(own.kind, own.trained_parameters, strict=True))
        assert set(counts) == set(finetune.kinds(network))
        for rank in (1, *finetune.RANKS[network]):
            other = "Spectral" if rank == 1 else f"S-QR(p), as r = {rank}"
            assert abs(counts[other] - counts[f"low rank, r = {rank}"]) <= 1  # each layer's share is rounded
        assert own.accuracy_rotated.max() > {"linear": 0.4, "conv": 0.2}[network]  # after one epoch
        if network == "linear":
            page = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")
            assert all(f"| {line[1]} |" in page for line in lines)


def test_the_tour_runs_and_draws(tmp_path):
    """One epoch of each training."""
    command = [sys.executable, str(ROOT / "scripts/tour.py")]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "TOUR_EPOCHS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1,104 parameters" in done.stdout
    pictures = {"operator.png", "spectrum.png", "hubs.png", "pruned.png"}
    assert {p.name for p in (tmp_path / "results/tour").glob("*.png")} == pictures


def test_the_tour_shows_its_pictures_in_a_notebook(tmp_path, monkeypatch):
    """Run cell by cell, with what a notebook sets; each cell that draws shows one picture."""
    shown = []
    notebook = types.ModuleType("IPython.display")
    notebook.Image, notebook.display = lambda filename: Path(filename).read_bytes(), shown.append
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    monkeypatch.setenv("TOUR_EPOCHS", "0")
    monkeypatch.chdir(tmp_path)
    cells, scope, counts = re.split(r"^# %%", (ROOT / "scripts/tour.py").read_text(), flags=re.MULTILINE), {}, []
    for cell in cells:
        before = len(shown)
        exec(cell.partition("\n")[2], scope)
        if "picture(" in cell:
            counts.append(len(shown) - before)
    assert counts == [1, 1, 1, 1]
    assert all(picture.startswith(b"\x89PNG") for picture in shown)
    assert len(set(shown)) == 4
