"""On a CUDA device: the numbers of the CPU in float64, and steps that are recorded are the steps that were launched."""

import warnings

import pytest
import torch

from spectral_repro.layers import DirectLinear
from spectral_repro.layers.cutoff import cutoff
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack
from spectral_repro.training.protocol import Images
from spectral_repro.training.trainer import Trainer
from tests.training.test_trainer import CASES, RULES, flat, images, numbers, protocol

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CUDA = torch.device("cuda")
SEEDS = [3, 4, 5, 6]


def on(device, data: Images) -> Images:
    return Images(*(t.to(device) for t in (data.train_x, data.train_y, data.test_x, data.test_y)))


def train(case: str, device, sizes, rule=None, dtype=torch.float64, recorded: bool = True, **changes) -> Trainer:
    """Some realizations stop before others, and the last batch of an epoch is smaller."""
    changes = {"max_epochs": 6, "patience": 1, "min_delta": 0.02, "batch_size": 20, **changes}
    p = protocol(**changes)
    network = build_stack(SEEDS, sizes=sizes, activation=p.activation, dtype=dtype, **CASES[case])
    data = on(device, images(sizes[0], dtype=dtype))
    masking = None if rule is None else (MaskingRule(**RULES[rule]), 0.6)
    trainer = Trainer(network.to(device), data, SEEDS, p, masking=masking)
    if not recorded and trainer.fixed:
        trainer.fixed = trainer._fixed_steps(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # for instance that a step cannot be recorded
        trainer.run()
    return trainer


@pytest.mark.parametrize("sizes", [(20, 14, 3), (8, 14, 14, 3)])
@pytest.mark.parametrize("case", CASES)
def test_every_method_has_the_numbers_of_the_cpu(case, sizes):
    here, there = (train(case, device, sizes) for device in ("cpu", CUDA))
    assert there.fixed.recorder is not None
    assert [numbers(o) for o in there.outcomes] == [numbers(o) for o in here.outcomes]
    torch.testing.assert_close(flat(there).cpu(), flat(here), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", ["direct", "sqr"])
def test_every_rule_of_masking_has_the_numbers_of_the_cpu(case, rule):
    changes = {"optimizer": "adam", "activation": "tanh"}
    here, there = (train(case, device, (20, 14, 3), rule, **changes) for device in ("cpu", CUDA))
    assert [numbers(o) for o in there.outcomes] == [numbers(o) for o in here.outcomes]
    torch.testing.assert_close(flat(there).cpu(), flat(here), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["adamax", "adam", "adamw", "sgd"])
@pytest.mark.parametrize("case", ["direct", "sqr", "sqr_sparse", "ssvd"])
def test_recorded_steps_are_the_launched_steps_bit_for_bit(case, optimizer):
    changes = {"optimizer": optimizer, "schedule": "cosine", "dtype": torch.float32}
    recorded, launched = (train(case, CUDA, (20, 14, 3), recorded=r, **changes) for r in (True, False))
    assert recorded.fixed.recorder is not None
    assert launched.fixed.recorder is None
    assert torch.equal(flat(recorded), flat(launched))


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("size", [(10, 50), (500, 784)])
def test_the_cut_off_is_that_of_the_cpu_bit_for_bit(size, sparsity):
    weight = torch.randn(7, *size, generator=torch.Generator().manual_seed(1))
    there = cutoff(weight.to(CUDA), sparsity)
    assert torch.equal(there.cpu(), cutoff(weight, sparsity))
    entries = size[0] * size[1]
    assert (there == 0).sum((1, 2)).tolist() == [round(sparsity * entries)] * 7


def test_a_layer_of_ones_own_is_launched_step_by_step():
    class Mine(DirectLinear):
        pass

    network = build_stack([3], sizes=(20, 14, 3), layer=Mine, dtype=torch.float64).to(CUDA)
    trainer = Trainer(network, on(CUDA, images()), [3], protocol())
    assert trainer.fixed.recorder is None
