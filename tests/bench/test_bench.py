"""What the bench counts and how its programs run; how fast anything is, no test says."""

import subprocess
import sys

import pytest
import torch

from spectral_repro.bench import command, peers, turns
from spectral_repro.bench.floor import floor_macs
from spectral_repro.bench.ours import LAYERS
from spectral_repro.bench.plain import PlainLayer
from spectral_repro.runner.estimate import step_work

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "nonsense"], "device=nonsense: there is no such device here; must be one of auto, cpu"),
        (["--device", "cuda:99"], "device=cuda:99: there is no such device here"),
        (["--results-dir", __file__], "is a file; must be a folder"),
        (["--rounds", "0"], "rounds=0: must be at least 1"),
        (["--jax", "/nowhere/python"], "jax=/nowhere/python: must be a Python that can import jax and optax"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_measured(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1


def test_floor_of_a_dense_layer_is_its_two_or_three_products():
    assert floor_macs("direct", 100) == 200 * (2 * 784 * 100 + 3 * 100 * 10)
    assert floor_macs("spectral", 100) == floor_macs("direct", 100)


@pytest.mark.parametrize("method", ["ssvd", "sqr"])
def test_floor_is_below_the_cost_model(method):
    """The model counts the forms that exist, and more than their products."""
    for n2 in (20, 100, 500, 1000):
        assert floor_macs(method, n2) < step_work(LAYERS[method], (784, n2, 10), turns.BATCH, 0.0, {})


@pytest.mark.parametrize("method", LAYERS)
def test_the_plain_program_starts_as_a_layer_of_the_method_does(method):
    assert (PlainLayer(method, 12, 8, 0.5).weight() == 0).sum().item() == 48


@pytest.mark.parametrize(("program", "sparsity"), [("ours", 0), ("plain", 0.5)])
def test_a_program_tells_seconds_whenever_it_is_asked(program, sparsity):
    with turns.Neighbour(), turns.Program(*peers.commands("sqr", 5, sparsity, CPU, None)[program]) as running:
        assert all(running.seconds() > 0 for _ in range(2))


def test_a_program_that_fails_says_why():
    with pytest.raises(RuntimeError, match="no jax here"):
        turns.Program(sys.executable, "-c", "raise SystemExit('no jax here')")


@pytest.mark.parametrize("method", LAYERS)
@pytest.mark.parametrize("sparsity", [0, 0.5])
def test_the_jax_program_runs(method, sparsity):
    python = peers.python_with_jax(None)
    if python is None:
        pytest.skip("no jax in this environment")
    for name, arguments in peers.commands(method, 5, sparsity, CPU, python).items():
        if name.startswith("JAX"):
            with turns.Program(*arguments) as running:
                assert running.seconds() > 0


def test_of_jax_the_faster_form_counts():
    assert peers.best_jax({"ours": 1.0, "JAX explicit": 3.0, "JAX factored": 2.0})["JAX"] == 2.0
    assert "JAX" not in peers.best_jax({"ours": 1.0})


def test_the_figure_of_a_table(tmp_path):
    lines = [("direct", 20, 0.0, name, n, 1.0, 1.0, 1.0, 1) for n in (0, 1) for name in ("ours", "JAX explicit")]
    assert command.figure.draw([*lines, ("direct", 20, 0.0, "floor", 0, 0.5, 0.5, 0.5, 1)], "a CPU")[:4] == b"\x89PNG"


def test_the_whole_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "scripts/bench.py", "--quick", "--device", "cpu", "--results-dir", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (table,) = (tmp_path / "bench").glob("*.csv")
    assert sum(",ours," in line for line in table.read_text().splitlines()) == 2
