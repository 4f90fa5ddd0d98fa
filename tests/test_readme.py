"""The README's examples, run as they stand."""

import builtins
import collections
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pandas as pd
import yaml

from spectral_repro.figures.catalogue import ALL, CONTROLS, FIGURES, TUNED
from spectral_repro.figures.command import load_degrees
from spectral_repro.figures.command import main as plot
from spectral_repro.figures.select import choose_panels, load_frame, select_panel
from spectral_repro.report import claims, ways
from spectral_repro.report.budgets import budgets
from spectral_repro.report.findings import original, variant_gains
from spectral_repro.report.tuning import rates
from tests.conftest import ROOT, run_cli

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_library_example():
    library, convert, _ = blocks("python")
    scope = {}
    exec(library, scope)
    torch, net = scope["torch"], scope["net"]
    x = torch.rand(5, 1, 28, 28)
    assert net(x).shape == (5, 10)
    assert (net[3].weight == 0).sum() == 4500
    torch.testing.assert_close(net[1].to_linear()(x.flatten(1)), net[1](x.flatten(1)))
    net(x).sum().backward()
    scope["optimizer"].step()
    exec(convert, scope)
    first, second = 784 + 500 + 500 + (500 + round(0.1 * 500 * 499 / 2)), 500 + 10 + 10 + (10 + round(0.1 * 10 * 9 / 2))
    assert scope["left"] == first + second
    assert [type(m) for m in scope["model"]] == [torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear]


def test_the_fine_tuning_example_runs(capsys, tmp_path):
    """Its table in the README has as many parameters as it prints; its file has a row for each kind and seed."""
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
            assert all(f"| {line[1]} |" in README for line in lines)


