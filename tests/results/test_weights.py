"""Networks that are kept: what comes back is what was trained, through the command line."""

import subprocess
import sys

import pytest
import torch

import spectral_repro
from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.data import load
from spectral_repro.errors import UserError
from tests.conftest import run_cli
from tests.test_cli import common, read


@pytest.mark.parametrize(
    "options",
    [
        {"method": "sqr", "method.p": 0.4},
        {"method": "spectral_original", "hidden_layers": 2},
        {"method": "direct", "sparsity": 0.7},
        {"method": "ssvd", "sparsity": 0.7, "masking": "straight_through", "masking.allocation": "global"},
        {"method": "direct", "sparsity": 0.7, "masking": "rigl", "masking.interval": 2},
    ],
)
def test_a_network_comes_back(images, tmp_path, options):
    arguments = common(images, weights="true", results_dir=tmp_path / "results", **options)
    done = run_cli(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cell, settings = read_config(plain_compose()(arguments))
    test = load(cell.data, settings.data_dir, torch.device("cpu")).images
    (rows,) = read(tmp_path).values()
    for row in rows:
        (path,) = tmp_path.glob(f"results/weights/shapes/*/{row['seed']}.safetensors")
        network = spectral_repro.load_network(path)
        with torch.no_grad():
            accuracy = (network(test.test_x).argmax(-1) == test.test_y).float().mean().item()
        assert accuracy == pytest.approx(float(row["test_accuracy"]))
        assert network.config["config_hash"] == row["config_hash"]
        assert network.config["sizes"][0] == int(row["n1"])
        silenced = sum((weight == 0).sum().item() for weight, _ in network.effective_maps())
        assert (silenced > 0) == ("sparsity" in options)
        plain = network.to_sequential()
        torch.testing.assert_close(plain(test.test_x), network(test.test_x))
        assert sum((m.weight == 0).sum().item() for m in plain if isinstance(m, torch.nn.Linear)) == silenced
        masks = [key for key in network.state_dict() if key.startswith("masking.")]
        assert len(masks) == len(network.layers) * ("masking" in options)
        network(test.test_x).sum().backward()  # ready for further training
        assert all(p.grad is not None for p in network.parameters())


def test_finished_networks_without_weights_are_trained_again(images, tmp_path):
    plain = common(images, method="sqr")
    assert run_cli(*plain, cwd=tmp_path).returncode == 0
    before = read(tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))
    assert run_cli(*plain, "weights=true", cwd=tmp_path).returncode == 0
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert read(tmp_path) == before
    assert "finished already" in run_cli(*plain, "weights=true", cwd=tmp_path).stdout


def test_other_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "1.safetensors"
    with pytest.raises(UserError, match="there is no such file"):
        spectral_repro.load_network(path)
    for content in (b"", b"no network at all"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is not a network that weights=true wrote"):
            spectral_repro.load_network(path)


def test_a_layer_that_was_edited_since_is_refused(images, tmp_path, monkeypatch):
    """Its hash is that of another source."""
    code = (
        "from spectral_repro.layers import DirectLinear\n\n\n"
        "class Mine(DirectLinear):\n    def dense_weight(self):\n        return self.dense * 1.0\n"
    )
    (tmp_path / "mine_here.py").write_text(code)
    conf = tmp_path / "conf/method"
    conf.mkdir(parents=True)
    protocols = "{dense: {lr: {default: 0.01}}, sparse: {lr: {default: 0.01}}}"
    (conf / "mine.yaml").write_text(f"name: mine\nlabel: mine\nlayer: mine_here.Mine\nprotocols: {protocols}\n")
    arguments = common(images, method="mine", weights="true")
    done = run_cli("--config-dir", tmp_path / "conf", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path, _ = sorted(tmp_path.rglob("*.safetensors"))
    load = "import sys, spectral_repro; spectral_repro.load_network(sys.argv[1])"
    for changed, message in ((code, ""), (code.replace("1.0", "3.0"), "mine_here.Mine is not what it was")):
        (tmp_path / "mine_here.py").write_text(changed)
        loaded = subprocess.run([sys.executable, "-c", load, path], cwd=tmp_path, capture_output=True, text=True)
        assert message in loaded.stderr
        assert (loaded.returncode == 0) == (changed == code), loaded.stderr


def test_the_layers_import_torch_and_nothing_else_of_weight():
    heavy = ("hydra", "omegaconf", "pandas", "matplotlib", "torchvision", "pydantic", "scipy", "safetensors")
    code = f"import sys, spectral_repro.layers; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
