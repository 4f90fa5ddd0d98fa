"""What the bench counts and estimates; how fast anything is, no test says."""

import pytest
import torch

from spectral_repro.bench import command, measure
from spectral_repro.bench.plain import PlainProgram
from spectral_repro.runner.estimate import step_work


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "nonsense"], "device=nonsense: there is no such device here; must be one of auto, cpu"),
        (["--device", "cuda:99"], "device=cuda:99: there is no such device here"),
        (["--results-dir", __file__], "is a file; must be a folder"),
        (["--rounds", "0"], "rounds=0: must be at least 1"),
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
    assert measure.floor_macs("direct", (784, 100, 10)) == 200 * (2 * 784 * 100 + 3 * 100 * 10)
    assert measure.floor_macs("spectral", (784, 100, 10)) == measure.floor_macs("direct", (784, 100, 10))


@pytest.mark.parametrize("method", ["ssvd", "sqr"])
def test_floor_is_below_the_cost_model(method):
    """The model counts the forms that exist, and more than their products."""
    for n2 in (20, 100, 500, 1000):
        sizes = (784, n2, 10)
        assert measure.floor_macs(method, sizes) < step_work(measure.LAYERS[method], sizes, measure.BATCH, 0.0)


@pytest.mark.parametrize("method", measure.LAYERS)
def test_the_plain_program_starts_as_a_layer_of_the_method_does_and_learns(method):
    images = measure.synthetic_images(12, torch.device("cpu"), 600)
    plain = PlainProgram(method, (12, 8, 10), images.train_x, images.train_y, 50, sparsity=0.5)
    silenced = (plain.network[0].weight() == 0).sum().item()
    assert silenced == 48
    before = [p.detach().clone() for p in plain.network.parameters()]
    plain.steps(3)
    assert not any(torch.equal(a, b) for a, b in zip(before, plain.network.parameters(), strict=True))


def test_shares_of_a_step_add_up():
    images = measure.synthetic_images(30, torch.device("cpu"), 2000)
    trainer = measure.make_trainer("sqr", (30, 20, 10), 2, images, sparsity=0.5)
    shares = measure.profile(trainer, 5)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    trainer.train_epoch(1)  # as before
