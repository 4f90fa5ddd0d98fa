"""The README's examples, run as they stand."""

import dataclasses
import importlib.util
import os
import re
import subprocess
import sys

import yaml

from spectral_repro.figures.select import load_frame, select_panel
from spectral_repro.report.discussion import variant_gains
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
    assert scope["left"] == sum(p.numel() for p in scope["model"].parameters())


def test_the_fine_tuning_example_runs(capsys):
    """Its table in the README has as many parameters as it prints."""
    spec = importlib.util.spec_from_file_location("finetune", ROOT / "scripts/finetune.py")
    finetune = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(finetune)
    finetune.RATES = (0.01,)
    finetune.main(["--seeds", "1", "--epochs", "1"])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[3:]]
    assert len(lines) == len(finetune.KINDS)
    assert all(f"| {line[1]} |" in README for line in lines)
    assert max(float(line[2]) for line in lines) > 0.4  # after one epoch


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


def test_the_table_of_differences_has_the_numbers_of_the_rows():
    panel = select_panel(load_frame(ROOT / "results"), "findings", "mnist", "paper")
    panel = dataclasses.replace(panel, frame=panel.frame[panel.frame["seed"] < 3])  # whatever is trained later
    for method, option, theirs in (("sqr", "core", "full"), ("ssvd", "basis", "gaussian"), ("direct", "bias", False)):
        gains = variant_gains(panel, method, option, theirs).values()
        said = [
            f"{gain.value:+.3f}".replace("-", "−") + " (holds 0)" * (gain.interval()[0] < 0 < gain.interval()[1])
            for gain in gains
        ]
        assert len(said) == 2
        assert f"{', '.join(said)} |" in README