def test_a_new_method_is_one_file_and_one_yaml(images, tmp_path):
    *_, method = blocks("python")
    configuration, _ = blocks("yaml")
    (tmp_path / "my_methods.py").write_text(method)
    (tmp_path / "my_conf/method").mkdir(parents=True)
    (tmp_path / "my_conf/method/rank_one.yaml").write_text(configuration)
    done = run_cli(
        "--config-dir", "my_conf", "method=rank_one", "data=folder", f"data.root={images}", "n2=6", "realizations=3",
        "trainer.batch_size=12", "trainer.max_epochs=2", cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "rank one" in done.stdout
    assert len(method.splitlines()) + len(configuration.splitlines()) < 40


def test_a_new_data_set_is_one_yaml(tmp_path):
    _, configuration = blocks("yaml")
    (tmp_path / "my_conf/data").mkdir(parents=True)
    (tmp_path / "my_conf/data/kmnist.yaml").write_text(configuration)
    done = run_cli("--config-dir", "my_conf", "data=kmnist", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["data"]["dataset"] == "KMNIST"


def test_rho_of_the_table_of_methods():
    from spectral_repro.training.network import direct_parameters
    from tests.training.test_network import METHODS, count

    sizes = (784, 500, 10)
    for line in README.splitlines():
        found = re.match(r"\| `(\w+)` \|.*\| ([\d.]+) \|$", line)
        if found and found.group(1) in METHODS:
            text = found.group(2)
            digits = len(text.partition(".")[2])
            assert round(count(found.group(1), sizes) / direct_parameters(sizes), digits) == float(text), line


def test_commands_of_the_readme_name_real_keys():
    from spectral_repro.config.keys import described

    for line in re.findall(r"^    spectral-repro (.*)$", README, flags=re.MULTILINE):
        for key in re.findall(r"(\S+)=", line.partition("#")[0]):
            assert key in {*described(), "method", "masking", "data", "experiment", "profile"} or key.startswith(
                "hydra"
            ), line


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


def test_the_table_of_differences_has_the_numbers_of_the_rows():
    panel = select_panel(load_frame(ROOT / "results"), "findings", "mnist", "paper")
    for method, option, theirs in (("sqr", "core", "full"), ("ssvd", "basis", "gaussian"), ("direct", "bias", False)):
        gains = variant_gains(panel, method, option, theirs).values()
        said = [
            f"{gain.value:+.3f}".replace("-", "−") + " (holds 0)" * (gain.interval()[0] < 0 < gain.interval()[1])
            for gain in gains
        ]
        assert len(said) == 2
        assert f"{', '.join(said)} |" in README


def test_what_came_out_is_what_the_rows_say():
    """The numbers of the README's summary, from the rows as the report computes them."""
    frame = load_frame(ROOT / "results")
    verdicts = claims.judge(
        lambda name, methods: choose_panels(frame, FIGURES[name], None, methods),
        load_degrees(ROOT / "results", choose_panels(frame, FIGURES["hubs"])[0]),
    )
    by_verdict = collections.defaultdict(list)
    for number in claims.CLAIMS:
        by_verdict[claims.overall([v for v in verdicts if v.number == number])].append(number)
    assert by_verdict == {"reproduced": [1, 3, 6, 7, 8], "reproduced in part": [4, 5], "not reproduced": [2]}
    text = " ".join(README.partition("## What came out")[2].partition("## Use")[0].split())
    assert "Claims 1, 3, 6, 7 and 8 are reproduced, 4 and 5 in part; claim 2" in text
    measured = {(v.number, v.figure): v.measured for v in verdicts}
    gain, *four = (
        float(re.search(r": (\d\.\d+) \[", measured[key])[1])
        for key in [(2, "fig03"), *((4, name) for name in ("fig01", "fig05", "fig04", "fig09"))]
    )
    assert f"is not in Fig. 3 (by {gain} of direct's accuracy), but it is on MNIST" in text
    on_mnist = original(select_panel(frame, "findings", "mnist", "paper"))
    mean = float(re.search(r"mean over N2 ([+-][.\d]+) .* which would count as reproduced", on_mnist)[1])
    assert f"of which the text says it ({mean:.3f})" in text
    assert f"within one per cent of direct on MNIST ({four[0]} of its accuracy" in text
    assert 0.99 < four[0] < 1
    said = "exceeds it on CIFAR-10 ({}) and stays below on Fashion-MNIST ({}; with two hidden layers {})"
    assert said.format(*four[1:]) in text
    assert float(re.search(r"\[([.\d]+), ", measured[4, "fig05"])[1]) > 1
    panels = choose_panels(frame, CONTROLS["control_sparse"])
    leads = [float(n) for n in re.findall(r"([+-][.\d]+) \[\S+ \S+\] on ", ways.last_layer(panels))]
    mnist, fashion, mnist_dense, fashion_dense = (f"{lead:.3f}".replace("-", "−") for lead in leads)
    assert f"it is {mnist} on MNIST at s = 0.99, and {mnist_dense} once the last layer is left dense" in text
    assert f"(Fashion-MNIST: {fashion} and {fashion_dense})" in text
    tuned = choose_panels(frame, TUNED["control_sparse_tuned"])
    (first, second) = re.findall(
        r"is ahead in (\d+) of (\d+) comparisons and behind in (\d+) \([^,]*, (n . \d+)", ways.returning(panels, tuned)
    )
    assert "S-QR is ahead in {} of {} comparisons and behind in {} ".format(*first) in text
    sure = [
        re.search(r"S-QR against direct \(straight-through\): .* \(Bonferroni: 0, (\d+), ", ways.sparse(name, group))[1]
        for name, group in (("control_sparse", panels), ("control_sparse_tuned", tuned))
    ]
    said = f"(at rates chosen by validation, {second[3]}, in {second[0]} and {second[2]}; corrected for {second[1]} "
    assert f"{said}comparisons, behind in {sure[0]} and {sure[1]})" in text
    assert second[1] == "16"
    leaders = budget_leaders("control_budget", frame, choose_panels(frame, CONTROLS["control_budget"]))
    assert len(leaders) == 8
    assert all(leader.startswith("hashed ") for leader in leaders)
    assert sum(";" in leader for leader in leaders) == 2
    tuned = choose_panels(frame, TUNED["control_budget_tuned"])
    leaders = budget_leaders("control_budget_tuned", frame, tuned)
    assert len(leaders) == 8
    first = collections.Counter(leader.partition(" 0.")[0] for leader in leaders)
    near = {way: sum(f"{way} 0." in leader for leader in leaders) for way in ("hashed", "S-QR")}
    assert set(first) == {"hashed", "S-QR"}
    said = "(n {}) hashed weights have the highest mean in {hashed} of the 8, S-QR in {S-QR}; the highest"
    assert said.format(least(tuned), **first) in text
    assert f"not separated from it, are hashed weights in {near['hashed']}, S-QR in {near['S-QR']}." in text
    again = {
        v.figure: v for v in claims.judge_tuned(lambda n, m: choose_panels(frame, ALL[n], "paper", m)) if v.number == 4
    }
    one, two = (re.search(r": (\d\.\d+) \[", again[name].measured)[1] for name in ("fig04", "fig09"))
    assert f"S-QR's the highest one tried, it is {one} there ({two})" in text
    assert {v.verdict for v in again.values()} == {"reproduced"}
    assert all(again[name].runs.endswith("n = 10") for name in ("fig04", "fig09"))
    (line,) = re.findall(r"^\| Fashion-MNIST \| S-QR \| 0 \|.*$", rates(frame), re.MULTILINE)
    assert "(at the edge)" in line


def budget_leaders(name: str, frame, panels) -> list[str]:
    """Who leads at each budget and is not separated from that, as the report's table has it."""
    lines = budgets(name, frame, panels).splitlines()
    return [line.split(" | ")[2] for line in lines if re.match(r"\| \S*MNIST \| [\d,]+ \| ", line)]


def least(panels) -> str:
    """How a text names the realizations of every cell of some panels."""
    counts = {n for p in panels for n in p.frame.groupby("config_hash").size()}
    return f"= {min(counts)}" if len(counts) == 1 else f"≥ {min(counts)}"


def test_a_sweep_of_ones_own_is_drawn_by_the_readmes_command(images, tmp_path, monkeypatch):
    command = next(li for li in README.splitlines() if li.startswith("    spectral-repro-plot")).partition("#")[0]
    small = ("n2=3,6", "realizations=2", "trainer.max_epochs=2", "trainer.batch_size=12", f"data.root={images}")
    done = run_cli("-m", "method=direct,sqr", "results_dir=mine", "data=folder", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    plot(shlex.split(command)[1:])
    assert (tmp_path / "mine/figures/test_accuracy-by-n2.png").exists()
